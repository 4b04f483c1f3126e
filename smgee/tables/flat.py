"""Tables as CSV and Parquet.

A CSV holds no more than its cells, so what else there is to know lies beside it, in the file that the W3C
names for this (Tabular Data on the Web, 2015: ``TABLE.csv-metadata.json``): columns with units and meaning,
provenance, and the hash of the table, which `read_table` checks. A Parquet file carries the same in its
schema's metadata, under the key ``smgee``, and a checksum on every page.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from smgee.errors import InputError
from smgee.io import atomic_path, write_json
from smgee.tables.provenance import Provenance
from smgee.tables.schema import Column, Schema

_CSVW = "http://www.w3.org/ns/csvw"
_DATATYPES = {
    "number": "double",
    "count": "integer",
    "text": "string",
    "date": "date",
    "flag": "string",
    "any": "anyAtomicType",
}
SYNTHETIC = Column("synthetic", kind="flag", long_name="1 where the row comes from the synthetic basin")


def write_table(
    frame: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    schema: Schema,
    provenance: Provenance | None = None,
    roles: Mapping[str, Any] | None = None,
) -> Path:
    """Write a table as CSV or Parquet, by the ending of `path`, whole or not at all.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its index is not written.
    path : path-like
        ``….csv`` or ``….parquet``.
    schema : Schema
        Checked before anything is written.
    provenance : Provenance, optional
        Rows from the synthetic basin also get a column ``synthetic`` of ones.
    roles : mapping, optional
        Further JSON-like facts about the table: which columns are predictors, target, …; Parquet only.

    Returns
    -------
    pathlib.Path
        What was written.

    Raises
    ------
    InputError
        When the table does not fit its schema.
    """
    path, provenance = Path(path), provenance or Provenance()
    frame = frame.drop(columns="synthetic", errors="ignore")
    columns = schema.check(frame)
    if provenance.synthetic:
        frame = frame.assign(synthetic=1)
        columns = [*columns, SYNTHETIC]
    if path.suffix == ".parquet":
        _write_parquet(frame, path, columns=columns, provenance=provenance, roles=roles or {})
    elif path.suffix == ".csv":
        _write_csv(frame, path, columns=columns, provenance=provenance, schema=schema)
    else:
        raise InputError(f"A table cannot be written to {path.name}; its name is to end in .csv or .parquet.")
    return path


def _write_csv(
    frame: pd.DataFrame, path: Path, *, columns: Sequence[Column], provenance: Provenance, schema: Schema
) -> None:
    beside = sidecar_of(path)
    text = frame.to_csv(index=False, float_format=schema.number_format).encode()
    described = {
        "@context": _CSVW,
        "url": path.name,
        "dc:title": provenance.titled(schema.title),
        "tableSchema": {"columns": [_csvw(c) for c in columns], "primaryKey": list(schema.key)},
        "notes": [{**provenance.attributes(), "sha256": hashlib.sha256(text).hexdigest()}],
    }
    write_json(beside, described)
    # last: a table whose description is older than itself would pass for damaged
    with atomic_path(path) as scratch:
        scratch.write_bytes(text)


def _csvw(column: Column) -> dict[str, Any]:
    entry = {"name": column.name, "titles": column.name, "datatype": _DATATYPES[column.kind]}
    if column.long_name:
        entry["dc:description"] = column.long_name
    if column.units:
        entry["schema:unitText"] = column.units
    return entry


def _write_parquet(
    frame: pd.DataFrame,
    path: Path,
    *,
    columns: Sequence[Column],
    provenance: Provenance,
    roles: Mapping[str, Any],
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    units = {c.name: c.units for c in columns if c.units}
    facts = {**provenance.attributes(), "synthetic": provenance.synthetic, "units": units, **roles}
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), b"smgee": json.dumps(facts).encode()}
    )
    with atomic_path(path) as scratch:
        pq.write_table(table, scratch, compression="zstd", write_page_checksum=True)


def read_table(
    path: str | os.PathLike[str], *, schema: Schema | None = None, dates: Sequence[str] = ()
) -> pd.DataFrame:
    """Read a table that `write_table` wrote, or any CSV or Parquet file.

    Parameters
    ----------
    path : path-like
        ``….csv`` or ``….parquet``.
    schema : Schema, optional
        What it must look like; its columns of dates are parsed.
    dates : sequence of str
        Further columns of dates.

    Raises
    ------
    InputError
        When it is not what was written there (its hash says so), cannot be read, or does not fit `schema`.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        frame = pq.read_table(path, page_checksum_verification=True).to_pandas()
    else:
        content = path.read_bytes()
        known = _notes(path).get("sha256")
        if known is not None and known != hashlib.sha256(content).hexdigest():
            raise InputError(
                f"{path} is not what was written there (its hash differs from the one in "
                f"{sidecar_of(path).name}): it is damaged or was edited; make it again."
            )
        wanted = [c.name for c in schema.columns if c.kind == "date"] if schema else []
        header = content.split(b"\n", 1)[0].decode("utf-8", "replace").strip().split(",")
        parsed = [name for name in dict.fromkeys([*wanted, *dates]) if name in header]
        # the version 005 and a station called 17 are names, no numbers
        names = {c.name: str for c in schema.columns if c.kind == "text"} if schema else {}
        frame = pd.read_csv(path, parse_dates=parsed, dtype=names)
    if schema is not None:
        schema.check(frame.drop(columns="synthetic", errors="ignore"))
    return frame


def sidecar_of(path: str | os.PathLike[str]) -> Path:
    """Return where the description of a CSV lies."""
    path = Path(path)
    return path.with_name(path.name + "-metadata.json")


def _notes(path: Path) -> dict[str, Any]:
    beside = sidecar_of(path)
    if not beside.is_file():
        return {}
    try:
        return dict(json.loads(beside.read_text(encoding="utf-8"))["notes"][0])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"{beside} is damaged ({error}); make the table again.") from error


def table_provenance(path: str | os.PathLike[str]) -> Provenance:
    """Return what a table's description says of its origin; nothing known gives an empty one."""
    path = Path(path)
    if path.suffix != ".parquet":
        return Provenance.of(_notes(path))
    import pyarrow.parquet as pq

    raw = (pq.read_schema(path).metadata or {}).get(b"smgee")
    return Provenance.of(json.loads(raw) if raw else {})

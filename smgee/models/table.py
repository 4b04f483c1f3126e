"""The training table: checked rows of predictors and target, and where each row comes from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import InputError, MissingDataError
from smgee.insitu.quality import LEAST_MAXIMUM
from smgee.io import atomic_path

CALENDAR = "doy"
"""Predictor that every table can have: the day of year (1-366) of its time column, unless it has a column
of this name.
"""


@dataclass(frozen=True, eq=False)
class TrainingTable:
    """Complete rows, ready to train on.

    Parameters
    ----------
    x : (n, p) float32
        Predictors. float32, because that is what all five libraries compare in and what Earth Engine images
        mostly hold.
    y : (n,) float64
        Target, soil moisture in m³ m⁻³.
    station : (n,) str
        Label of the station.
    time : (n,) datetime64[ns]
        Stamp of the row.
    predictors : tuple of str
        Names of the columns of `x`.
    target : str
        Name of the target.
    lon, lat : (n,) float64, optional
        Degrees, where the table has columns of these names.
    dropped : mapping of str to int
        Rows left out, by reason.
    synthetic : bool
        Whether the rows come from the synthetic basin.
    units : mapping of str to str
        Units by column, as far as known.
    source : str
        Name of the file that the rows were read from.
    """

    x: np.ndarray
    y: np.ndarray
    station: np.ndarray
    time: np.ndarray
    predictors: tuple[str, ...]
    target: str
    lon: np.ndarray | None = None
    lat: np.ndarray | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    synthetic: bool = False
    units: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    def __len__(self) -> int:
        return len(self.y)

    @property
    def stations(self) -> list[str]:
        """Labels of all stations, sorted."""
        return sorted(set(self.station.tolist()))

    @property
    def hash(self) -> str:
        """SHA-256 of predictors, target, stations and times: equal hashes mean equal training data."""
        digest = hashlib.sha256(json.dumps([self.target, *self.predictors]).encode())
        for part in (
            self.x.astype("<f4"),
            self.y.astype("<f8"),
            self.time.astype("datetime64[ns]").astype("<i8"),
        ):
            digest.update(np.ascontiguousarray(part).tobytes())
        digest.update("\n".join(self.station.tolist()).encode())
        return digest.hexdigest()

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the rows as parquet that `read` understands by itself, equal to the last bit."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        taken = {self.target, *self.predictors}
        station, time = (name if name not in taken else f"{name}_of_row" for name in ("station", "date"))
        columns: dict[str, Any] = {station: self.station, time: self.time}
        columns |= {
            name: values for name, values in (("lon", self.lon), ("lat", self.lat)) if values is not None
        }
        columns |= {self.target: self.y} | {name: self.x[:, j] for j, name in enumerate(self.predictors)}
        described = {
            "target": self.target,
            "station": station,
            "time": time,
            "predictors": list(self.predictors),
            "synthetic": self.synthetic,
            "units": dict(self.units),
            "source": self.source,
        }
        content = pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)
        content = content.replace_schema_metadata(
            {**(content.schema.metadata or {}), b"smgee": json.dumps(described).encode()}
        )
        with atomic_path(path) as scratch:
            pq.write_table(content, scratch)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        target: str,
        predictors: Sequence[str],
        station: str | Sequence[str] = "station",
        time: str = "date",
        where: str | None = None,
        derive: Mapping[str, str] | None = None,
        target_scale: float = 1.0,
        keep_missing: bool = False,
        synthetic: bool = False,
        units: Mapping[str, str] | None = None,
        source: str = "",
    ) -> TrainingTable:
        """Check a data frame and take the rows that can be trained on.

        In this order: `time` is parsed, columns are derived, `where` chooses rows, and rows without target or
        with a missing predictor are left out and counted. Infinite predictors count as missing (a ratio with
        a zero denominator is undefined).

        Parameters
        ----------
        frame : pandas.DataFrame
            One row per station and time.
        target : str
            Column of soil moisture, as a fraction (m³ m⁻³).
        predictors : sequence of str
            Columns to learn from, or names of derived ones. ``doy`` is made from `time` when there is no such
            column.
        station : str or sequence of str
            Column, or columns together, that name a station.
        time : str
            Column of dates.
        where : str, optional
            Expression of columns that chooses rows, such as ``Network == "TxSON"``.
        derive : mapping of str to str, optional
            New columns by expression, such as ``{"ndvi": "(B8A - B4) / (B8A + B4)"}``; later ones may use
            earlier ones.
        target_scale : float
            Factor that turns the target into a fraction, 0.01 for percent.
        keep_missing : bool
            Keep rows with missing predictors. RF, ERT and GBDT cannot take them, and Earth Engine masks such
            pixels anyway.
        synthetic, units, source
            Recorded as they are.

        Returns
        -------
        TrainingTable
            In the order of the frame.

        Raises
        ------
        InputError
            For a missing or non-numeric column, two rows of one station and time, a target beyond 0..1 or
            infinite, or fewer than two stations.
        MissingDataError
            If no complete row is left.
        """
        label = f"the table {source}" if source else "the table"
        columns = [station] if isinstance(station, str) else list(station)
        _unique(predictors, target=target, station=columns, time=time)
        frame = frame.copy(deep=False)
        _require(frame, [*columns, time], label)
        frame[time] = _dates(frame[time], time)
        if CALENDAR not in frame:
            frame[CALENDAR] = frame[time].dt.day_of_year.astype("f8")
        for name, expression in (derive or {}).items():
            frame[name] = _evaluate(frame, expression, what=f"The derived column {name!r}")
        if where:
            chosen = _evaluate(frame, where, what="The row filter")
            if chosen.dtype != bool and not pd.api.types.is_bool_dtype(chosen):
                raise InputError(
                    f"The row filter {where!r} gives {chosen.dtype} values, not true or false; write a "
                    "comparison."
                )
            frame = frame.loc[chosen.fillna(False).astype(bool)]
        _require(frame, [target, *predictors], label)
        if not len(frame):
            raise MissingDataError(
                f"No row of {label} is left{f' where {where}' if where else ''}; choose other rows."
            )

        y = _numbers(frame, target) * target_scale
        x = np.stack([_numbers(frame, name) for name in predictors], axis=1)
        with np.errstate(over="ignore"):
            x = x.astype("f4")
        x[np.isinf(x)] = np.nan
        names = frame[columns].astype("string")
        station_absent = names.isna().any(axis=1).to_numpy() | frame[time].isna().to_numpy()
        absent, incomplete = np.isnan(y), np.isnan(x).any(axis=1)
        dropped = {
            "no station or time": int(station_absent.sum()),
            f"no {target}": int((absent & ~station_absent).sum()),
            "missing predictor": 0 if keep_missing else int((incomplete & ~absent & ~station_absent).sum()),
        }
        keep = ~station_absent & ~absent & (keep_missing | ~incomplete)
        if not keep.any():
            raise MissingDataError(
                f"Of {len(frame)} rows none is complete ({_spoken(dropped)}); choose other predictors or "
                "rows."
            )
        labels = (
            names.loc[keep].agg("/".join, axis=1).to_numpy(dtype=str)
            if len(columns) > 1
            else names[columns[0]][keep].to_numpy(dtype=str)
        )
        stamps = frame[time][keep].to_numpy(dtype="datetime64[ns]")
        _check_target(y[keep], target, target_scale)
        _check_rows(labels, stamps, columns, time)
        place = {
            name: _numbers(frame, name)[keep]
            if name in frame and pd.api.types.is_numeric_dtype(frame[name])
            else None
            for name in ("lon", "lat")
        }
        return cls(
            x=np.ascontiguousarray(x[keep]),
            y=y[keep],
            station=labels,
            time=stamps,
            predictors=tuple(predictors),
            target=target,
            dropped={reason: count for reason, count in dropped.items() if count},
            synthetic=synthetic,
            units={target: "m3 m-3"} | {k: v for k, v in (units or {}).items() if k in predictors},
            source=source,
            **place,
        )

    @classmethod
    def read(cls, path: str | os.PathLike[str], **options: Any) -> TrainingTable:
        """Read a CSV or parquet file; `options` are those of `from_frame`.

        A parquet file that smgee sampled carries its own description (schema metadata ``smgee``: target,
        station, time, predictors, units, synthetic); options that are given win over it.

        Raises
        ------
        InputError
            If the file cannot be read, or does not say which columns are which and neither do the options.
        """
        path = Path(path)
        if not path.is_file():
            raise InputError(f"The table {path} does not exist; give the path of a CSV or parquet file.")
        try:
            if path.suffix.lower() in (".parquet", ".pq"):
                frame, described = _read_parquet(path)
            else:
                frame, described = pd.read_csv(path), {}
        except (OSError, ValueError, pd.errors.ParserError) as error:
            raise InputError(
                f"The table {path} cannot be read as {path.suffix or 'CSV'}: {_first_line(error)}."
            ) from error
        chosen = described | {key: value for key, value in options.items() if value not in (None, (), [])}
        for key, flag in (("target", "--target"), ("predictors", "--predictors")):
            if not chosen.get(key):
                raise InputError(
                    f"The table {path.name} does not say which column(s) are the {key}; name them with "
                    f"{flag}."
                )
        return cls.from_frame(frame, **({"source": path.name} | chosen))


def describe(table: TrainingTable) -> str:
    """One line: rows, stations, days, what was left out."""
    days = table.time.astype("datetime64[D]")
    left_out = f"; left out: {_spoken(table.dropped)}" if table.dropped else ""
    return (
        f"{len(table)} rows of {len(table.stations)} stations, {days.min()} to {days.max()}, "
        f"{len(table.predictors)} predictors{left_out}"
        f"{' (synthetic)' if table.synthetic else ''}"
    )


def _read_parquet(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    import pyarrow.parquet as pq

    content = pq.read_table(path)
    raw = (content.schema.metadata or {}).get(b"smgee")
    described = json.loads(raw) if raw else {}
    known = ("target", "station", "time", "predictors", "synthetic", "units", "source")
    return content.to_pandas(), {key: described[key] for key in known if key in described}


def _unique(predictors: Sequence[str], *, target: str, station: list[str], time: str) -> None:
    twice = sorted({name for name in predictors if list(predictors).count(name) > 1})
    if twice:
        raise InputError(f"The predictor(s) {', '.join(twice)} are named twice; name each once.")
    if not predictors:
        raise InputError("No predictor was named; name at least one column.")
    leak = [name for name in predictors if name in (target, time, *station)]
    if leak:
        raise InputError(
            f"{', '.join(leak)} cannot be a predictor: it is the target, the station or the time of the "
            "table."
        )


def _require(frame: pd.DataFrame, names: Sequence[str], label: str) -> None:
    absent = [name for name in names if name not in frame]
    if absent:
        have = ", ".join(map(str, list(frame.columns)[:30])) + (", ..." if len(frame.columns) > 30 else "")
        raise InputError(
            f"{label[0].upper() + label[1:]} has no column {', '.join(map(repr, absent))}; it has {have}."
        )


def _dates(column: pd.Series, name: str) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        raise InputError(
            f"The time column {name!r} holds numbers such as {column.iloc[0] if len(column) else '?'}; "
            "give dates like 2021-07-01."
        )
    try:
        stamps = pd.to_datetime(column, utc=True, format="ISO8601")
    except (ValueError, TypeError) as error:
        raise InputError(
            f"The time column {name!r} holds something else than ISO dates like 2021-07-01 "
            f"({_first_line(error)})."
        ) from error
    return stamps.dt.tz_localize(None).astype("datetime64[ns]")


def _evaluate(frame: pd.DataFrame, expression: str, *, what: str) -> pd.Series:
    if "@" in expression or "__" in expression:
        raise InputError(f"{what} {expression!r} uses '@' or '__'; write an expression of columns only.")
    try:
        result = frame.eval(expression, engine="python", parser="pandas", local_dict={}, global_dict={})
    except Exception as error:  # pandas raises whatever the expression provokes
        raise InputError(
            f"{what} {expression!r} cannot be worked out ({_first_line(error)}); it may use the columns of "
            "the table."
        ) from error
    if not isinstance(result, pd.Series):
        raise InputError(
            f"{what} {expression!r} gives one value instead of one per row; use the columns of the table."
        )
    return result


def _numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    column = frame[name]
    if isinstance(column, pd.DataFrame):
        raise InputError(f"The table has two columns named {name!r}; rename one.")
    try:
        return pd.to_numeric(column, errors="raise").to_numpy(dtype="f8", na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"The column {name!r} holds something that is no number ({_first_line(error)}); only numbers can "
            "be used."
        ) from error


def _check_target(y: np.ndarray, target: str, scale: float) -> None:
    if np.isinf(y).any():
        raise InputError(
            f"The target {target!r} holds {int(np.isinf(y).sum())} infinite values; remove them or mark them "
            "as missing."
        )
    low, high = float(y.min()), float(y.max())
    if high > 1.0:
        hint = (
            "it looks like percent: scale it with 0.01 (--target-scale 0.01)"
            if 1.5 < high <= 100.0
            else "choose rows within 0 to 1"
        )
        raise InputError(
            f"The target {target!r} reaches {high:g}, but soil moisture is taken as a fraction (m³/m³, 0 to "
            f"1); {hint}."
        )
    if low < 0.0:
        raise InputError(
            f"The target {target!r} holds {int((y < 0).sum())} negative values down to {low:g}, which soil "
            "moisture cannot be; "
            f'mark them as missing or choose rows with --where "{target} >= 0".'
        )
    if high < LEAST_MAXIMUM:
        raise InputError(
            f"The target {target!r} reaches no more than {high / scale if scale else 0:g} as received, which "
            f"is {high:g} m³/m³ with the "
            f"scale {scale:g}: too dry for any soil; choose the scale that turns it into a fraction "
            "(target_scale, --target-scale)."
        )


def _check_rows(labels: np.ndarray, stamps: np.ndarray, columns: list[str], time: str) -> None:
    rows = pd.DataFrame({"station": labels, "time": stamps})
    twice = rows.duplicated(keep=False)
    if twice.any():
        first = rows[twice].iloc[0]
        raise InputError(
            f"{int(twice.sum())} rows share their station and time, such as {str(first['station'])!r} at "
            f"{first['time']:%Y-%m-%d %H:%M}; the columns {', '.join(columns)} and {time} must tell rows "
            "apart, "
            "so name more station columns or remove the copies."
        )
    if len(rows["station"].unique()) < 2:
        raise InputError(
            f"The rows come from one station ({str(labels[0])!r}); holding stations out takes at least two."
        )


def _spoken(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count) or "nothing left out"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")

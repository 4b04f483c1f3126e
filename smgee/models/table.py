"""The training table: checked rows of predictors and target, and where each row comes from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import MissingDataError
from smgee.io import atomic_path
from smgee.models.reading import (
    check_rows,
    check_target,
    numbers,
    prepare,
    read_described,
    spoken,
)


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
    anomaly : bool
        Whether the target is soil moisture minus the network's state, which may be negative.
    others : pandas.DataFrame, optional
        ``station``, ``time``, ``y``, ``lon``, ``lat`` of rows that lack a predictor: they cannot be trained
        on, but the baselines, which need none, are told them.
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
    anomaly: bool = False
    others: pd.DataFrame | None = None

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
            "anomaly": self.anomaly,
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
        time_format: str | None = None,
        where: str | None = None,
        derive: Mapping[str, str] | None = None,
        target_scale: float = 1.0,
        keep_missing: bool = False,
        synthetic: bool = False,
        units: Mapping[str, str] | None = None,
        source: str = "",
        anomaly: bool = False,
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
            Column of dates or times; where they carry an offset from UTC, the local ones are taken.
        time_format : str, optional
            How they are written, such as ``%d.%m.%Y``; by default as ISO dates.
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
        anomaly : bool
            The target is an anomaly of soil moisture, of which no range is asked.

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
        frame = prepare(
            frame,
            predictors,
            target=target,
            station=columns,
            time=time,
            time_format=time_format,
            derive=derive,
            where=where,
            label=label,
        )
        y = numbers(frame, target) * target_scale
        x = np.stack([numbers(frame, name) for name in predictors], axis=1)
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
                f"Of {len(frame)} rows none is complete ({spoken(dropped)}); choose other predictors or rows."
            )
        labels = names.agg("/".join, axis=1) if len(columns) > 1 else names[columns[0]]
        stamps = frame[time].to_numpy(dtype="datetime64[ns]")
        coordinates = {name: numbers(frame, name) if name in frame else None for name in ("lon", "lat")}
        every = pd.DataFrame({"station": labels.to_numpy(dtype=object), "time": stamps, "y": y} | coordinates)
        aside = ~station_absent & ~absent & ~keep
        labels, stamps = labels[keep].to_numpy(dtype=str), stamps[keep]
        if not anomaly:
            check_target(y[keep], target, target_scale)
        check_rows(labels, stamps, columns, time)
        place = {name: None if values is None else values[keep] for name, values in coordinates.items()}
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
            anomaly=anomaly,
            others=every[aside] if aside.any() else None,
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
        frame, chosen = read_described(path, options)
        return cls.from_frame(frame, **chosen)


def describe(table: TrainingTable) -> str:
    """One line: rows, stations, days, what was left out."""
    days = table.time.astype("datetime64[D]")
    left_out = f"; left out: {spoken(table.dropped)}" if table.dropped else ""
    return (
        f"{len(table)} rows of {len(table.stations)} stations, {days.min()} to {days.max()}, "
        f"{len(table.predictors)} predictors{left_out}"
        f"{' (synthetic)' if table.synthetic else ''}"
    )

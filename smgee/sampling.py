"""Stations × days × predictors: the table that models are trained on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError, MissingDataError
from smgee.io import atomic_path
from smgee.predictors import Step, static_image, step_image, steps
from smgee.remote import call, in_parts
from smgee.study import Study

__all__ = ["read_samples", "sample", "station_features", "write_samples"]

STEPS_PER_REQUEST = 9


def station_features(stations: xr.Dataset) -> ee.FeatureCollection:
    """Return the stations as points with their name in property ``station``."""
    lon, lat = stations["lon"].values, stations["lat"].values
    missing = [
        str(s)
        for s, a, b in zip(stations["station"].values, lon, lat, strict=True)
        if not (np.isfinite(a) and np.isfinite(b))
    ]
    if missing:
        raise InputError(
            f"The stations {missing} have no coordinates; give longitude and latitude for each, or leave "
            "them out."
        )
    return ee.FeatureCollection(
        [
            ee.Feature(ee.Geometry.Point([float(x), float(y)]), {"station": str(name)})
            for name, x, y in zip(stations["station"].values, lon, lat, strict=True)
        ]
    )


def _table(collection: ee.FeatureCollection, columns: Sequence[str]) -> pd.DataFrame:
    """Fetch a feature collection page by page; absent properties become NaN."""
    frame = ee.data.computeFeatures({"expression": collection, "fileFormat": "PANDAS_DATAFRAME"})
    return frame.reindex(columns=list(columns))


def sample(
    study: Study, stations: xr.Dataset, *, progress: Callable[[float], Any] | None = None
) -> pd.DataFrame:
    """Sample every predictor at every station and day, on the map lattice, server-side.

    Parameters
    ----------
    study : Study
        Period, predictors and lattice.
    stations : xarray.Dataset
        Daily means (time, station) with ``lon`` and ``lat``, as `smgee.insitu.daily_means` returns.
    progress : callable, optional
        Receives the share done, 0–1.

    Returns
    -------
    pandas.DataFrame
        One row per station and day with soil moisture: ``station``, ``date``, ``lon``, ``lat``,
        ``soil_moisture`` (m³ m⁻³) and the predictors in model order; predictors that were masked are NaN. A
        predictor's pixel is the one that contains the station.

    Raises
    ------
    MissingDataError
        When no station-day of the period has soil moisture.
    """
    days = stations.sel(time=slice(str(study.start), str(pd.Timestamp(study.end) - pd.Timedelta(days=1))))
    moisture = days["soil_moisture"].to_series().dropna()
    if moisture.empty:
        raise MissingDataError(
            f"No station has a daily mean between {study.start} and {study.end}; check the period, the depth "
            "and the accepted flags."
        )
    points = station_features(stations)
    p, grid = study.predictors, study.grid
    place: dict[str, Any] = {"crs": grid.crs, "crsTransform": list(grid.transform)}
    optical = [*p.bands, *p.indices]
    measured = {t.date() for t in moisture.index.get_level_values("time").unique()}
    every = [s for s in steps(study) if measured.intersection(s.days)]
    fetched: list[pd.DataFrame] = []

    def fetch(batch: Sequence[tuple[int, Step]]) -> list[pd.DataFrame]:
        # `first` with a second, constant band: a one-band image would name its property after the reducer.
        parts = [
            step_image(study, step)
            .addBands(ee.Image.constant(k).rename("step"))
            .reduceRegions(collection=points, reducer=ee.Reducer.first(), **place)
            for k, step in batch
        ]
        frame = _table(ee.FeatureCollection(parts).flatten(), ["station", "step", *optical])
        fetched.append(frame)
        if progress is not None:
            progress(min(sum(f["step"].nunique() for f in fetched) / len(every), 1.0))
        return [frame]

    numbered = list(enumerate(every))
    batches = [numbered[i : i + STEPS_PER_REQUEST] for i in range(0, len(numbered), STEPS_PER_REQUEST)]
    table = pd.concat([f for b in batches for f in in_parts(b, fetch)], ignore_index=True)

    static = static_image(study)
    if static is not None:
        terrain = static.addBands(ee.Image.constant(1).rename("one"))
        found = call(
            lambda: _table(
                terrain.reduceRegions(collection=points, reducer=ee.Reducer.first(), **place),
                ["station", *p.terrain],
            )
        )
        table = table.merge(found, on="station", how="left", validate="many_to_one")

    step_of = {pd.Timestamp(d): k for k, s in numbered for d in s.days}
    rows = moisture.reset_index().rename(columns={"time": "date"})[["station", "date", "soil_moisture"]]
    rows["station"] = rows["station"].astype(str)
    rows["step"] = rows["date"].map(step_of)
    rows = rows.merge(table, on=["station", "step"], how="left", validate="many_to_one").drop(columns="step")
    if "doy" in p.calendar:
        rows["doy"] = rows["date"].dt.dayofyear.astype(float)
    where = pd.DataFrame(
        {
            "station": stations["station"].values.astype(str),
            "lon": stations["lon"].values,
            "lat": stations["lat"].values,
        }
    )
    rows = rows.merge(where, on="station", how="left", validate="many_to_one")
    rows[list(p.names)] = rows[list(p.names)].astype("float32")
    return rows.sort_values(["station", "date"], ignore_index=True)[
        ["station", "date", "lon", "lat", "soil_moisture", *p.names]
    ]


UNITS = {
    "soil_moisture": "m3 m-3",
    "elevation": "m",
    "slope": "degree",
    "aspect": "degree",
    "doy": "day of year",
    "lon": "degrees_east",
    "lat": "degrees_north",
}


def write_samples(
    rows: pd.DataFrame, path: str | Path, *, predictors: Sequence[str], synthetic: bool
) -> None:
    """Write a sample table as Parquet, with its column roles under the metadata key ``smgee``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    roles = {
        "target": "soil_moisture",
        "station": "station",
        "time": "date",
        "predictors": list(predictors),
        "synthetic": bool(synthetic),
        "units": {c: UNITS.get(c, "1") for c in rows.columns if c not in ("station", "date")},
    }
    table = pa.Table.from_pandas(rows, preserve_index=False)
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), b"smgee": json.dumps(roles).encode()}
    )
    with atomic_path(path) as scratch:
        pq.write_table(table, scratch, compression="zstd")


def read_samples(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a sample table and its column roles."""
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"The sample table {path} cannot be read ({error}); make it with `smgee sample`."
        ) from error
    roles = (table.schema.metadata or {}).get(b"smgee")
    if roles is None:
        raise InputError(
            f"The table {path} was not made by `smgee sample`: it does not say which columns are what; name "
            "them with the options of `smgee train`."
        )
    return table.to_pandas(), json.loads(roles)

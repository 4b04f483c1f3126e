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
from smgee.predictors import Piece
from smgee.remote import in_parts
from smgee.study import Study

__all__ = ["sample", "station_features", "write_samples"]

PIECES_PER_REQUEST = 9


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


def _sampled(pieces: Sequence[tuple[int, Piece]], points: ee.FeatureCollection) -> pd.DataFrame:
    """Fetch numbered pieces of the same predictors at points: ``station``, ``piece`` and the predictors."""
    grid = pieces[0][1].grid
    # `first` with a second, constant band: a one-band image would name its property after the reducer.
    parts = [
        piece.image.addBands(ee.Image.constant(k).rename("piece")).reduceRegions(
            collection=points,
            reducer=ee.Reducer.first(),
            crs=grid.crs,
            crsTransform=list(grid.transform),
        )
        for k, piece in pieces
    ]
    return _table(ee.FeatureCollection(parts).flatten(), ["station", "piece", *pieces[0][1].names])


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
    predictors = study.predictor_set
    measured = {t.date() for t in moisture.index.get_level_values("time").unique()}
    pieces = predictors.pieces(measured)
    done = 0

    def fetch(batch: Sequence[tuple[int, Piece]]) -> list[pd.DataFrame]:
        nonlocal done
        frame = _sampled(batch, points)
        done += len(batch)
        if progress is not None:
            progress(done / len(pieces))
        return [frame]

    rows = moisture.reset_index().rename(columns={"time": "date"})[["station", "date", "soil_moisture"]]
    rows["station"] = rows["station"].astype(str)
    for names in dict.fromkeys(p.names for p in pieces):
        numbered = [(k, p) for k, p in enumerate(pieces) if p.names == names]
        batches = [numbered[i : i + PIECES_PER_REQUEST] for i in range(0, len(numbered), PIECES_PER_REQUEST)]
        table = pd.concat([f for b in batches for f in in_parts(b, fetch)], ignore_index=True)
        piece_of = {pd.Timestamp(day): k for k, p in numbered for day in p.days}
        rows["piece"] = rows["date"].map(piece_of)
        rows = rows.merge(table, on=["station", "piece"], how="left", validate="many_to_one")
        rows = rows.drop(columns="piece")
    constant = pd.DataFrame({pd.Timestamp(day): predictors.constants(day) for day in measured}).T
    rows = rows.merge(constant, left_on="date", right_index=True, how="left", validate="many_to_one")
    where = pd.DataFrame(
        {
            "station": stations["station"].values.astype(str),
            "lon": stations["lon"].values,
            "lat": stations["lat"].values,
        }
    )
    rows = rows.merge(where, on="station", how="left", validate="many_to_one")
    columns = list(predictors.names)
    rows[columns] = rows[columns].astype("float32")
    rows = rows.sort_values(["station", "date"], ignore_index=True)[
        ["station", "date", "lon", "lat", "soil_moisture", *columns]
    ]
    rows.attrs["units"] = UNITS | {p.name: p.units for p in predictors.predictors}
    return rows


UNITS = {"soil_moisture": "m3 m-3", "lon": "degrees_east", "lat": "degrees_north"}


def write_samples(
    rows: pd.DataFrame, path: str | Path, *, predictors: Sequence[str], synthetic: bool
) -> None:
    """Write a sample table as Parquet, with its column roles under the metadata key ``smgee``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    units = UNITS | rows.attrs.get("units", {})
    roles = {
        "target": "soil_moisture",
        "station": "station",
        "time": "date",
        "predictors": list(predictors),
        "synthetic": bool(synthetic),
        "units": {c: units.get(c, "1") for c in rows.columns if c not in ("station", "date")},
    }
    table = pa.Table.from_pandas(rows, preserve_index=False)
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), b"smgee": json.dumps(roles).encode()}
    )
    with atomic_path(path) as scratch:
        pq.write_table(table, scratch, compression="zstd")

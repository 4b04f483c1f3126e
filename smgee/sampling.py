"""Stations × days × predictors: the table that models are trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError, MissingDataError
from smgee.predictors import Piece, Predictor, PredictorSet
from smgee.remote import in_parts
from smgee.study import Study
from smgee.tables import Column, Provenance, Schema, write_table

__all__ = ["lost_rows", "sample", "station_features", "tell_lost", "write_samples"]

BANDS_PER_REQUEST = 180
"""Nine steps of nineteen bands."""


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
        predictor's pixel is the one that contains the station. `lost_rows` counts the rows that lack some.

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
    predictors = study.predictor_set.at_stations(stations["lon"].values, stations["lat"].values)
    rows = moisture.reset_index().rename(columns={"time": "date"})[["station", "date", "soil_moisture"]]
    rows["station"] = rows["station"].astype(str)
    measured = {t.date() for t in rows["date"]}
    for values in _by_day(predictors.pieces(measured), station_features(stations), progress):
        keys = [k for k in ("station", "date") if k in values]
        rows = rows.merge(values, on=keys, how="left", validate="many_to_one")
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
    rows = rows.sort_values(["station", "date"], ignore_index=True)
    return rows[["station", "date", "lon", "lat", "soil_moisture", *columns]]


def _by_day(
    pieces: Sequence[Piece], points: ee.FeatureCollection, progress: Callable[[float], Any] | None
) -> Iterator[pd.DataFrame]:
    """Yield a table for all pieces of the same predictors: ``station``, ``date`` and the predictors."""
    done = 0

    def fetch(batch: Sequence[Piece]) -> list[pd.DataFrame]:
        nonlocal done
        found = _fetch(batch, points)
        done += len(batch)
        if progress is not None:
            progress(min(done / len(pieces), 1.0))
        return found

    for names in dict.fromkeys(p.names for p in pieces):
        alike = [p for p in pieces if p.names == names]
        size = max(1, BANDS_PER_REQUEST // max(len(p.bands) for p in alike))
        parts = [f for i in range(0, len(alike), size) for f in in_parts(alike[i : i + size], fetch)]
        tables = [_of_days(piece, part) for piece, part in zip(alike, parts, strict=True)]
        yield pd.concat(tables, ignore_index=True)


def _of_days(piece: Piece, part: pd.DataFrame) -> pd.DataFrame:
    """Return a piece's values by station as those of its days."""
    columns = piece.by_day([part[band].to_numpy() for band in piece.bands])
    tables = [
        pd.DataFrame(
            {"station": part["station"].to_numpy(), "date": pd.Timestamp(day)}
            | {name: columns[day, name] for name in piece.names}
        )
        for day in piece.days
    ]
    return pd.concat(tables, ignore_index=True)


def _fetch(pieces: Sequence[Piece], points: ee.FeatureCollection) -> list[pd.DataFrame]:
    """Return, for each of some pieces of the same predictors, its bands by station, all by one request.

    One image of the bands of all pieces would share the scenes of overlapping windows, but was no faster: the
    scenes of a single step are what a cache holds while all stations are visited.
    """
    grid = pieces[0].grid
    bands = list(dict.fromkeys(b for p in pieces for b in p.bands))
    # `first` with a second, constant band: a one-band image would name its property after the reducer.
    parts = [
        piece.image.addBands(ee.Image.constant(k).rename("piece")).reduceRegions(
            collection=points,
            reducer=ee.Reducer.first(),
            crs=grid.crs,
            crsTransform=list(grid.transform),
        )
        for k, piece in enumerate(pieces)
    ]
    sampled = ee.FeatureCollection(parts).flatten()
    frame = ee.data.computeFeatures({"expression": sampled, "fileFormat": "PANDAS_DATAFRAME"})
    frame = frame.reindex(columns=["station", "piece", *bands])  # masked predictors are absent
    return [frame[frame["piece"] == k].drop(columns="piece") for k in range(len(pieces))]


def lost_rows(rows: pd.DataFrame, predictors: PredictorSet) -> dict[str, int]:
    """Count the rows that lack predictors, by what they lack and why; every such row counts once.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `sample`.
    predictors : PredictorSet
        Those of the study.

    Returns
    -------
    dict
        Such as ``{"reflectance, indices: masked": 512, "terrain: nowhere that day": 30}``, most first. A
        family stands for all its predictors; *nowhere that day* means that no station had any of them.
    """
    missing = rows[list(predictors.names)].isna()
    nowhere = (missing.groupby(rows["date"]).transform("all") == missing).all(axis=1)
    counts: Counter[str] = Counter()
    lost = missing.any(axis=1)
    for lacks, everywhere in zip(missing[lost].to_dict("records"), nowhere[lost], strict=True):
        words = []
        for family in predictors.families:
            names = [p.name for p in family.predictors()]
            gone = [n for n in names if lacks[n]]
            words += [family.kind] if len(gone) == len(names) else gone
        counts[f"{', '.join(words)}: {'nowhere that day' if everywhere else 'masked'}"] += 1
    return dict(counts.most_common())


def tell_lost(rows: int, lost: Mapping[str, int], *, predictors: int) -> str:
    """Return in a sentence how many rows can be learned from, and why the others cannot."""
    gone = sum(lost.values())
    said = f"{rows:,} station-days with soil moisture, {rows - gone:,} with all {predictors} predictors"
    causes = ", ".join(f"{cause} ({n:,})" for cause, n in lost.items())
    return f"{said}; the others lack {causes}." if causes else f"{said}."


def write_samples(
    rows: pd.DataFrame,
    path: str | Path,
    *,
    predictors: Sequence[Predictor],
    provenance: Provenance | None = None,
) -> None:
    """Write a sample table as Parquet, with what its columns are under the metadata key ``smgee``."""
    schema = Schema(
        "samples",
        "Predictors and soil moisture of station-days",
        (
            Column("station", kind="text"),
            Column("date", kind="date", long_name="day (UTC)"),
            Column("lon", "degrees_east", "longitude"),
            Column("lat", "degrees_north", "latitude"),
            Column("soil_moisture", "m3 m-3", "mean soil moisture of the day"),
            *(Column(p.name, p.units, p.long_name) for p in predictors),
        ),
        key=("station", "date"),
    )
    roles = {
        "target": "soil_moisture",
        "station": "station",
        "time": "date",
        "predictors": [p.name for p in predictors],
    }
    write_table(rows, path, schema=schema, provenance=provenance, roles=roles)

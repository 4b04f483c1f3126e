"""Maps, models, stations and cells as Earth Engine assets, each with an asset card in its properties."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ee
import numpy as np
import pandas as pd
import xarray as xr

from smgee.assets import (
    Imports,
    attach,
    ensure_folder,
    list_assets,
    properties_of,
    require_collection,
    require_folder,
    require_writable,
    share,
    together,
)
from smgee.cards import SEAL, image_mark, members_mark, model_marks, seal, table_mark
from smgee.errors import InputError
from smgee.grid import EaseCell, PixelGrid
from smgee.remote import check_bucket, run_task
from smgee.sampling import station_features
from smgee.tables import Provenance, write_cog
from smgee.trees import TreeEnsemble

__all__ = [
    "DAILY_MAPS",
    "RUN_ASSETS",
    "check_publishing",
    "ensure_folder",
    "list_assets",
    "publish_cells",
    "publish_map",
    "publish_maps",
    "publish_model",
    "publish_stations",
    "require_folder",
    "share",
    "together",
]

_MAX_STRING = 100_000  # characters of one property: Earth Engine's table limit
_BAND = "soil_moisture"
RUN_ASSETS = ("season_mean", "model", "stations", "cells")
"""What a run publishes."""

DAILY_MAPS = "maps"
"""The collection of daily maps, where they are asked for."""


def _card(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties fit for an asset: numbers and strings, short enough, no system names."""
    card: dict[str, Any] = {}
    for key, value in properties.items():
        if isinstance(value, (bool, np.bool_)):
            value = int(value)
        elif isinstance(value, (np.integer, np.floating)):
            value = value.item()
        elif not isinstance(value, (int, float)):
            value = str(value)[:_MAX_STRING]
        if isinstance(value, float) and not np.isfinite(value):
            continue  # an asset property cannot be NaN; an absent one says the same
        card[re.sub(r"[^A-Za-z0-9_]", "_", key)] = value
    return card


def publish_map(
    file: str | Path,
    asset_id: str,
    *,
    upload: Callable[[Path], str],
    band: str,
    start_ms: int,
    end_ms: int,
    properties: Mapping[str, Any],
) -> str:
    """Ingest a GeoTIFF as an image asset.

    Parameters
    ----------
    file : path-like
        A GeoTIFF in a projected CRS, NaN as nodata.
    asset_id : str
        ``projects/…/assets/…``; replaced when it exists.
    upload : callable
        Brings a local file to Cloud Storage and returns its ``gs://`` URI: Earth Engine ingests from nowhere
        else.
    band : str
        Name of its one band.
    start_ms, end_ms : int
        What the map stands for, UTC milliseconds, end exclusive.
    properties : mapping
        The asset card.

    Returns
    -------
    str
        The asset's id.
    """
    card = _map_card(_values(Path(file)), band, properties)
    with Imports() as imports:
        imports.start(_manifest(asset_id, upload(Path(file)), band, start_ms, end_ms, card))
    return asset_id


def publish_maps(
    maps: Iterable[tuple[date, np.ndarray]],
    grid: PixelGrid,
    collection: str,
    *,
    upload: Callable[[Path], str],
    properties: Mapping[str, Any],
    overwrite: bool = False,
    progress: Callable[[date], Any] = lambda day: None,
) -> dict[str, bool]:
    """Ingest daily maps into an image collection.

    A day whose image has the same card and pixels is left alone, so what was interrupted goes on where it
    stopped. The collection has a card of its own, which its members are told on.

    Parameters
    ----------
    maps : iterable of (date, (y, x) array)
        m³ m⁻³, NaN where masked; taken one at a time.
    grid : PixelGrid
        Their lattice.
    collection : str
        ``projects/…/assets/…``; created.
    upload : callable
        See `publish_map`.
    properties : mapping
        The card of every map.
    overwrite : bool
        Whether images of another study may be replaced.
    progress : callable
        Told every day.

    Returns
    -------
    dict of str to bool
        By the image's id, whether it was ingested now.

    Raises
    ------
    InputError
        If an image of another study is in the way.
    """
    require_collection(collection)
    known = {str(a["name"]): a.get("properties", {}) for a in list_assets(collection)}
    study = str(properties.get("study", ""))
    found: dict[str, bool] = {}
    days: list[date] = []
    with TemporaryDirectory() as folder, Imports() as imports:
        for day, values in maps:
            asset = f"{collection}/{day:%Y%m%d}"
            card = _map_card(values, _BAND, {**properties, "day": str(day)})
            there = known.get(asset)
            days.append(day)
            found[asset] = there is None or there.get(SEAL) != card[SEAL]
            if there is not None and str(there.get("study", "")) != study and not overwrite:
                raise InputError(
                    f"{asset} is not of the study {study!r}; give another folder, or allow it to be "
                    "overwritten (publish.overwrite in the study)."
                )
            if found[asset]:
                file = Path(folder) / f"{day:%Y%m%d}.tif"
                made_by = Provenance(synthetic=bool(properties.get("synthetic")), made_by="smgee publish")
                write_cog(values, grid, file, band=_BAND, units="m3 m-3", provenance=made_by)
                start, end = _milliseconds(day), _milliseconds(day + timedelta(days=1))
                imports.start(_manifest(asset, upload(file), _BAND, start, end, card))
                file.unlink()
            progress(day)
    if days:
        publish_collection_card(collection, {**properties, "title": "Daily maps"}, days=days)
    return found


def publish_collection_card(collection: str, properties: Mapping[str, Any], *, days: Sequence[date]) -> None:
    """Give an image collection a card that tells its members and the days that they span."""
    told = {"first_day": min(days), "last_day": max(days), **members_mark(list_assets(collection))}
    attach(seal(_card({**properties, **told})), collection)


def publish_stations(stations: xr.Dataset, asset_id: str, *, properties: Mapping[str, Any]) -> str:
    """Export the stations as a table asset, one point each with its name."""
    rows = [
        {"geometry": {"coordinates": [float(x), float(y)]}, "properties": {"station": str(name)}}
        for name, x, y in zip(
            stations["station"].values, stations["lon"].values, stations["lat"].values, strict=True
        )
    ]
    card = {**properties, "stations": len(rows), **table_mark(rows, ["station"])}
    return _publish_table(station_features(stations), asset_id, card, what="stations")


def publish_cells(
    cells: Sequence[EaseCell],
    asset_id: str,
    *,
    conditions: pd.DataFrame | None = None,
    properties: Mapping[str, Any],
) -> str:
    """Export EASE-Grid 2.0 cells as a table asset: their exact outlines, and what is known of each.

    Parameters
    ----------
    cells : sequence of EaseCell
        Cells of the global grids are rectangles of longitude and latitude.
    asset_id : str
        ``projects/…/assets/…``; replaced when it exists.
    conditions : pandas.DataFrame, optional
        ``cells.csv`` of a run: column cell, and numbers by cell.
    properties : mapping
        The asset card.
    """
    known: dict[str, dict[str, float]] = {}
    if conditions is not None:
        numbers = conditions.drop(columns="synthetic", errors="ignore").set_index("cell")
        numbers = numbers.select_dtypes("number")
        rows_of = numbers.to_dict("index").items()
        known = {str(c): {str(k): float(v) for k, v in row.items()} for c, row in rows_of}
    features, rows = [], []
    for cell in cells:
        west, south, east, north = cell.polygon("EPSG:4326").bounds
        own: dict[str, Any] = {"cell": cell.name, "grid": cell.grid, "row": cell.row, "col": cell.col}
        own |= {k: v for k, v in _card(known.get(cell.name, {})).items() if k not in own}
        outline = ee.Geometry.Rectangle([west, south, east, north], "EPSG:4326", False)
        features.append(ee.Feature(outline, own))
        rows.append({"geometry": {"coordinates": [[west, south], [east, north]]}, "properties": own})
    columns = list(dict.fromkeys(name for row in rows for name in row["properties"]))
    grids = ",".join(dict.fromkeys(c.grid for c in cells))
    card = {**properties, "cells": len(rows), "ease_grids": grids, **table_mark(rows, columns)}
    return _publish_table(ee.FeatureCollection(features), asset_id, card, what="cells")


def publish_model(model: TreeEnsemble, asset_id: str, *, properties: Mapping[str, Any]) -> str:
    """Export the trees as a classifier asset that ``ee.Classifier.load`` reads back, with the card's
    properties.
    """
    model.to_classifier("classifier", asset_id=asset_id)
    attach(seal(_card({**properties, **model_marks(model)})), asset_id)
    return asset_id


def _publish_table(
    table: ee.FeatureCollection, asset_id: str, properties: Mapping[str, Any], *, what: str
) -> str:
    """Export a table, whose features hold the card too."""
    card = seal(_card(properties))
    shared = {k: v for k, v in card.items() if k not in str(card["columns"]).split(",")}
    task = ee.batch.Export.table.toAsset(
        collection=table.map(lambda f: f.set(shared)),
        description=f"smgee_{what}",
        assetId=asset_id,
        overwrite=True,
    )
    run_task(task, f"Exporting the {what} {asset_id}")
    attach(card, asset_id)
    return asset_id


def _map_card(values: np.ndarray, band: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return seal(_card({**properties, "content_sha256": image_mark([(band, np.asarray(values, "f4"))])}))


def _manifest(
    asset_id: str, uri: str, band: str, start_ms: int, end_ms: int, card: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "name": asset_id,
        "tilesets": [{"id": "map", "sources": [{"uris": [uri]}]}],
        "bands": [{"id": band, "tilesetId": "map", "tilesetBandIndex": 0, "pyramidingPolicy": "MEAN"}],
        "startTime": {"seconds": start_ms // 1000},
        "endTime": {"seconds": end_ms // 1000},
        "properties": dict(card),
    }


def _milliseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _values(file: Path) -> np.ndarray:
    """Return a map file's one band, NaN where it has no value."""
    import rasterio

    with rasterio.open(file) as source:
        return source.read(1, masked=True).filled(np.nan)


def check_publishing(
    folder: str,
    *,
    study: str,
    names: Sequence[str],
    bucket: str | None = None,
    project: str | None = None,
    overwrite: bool = False,
) -> None:
    """Refuse what could not be published later, while nothing has been computed yet.

    Parameters
    ----------
    folder : str
        ``projects/…/assets/…``; created, since nothing else tells whether this login may write there.
    study : str
        The study's name, which every asset card holds as ``study``.
    names : sequence of str
        The assets to be written into the folder.
    bucket : str, optional
        The Cloud Storage bucket that maps go through, if a real one is used.
    project : str, optional
        The Cloud project that pays for the bucket's use.
    overwrite : bool
        Whether assets of the same names that are not of this study may be replaced.

    Raises
    ------
    InputError
        For a folder or bucket that cannot be written to, and assets of others in the way.
    RemoteError
        When the service cannot be asked.
    """
    require_writable(folder)
    if bucket is not None:
        check_bucket(bucket, project=project)
    present = {str(a["name"]).rsplit("/", 1)[-1] for a in list_assets(folder)}
    foreign = [n for n in names if n in present and properties_of(f"{folder}/{n}").get("study") != study]
    if foreign and not overwrite:
        raise InputError(
            f"{folder} holds {', '.join(foreign)} already, not of the study {study!r}; give another folder, "
            "or allow them to be overwritten (publish.overwrite in the study)."
        )

"""Maps, models and stations as Earth Engine assets, each with an asset card in its properties."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ee
import numpy as np
import xarray as xr

from smgee.errors import InputError
from smgee.remote import NotFound, call, run_task, wait_for_task
from smgee.sampling import station_features
from smgee.trees import TreeEnsemble

__all__ = [
    "ensure_folder",
    "list_assets",
    "publish_map",
    "publish_model",
    "publish_stations",
    "require_folder",
]

_MAX_STRING = 100_000  # characters of one property: Earth Engine's table limit


def require_folder(asset_id: str) -> tuple[str, list[str]]:
    """Return the root of an asset folder and the names below it; refuse what can be none."""
    match = re.fullmatch(r"(projects/[a-z][a-z0-9-]{4,28}[a-z0-9]/assets)((?:/[A-Za-z0-9_-]+)+)", asset_id)
    if match is None:
        raise InputError(
            f"{asset_id!r} is not an asset folder; give projects/YOUR-PROJECT/assets/FOLDER, names of "
            "letters, digits, - and _."
        )
    return match[1], match[2].strip("/").split("/")


def ensure_folder(asset_id: str) -> None:
    """Create an asset folder, and the folders above it, unless it is there."""
    path, names = require_folder(asset_id)
    for part in names:
        path = f"{path}/{part}"
        try:
            call(lambda path=path: ee.data.getAsset(path))  # type: ignore[misc]
        except NotFound:
            call(lambda path=path: ee.data.createAsset({"type": "FOLDER"}, path))  # type: ignore[misc]


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
    uri = upload(Path(file))
    manifest = {
        "name": asset_id,
        "tilesets": [{"id": "map", "sources": [{"uris": [uri]}]}],
        "bands": [{"id": band, "tilesetId": "map", "tilesetBandIndex": 0, "pyramidingPolicy": "MEAN"}],
        "startTime": {"seconds": start_ms // 1000},
        "endTime": {"seconds": end_ms // 1000},
        "properties": _card(properties),
    }
    request = ee.data.newTaskId(1)[0]
    started = call(lambda: ee.data.startIngestion(request, manifest, allow_overwrite=True))
    wait_for_task(started["id"], what=f"Importing {asset_id}")
    return asset_id


def publish_stations(stations: xr.Dataset, asset_id: str, *, properties: Mapping[str, Any]) -> str:
    """Export the stations as a table asset, one point each with its name and the card's properties."""
    table = station_features(stations).map(lambda f: f.set(_card(properties)))
    task = ee.batch.Export.table.toAsset(
        collection=table, description="smgee_stations", assetId=asset_id, overwrite=True
    )
    run_task(task, f"Exporting the stations {asset_id}")
    return asset_id


def publish_model(model: TreeEnsemble, asset_id: str, *, properties: Mapping[str, Any]) -> str:
    """Export the trees as a classifier asset that ``ee.Classifier.load`` reads back, with the card's
    properties.
    """
    model.to_classifier("classifier", asset_id=asset_id)
    # An export takes no properties for a classifier, so the card is attached afterwards.
    call(lambda: ee.data.updateAsset(asset_id, {"properties": _card(properties)}, ["properties"]))
    return asset_id


def list_assets(folder: str) -> list[dict[str, Any]]:
    """Return the assets under a folder, as the official client lists them."""
    return call(lambda: ee.data.listAssets({"parent": folder}))["assets"]

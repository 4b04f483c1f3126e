"""Maps, models and stations as Earth Engine assets, each with an asset card in its properties."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ee
import numpy as np
import xarray as xr

from smgee.cards import image_mark, model_marks, seal, stations_mark
from smgee.errors import InputError
from smgee.remote import AccessDenied, NotFound, call, check_bucket, run_task, wait_for_task
from smgee.sampling import station_features
from smgee.trees import TreeEnsemble

__all__ = [
    "RUN_ASSETS",
    "check_publishing",
    "ensure_folder",
    "list_assets",
    "publish_map",
    "publish_model",
    "publish_stations",
    "require_folder",
    "together",
]

_MAX_STRING = 100_000  # characters of one property: Earth Engine's table limit
_STAGING = "being_written"
RUN_ASSETS = ("season_mean", "model", "stations")
"""What a run publishes."""


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
        "properties": seal(_card({**properties, "content_sha256": image_mark(_values(Path(file)))})),
    }
    request = ee.data.newTaskId(1)[0]
    started = call(lambda: ee.data.startIngestion(request, manifest, allow_overwrite=True))
    wait_for_task(started["id"], what=f"Importing {asset_id}")
    return asset_id


def publish_stations(stations: xr.Dataset, asset_id: str, *, properties: Mapping[str, Any]) -> str:
    """Export the stations as a table asset, one point each with its name; table and points hold the card."""
    mark = stations_mark(stations["station"].values, stations["lon"].values, stations["lat"].values)
    card = seal(_card({**properties, "content_sha256": mark}))
    table = station_features(stations).map(lambda f: f.set(card))
    task = ee.batch.Export.table.toAsset(
        collection=table, description="smgee_stations", assetId=asset_id, overwrite=True
    )
    run_task(task, f"Exporting the stations {asset_id}")
    _attach(card, asset_id)
    return asset_id


def publish_model(model: TreeEnsemble, asset_id: str, *, properties: Mapping[str, Any]) -> str:
    """Export the trees as a classifier asset that ``ee.Classifier.load`` reads back, with the card's
    properties.
    """
    model.to_classifier("classifier", asset_id=asset_id)
    _attach(seal(_card({**properties, **model_marks(model)})), asset_id)
    return asset_id


def _values(file: Path) -> np.ndarray:
    """Return a map file's one band, NaN where it has no value."""
    import rasterio

    with rasterio.open(file) as source:
        return source.read(1, masked=True).filled(np.nan)


def _attach(card: Mapping[str, Any], asset_id: str) -> None:
    """Give a card to an asset whose export takes no properties: a table or a classifier."""
    call(lambda: ee.data.updateAsset(asset_id, {"properties": dict(card)}, ["properties"]))


def list_assets(folder: str) -> list[dict[str, Any]]:
    """Return the assets under a folder, as the official client lists them."""
    listed: dict[str, Any] = call(lambda: ee.data.listAssets({"parent": folder}))
    return list(listed.get("assets", []))  # an empty folder has no such key


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
    try:
        ensure_folder(folder)
    except AccessDenied as error:
        raise InputError(
            f"This login may not write to {folder}; give an asset folder of a project of yours."
        ) from error
    if bucket is not None:
        check_bucket(bucket, project=project)
    present = {str(a["name"]).rsplit("/", 1)[-1] for a in list_assets(folder)}
    foreign = [n for n in names if n in present and _study_of(f"{folder}/{n}") != study]
    if foreign and not overwrite:
        raise InputError(
            f"{folder} holds {', '.join(foreign)} already, not of the study {study!r}; give another folder, "
            "or allow them to be overwritten (publish.overwrite in the study)."
        )


def _study_of(asset_id: str) -> str | None:
    """Return which study an asset's card names."""
    study = call(lambda: ee.data.getAsset(asset_id)).get("properties", {}).get("study")
    return None if study is None else str(study)


@contextmanager
def together(folder: str) -> Iterator[str]:
    """Publish several assets all or none: give a folder to write them to, and move them at the end.

    Only when the ``with`` block has ended without an error do they take the place of the assets of the same
    names in `folder`, each replaced by one copy on the service. What a failed or killed writer left behind is
    removed.

    Parameters
    ----------
    folder : str
        Where they belong; created.

    Yields
    ------
    str
        The folder to write to.
    """
    staging = f"{folder}/{_STAGING}"
    ensure_folder(staging)
    _remove_contents(staging)
    try:
        yield staging
        for asset in list_assets(staging):
            name = str(asset["name"]).rsplit("/", 1)[-1]
            old, new = f"{staging}/{name}", f"{folder}/{name}"
            call(lambda old=old, new=new: ee.data.copyAsset(old, new, True))  # type: ignore[misc]
    finally:
        _remove_contents(staging)
        call(lambda: ee.data.deleteAsset(staging))


def _remove_contents(folder: str) -> None:
    for asset in list_assets(folder):
        call(lambda asset=asset: ee.data.deleteAsset(asset["name"]))  # type: ignore[misc]

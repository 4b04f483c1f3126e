"""SMAP files as Earth Engine assets: an image collection on the exact EASE-Grid, one image a day."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ee
import numpy as np

from smgee.errors import InputError
from smgee.grid import EaseCell
from smgee.publish import ensure_folder, require_folder
from smgee.remote import NotFound, call, wait_for_task
from smgee.validation.layers import FILLS, Layers, read_layers

__all__ = ["Ingested", "ingest_smap", "manifest_of", "require_collection"]

_LAYOUT = "1"  # of the images; another one is ingested again
_AT_ONCE = 20  # tasks started before the first is waited for


@dataclass(frozen=True)
class Ingested:
    """What became of a file.

    Attributes
    ----------
    file : str
    asset : str
        Id of the image.
    done : bool
        Whether it was ingested now; False where the same content was there already.
    grid : str
        EASE-Grid 2.0 of the product.
    version : str
        Of the product.
    """

    file: str
    asset: str
    done: bool
    grid: str
    version: str


def ingest_smap(
    files: Sequence[str | Path],
    collection: str,
    *,
    upload: Callable[[Path], str],
    cells: Sequence[EaseCell] | None = None,
    progress: Callable[[float], Any] = lambda share: None,
) -> list[Ingested]:
    """Ingest level-3 days of SMAP, of one product, into an image collection.

    A day whose image holds the same file and window already is left alone, so an interrupted ingestion goes
    on where it stopped; another version of a day takes its place.

    Parameters
    ----------
    files : sequence of path-like
        SPL3SMP or SPL3SMP_E, ``.h5``; both overpasses, every retrieval algorithm there is, all bits of the
        flags and the times of the passes are kept.
    collection : str
        ``projects/…/assets/…``; created where it is not there.
    upload : callable
        Brings a local file to Cloud Storage and returns its ``gs://`` URI.
    cells : sequence of EaseCell, optional
        Keep the window around these cells; the whole grid otherwise.
    progress : callable
        Told the share done.

    Raises
    ------
    InputError
        No level-3 files, files of several products, or an id that is taken by something else.
    """
    if not files:
        raise InputError("No file was given; name level-3 files of SMAP (.h5).")
    known: dict[str, Mapping[str, Any]] = {}
    waiting: list[tuple[str, str]] = []
    found: list[Ingested] = []
    for k, file in enumerate(sorted(map(Path, files), key=lambda f: f.name)):
        layers = read_layers(file, cells=cells)
        if not found:
            require_collection(collection)
            known = _present(collection)
        elif layers.name != found[0].grid:
            raise InputError(
                f"{file.name} is on the grid {layers.name}, {found[0].file} on {found[0].grid}; ingest each "
                "product into a collection of its own."
            )
        asset = f"{collection}/{layers.day:%Y%m%d}"
        properties = _properties(file, layers)
        there = known.get(asset)
        same = there is not None and all(str(there.get(n)) == str(v) for n, v in properties.items())
        if not same:
            with TemporaryDirectory() as folder:
                uris = {kind: upload(path) for kind, path in _write(layers, Path(folder), file.stem).items()}
            manifest = manifest_of(asset, layers, uris, properties)
            request = ee.data.newTaskId(1)[0]
            started = call(
                lambda request=request, manifest=manifest: ee.data.startIngestion(  # type: ignore[misc]
                    request, manifest, allow_overwrite=True
                )
            )
            waiting.append((started["id"], asset))
            if len(waiting) >= _AT_ONCE:
                _wait(waiting.pop(0))
        found.append(Ingested(file.name, asset, not same, layers.name, layers.version))
        progress((k + 1) / (len(files) + 1))
    for task in waiting:
        _wait(task)
    progress(1.0)
    return found


def require_collection(collection: str) -> None:
    """Create an image collection, and the folders above it, unless it is there."""
    _, names = require_folder(collection)
    try:
        kind = call(lambda: ee.data.getAsset(collection))["type"]
    except NotFound:
        if len(names) > 1:
            ensure_folder(collection.rpartition("/")[0])
        call(lambda: ee.data.createAsset({"type": "IMAGE_COLLECTION"}, collection))
        return
    if kind != "IMAGE_COLLECTION":
        raise InputError(f"{collection} is a {str(kind).lower()}, no image collection; give another id.")


def manifest_of(
    asset: str, layers: Layers, uris: Mapping[str, str], properties: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the manifest of a day's image: one tileset per type of values, all bands.

    Parameters
    ----------
    asset : str
        Id of the image.
    layers : Layers
        What it holds.
    uris : mapping of str to str
        The GeoTIFF of each type, ``gs://…``.
    properties : mapping
        Its card.
    """
    start = datetime(layers.day.year, layers.day.month, layers.day.day, tzinfo=UTC)
    bands = []
    for kind, names in _by_type(layers).items():
        for index, name in enumerate(names):
            bands.append(
                {
                    "id": name,
                    "tilesetId": kind,
                    "tilesetBandIndex": index,
                    "missingData": {"values": [FILLS[kind]]},
                    "pyramidingPolicy": "SAMPLE" if kind != "float32" else "MEAN",
                }
            )
    return {
        "name": asset,
        "tilesets": [{"id": kind, "sources": [{"uris": [uri]}]} for kind, uri in uris.items()],
        "bands": bands,
        "startTime": {"seconds": int(start.timestamp())},
        "endTime": {"seconds": int((start + timedelta(days=1)).timestamp())},
        "properties": dict(properties),
    }


def _by_type(layers: Layers) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, values in layers.bands.items():
        found.setdefault(str(values.dtype), []).append(name)
    return found


def _properties(file: Path, layers: Layers) -> dict[str, Any]:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    left, bottom, right, top = layers.grid.bounds
    return {
        "product": layers.product,
        "smap_version": layers.version,
        "composite_release": layers.release,
        "ease_grid": layers.name,
        "source_file": file.name,
        "source_sha256": digest,
        "window": f"{left:.0f} {bottom:.0f} {right:.0f} {top:.0f}",
        "layout": f"smgee {_LAYOUT}",
    }


def _write(layers: Layers, folder: Path, stem: str) -> dict[str, Path]:
    """Write one GeoTIFF per type of values."""
    import rasterio

    found = {}
    for kind, names in _by_type(layers).items():
        path = folder / f"{stem}_{kind}.tif"
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=layers.grid.height,
            width=layers.grid.width,
            count=len(names),
            dtype=kind,
            crs=layers.grid.crs,
            transform=layers.grid.affine,
            nodata=FILLS[kind],
            compress="deflate",
        ) as target:
            for index, name in enumerate(names, start=1):
                target.write(np.asarray(layers.bands[name]), index)
                target.set_band_description(index, name)
        found[kind] = path
    return found


def _present(collection: str) -> dict[str, Mapping[str, Any]]:
    """Return the properties of the images that a collection holds, by id."""
    found: dict[str, Mapping[str, Any]] = {}
    request: dict[str, Any] = {"parent": collection}
    while True:
        page = call(lambda: ee.data.listAssets(dict(request)))
        found |= {a["name"]: a.get("properties", {}) for a in page.get("assets", [])}
        if not page.get("nextPageToken"):
            return found
        request["pageToken"] = page["nextPageToken"]


def _wait(task: tuple[str, str]) -> None:
    wait_for_task(task[0], what=f"Importing {task[1]}")

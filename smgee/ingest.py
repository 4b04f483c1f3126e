"""SMAP files as Earth Engine assets: an image collection on the exact EASE-Grid, one image a day."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from smgee.assets import Imports, list_assets, require_collection, share
from smgee.cards import SEAL, image_mark, seal
from smgee.errors import InputError
from smgee.grid import EaseCell
from smgee.publish import publish_collection_card
from smgee.validation.layers import FILLS, Layers, read_layers

__all__ = ["Ingested", "ingest_smap", "manifest_of"]

_MADE_BY = "smgee "
_LAYOUT = "2"  # of the images; another one is ingested again


@dataclass(frozen=True)
class Ingested:
    """What became of a file.

    Attributes
    ----------
    asset : str
        Id of the image.
    done : bool
        Whether it was ingested now; False where the same content was there already.
    grid : str
        EASE-Grid 2.0 of the product.
    version, product : str
        Such as 009 and SPL3SMP.
    """

    file: str
    asset: str
    done: bool
    grid: str
    version: str
    product: str


def ingest_smap(
    files: Sequence[str | Path],
    collection: str,
    *,
    upload: Callable[[Path], str],
    cells: Sequence[EaseCell] | None = None,
    readers: Sequence[str] | None = None,
    overwrite: bool = False,
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
    readers : sequence of str, optional
        Who may read the collection, see `smgee.assets.share`; left as it is where nothing is given.
    overwrite : bool
        Whether images that are not of smgee may be replaced.
    progress : callable
        Told the share done.

    Raises
    ------
    InputError
        No level-3 files, files of several products, an id that is taken by something else, or an image that
        is not of smgee in the way.
    """
    if not files:
        raise InputError("No file was given; name level-3 files of SMAP (.h5).")
    known: dict[str, Mapping[str, Any]] = {}
    found: list[Ingested] = []
    with Imports() as imports:
        for k, file in enumerate(sorted(map(Path, files), key=lambda f: f.name)):
            layers = read_layers(file, cells=cells)
            if not found:
                require_collection(collection)
                known = {str(a["name"]): a.get("properties", {}) for a in list_assets(collection)}
            elif layers.name != found[0].grid:
                raise InputError(
                    f"{file.name} is on the grid {layers.name}, {found[0].file} on {found[0].grid}; ingest "
                    "each product into a collection of its own."
                )
            asset = f"{collection}/{layers.day:%Y%m%d}"
            properties = _properties(file, layers)
            there = known.get(asset)
            if there is not None and not str(there.get("layout", "")).startswith(_MADE_BY) and not overwrite:
                raise InputError(
                    f"{asset} is there already and was not ingested by smgee; give another collection, or "
                    "allow it to be overwritten (--overwrite)."
                )
            same = there is not None and there.get(SEAL) == properties[SEAL]
            if not same:
                with TemporaryDirectory() as folder:
                    written = _write(layers, Path(folder), file.stem)
                    uris = {kind: upload(path) for kind, path in written.items()}
                imports.start(manifest_of(asset, layers, uris, properties))
            found.append(Ingested(file.name, asset, not same, layers.name, layers.version, layers.product))
            progress((k + 1) / (len(files) + 1))
    _describe(collection, found[0])
    if readers is not None:
        share(collection, readers)
    progress(1.0)
    return found


def _describe(collection: str, first: Ingested) -> None:
    """Give the collection its card: the product, its versions, its days, and its members."""
    inside = [a for a in list_assets(collection) if "smap_version" in a.get("properties", {})]
    days = sorted(datetime.strptime(str(a["name"])[-8:], "%Y%m%d").date() for a in inside)
    versions = sorted({str(a["properties"]["smap_version"]) for a in inside} - {""})
    card = {
        "product": first.product,
        "ease_grid": first.grid,
        "smap_version": ",".join(versions),
    }
    publish_collection_card(collection, card, days=days)


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
    order = [name for names in _by_type(layers).values() for name in names]
    card = {
        "product": layers.product,
        "smap_version": layers.version,
        "composite_release": layers.release,
        "ease_grid": layers.name,
        "source_file": file.name,
        "source_sha256": digest,
        "window": f"{left:.0f} {bottom:.0f} {right:.0f} {top:.0f}",
        "layout": f"{_MADE_BY}{_LAYOUT}",
        "band_order": ",".join(order),
        "content_sha256": image_mark((name, _shown(layers.bands[name])) for name in order),
    }
    return seal(card)


def _shown(values: np.ndarray) -> np.ndarray:
    """Return a band's values as Earth Engine shows them: NaN where nothing is stored."""
    return np.where(values == FILLS[str(values.dtype)], np.nan, values.astype(np.float64))


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

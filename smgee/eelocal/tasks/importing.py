"""Ingestion: manifests of images and tables, read from local folders that stand for Cloud Storage buckets."""

from __future__ import annotations

import shutil
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from smgee.eelocal.assets.geotiff import crs_name, grid_of, open_dataset
from smgee.eelocal.assets.mosaic import join_grids
from smgee.eelocal.assets.records import image_record
from smgee.eelocal.assets.sources import BandSource, Decoding, Piece, RasterSource, numbers
from smgee.eelocal.assets.store import AssetStore
from smgee.eelocal.assets.tables import inspect_table, read_table
from smgee.eelocal.assets.user import UserAssets
from smgee.eelocal.errors import EEError
from smgee.grid import PixelGrid, parse_crs
from smgee.source import BandInfo, ImageInfo

Progress = Callable[[float], None]


def _nodata(entry: Mapping[str, Any] | None) -> list[float] | None:
    values = (entry or {}).get("values")
    return None if not values else [float(v) for v in values]


def write_image_manifest(
    manifest: Mapping[str, Any],
    store: AssetStore,
    user: UserAssets,
    identifier: str,
    *,
    properties: Mapping[str, Any],
    times: tuple[int | None, int | None],
    copy: bool,
    overwrite: bool,
    progress: Progress = lambda fraction: None,
) -> None:
    """Make an image asset of the files of a manifest.

    Parameters
    ----------
    manifest : mapping
        ``tilesets`` [{id, sources [{uris}], crs}], ``bands`` [{id, tilesetId, tilesetBandIndex, missingData,
        pyramidingPolicy}], ``maskBands``, ``missingData``, ``pyramidingPolicy``, ``footprint``.
    store : AssetStore
        Resolves ``gs://`` URIs.
    user : UserAssets
        Where the asset goes.
    identifier : str
        Its id.
    properties, times : mapping, (start_ms, end_ms)
        Its metadata.
    copy : bool
        Copy the files into the store; otherwise the asset refers to them where they are.
    overwrite : bool
        Replace an existing asset.
    progress : callable
        Called with the fraction done.

    Raises
    ------
    EEError
        For a manifest without tilesets, files that do not fit together, and band names that repeat.
    """
    tilesets = manifest.get("tilesets") or []
    if not tilesets:
        raise EEError("The manifest has no tilesets.")
    with user.writing() as folder:
        opened: dict[str, dict[str, Any]] = {}
        for number, tileset in enumerate(tilesets):
            name = str(tileset.get("id") or (number if len(tilesets) > 1 else ""))
            progress(number / len(tilesets))
            opened[name] = _tileset(tileset, store, folder if copy else None, user.root)
        mask_bands = manifest.get("maskBands") or []
        bands = manifest.get("bands") or _default_bands(opened, bool(mask_bands))
        infos: list[BandInfo] = []
        sources: dict[str, BandSource] = {}
        for band in bands:
            key = str(band.get("tilesetId") or next(iter(opened)))
            if key not in opened:
                raise EEError(
                    f"Band '{band.get('id')}' refers to the tileset '{key}', which the manifest does not "
                    "have."
                )
            tileset = opened[key]
            index = int(band.get("tilesetBandIndex") or 0)
            if not 0 <= index < tileset["count"]:
                raise EEError(
                    f"Band '{band.get('id')}' has tilesetBandIndex {index}; the tileset '{key}' has "
                    f"{tileset['count']} bands."
                )
            nodata = (
                _nodata(band.get("missingData"))
                or _nodata(manifest.get("missingData"))
                or tileset["nodata"][index]
            )
            source = RasterSource(
                tuple(replace(p, band=index + 1) for p in tileset["pieces"]),
                Decoding(numbers(nodata)),
                tileset["masked"],
            )
            for entry in mask_bands:
                if not entry.get("bandIds") or band["id"] in entry["bandIds"]:
                    target = opened[str(entry.get("tilesetId") or key)]
                    mask = tuple(replace(p, band=target["count"]) for p in target["pieces"])
                    source = replace(source, masked=False, mask=mask)
            policy = str(band.get("pyramidingPolicy") or manifest.get("pyramidingPolicy") or "MEAN")
            infos.append(BandInfo(str(band["id"]), tileset["dtypes"][index], tileset["grid"], policy))
            sources[str(band["id"])] = source
        if len({b.name for b in infos}) != len(infos):
            raise EEError("The manifest repeats a band id.")
        footprint = manifest.get("footprint")
        geometry = None
        if isinstance(footprint, Mapping) and footprint.get("points"):
            ring = [[float(p["x"]), float(p["y"])] for p in footprint["points"]]
            geometry = {"type": "Polygon", "coordinates": [ring]}
        info = ImageInfo(identifier, tuple(infos), dict(properties), times[0], times[1], geometry)
        user.put(image_record(info, sources), data=folder, overwrite=overwrite)


def _default_bands(tilesets: Mapping[str, Mapping[str, Any]], masked: bool) -> list[dict[str, Any]]:
    """Name bands b1, b2, … over all tilesets, as ingestion does; the last band is left out where it is a
    mask.
    """
    bands: list[dict[str, Any]] = []
    for name, tileset in tilesets.items():
        for index in range(tileset["count"] - (1 if masked else 0)):
            bands.append({"id": f"b{len(bands) + 1}", "tilesetId": name, "tilesetBandIndex": index})
    return bands


def _tileset(
    tileset: Mapping[str, Any], store: AssetStore, folder: Path | None, root: Path
) -> dict[str, Any]:
    """Return grid, pieces, types and no-data values of a tileset's files, copied to `folder` when given."""
    sources = tileset.get("sources") or []
    uris = [source["uris"][0] for source in sources if source.get("uris")]
    if not uris or len(uris) != len(sources):
        raise EEError("Each source of a tileset needs one URI.")
    grids: list[PixelGrid] = []
    files: list[str] = []
    facts: list[tuple[Any, ...]] = []
    for uri, source in zip(uris, sources, strict=True):
        path = store.local_path(str(uri))
        if folder is not None:
            target = folder / f"{uuid.uuid4().hex}{path.suffix.lower()}"
            shutil.copyfile(path, target)
            files.append(str(target.relative_to(root)))
            path = target
        else:
            files.append(str(path))
        with open_dataset(path) as dataset:
            transform = source.get("affineTransform")
            crs = tileset.get("crs")
            if crs or transform or not dataset.crs:
                if not (crs or dataset.crs):
                    raise EEError(f"The file '{uri}' has no projection; state the tileset's crs.")
                values = tuple(dataset.transform)[:6]
                if transform:
                    values = tuple(
                        float(transform.get(k) or 0)
                        for k in ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
                    )
                name = str(crs) if crs else crs_name(dataset.crs)
                parse_crs(name)
                grids.append(PixelGrid(name, values, dataset.width, dataset.height))
            else:
                grids.append(grid_of(dataset))
            masked = any(
                "per_dataset" in {f.name for f in flags} and "alpha" not in {f.name for f in flags}
                for flags in dataset.mask_flag_enums
            )
            facts.append((dataset.count, dataset.dtypes, dataset.nodatavals, masked))
    if any(f[:2] != facts[0][:2] for f in facts):
        raise EEError("All sources of a tileset must have the same bands and data types.")
    grid, places = join_grids(grids, [str(u) for u in uris])
    pieces = [
        Piece(f, g.height, g.width, row, col) for f, (row, col), g in zip(files, places, grids, strict=True)
    ]
    count, dtypes, nodata, masked = facts[0]
    return {
        "grid": grid,
        "pieces": pieces,
        "count": count,
        "dtypes": list(dtypes),
        "nodata": list(nodata),
        "masked": masked,
    }


@contextmanager
def _unzipped(path: Path) -> Any:
    """Give the shapefile inside a ZIP archive."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
        found = sorted(Path(folder).rglob("*.shp"))
        if len(found) != 1:
            raise EEError(f"The archive {path.name} must hold one shapefile, it holds {len(found)}.")
        yield found[0]


def read_table_manifest(manifest: Mapping[str, Any], store: AssetStore) -> list[dict[str, Any]]:
    """Return the GeoJSON features of a table manifest's files.

    Parameters
    ----------
    manifest : mapping
        ``sources`` [{uris, xColumn, yColumn, crs}]; CSV, zipped or plain Shapefile, GeoJSON and GeoParquet
        are read.
    store : AssetStore
        Resolves ``gs://`` URIs.
    """
    features: list[dict[str, Any]] = []
    for source in manifest.get("sources") or []:
        uris = [str(u) for u in source.get("uris") or []]
        if not uris:
            raise EEError("Each source of a table manifest needs a URI.")
        main = next(
            (
                u
                for u in uris
                if u.lower().endswith((".csv", ".shp", ".zip", ".geojson", ".json", ".parquet"))
            ),
            uris[0],
        )
        path = store.local_path(main)
        if path.suffix.lower() == ".zip":
            with _unzipped(path) as shapefile:
                features += list(read_table(Path("/"), inspect_table(shapefile)))
            continue
        record = inspect_table(
            path, x=source.get("xColumn"), y=source.get("yColumn"), crs=str(source.get("crs") or "EPSG:4326")
        )
        features += list(read_table(Path("/"), record))
    if not features:
        raise EEError("The manifest's sources hold no features.")
    for number, feature in enumerate(features):
        feature["id"] = f"{number:020x}"
    return features

"""Assets as the REST protocol describes them (``EarthEngineAsset``), which differs from what `getInfo`
shows.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping

from smgee.eelocal.assets.names import asset_name
from smgee.eelocal.assets.store import AssetStore
from smgee.eelocal.errors import NotFoundError
from smgee.eelocal.pixels.grids import native_grid
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.plane import planar_geojson
from smgee.grid import PixelGrid, transformer
from smgee.source import CollectionInfo, ImageInfo, TableInfo

_QUOTA = {"maxSizeBytes": str(250 * 2**30), "maxAssets": "10000"}  # the usage page's storage limits


def timestamp(milliseconds: float) -> str:
    """Return UTC milliseconds as an RFC 3339 time."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds" if milliseconds % 1000 else "seconds").replace(
        "+00:00", "Z"
    )


def outline(grid: PixelGrid, points_per_edge: int = 8) -> dict[str, Any]:
    """Return the outer edge of a grid as a GeoJSON polygon in longitude and latitude, edges densified."""
    s = np.arange(points_per_edge) / points_per_edge
    w, h = grid.width, grid.height
    cols = np.concatenate([w * s, np.full(points_per_edge, w), w * (1 - s), np.zeros(points_per_edge)])
    rows = np.concatenate([np.zeros(points_per_edge), h * s, np.full(points_per_edge, h), h * (1 - s)])
    a, b, c, d, e, f = grid.transform
    lon, lat = transformer(grid.crs, "EPSG:4326").transform(a * cols + b * rows + c, d * cols + e * rows + f)
    ring = np.column_stack([lon, lat])[::-1]  # counter-clockwise, as GeoJSON wants outer rings
    return json.loads(json.dumps(mapping(shapely.Polygon(ring))))


def _grid(grid: PixelGrid) -> dict[str, Any]:
    a, b, c, d, e, f = grid.transform
    transform = {"scaleX": a, "shearX": b, "translateX": c, "shearY": d, "scaleY": e, "translateY": f}
    key = "crsCode" if grid.crs.upper().startswith(("EPSG:", "SR-ORG:", "ESRI:")) else "crsWkt"
    return {
        key: grid.crs,
        "dimensions": {"width": grid.width, "height": grid.height},
        "affineTransform": {k: v for k, v in transform.items() if v},
    }


def _data_type(dtype: str) -> dict[str, Any]:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return {"precision": "FLOAT" if kind.itemsize == 4 else "DOUBLE"}
    info = np.iinfo(kind)
    return {"precision": "INT", "range": {"min": int(info.min), "max": int(info.max)}}


def describe(store: AssetStore, identifier: str, *, basic: bool = False) -> dict[str, Any]:
    """Return the REST description of an asset or folder; `NotFoundError` when there is none."""
    found = store.find(identifier)
    record = store.user.record(identifier) if store.user is not None else None
    info = found[1] if found else None
    if info is None and record is None and not store.is_folder(identifier):
        raise NotFoundError(
            f"Asset '{identifier}' not found (does not exist or caller does not have access)."
        )
    kind = (
        "IMAGE"
        if isinstance(info, ImageInfo)
        else "IMAGE_COLLECTION"
        if isinstance(info, CollectionInfo)
        else "TABLE"
        if isinstance(info, TableInfo)
        else record.type
        if record is not None
        else "FOLDER"
    )
    asset: dict[str, Any] = {"type": kind, "name": asset_name(identifier), "id": identifier}
    if basic:
        return asset
    properties = dict(info.properties if info is not None else {} if record is None else record.properties)
    if properties:
        asset["properties"] = {k: v for k, v in properties.items() if not k.startswith("system:")}
    if record is not None:
        asset["updateTime"] = record.updated
        assert store.user is not None
        size = store.user.size(record)
        if size:
            asset["sizeBytes"] = str(size)
    if kind == "FOLDER" and identifier.count("/") == 2 and identifier.startswith("projects/"):
        asset["quota"] = {**_QUOTA, "sizeBytes": "0", "assetCount": str(len(store.list(identifier)))}
    if isinstance(info, ImageInfo):
        asset |= _image_fields(info)
    return asset


def _image_fields(info: ImageInfo) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if info.start_ms is not None:
        fields["startTime"] = timestamp(info.start_ms)
    if info.end_ms is not None:
        fields["endTime"] = timestamp(info.end_ms)
    if info.footprint is not None:
        fields["geometry"] = dict(info.footprint)
    elif info.bands:
        fields["geometry"] = outline(info.bands[0].grid)
    fields["bands"] = [
        {
            "id": b.name,
            "dataType": _data_type(b.dtype),
            "grid": _grid(b.grid),
            "pyramidingPolicy": b.pyramiding,
        }
        for b in info.bands
    ]
    return fields


def describe_computed(image: Image) -> dict[str, Any]:
    """Return the REST description of a computed image."""
    asset: dict[str, Any] = {"type": "IMAGE"}
    if image.id:
        asset |= {"name": asset_name(image.id), "id": image.id}
    properties = {k: v for k, v in image.properties.items() if isinstance(v, (int, float, str, list))}
    for key, field in (("system:time_start", "startTime"), ("system:time_end", "endTime")):
        value = properties.get(key)
        if isinstance(value, (int, float)):
            asset[field] = timestamp(value)
    asset["properties"] = {
        k: v for k, v in properties.items() if k not in ("system:time_start", "system:time_end")
    }
    if image.footprint is not None:
        asset["geometry"] = planar_geojson(image.footprint)
    asset["bands"] = []
    for band in image.bands:
        entry: dict[str, Any] = {"id": band.name, "dataType": _data_type(band.type.dtype.name)}
        if band.extent is not None:
            entry["grid"] = _grid(native_grid(image, band))
        asset["bands"].append(entry)
    return asset

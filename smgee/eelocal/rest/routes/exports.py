"""Exports over REST: each becomes a task."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from smgee.eelocal.assets.names import asset_id
from smgee.eelocal.assets.records import AssetRecord
from smgee.eelocal.engine.evaluator import evaluate
from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.formats.tables import EXTENSIONS, encode_table
from smgee.eelocal.formats.values import number_of
from smgee.eelocal.rest.routes.assets import checked_properties, writable
from smgee.eelocal.rest.routes.maps import TILE, tile_grid
from smgee.eelocal.rest.routes.pixels import as_image, displayed, render
from smgee.eelocal.rest.routes.values import as_collection, expression_of, geojson_feature
from smgee.eelocal.rest.service import Request, Response, Service, route
from smgee.eelocal.tasks.exporting import (
    OWN_PROPERTIES,
    check_pixels,
    export_grid,
    write_image_asset,
    write_image_file,
    write_table_asset,
)
from smgee.eelocal.tasks.operations import Run
from smgee.grid import transformer
from smgee.io import atomic_path

_MAX_PIXELS = 100_000_000


def _of_the_user(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that an asset does not get by itself."""
    return {k: v for k, v in properties.items() if v is not None and k not in OWN_PROPERTIES}


@route("POST", r"projects/(?P<project>[^/]+)/(?P<kind>image|table|classifier|map|video|videoMap):export")
def export(service: Service, request: Request, project: str, kind: str) -> Response:
    """Start an export; what is wrong with the destination shows now, what is wrong with the data fails the
    task.
    """
    body = request.json()
    expression_of(body)
    starters: dict[str, Callable[[Service, Mapping[str, Any]], Run]] = {
        "image": _image,
        "table": _table,
        "classifier": _classifier,
        "map": _map,
    }
    if kind not in starters:
        raise UnsupportedAlgorithmError(
            f"Export of a {kind}", "is not implemented in the embedded Earth Engine"
        )
    types = {
        "image": "EXPORT_IMAGE",
        "table": "EXPORT_FEATURES",
        "classifier": "EXPORT_CLASSIFIER",
        "map": "EXPORT_TILES",
    }
    priority = number_of(body.get("priority"))
    operation = service.operations.submit(
        project,
        types[kind],
        starters[kind](service, body),
        description=str(body.get("description") or ""),
        priority=100 if priority is None else int(priority),
        request_id=body.get("requestId"),
    )
    return Response.json(operation.describe())


# -- destinations


def asset_destination(service: Service, options: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the id and overwrite flag of an ``earthEngineDestination``, after checking that it may be
    written.
    """
    destination = options.get("earthEngineDestination") or {}
    if not destination.get("name"):
        raise EEError("Field 'earthEngineDestination.name' is required.")
    identifier = asset_id(str(destination["name"]))
    user = writable(service, identifier)
    overwrite = bool(destination.get("overwrite"))
    user.check_parent(identifier)
    if not overwrite and user.record(identifier) is not None:
        raise EEError(f"Cannot overwrite asset '{identifier}'.")
    return identifier, overwrite


def file_destination(
    service: Service, options: Mapping[str, Any], description: str
) -> tuple[Path, Callable[[Path], str]]:
    """Return the local file, without suffix, for a Drive or Cloud Storage destination, and what a file's
    URI is.
    """
    drive, cloud = options.get("driveDestination"), options.get("cloudStorageDestination")
    if drive is not None:
        if service.drive is None:
            raise EEError(
                "Google Drive is not mapped to a local folder; connect with drive=<folder>.",
                code=403,
                status="PERMISSION_DENIED",
            )
        # Folder and file names with separators are literal strings in Drive, not paths.
        parts = [str(drive.get("folder") or ""), str(drive.get("filenamePrefix") or description or "export")]
        base = service.drive.expanduser().absolute()
        path = base.joinpath(*(re.sub(r"[/\\]", "_", p) for p in parts if p))
        return path, lambda p: p.parent.as_uri()
    if cloud is not None:
        bucket, prefix = (
            str(cloud.get("bucket") or ""),
            str(cloud.get("filenamePrefix") or description or "export"),
        )
        path = service.store.local_path(f"gs://{bucket}/{prefix}", must_exist=False)
        folder = service.store.buckets[bucket]
        return path, lambda p: f"gs://{bucket}/{p.relative_to(folder).as_posix()}"
    raise EEError("An export destination is required: an asset, Drive or Cloud Storage.")


# -- kinds


def _limit(body: Mapping[str, Any]) -> int:
    value = number_of(body.get("maxPixels"))
    return _MAX_PIXELS if value is None else int(value)


def _image(service: Service, body: Mapping[str, Any]) -> Run:
    expression, limit = expression_of(body), _limit(body)
    if "assetExportOptions" in body:
        options = body["assetExportOptions"]
        identifier, overwrite = asset_destination(service, options)
        user = writable(service, identifier)

        def to_asset(progress: Callable[[float], None]) -> list[str]:
            image = as_image(evaluate(expression, service.context), service)
            properties = checked_properties(_of_the_user(image.properties), service)
            write_image_asset(
                image,
                user,
                identifier,
                properties=properties,
                policy=str(options.get("pyramidingPolicy") or "MEAN"),
                policies=options.get("pyramidingPolicyOverrides"),
                limit=limit,
                overwrite=overwrite,
                progress=progress,
            )
            return [f"{service_url(identifier)}"]

        return to_asset
    options = body.get("fileExportOptions") or {}
    path, uri = file_destination(service, options, str(body.get("description") or ""))
    kind = options.get("fileFormat") or "GEO_TIFF"
    if kind != "GEO_TIFF":
        raise UnsupportedAlgorithmError(
            f"Image export as {kind}",
            "is not implemented in the embedded Earth Engine, which writes GEO_TIFF",
        )

    def to_file(progress: Callable[[float], None]) -> list[str]:
        image = as_image(evaluate(expression, service.context), service)
        files = write_image_file(
            image,
            path,
            options=options.get("geoTiffOptions") or {},
            limit=limit,
            progress=progress,
        )
        return [uri(f) for f in files]

    return to_file


def service_url(identifier: str) -> str:
    """Return where an asset's page would be in the Code Editor: what finished asset exports state as their
    destination.
    """
    return f"https://code.earthengine.google.com/?asset={identifier}"


def _table(service: Service, body: Mapping[str, Any]) -> Run:
    expression = expression_of(body)
    selectors = body.get("selectors")
    if "assetExportOptions" in body:
        identifier, overwrite = asset_destination(service, body["assetExportOptions"])
        user = writable(service, identifier)

        def to_asset(progress: Callable[[float], None]) -> list[str]:
            collection = as_collection(evaluate(expression, service.context))
            features = [geojson_feature(e, service, edges=True) for e in collection]
            properties = checked_properties(_of_the_user(collection.properties), service)
            write_table_asset(
                features,
                user,
                identifier,
                properties=properties,
                longest=service.limits.string_length,
                overwrite=overwrite,
                progress=progress,
            )
            return [service_url(identifier)]

        return to_asset
    for unsupported in ("featureViewExportOptions", "bigqueryExportOptions"):
        if unsupported in body:
            raise UnsupportedAlgorithmError(
                f"Table export with {unsupported}", "is not implemented in the embedded Earth Engine"
            )
    options = body.get("fileExportOptions") or {}
    path, uri = file_destination(service, options, str(body.get("description") or ""))
    kind = options.get("fileFormat") or "CSV"
    if kind not in EXTENSIONS:
        raise UnsupportedAlgorithmError(
            f"Table export as {kind}", "is not implemented in the embedded Earth Engine"
        )

    def to_file(progress: Callable[[float], None]) -> list[str]:
        collection = as_collection(evaluate(expression, service.context))
        content = encode_table([geojson_feature(e, service) for e in collection], kind, selectors)
        target = path.with_name(f"{path.name}.{EXTENSIONS[kind]}")
        with atomic_path(target) as scratch:
            scratch.write_bytes(content)
        return [uri(target)]

    return to_file


def _classifier(service: Service, body: Mapping[str, Any]) -> Run:
    """Keep the classifier's expression: loading it evaluates it again, which gives the same trees."""
    expression = expression_of(body)
    identifier, overwrite = asset_destination(service, body.get("assetExportOptions") or {})
    user = writable(service, identifier)

    def to_asset(progress: Callable[[float], None]) -> list[str]:
        evaluate(expression, service.context)  # refuses what is no classifier before it is stored
        user.put(AssetRecord("CLASSIFIER", identifier, expression=expression), overwrite=overwrite)
        return [service_url(identifier)]

    return to_asset


def _map(service: Service, body: Mapping[str, Any]) -> Run:
    """Write map tiles as ``<prefix>/<z>/<x>/<y>`` files."""
    expression = expression_of(body)
    options = body.get("tileExportOptions") or {}
    path, uri = file_destination(service, options, str(body.get("description") or ""))
    tiles = body.get("tileOptions") or {}
    first, last, scale = (number_of(tiles.get(k)) for k in ("startZoom", "endZoom", "scale"))
    kind = options.get("fileFormat") or "AUTO_JPEG_PNG"

    def run(progress: Callable[[float], None]) -> list[str]:
        image = displayed(as_image(evaluate(expression, service.context), service), None, service)
        grid = export_grid(image)
        to_map = transformer(grid.crs, "EPSG:3857")
        left, bottom, right, top = to_map.transform_bounds(*grid.bounds, densify_pts=21)
        pixel = (right - left) / grid.width if scale is None else float(scale)
        end = int(last) if last is not None else _zoom_of(pixel)
        wanted = []
        for z in range(int(first or 0), end + 1):
            size = tile_grid(z, 0, 0).transform[0] * TILE
            origin = tile_grid(z, 0, 0).transform[2]
            for x in range(int((left - origin) // size), int((right - origin) // size) + 1):
                for y in range(int((-origin - top) // size), int((-origin - bottom) // size) + 1):
                    if 0 <= x < 2**z and 0 <= y < 2**z:
                        wanted.append((z, x, y))
        check_pixels(grid.window(0, 0, len(wanted) * TILE, TILE), max(_limit(body), _MAX_PIXELS))
        for number, (z, x, y) in enumerate(wanted):
            progress(number / len(wanted))
            content, _ = render(image, tile_grid(z, x, y), kind, service)
            if tiles.get("skipEmpty") and _is_empty(content):
                continue
            with atomic_path(path / str(z) / str(x) / str(y)) as scratch:
                scratch.write_bytes(content)
        return [uri(path)]

    return run


def _zoom_of(pixel: float) -> int:
    """Return the zoom whose pixels are about as large, metres at the equator."""
    return max(0, min(24, round(math.log2(2 * math.pi * 6378137 / 256 / pixel))))


def _is_empty(content: bytes) -> bool:
    """Whether a picture is transparent throughout."""
    from PIL import Image as Picture

    picture = Picture.open(io.BytesIO(content))
    return picture.mode == "RGBA" and picture.getchannel("A").getbbox() is None

"""Maps with their tiles, thumbnails, and image downloads."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from smgee.eelocal.engine.evaluator import evaluate
from smgee.eelocal.errors import EEError
from smgee.eelocal.formats.pixels import to_png
from smgee.eelocal.formats.values import number_of
from smgee.eelocal.pixels.grids import check_size, native_grid
from smgee.eelocal.pixels.render import compute_pixels
from smgee.eelocal.rest.routes.pixels import DISPLAY, as_image, displayed, render, selected, zipped
from smgee.eelocal.rest.routes.values import expression_of
from smgee.eelocal.rest.service import Request, Response, Service, route
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.image import Image
from smgee.grid import PixelGrid

TILE = 256
_HALF = math.pi * 6378137.0  # half the width of EPSG:3857, metres


def tile_grid(z: int, x: int, y: int) -> PixelGrid:
    """Return the grid of an XYZ tile in EPSG:3857, rows counted from the north; `EEError` when there is no
    such tile.
    """
    if not 0 <= z <= 24 or not (0 <= x < 2**z and 0 <= y < 2**z):
        raise EEError(f"Tile {z}/{x}/{y} does not exist: zoom is 0 to 24, x and y are 0 to 2^zoom - 1.")
    size = 2 * _HALF / 2**z
    step = size / TILE
    return PixelGrid("EPSG:3857", (step, 0.0, -_HALF + x * size, 0.0, -step, _HALF - y * size), TILE, TILE)


@route("POST", r"projects/(?P<project>[^/]+)/maps")
def create_map(service: Service, request: Request, project: str) -> Response:
    """Make a map of an image; errors of the expression show now, pixels are computed when tiles are
    fetched.
    """
    body = request.json()
    kind = body.get("fileFormat") or "AUTO_JPEG_PNG"
    if kind not in DISPLAY:
        raise EEError(f"fileFormat {kind} is not supported for maps; use PNG, JPEG or AUTO_JPEG_PNG.")
    image = selected(as_image(evaluate(expression_of(body), service.context), service), body.get("bandIds"))
    image = displayed(image, body.get("visualizationOptions"), service)
    service.on_link()
    name = service.links.add(project, "maps", (image, kind), size=len(request.body))
    return Response.json({"name": name})


@route("GET", r"(?P<name>projects/[^/]+/maps/[^/]+)/tiles/(?P<z>\d+)/(?P<x>-?\d+)/(?P<y>-?\d+)")
def get_tile(service: Service, request: Request, name: str, z: str, x: str, y: str) -> Response:
    """Answer one tile, 256×256 pixels."""
    image, kind = service.links.get(name)
    content, content_type = render(image, tile_grid(int(z), int(x), int(y)), kind, service)
    return Response(200, content, content_type, {"cache-control": "private, max-age=3600"})


@route("POST", r"projects/(?P<project>[^/]+)/thumbnails")
def create_thumbnail(service: Service, request: Request, project: str) -> Response:
    """Make a thumbnail or a download; sizes and bands are checked now."""
    body = request.json()
    kind = body.get("fileFormat") or "AUTO_JPEG_PNG"
    image = selected(as_image(evaluate(expression_of(body), service.context), service), body.get("bandIds"))
    if kind in DISPLAY:
        image = displayed(image, body.get("visualizationOptions"), service)
    limits = service.limits
    download = kind not in DISPLAY
    total, dimension = (
        (limits.download_bytes, limits.download_dimension)
        if download
        else (limits.pixel_bytes, limits.pixel_dimension)
    )
    if kind == "ZIPPED_GEO_TIFF_PER_BAND":
        for band in image.bands:
            check_size(
                replace(image, bands=(band,)),
                native_grid(image, band),
                total=total,
                dimension=dimension,
                bands=limits.bands,
            )
    else:
        check_size(image, native_grid(image), total=total, dimension=dimension, bands=limits.bands)
    prefix = body.get("filenamePrefix") or (image.id or "download").replace("/", "_")
    service.on_link()
    name = service.links.add(project, "thumbnails", (image, kind, prefix), size=len(request.body))
    return Response.json({"name": name})


_EXTENSIONS = {"NPY": "npy", "GEO_TIFF": "tif", "ZIPPED_GEO_TIFF": "zip", "ZIPPED_GEO_TIFF_PER_BAND": "zip"}


@route("GET", r"(?P<name>projects/[^/]+/thumbnails/[^/]+):getPixels")
def get_thumbnail(service: Service, request: Request, name: str) -> Response:
    """Answer a thumbnail's or download's bytes."""
    image, kind, prefix = service.links.get(name)
    if kind.startswith("ZIPPED"):
        content, content_type = zipped(image, kind, prefix, service)
    else:
        content, content_type = render(image, native_grid(image), kind, service)
    headers = {}
    if kind in _EXTENSIONS:
        headers["content-disposition"] = f'attachment; filename="{prefix}.{_EXTENSIONS[kind]}"'
    return Response(200, content, content_type, headers)


# -- animations


def _frames(service: Service, body: Mapping[str, Any]) -> list[Image]:
    value = evaluate(expression_of(body), service.context)
    if not isinstance(value, Collection):
        raise EEError(f"Expected type: ImageCollection. Actual type: {type(value).__name__}.")
    frames = [displayed(as_image(e, service), body.get("visualizationOptions"), service) for e in value]
    if not frames:
        raise EEError("The collection has no images.")
    for frame in frames:
        check_size(
            frame,
            native_grid(frame),
            total=service.limits.pixel_bytes,
            dimension=service.limits.pixel_dimension,
            bands=service.limits.bands,
        )
    return frames


@route("POST", r"projects/(?P<project>[^/]+)/(?P<kind>videoThumbnails|filmstripThumbnails)")
def create_animation(service: Service, request: Request, project: str, kind: str) -> Response:
    """Make an animated GIF or a filmstrip of a collection."""
    body = request.json()
    frames = _frames(service, body)
    rate = number_of((body.get("videoOptions") or {}).get("framesPerSecond")) or 5.0
    service.on_link()
    name = service.links.add(project, kind, (frames, float(rate)), size=len(request.body))
    return Response.json({"name": name})


@route("GET", r"(?P<name>projects/[^/]+/(?P<kind>videoThumbnails|filmstripThumbnails)/[^/]+):getPixels")
def get_animation(service: Service, request: Request, name: str, kind: str) -> Response:
    """Answer an animation's bytes: GIF, or a PNG with the frames one below the other."""
    from PIL import Image as Picture

    frames, rate = service.links.get(name)
    pictures = []
    for frame in frames:
        layers = compute_pixels(frame, native_grid(frame))
        pictures.append(Picture.open(io.BytesIO(to_png(layers))))
    buffer = io.BytesIO()
    if kind == "videoThumbnails":
        first, *rest = (p.convert("RGB") for p in pictures)
        first.save(buffer, "GIF", save_all=True, append_images=rest, duration=round(1000 / rate), loop=0)
        return Response(200, buffer.getvalue(), "image/gif")
    width = max(p.width for p in pictures)
    strip = Picture.new("RGBA", (width, sum(p.height for p in pictures)))
    top = 0
    for picture in pictures:
        strip.paste(picture, (0, top))
        top += picture.height
    strip.save(buffer, "PNG")
    return Response(200, buffer.getvalue(), "image/png")


@route("POST", r"projects/(?P<project>[^/]+)/featureView")
def create_feature_view(service: Service, request: Request, project: str) -> Response:
    """Refuse: FeatureView assets are drawn by the Code Editor's own tiles."""
    raise EEError(
        "FeatureView is not implemented in the embedded Earth Engine; draw the table with style() or draw() "
        "instead.",
        status="UNIMPLEMENTED",
    )

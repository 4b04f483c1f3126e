"""Pixels computed on request, and how every route turns an image into a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from smgee.eelocal.engine.evaluator import evaluate
from smgee.eelocal.engine.registry import call
from smgee.eelocal.errors import EEError
from smgee.eelocal.formats.pixels import CONTENT_TYPES, to_geotiff, to_jpeg, to_npy, to_png, to_zip
from smgee.eelocal.formats.values import number_of
from smgee.eelocal.pixels.grids import check_size, native_grid, requested_grid
from smgee.eelocal.pixels.render import compute_pixels
from smgee.eelocal.rest.routes.values import expression_of
from smgee.eelocal.rest.service import Request, Response, Service, route
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.image import Image
from smgee.grid import PixelGrid

DISPLAY = ("PNG", "JPEG", "AUTO_JPEG_PNG", "IMAGE_FILE_FORMAT_UNSPECIFIED")


def as_image(value: Any, service: Service) -> Image:
    """Return a value as an image; a collection of images is refused, as the pixel routes do."""
    if isinstance(value, Image):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return call(service.context, "Image.constant", {"value": value})
    if isinstance(value, Collection):
        raise EEError(
            "Expected type: Image. Actual type: ImageCollection. Reduce or mosaic the collection first."
        )
    raise EEError(f"Expected type: Image. Actual type: {type(value).__name__}.")


def selected(image: Image, names: Any) -> Image:
    """Return the image with the bands that a request's ``bandIds`` name; all when there are none."""
    if not names:
        return image
    have = {b.name: b for b in image.bands}
    missing = [n for n in names if n not in have]
    if missing:
        raise EEError(
            f"Image.select: Band pattern '{missing[0]}' did not match any bands. Available bands: "
            f"[{', '.join(have)}]"
        )
    return replace(image, bands=tuple(have[n] for n in names))


def displayed(image: Image, options: Mapping[str, Any] | None, service: Service) -> Image:
    """Return the image as one or three byte bands, by a request's ``visualizationOptions``.

    Images that are bytes already stay as they are; others get the default visualisation of their types, of
    their first three bands.
    """
    arguments: dict[str, Any] = {"image": image}
    if options:
        ranges = options.get("ranges") or []
        if ranges:
            arguments["min"] = [float(r.get("min") or 0) for r in ranges]
            arguments["max"] = [float(r.get("max") or 0) for r in ranges]
        if options.get("paletteColors"):
            arguments["palette"] = list(options["paletteColors"])
        for key in ("gamma", "opacity"):
            if options.get(key) is not None:
                arguments[key] = number_of(options[key])
    elif len(image.bands) in (1, 3) and all(
        b.type.dtype == "u1" and not b.type.dimensions for b in image.bands
    ):
        return image
    if len(image.bands) > 3 or len(image.bands) == 2:
        arguments["bands"] = image.names[: 3 if len(image.bands) > 3 else 1]
    return call(service.context, "Image.visualize", arguments)


def render(image: Image, grid: PixelGrid, kind: str, service: Service) -> tuple[bytes, str]:
    """Return an image's pixels on a grid as the bytes of a file, and its content type."""
    layers = compute_pixels(image, grid)
    if kind == "NPY":
        return to_npy(layers), CONTENT_TYPES[kind]
    if kind == "GEO_TIFF":
        return to_geotiff(layers, grid), CONTENT_TYPES[kind]
    if kind == "JPEG":
        return to_jpeg(layers), CONTENT_TYPES[kind]
    if kind == "PNG":
        return to_png(layers), CONTENT_TYPES[kind]
    if kind in ("AUTO_JPEG_PNG", "IMAGE_FILE_FORMAT_UNSPECIFIED"):
        opaque = all((mask if mask.dtype == bool else mask >= 1).all() for _, _, mask in layers)
        return (to_jpeg(layers), CONTENT_TYPES["JPEG"]) if opaque else (to_png(layers), CONTENT_TYPES["PNG"])
    if kind == "TF_RECORD_IMAGE":
        raise EEError("fileFormat TF_RECORD_IMAGE is only supported for exporting images.")
    raise EEError(f"Invalid value at 'file_format': \"{kind}\".")


def zipped(image: Image, kind: str, prefix: str, service: Service) -> tuple[bytes, str]:
    """Return a ZIP of GeoTIFFs: one of the whole image, or one per band on the band's own grid."""
    if kind == "ZIPPED_GEO_TIFF":
        grid = native_grid(image)
        return to_zip({f"{prefix}.tif": to_geotiff(compute_pixels(image, grid), grid)}), CONTENT_TYPES[kind]
    files = {}
    for band in image.bands:
        grid = native_grid(image, band)
        layers = compute_pixels(replace(image, bands=(band,)), grid)
        files[f"{prefix}.{band.name}.tif"] = to_geotiff(layers, grid)
    return to_zip(files), CONTENT_TYPES[kind]


def answer_pixels(
    image: Image, body: Mapping[str, Any], service: Service, *, grid: PixelGrid | None = None
) -> Response:
    """Answer a computePixels or getPixels request about an evaluated image, on `grid` where the request
    states none.
    """
    kind = body.get("fileFormat") or "AUTO_JPEG_PNG"
    if kind.startswith("ZIPPED"):
        raise EEError(f"fileFormat {kind} is only supported for thumbnails.")
    image = selected(image, body.get("bandIds"))
    if not image.bands:
        raise EEError("Image has no bands.")
    if kind in DISPLAY or body.get("visualizationOptions"):
        image = displayed(image, body.get("visualizationOptions"), service)
    if body.get("grid"):
        grid = requested_grid(body["grid"], image)
    elif grid is None:
        grid = native_grid(image)
    limits = service.limits
    check_size(image, grid, total=limits.pixel_bytes, dimension=limits.pixel_dimension, bands=limits.bands)
    content, content_type = render(image, grid, kind, service)
    return Response(200, content, content_type)


@route("POST", r"projects/(?P<project>[^/]+)/image:computePixels")
def compute_pixels_route(service: Service, request: Request, project: str) -> Response:
    """Answer the pixels of a computed image."""
    body = request.json()
    return answer_pixels(as_image(evaluate(expression_of(body), service.context), service), body, service)

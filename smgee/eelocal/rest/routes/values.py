"""Values, features and images of collections, computed on request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from smgee.eelocal.assets.describe import describe_computed
from smgee.eelocal.engine.evaluator import evaluate
from smgee.eelocal.errors import EEError
from smgee.eelocal.formats.values import encode_value
from smgee.eelocal.rest.service import Request, Response, Service, route
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.geometry import Feature, Geometry
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.plane import planar_geojson
from smgee.eelocal.values.size import check_size, expanded

_PAGE = 1_000


def expression_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the expression of a request; `EEError` when there is none."""
    expression = body.get("expression")
    if not isinstance(expression, Mapping):
        raise EEError("Field 'expression' is required.")
    return expression


@route("POST", r"projects/(?P<project>[^/]+)/value:compute")
def compute_value(service: Service, request: Request, project: str) -> Response:
    """Answer the value of an expression: what `getInfo` shows."""
    value = evaluate(expression_of(request.json()), service.context)
    check_size(expanded(value))
    return Response.json({"result": encode_value(value, service.limits.elements)})


@route("POST", r"projects/(?P<project>[^/]+)/table:computeFeatures")
def compute_features(service: Service, request: Request, project: str) -> Response:
    """Answer a page of features, planar GeoJSON in longitude and latitude."""
    body = request.json()
    elements, token = _page(service, body)
    answer: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": [geojson_feature(e, service) for e in elements],
    }
    return Response.json(answer | token)


@route("POST", r"projects/(?P<project>[^/]+)/imageCollection:computeImages")
def compute_images(service: Service, request: Request, project: str) -> Response:
    """Answer a page of images, described as the assets routes describe them."""
    elements, token = _page(service, request.json())
    for element in elements:
        if not isinstance(element, Image):
            raise EEError(
                "imageCollection:computeImages: an image collection is required, got an element of type "
                f"{type(element).__name__}."
            )
    return Response.json({"images": [describe_computed(e) for e in elements]} | token)


def _page(service: Service, body: Mapping[str, Any]) -> tuple[list[Any], dict[str, str]]:
    expression = expression_of(body)
    key = hashlib.sha256(repr(expression).encode()).hexdigest()
    size = int(body.get("pageSize") or _PAGE)
    if size <= 0:
        raise EEError(f"pageSize must be positive, got {size}.")
    start = 0
    if body.get("pageToken"):
        digest, _, offset = str(body["pageToken"]).partition(".")
        if digest != key[:16] or not offset.isdigit():
            raise EEError("Invalid page token: it belongs to another expression.")
        start = int(offset)
    elements = service.pages.get(key) if start else None
    if elements is None:
        elements = as_collection(evaluate(expression, service.context)).elements
    page = elements[start : start + size]
    if start + size >= len(elements):
        service.pages.drop(key)
        return page, {}
    service.pages.keep(key, elements)
    return page, {"nextPageToken": f"{key[:16]}.{start + size}"}


def as_collection(value: Any) -> Collection:
    """Return a value as a collection; a feature or geometry stands for a collection of one; `EEError` when it
    is none of these.
    """
    if isinstance(value, Collection):
        return value
    if isinstance(value, Geometry):
        value = Feature(value, {}, "0")
    if isinstance(value, Feature):
        feature = value
        return Collection(lambda: [feature])
    raise EEError(f"A feature collection is required, got {type(value).__name__}.")


def geojson_feature(element: Any, service: Service, *, edges: bool = False) -> dict[str, Any]:
    """Return a feature, or an image's footprint and properties, as GeoJSON in longitude and latitude.

    With `edges`, a geometry whose edges are straight in the projection says so (``geodesic``), so that it can
    be stored and loaded again.
    """
    if isinstance(element, Image):
        element = Feature(element.footprint, element.properties, element.properties.get("system:index"))
    if not isinstance(element, Feature):
        raise EEError(f"A feature is required, got {type(element).__name__}.")
    properties = {
        k: encode_value(v, service.limits.elements)
        for k, v in element.properties.items()
        if k != "system:index" and v is not None
    }
    shape = planar_geojson(element.geometry)
    if edges and shape is not None and element.geometry is not None and not element.geometry.geodesic:
        shape["geodesic"] = False
    identifier = element.id if element.id is not None else element.properties.get("system:index")
    result: dict[str, Any] = {"type": "Feature", "geometry": shape, "properties": properties}
    if identifier is not None:
        result["id"] = str(identifier)
    return result

"""Assets: described, listed, created, copied, moved, changed, deleted, shared."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from shapely.geometry import shape

from smgee.eelocal.assets.describe import describe
from smgee.eelocal.assets.names import asset_id, check_new_id
from smgee.eelocal.assets.query import asset_filter, parse_time
from smgee.eelocal.assets.records import AssetRecord
from smgee.eelocal.assets.user import UserAssets
from smgee.eelocal.engine.evaluator import evaluate
from smgee.eelocal.errors import EEError, NotFoundError
from smgee.eelocal.pixels.grids import footprint_bounds
from smgee.eelocal.rest.routes.pixels import answer_pixels
from smgee.eelocal.rest.service import Request, Response, Service, route
from smgee.eelocal.values.image import Image
from smgee.source import TableInfo

_NAME = r"(?P<name>projects/[^/]+/assets(?:/[^:]*)?)"


def writable(service: Service, identifier: str) -> UserAssets:
    """Return the store that an id may be written to; `EEError` when this service has none, or the id belongs
    to the public catalog.
    """
    if service.store.user is None:
        raise EEError(
            "This session has no place for new assets; connect with store=<folder>.",
            code=403,
            status="PERMISSION_DENIED",
        )
    check_new_id(identifier)
    return service.store.user


def _own(service: Service, name: str) -> tuple[UserAssets, str]:
    identifier = asset_id(name)
    user = service.store.user
    if user is None or user.record(identifier) is None:
        if service.store.find(identifier) is not None or service.store.is_folder(identifier):
            raise EEError(
                f"Permission denied: asset '{identifier}' is read-only.", code=403, status="PERMISSION_DENIED"
            )
        raise NotFoundError(
            f"Asset '{identifier}' not found (does not exist or caller does not have access)."
        )
    return user, identifier


@route("GET", _NAME)
def get_asset(service: Service, request: Request, name: str) -> Response:
    """Answer the description of an asset."""
    return Response.json(describe(service.store, asset_id(name)))


@route("GET", r"(?P<parent>projects/[^/:]+)(?P<path>/assets(?:/[^:]*)?)?:(?P<verb>listAssets|listImages)")
def list_assets(service: Service, request: Request, parent: str, path: str | None, verb: str) -> Response:
    """Answer a page of what a folder or collection holds."""
    store = service.store
    identifier = asset_id(parent + (path or "/assets"))
    if identifier == "projects/earthengine-public/assets":
        identifiers = [i for i in store.list("") if i != "projects"]
    else:
        identifiers = store.list(identifier)
        found = store.find(identifier)
        if not identifiers and found is None and not store.is_folder(identifier):
            raise NotFoundError(
                f"Asset '{identifier}' not found (does not exist or caller does not have access)."
            )
        if found is not None and not identifiers and hasattr(found[0], "images"):
            identifiers = [i.id for i in found[0].images(identifier)]
    query = dict(request.query)
    start, size = int(query.get("pageToken") or 0), int(query.get("pageSize") or 1000)
    basic = query.get("view", "").upper() in ("BASIC", "1")
    accept = asset_filter(query.get("filter"))
    filtered = bool(query.get("filter")) or verb == "listImages"
    page: list[dict[str, Any]] = []
    position = start
    while position < len(identifiers) and len(page) < size:
        asset = describe(store, identifiers[position], basic=basic and not filtered)
        position += 1
        if (verb == "listAssets" or asset["type"] == "IMAGE") and accept(asset):
            page.append({k: asset[k] for k in ("type", "name", "id") if k in asset} if basic else asset)
    answer: dict[str, Any] = {"assets" if verb == "listAssets" else "images": page}
    if position < len(identifiers):
        answer["nextPageToken"] = str(position)
    return Response.json(answer)


@route("POST", r"projects/(?P<project>[^/]+)/assets")
def create_asset(service: Service, request: Request, project: str) -> Response:
    """Create an empty folder or image collection."""
    body = request.json()
    identifier = asset_id(f"projects/{project}/assets/{request.query.get('assetId', '')}")
    user = writable(service, identifier)
    kind = body.get("type")
    if kind not in ("FOLDER", "IMAGE_COLLECTION"):
        raise EEError(
            f"Cannot create an asset of type {kind!r} without data: only FOLDER and IMAGE_COLLECTION; import "
            "or export "
            "the others."
        )
    user.put(AssetRecord(kind, identifier, checked_properties(body.get("properties") or {}, service)))
    return Response.json(describe(service.store, identifier))


@route("DELETE", _NAME)
def delete_asset(service: Service, request: Request, name: str) -> Response:
    """Delete an asset."""
    user, identifier = _own(service, name)
    user.delete(identifier)
    return Response.json({})


@route("POST", _NAME + ":copy")
def copy_asset(service: Service, request: Request, name: str) -> Response:
    """Copy an asset of the user's to another id."""
    body = request.json()
    destination = asset_id(str(body.get("destinationName", "")))
    user = writable(service, destination)
    _, identifier = _own(service, name)
    user.copy(identifier, destination, overwrite=bool(body.get("overwrite")))
    return Response.json(describe(service.store, destination))


@route("POST", _NAME + ":move")
def move_asset(service: Service, request: Request, name: str) -> Response:
    """Give an asset another id."""
    destination = asset_id(str(request.json().get("destinationName", "")))
    writable(service, destination)
    user, identifier = _own(service, name)
    user.move(identifier, destination)
    return Response.json(describe(service.store, destination))


@route("PATCH", _NAME)
def update_asset(service: Service, request: Request, name: str) -> Response:
    """Change an asset's times, properties or band names, as the update mask says."""
    user, identifier = _own(service, name)
    body = request.json()
    asset = body.get("asset", body)
    mask = body.get("updateMask", request.query.get("updateMask"))
    paths = mask.get("paths", []) if isinstance(mask, Mapping) else str(mask).split(",") if mask else []
    record = user.record(identifier)
    assert record is not None
    if not paths:
        paths = ["properties", "startTime", "endTime"] + (["bands"] if asset.get("bands") else [])
    change: dict[str, Any] = {}
    properties = dict(record.properties)
    for path in paths:
        if path in ("startTime", "start_time", "endTime", "end_time"):
            short = "start" if path.startswith("start") else "end"
            value = asset.get(f"{short}Time") or asset.get(f"{short}_time")
            change[f"{short}_ms"] = None if value is None else milliseconds(value)
        elif path == "properties":
            properties = dict(asset.get("properties") or {})
        elif path.startswith("properties."):
            key = path.removeprefix("properties.").strip('"')
            value = (asset.get("properties") or {}).get(key)
            if value is None:
                properties.pop(key, None)
            else:
                properties[key] = value
        elif path == "bands" and record.type == "IMAGE":
            names = [b["id"] for b in asset.get("bands", ())]
            if len(names) != len(record.bands) or len(set(names)) != len(names):
                raise EEError(
                    f"Asset '{identifier}' has {len(record.bands)} bands; as many different names are "
                    f"needed, got {names}."
                )
            change["bands"] = tuple(b.renamed(n) for b, n in zip(record.bands, names, strict=True))
        else:
            raise EEError(
                f"Invalid update mask: '{path}' cannot be updated; startTime, endTime, properties and bands "
                "can."
            )
    change["properties"] = checked_properties(properties, service)
    user.update(identifier, **change)
    return Response.json(describe(service.store, identifier))


def milliseconds(text: str) -> int:
    """Return an RFC 3339 time in UTC milliseconds; `EEError` when it is none."""
    if re.fullmatch(r"-?\d+(\.\d+)?s?", text):
        return round(float(text.removesuffix("s")) * 1000)
    return round(parse_time(text).timestamp() * 1000)


def checked_properties(properties: Mapping[str, Any], service: Service) -> dict[str, Any]:
    """Return asset properties, refusing values that Earth Engine does not store; `EEError` for values that
    are no numbers, strings or lists of them, and for strings that are too long.
    """
    longest = service.limits.string_length
    for key, value in properties.items():
        items = value if isinstance(value, (list, tuple)) else [value]
        for item in items:
            if not isinstance(item, (int, float, str)):
                raise EEError(
                    f"Property '{key}' has a value of type {type(item).__name__}: asset properties are "
                    "numbers, "
                    "strings, or lists of these."
                )
            if isinstance(item, str) and len(item) > longest:
                raise EEError(
                    f"Property '{key}' is too long: {len(item)} characters, the maximum is {longest}."
                )
    return dict(properties)


# -- data of assets


@route("POST", _NAME + ":getPixels")
def get_pixels(service: Service, request: Request, name: str) -> Response:
    """Answer the pixels of an image asset."""
    body = request.json()
    expression = {
        "functionInvocationValue": {
            "functionName": "Image.load",
            "arguments": {"id": {"constantValue": asset_id(name)}},
        }
    }
    region = body.get("region")
    if region:
        geometry = {
            "functionInvocationValue": {
                "functionName": f"GeometryConstructors.{region['type']}",
                "arguments": _geometry(region),
            }
        }
        expression = {
            "functionInvocationValue": {
                "functionName": "Image.clip",
                "arguments": {"input": expression, "geometry": geometry},
            }
        }
    image = evaluate(expression, service.context)
    assert isinstance(image, Image)
    if region and not body.get("grid") and image.bands:
        projection = image.bands[0].projection
        bounds = footprint_bounds(image, projection.crs)
        if bounds is None:
            raise EEError("The region does not meet the image.")
        return answer_pixels(image, body, service, grid=projection.grid(bounds))
    return answer_pixels(image, body, service)


def _geometry(region: Mapping[str, Any]) -> dict[str, Any]:
    arguments: dict[str, Any] = {"coordinates": {"constantValue": region["coordinates"]}}
    if region["type"] in ("Polygon", "MultiPolygon"):
        arguments["geodesic"] = {"constantValue": False}
    return arguments


@route("GET", _NAME + ":listFeatures")
def list_features(service: Service, request: Request, name: str) -> Response:
    """Answer a page of a table's features, those that meet a region and a filter."""
    query = request.query
    source, info = service.store.get(name, kind="Table asset")
    if not isinstance(info, TableInfo):
        raise EEError(f"Asset '{info.id}' is not a table.")
    start, size = int(query.get("pageToken") or 0), int(query.get("pageSize") or 1000)
    region = None
    if query.get("region"):
        region = shape(json.loads(query["region"]))
    accept = asset_filter(query.get("filter"))
    page: list[dict[str, Any]] = []
    more = False
    for number, feature in enumerate(source.features(info.id)):
        if number < start:
            continue
        if len(page) == size:
            more, position = True, number
            break
        if region is not None and (
            not feature.get("geometry") or not shape(feature["geometry"]).intersects(region)
        ):
            continue
        if not accept({"properties": feature["properties"]}):
            continue
        geometry = feature.get("geometry")
        page.append(
            {**feature, "geometry": geometry and {k: v for k, v in geometry.items() if k != "geodesic"}}
        )
    answer: dict[str, Any] = {"type": "FeatureCollection", "features": page}
    if more:
        answer["nextPageToken"] = str(position)
    return Response.json(answer)


# -- sharing

_OWNER = {"bindings": [{"role": "roles/owner", "members": ["user:you@localhost"]}]}
_PUBLIC = {"bindings": [{"role": "roles/viewer", "members": ["allUsers"]}]}


@route("POST", _NAME + ":getIamPolicy")
def get_policy(service: Service, request: Request, name: str) -> Response:
    """Answer who may do what with an asset; on this machine it is kept, not enforced."""
    identifier = asset_id(name)
    record = service.store.user.record(identifier) if service.store.user is not None else None
    if record is not None:
        return Response.json(_OWNER if record.policy is None else dict(record.policy))
    service.store.get(identifier)
    return Response.json(_PUBLIC)


@route("POST", _NAME + ":setIamPolicy")
def set_policy(service: Service, request: Request, name: str) -> Response:
    """Keep an asset's policy."""
    user, identifier = _own(service, name)
    policy = request.json().get("policy")
    if not isinstance(policy, Mapping):
        raise EEError("Field 'policy' is required.")
    roles = {"roles/owner", "roles/editor", "roles/viewer"}
    for binding in policy.get("bindings", ()):
        if binding.get("role") not in roles:
            raise EEError(
                f"Role '{binding.get('role')}' is not supported for assets: use {', '.join(sorted(roles))}."
            )
    user.update(identifier, policy=dict(policy))
    return Response.json(dict(policy))


@route("POST", _NAME + ":testIamPermissions")
def test_permissions(service: Service, request: Request, name: str) -> Response:
    """Answer which of some permissions the caller has: all on assets of their own, reading on the others."""
    identifier = asset_id(name)
    asked = list(request.json().get("permissions", ()))
    if service.store.user is not None and service.store.user.record(identifier) is not None:
        return Response.json({"permissions": asked})
    service.store.get(identifier)
    return Response.json(
        {"permissions": [p for p in asked if p.endswith((".get", ".list", ".getIamPolicy", ".compute"))]}
    )

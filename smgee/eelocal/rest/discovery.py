"""The discovery document: the one bundled with the client, completed for what the client calls.

The bundled document has v1alpha paths, lacks several methods and the ``workloadTag`` query parameter; the
client builds its URLs from what it is served, so the completed one makes it speak v1 throughout.
"""

from __future__ import annotations

import json
from copy import deepcopy
from functools import lru_cache
from typing import Any

from smgee.eelocal.engine.spec import client_file

_PROJECT = "^projects/[^/]+$"


def _path(pattern: str) -> dict[str, Any]:
    return {"location": "path", "required": True, "type": "string", "pattern": pattern}


_QUERY = {"location": "query", "type": "string"}
_TAGGED = ("maps", "thumbnails", "videoThumbnails", "filmstripThumbnails", "tables")


def _method(
    identifier: str, http: str, path: str, parameters: dict[str, Any], *, body: bool = True
) -> dict[str, Any]:
    order = [name for name, p in parameters.items() if p["location"] == "path"]
    method = {
        "id": f"earthengine.{identifier}",
        "httpMethod": http,
        "path": path,
        "flatPath": path,
        "parameters": parameters,
        "parameterOrder": order,
        "response": {"type": "any"},
        "scopes": ["https://www.googleapis.com/auth/earthengine"],
    }
    if body:
        method["request"] = {"type": "any"}
    return method


def _walk(resource: dict[str, Any]) -> Any:
    yield from resource.get("methods", {}).values()
    for child in resource.get("resources", {}).values():
        yield from _walk(child)


@lru_cache(maxsize=2)
def _document(root: str) -> bytes:
    with client_file("cloud_api_discovery_document.json").open(encoding="utf-8") as file:
        document = json.load(file)
    document.update(version="v1", id="earthengine:v1", rootUrl=f"{root}/", baseUrl=f"{root}/")
    document.pop("version_module", None)
    for method in _walk(document):
        for key in ("path", "flatPath"):
            method[key] = method[key].replace("v1alpha/", "v1/", 1)
        for parameter in method.get("parameters", {}).values():
            if parameter.get("pattern", "").endswith(
                "/assets/.+$"
            ):  # the root of a project's assets has a trailing slash only
                parameter["pattern"] = parameter["pattern"].removesuffix(".+$") + ".*$"
        if "nextPageToken" not in method.get("response", {}).get("properties", {}):
            continue
        method["response"]["properties"].setdefault("nextPageToken", {"type": "string"})
    projects = document["resources"]["projects"]
    resources, methods = projects["resources"], projects["methods"]
    assets = resources["assets"]["methods"]

    listing = resources["algorithms"]["methods"]["list"]
    listing.update(
        _method(
            "projects.algorithms.list",
            "GET",
            "v1/{+parent}/algorithms",
            {"parent": _path(_PROJECT)},
            body=False,
        )
    )
    for method in (methods["listAssets"], assets["listAssets"]):
        method["parameters"].update(filter=deepcopy(_QUERY), view=deepcopy(_QUERY))
    features = assets["listFeatures"]
    features.update(
        path="v1/{+asset}:listFeatures", flatPath="v1/{+asset}:listFeatures", parameterOrder=["asset"]
    )
    features["parameters"]["asset"] = features["parameters"].pop("parent")
    methods["getConfig"] = _method(
        "projects.getConfig", "GET", "v1/{+name}", {"name": _path("^projects/[^/]+/config$")}, body=False
    )
    methods["updateConfig"] = _method(
        "projects.updateConfig",
        "PATCH",
        "v1/{+name}",
        {"name": _path("^projects/[^/]+/config$"), "updateMask": deepcopy(_QUERY)},
    )
    for resource, verb in (("classifier", "export"), ("image", "importExternal")):
        resources.setdefault(resource, {}).setdefault("methods", {})[verb] = _method(
            f"projects.{resource}.{verb}",
            "POST",
            f"v1/{{+project}}/{resource}:{verb}",
            {"project": _path(_PROJECT)},
        )
    for resource in ("tables", "featureView"):
        resources.setdefault(resource, {}).setdefault("methods", {})["create"] = _method(
            f"projects.{resource}.create", "POST", f"v1/{{+parent}}/{resource}", {"parent": _path(_PROJECT)}
        )
    resources["tables"]["methods"]["getFeatures"] = _method(
        "projects.tables.getFeatures",
        "GET",
        "v1/{+name}:getFeatures",
        {"name": _path("^projects/[^/]+/tables/[^/]+$")},
        body=False,
    )
    for resource in _TAGGED:
        resources[resource]["methods"]["create"]["parameters"]["workloadTag"] = deepcopy(_QUERY)
    return json.dumps(document, separators=(",", ":")).encode()


def discovery_document(root: str) -> bytes:
    """Return the JSON of the discovery document for a service at `root` (``http://127.0.0.1:1234``)."""
    return _document(root.rstrip("/"))

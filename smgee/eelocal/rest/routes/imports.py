"""Imports of images and tables from the local folders that stand for Cloud Storage buckets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from smgee.eelocal.assets.names import asset_id
from smgee.eelocal.errors import EEError
from smgee.eelocal.rest.routes.assets import checked_properties, milliseconds, writable
from smgee.eelocal.rest.service import Request, Response, Service, route
from smgee.eelocal.tasks.exporting import write_table_asset
from smgee.eelocal.tasks.importing import read_table_manifest, write_image_manifest
from smgee.eelocal.tasks.operations import Run


def _destination(service: Service, manifest: Mapping[str, Any], overwrite: bool) -> str:
    if not manifest.get("name"):
        raise EEError("Field 'name' of the manifest is required.")
    identifier = asset_id(str(manifest["name"]))
    user = writable(service, identifier)
    user.check_parent(identifier)
    if not overwrite and user.record(identifier) is not None:
        raise EEError(f"Cannot overwrite asset '{identifier}'.")
    return identifier


def _times(manifest: Mapping[str, Any]) -> tuple[int | None, int | None]:
    values = []
    for key in ("startTime", "endTime"):
        value = manifest.get(key)
        if isinstance(value, Mapping):
            value = f"{value.get('seconds', 0)}"
        values.append(None if value is None else milliseconds(str(value)))
    return values[0], values[1]


def _image_run(service: Service, body: Mapping[str, Any], *, copy: bool) -> tuple[str, Run]:
    manifest = body.get("imageManifest")
    if not isinstance(manifest, Mapping):
        raise EEError("Field 'imageManifest' is required.")
    overwrite = bool(body.get("overwrite"))
    identifier = _destination(service, manifest, overwrite)
    properties = checked_properties(manifest.get("properties") or {}, service)
    start, end = _times(manifest)
    user = writable(service, identifier)

    def run(progress: Callable[[float], None]) -> list[str]:
        write_image_manifest(
            manifest,
            service.store,
            user,
            identifier,
            properties=properties,
            times=(start, end),
            copy=copy,
            overwrite=overwrite,
            progress=progress,
        )
        return [f"https://code.earthengine.google.com/?asset={identifier}"]

    return identifier, run


def _project_task(
    service: Service, project: str, body: Mapping[str, Any], kind: str, run: Run, description: str
) -> Response:
    operation = service.operations.submit(
        project, kind, run, description=description, request_id=body.get("requestId")
    )
    return Response.json(operation.describe())


@route("POST", r"projects/(?P<project>[^/]+)/image:import")
def import_image(service: Service, request: Request, project: str) -> Response:
    """Start copying files into an image asset."""
    body = request.json()
    identifier, run = _image_run(service, body, copy=True)
    return _project_task(service, project, body, "INGEST_IMAGE", run, f"Ingest image: {identifier}")


@route("POST", r"projects/(?P<project>[^/]+)/image:importExternal")
def import_external(service: Service, request: Request, project: str) -> Response:
    """Make an image asset of files that stay where they are, at once."""
    body = request.json()
    for tileset in (body.get("imageManifest") or {}).get("tilesets", ()):
        if len(tileset.get("sources", ())) != 1:
            raise EEError("External images support exactly one source per tileset.")
    identifier, run = _image_run(service, body, copy=False)
    run(lambda fraction: None)
    return Response.json({"name": identifier})


@route("POST", r"projects/(?P<project>[^/]+)/table:import")
def import_table(service: Service, request: Request, project: str) -> Response:
    """Start copying a file into a table asset."""
    body = request.json()
    manifest = body.get("tableManifest")
    if not isinstance(manifest, Mapping):
        raise EEError("Field 'tableManifest' is required.")
    overwrite = bool(body.get("overwrite"))
    identifier = _destination(service, manifest, overwrite)
    user = writable(service, identifier)
    properties = checked_properties(manifest.get("properties") or {}, service)

    def run(progress: Callable[[float], None]) -> list[str]:
        features = read_table_manifest(manifest, service.store)
        write_table_asset(
            features,
            user,
            identifier,
            properties=properties,
            longest=service.limits.string_length,
            overwrite=overwrite,
            progress=progress,
        )
        return [f"https://code.earthengine.google.com/?asset={identifier}"]

    return _project_task(service, project, body, "INGEST_TABLE", run, f"Ingest table: {identifier}")

"""Tables to download."""

from __future__ import annotations

from smgee.eelocal.engine.evaluator import evaluate
from smgee.eelocal.errors import EEError
from smgee.eelocal.formats.tables import EXTENSIONS, TABLE_CONTENT_TYPES, encode_table
from smgee.eelocal.rest.routes.values import as_collection, expression_of, geojson_feature
from smgee.eelocal.rest.service import Request, Response, Service, route


@route("POST", r"projects/(?P<project>[^/]+)/tables")
def create_table(service: Service, request: Request, project: str) -> Response:
    """Make a download of a feature collection."""
    body = request.json()
    kind = body.get("fileFormat") or "CSV"
    if kind not in TABLE_CONTENT_TYPES and not kind.startswith("TF_RECORD"):
        raise EEError(f"Invalid value at 'file_format': \"{kind}\".")
    expression = expression_of(body)
    as_collection(evaluate(expression, service.context))  # its errors show now
    service.on_link()
    # not the collection, which would hold its elements once they were downloaded
    payload = (expression, kind, body.get("selectors"), body.get("filename") or "table")
    return Response.json({"name": service.links.add(project, "tables", payload, size=len(request.body))})


@route("GET", r"(?P<name>projects/[^/]+/tables/[^/]+):getFeatures")
def get_table(service: Service, request: Request, name: str) -> Response:
    """Answer a table's bytes."""
    expression, kind, selectors, filename = service.links.get(name)
    collection = as_collection(evaluate(expression, service.context))
    content = encode_table([geojson_feature(e, service) for e in collection], kind, selectors)
    extension = EXTENSIONS[kind]
    if not filename.endswith(f".{extension}"):
        filename = f"{filename}.{extension}"
    return Response(
        200, content, TABLE_CONTENT_TYPES[kind], {"content-disposition": f'attachment; filename="{filename}"'}
    )

"""Features as the bytes of a file: CSV, GeoJSON, KML, KMZ, zipped Shapefile."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError

TABLE_CONTENT_TYPES = {
    "CSV": "text/csv; charset=utf-8",
    "GEO_JSON": "application/geo+json",
    "JSON": "application/geo+json",
    "KML": "application/vnd.google-earth.kml+xml",
    "KMZ": "application/vnd.google-earth.kmz",
    "SHP": "application/zip",
}
EXTENSIONS = {
    "CSV": "csv",
    "GEO_JSON": "geojson",
    "JSON": "geojson",
    "KML": "kml",
    "KMZ": "kmz",
    "SHP": "zip",
}
Features = Sequence[Mapping[str, Any]]


def encode_table(features: Features, kind: str, selectors: Sequence[str] | None = None) -> bytes:
    """Return GeoJSON features as the bytes of a file.

    Parameters
    ----------
    features : sequence of mapping
        GeoJSON features.
    kind : {"CSV", "GEO_JSON", "JSON", "KML", "KMZ", "SHP"}
        The REST name of the format.
    selectors : sequence of str, optional
        Properties to keep, in this order; ``.geo`` is the geometry and ``system:index`` the id.
    """
    selectors = [s.strip() for s in selectors] if selectors else None
    if kind == "CSV":
        return _csv(features, selectors)
    if selectors is not None:
        features = [_selected(f, selectors) for f in features]
    if kind in ("GEO_JSON", "JSON"):
        return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()
    if kind == "KML":
        return _kml(features)
    if kind == "KMZ":
        return _zip({"doc.kml": _kml(features)})
    if kind == "SHP":
        return _shapefile(features)
    if kind in ("TF_RECORD_TABLE", "TF_RECORD"):
        raise UnsupportedAlgorithmError(
            "The table format TF_RECORD", "is not written by the embedded Earth Engine"
        )
    raise EEError(f"Invalid value at 'file_format': \"{kind}\".")


def _selected(feature: Mapping[str, Any], selectors: Sequence[str]) -> dict[str, Any]:
    kept = {k: feature["properties"][k] for k in selectors if k in feature["properties"]}
    return {**feature, "properties": kept}


def columns_of(features: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of all properties, sorted."""
    names: set[str] = set()
    for feature in features:
        names.update(feature["properties"])
    return sorted(names)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return value


def _csv(features: Features, selectors: Sequence[str] | None) -> bytes:
    columns = selectors if selectors is not None else ["system:index", *columns_of(features), ".geo"]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for feature in features:
        row = []
        for column in columns:
            if column == "system:index":
                row.append(feature.get("id", ""))
            elif column == ".geo":
                # Earth Engine writes a null geometry as an empty MultiPoint.
                row.append(
                    json.dumps(
                        feature.get("geometry") or {"type": "MultiPoint", "coordinates": []},
                        separators=(",", ":"),
                    )
                )
            else:
                row.append(_cell(feature["properties"].get(column)))
        writer.writerow(row)
    return buffer.getvalue().encode()


def _coordinates(points: Iterable[Sequence[float]]) -> str:
    return " ".join(f"{p[0]!r},{p[1]!r}" for p in points)


def _kml_geometry(geometry: Mapping[str, Any]) -> str:
    kind = geometry["type"]
    if kind == "GeometryCollection":
        return "<MultiGeometry>" + "".join(map(_kml_geometry, geometry["geometries"])) + "</MultiGeometry>"
    parts = geometry["coordinates"]
    if kind.startswith("Multi"):
        single = kind.removeprefix("Multi")
        return (
            "<MultiGeometry>"
            + "".join(_kml_geometry({"type": single, "coordinates": p}) for p in parts)
            + "</MultiGeometry>"
        )
    if kind == "Point":
        return f"<Point><coordinates>{_coordinates([parts])}</coordinates></Point>"
    if kind in ("LineString", "LinearRing"):
        return f"<LineString><coordinates>{_coordinates(parts)}</coordinates></LineString>"
    outer, *inner = parts
    ring = "<LinearRing><coordinates>{}</coordinates></LinearRing>"
    text = f"<outerBoundaryIs>{ring.format(_coordinates(outer))}</outerBoundaryIs>"
    text += "".join(f"<innerBoundaryIs>{ring.format(_coordinates(r))}</innerBoundaryIs>" for r in inner)
    return f"<Polygon>{text}</Polygon>"


def _kml(features: Features) -> bytes:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document>',
    ]
    for feature in features:
        data = "".join(
            f"<Data name={quoteattr(k)}><value>{escape(str(_cell(v)))}</value></Data>"
            for k, v in sorted(feature["properties"].items())
        )
        geometry = _kml_geometry(feature["geometry"]) if feature.get("geometry") else ""
        name = escape(str(feature.get("id", "")))
        lines.append(
            f"<Placemark><name>{name}</name><ExtendedData>{data}</ExtendedData>{geometry}</Placemark>"
        )
    lines.append("</Document></kml>")
    return "\n".join(lines).encode()


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _shapefile(features: Features) -> bytes:
    import geopandas

    kinds = {f["geometry"]["type"].removeprefix("Multi") for f in features if f.get("geometry")}
    if len(kinds) != 1:
        raise EEError(
            f"A shapefile holds one geometry type, this collection has {sorted(kinds) or 'none'}; use "
            "GeoJSON, or split it."
        )
    frame = geopandas.GeoDataFrame.from_features(list(features), crs="EPSG:4326")
    with tempfile.TemporaryDirectory() as folder:
        frame.to_file(Path(folder) / "table.shp")
        return _zip({p.name: p.read_bytes() for p in sorted(Path(folder).iterdir())})

"""Features of table files: CSV, GeoJSON (whole or one feature per line), GeoParquet, and whatever else
GDAL reads as vectors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from shapely.geometry import mapping

from smgee.eelocal.assets.sources import TableSource
from smgee.errors import InputError
from smgee.grid import transformer
from smgee.late import pd

TABLE_SUFFIXES = (".csv", ".geojson", ".json", ".geojsonl", ".parquet", ".geoparquet", ".gpkg", ".shp")
_LON = ("longitude", "lon", "long", "lng", "x")
_LAT = ("latitude", "lat", "y")


def inspect_table(
    path: Path, *, x: str | None = None, y: str | None = None, crs: str = "EPSG:4326"
) -> TableSource:
    """Return a table file as a source, after looking whether it can be read.

    Parameters
    ----------
    path : Path
        The file.
    x, y : str, optional
        A CSV's coordinate columns; names like ``longitude`` and ``lat`` are recognised.
    crs : str
        The CRS of those coordinates.

    Raises
    ------
    InputError
        When the format is unknown or the coordinate columns are not there.
    """
    suffix = path.suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise InputError(f"The table {path} has the suffix {suffix!r}; {', '.join(TABLE_SUFFIXES)} are read.")
    source = TableSource(str(path), suffix.lstrip("."))
    if suffix == ".csv":
        try:
            columns = list(pd.read_csv(path, nrows=0).columns)
        except Exception as error:
            raise InputError(f"The file {path} is not a readable CSV ({error}).") from error
        lowered = {c.lower(): c for c in columns}
        x = x or next((lowered[n] for n in _LON if n in lowered), None)
        y = y or next((lowered[n] for n in _LAT if n in lowered), None)
        for name, what in ((x, "x"), (y, "y")):
            if name is not None and name not in columns:
                raise InputError(
                    f"The file {path} has no column {name!r} for {what}; it has {', '.join(columns[:20])}."
                )
        if ".geo" not in columns and (x is None) != (y is None):
            raise InputError(f"The file {path} has only one coordinate column; name both with --x and --y.")
        source = replace(source, x=x, y=y, crs=crs)
    return source


def read_table(root: Path, source: TableSource) -> Iterator[dict[str, Any]]:
    """Yield the GeoJSON features of a table file, in longitude and latitude, each with an ``id``."""
    path = root / source.file
    if not path.exists():
        raise InputError(
            f"The file {path} is gone; restore it, or remove its asset with `smgee catalog remove`."
        )
    kind = source.format
    if kind == "geojsonl":
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file):
                if line.strip():
                    yield _with_id(json.loads(line), number)
    elif kind in ("geojson", "json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        for number, feature in enumerate(content.get("features", [content])):
            yield _with_id(feature, number)
    elif kind == "csv":
        yield from _csv(path, source)
    else:
        yield from _frame(path, kind)


def _with_id(feature: Mapping[str, Any], number: int) -> dict[str, Any]:
    properties = dict(feature.get("properties") or {})
    # Ids of tables that were ingested without any are 20 hexadecimal digits in Earth Engine.
    identifier = feature.get("id", properties.pop("system:index", None))
    return {
        "type": "Feature",
        "id": f"{number:020x}" if identifier is None else str(identifier),
        "geometry": feature.get("geometry"),
        "properties": {k: v for k, v in properties.items() if v is not None},
    }


def _plain(value: Any) -> Any:
    """Return a cell as a JSON value; missing values as None, dates as ISO text."""
    if value is None:
        return None
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    if hasattr(value, "isoformat"):
        return None if value != value else value.isoformat()  # NaT differs from itself
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


def _csv(path: Path, source: TableSource) -> Iterator[dict[str, Any]]:
    x, y, crs = source.x, source.y, source.crs
    frame = pd.read_csv(path)
    for number, row in enumerate(frame.to_dict("records")):
        properties = {str(k): _plain(v) for k, v in row.items()}
        geometry = None
        if ".geo" in properties:
            text = properties.pop(".geo")
            geometry = json.loads(text) if text else None
            if geometry is not None and geometry.get("coordinates") == []:
                geometry = None
        elif (
            x is not None
            and y is not None
            and properties.get(x) is not None
            and properties.get(y) is not None
        ):
            lon, lat = float(properties[x]), float(properties[y])
            if crs != "EPSG:4326":
                lon, lat = transformer(crs, "EPSG:4326").transform(lon, lat)
            geometry = {"type": "Point", "coordinates": [lon, lat]}
        yield _with_id({"geometry": geometry, "properties": properties}, number)


def _frame(path: Path, kind: str) -> Iterator[dict[str, Any]]:
    import geopandas

    if kind in ("parquet", "geoparquet"):
        try:
            frame = geopandas.read_parquet(path)
        except ValueError:  # a parquet file without geometry
            frame = pd.read_parquet(path)
    else:
        frame = geopandas.read_file(path)
    name = getattr(frame, "_geometry_column_name", None)
    if name is not None and frame.crs is not None and not frame.crs.equals("EPSG:4326"):
        frame = frame.to_crs("EPSG:4326")
    for number, row in enumerate(frame.to_dict("records")):
        shape = row.pop(name) if name is not None else None
        geometry = None if shape is None or shape.is_empty else json.loads(json.dumps(mapping(shape)))
        yield _with_id(
            {"geometry": geometry, "properties": {str(k): _plain(v) for k, v in row.items()}}, number
        )

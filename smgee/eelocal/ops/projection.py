"""``Projection.*``, ``ErrorMargin``, ``PixelType.*``."""

from __future__ import annotations

import re
from typing import Any

from smgee.eelocal.engine.registry import algorithm, algorithms
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.errormargin import ErrorMargin
from smgee.eelocal.values.pixeltype import NAMED_TYPES, PixelType
from smgee.eelocal.values.projection import Projection
from smgee.errors import SmgeeError
from smgee.grid import parse_crs


def parse_projection(crs: str) -> Projection:
    """Return a projection by code or WKT; WKT that a code stands for gets the code; `EEError` when the text
    names no coordinate reference system.
    """
    text = crs.strip()
    if text.upper() == "SR-ORG:6627":  # the web Mercator of Earth Engine's maps, under its older name
        return Projection("EPSG:3857")
    try:
        parsed = parse_crs(text)
    except (SmgeeError, ValueError) as error:
        raise EEError(f"The CRS of a map projection could not be parsed: '{crs}'.") from error
    if re.fullmatch(r"[A-Za-z-]+:\d+", text):
        return Projection(text.upper())
    authority = re.search(r'AUTHORITY\["EPSG",\s*"?(\d+)"?\]\s*\]\s*$', text)
    if authority:
        return Projection(f"EPSG:{authority[1]}")
    code = parsed.to_epsg(min_confidence=100)
    return Projection(f"EPSG:{code}" if code else text)


@algorithm("Projection", "Proj")
def projection(crs: Any, transform: list[Any] | None, transformWkt: str | None) -> Projection:
    """Make a projection."""
    if isinstance(crs, Projection):
        base = crs
    elif isinstance(crs, str):
        base = parse_projection(crs)
    else:
        raise EEError("The crs must be a string.")
    if transformWkt is not None:
        if transform is not None:
            raise EEError("Only one of 'transform' and 'transformWkt' may be given.")
        transform = _read_wkt(transformWkt)
    if transform is None:
        return base
    if len(transform) != 6:
        raise EEError(f"The transform must have 6 numbers, got {len(transform)}.")
    return base.with_transform(transform)


def _read_wkt(text: str) -> list[float]:
    found = {m[1].lower(): float(m[2]) for m in re.finditer(r'"(elt_\d_\d)"\s*,\s*([-+0-9.eE]+)', text)}
    identity = {"elt_0_0": 1.0, "elt_1_1": 1.0}
    if "affine" not in text.lower():
        raise EEError("The transform's WKT must be an affine PARAM_MT.")
    return [
        found.get(k, identity.get(k, 0.0))
        for k in ("elt_0_0", "elt_0_1", "elt_0_2", "elt_1_0", "elt_1_1", "elt_1_2")
    ]


@algorithm("Projection.atScale")
def at_scale(projection: Projection, meters: float) -> Projection:
    """Return the projection with pixels of a size in metres."""
    if meters <= 0:
        raise EEError(f"The scale must be positive, got {meters:g}.")
    return projection.at_scale(meters)


@algorithm("Projection.crs")
def crs(projection: Projection) -> str | None:
    """Return the code, null when there is none."""
    return projection.crs if re.fullmatch(r"[A-Za-z-]+:\d+", projection.crs) else None


@algorithm("Projection.nominalScale")
def nominal_scale(proj: Projection) -> float:
    """Return the pixel size in metres at the point of true scale."""
    return proj.nominal_scale


@algorithm("Projection.transform")
def transform(projection: Projection) -> str:
    """Return the transform as WKT."""
    a, b, c, d, e, f = projection.transform
    entries = {
        "elt_0_0": (a, 1.0),
        "elt_0_1": (b, 0.0),
        "elt_0_2": (c, 0.0),
        "elt_1_0": (d, 0.0),
        "elt_1_1": (e, 1.0),
        "elt_1_2": (f, 0.0),
    }
    lines = ['PARAM_MT["Affine"', '  PARAMETER["num_row", 3]', '  PARAMETER["num_col", 3]']
    lines += [f'  PARAMETER["{k}", {v}]' for k, (v, default) in entries.items() if v != default]
    return ", \n".join(lines) + "]"


@algorithm("PixelType")
def pixel_type(precision: Any, minValue: float | None, maxValue: float | None, dimensions: int) -> PixelType:
    """Make a pixel type."""
    if isinstance(precision, PixelType):
        base = precision
    elif precision in ("int", "float", "double"):
        base = (
            NAMED_TYPES[precision].scalar if minValue is None and maxValue is None else PixelType(precision)
        )
        base = PixelType(base.precision) if precision != "int" else base
    elif isinstance(precision, str) and precision in NAMED_TYPES:
        base = NAMED_TYPES[precision]
    else:
        raise EEError(f"Unknown precision '{precision}': must be 'int', 'float' or 'double'.")
    if dimensions < 0:
        raise EEError(f"The dimensions must not be negative, got {dimensions}.")
    if minValue is None and maxValue is None:
        return base.array(dimensions)
    if base.is_int and (minValue is None or maxValue is None):
        raise EEError("Integer pixel types need both a minimum and a maximum.")
    if minValue is not None and maxValue is not None and minValue > maxValue:
        raise EEError(f"The minimum {minValue} is greater than the maximum {maxValue}.")
    return PixelType(base.precision).ranging(minValue, maxValue).array(dimensions)


def _named(name: str) -> None:
    algorithm(f"PixelType.{name}")(lambda: NAMED_TYPES[name])


for _name in ("double", "float", "int16", "int32", "int64", "int8", "uint16", "uint32", "uint8"):
    _named(_name)


algorithms(
    {
        "Projection.scale": lambda projection, x, y: projection.scaled(x, y),
        "Projection.translate": lambda projection, x, y: projection.translated(x, y),
        "Projection.wkt": lambda projection: parse_crs(projection.crs).to_wkt("WKT1_GDAL", pretty=True),
        "ErrorMargin": lambda value, unit: ErrorMargin.of(value, unit),
        "PixelType.dimensions": lambda pixelType: pixelType.dimensions,
        "PixelType.maxValue": lambda pixelType: pixelType.maximum,
        "PixelType.minValue": lambda pixelType: pixelType.minimum,
        "PixelType.precision": lambda pixelType: pixelType.precision,
    }
)

"""Arithmetic, comparison, logic, bits, casts and functions of pixels: tables, since each family shares one
signature.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.elementwise import BINARY as OPERATIONS
from smgee.eelocal.ops.elementwise import UNARY as FUNCTIONS
from smgee.eelocal.ops.elementwise import spellings
from smgee.eelocal.pixels.arrays import lifted
from smgee.eelocal.values.construct import matched
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.nodes import Apply
from smgee.eelocal.values.pixeltype import BOOLEAN, NAMED_TYPES, PixelType

Values = np.ndarray
TypeRule = Callable[[PixelType, PixelType], PixelType]

# -- types of results


def _corners(bound: Callable[[float, float], float]) -> TypeRule:
    return lambda a, b: a.combine(b, bound)


def _boolean(a: PixelType, b: PixelType) -> PixelType:
    return BOOLEAN.array(max(a.dimensions, b.dimensions))


def _float(a: PixelType, b: PixelType) -> PixelType:
    """Float, but double where an operand is: precision is not thrown away."""
    return PixelType(
        "double" if "double" in (a.precision, b.precision) else "float",
        None,
        None,
        max(a.dimensions, b.dimensions),
    )


def _quotient(a: PixelType, b: PixelType) -> PixelType:
    """Two integers divide into floats; the range is known where the divisor is known not to be 0."""
    union = a.union(b)
    precision = "float" if union.is_int else union.precision
    result = PixelType(precision, None, None, union.dimensions)
    if not (a.ranged and b.ranged) or b.minimum <= 0 <= b.maximum:  # type: ignore[operator]
        return result
    quotients = [x / y for x in a.bounds for y in b.bounds]
    return result.ranging(min(quotients), max(quotients))


def _union(a: PixelType, b: PixelType) -> PixelType:
    return a.union(b)


def _bits(a: PixelType, b: PixelType) -> PixelType:
    """The union, widened to whole bits: or and xor of 3 and 4 is 7."""
    _require_integers(a, b)
    union = a.union(b)
    low, high = union.bounds
    bits = max(int(high).bit_length(), (-int(low) - 1).bit_length() if low < 0 else 0)
    return union.ranging(-(2**bits) if low < 0 else 0, 2**bits - 1)


def _and(a: PixelType, b: PixelType) -> PixelType:
    _require_integers(a, b)
    low = min(a.bounds[0], b.bounds[0])
    return a.union(b) if low >= 0 else _bits(a, b)


def _shift(a: PixelType, b: PixelType) -> PixelType:
    _require_integers(a, b)
    low, high = b.bounds
    if not (low >= 0 and high <= 63):
        return NAMED_TYPES["int64"].array(max(a.dimensions, b.dimensions))
    corners = [int(x) << int(s) for x in a.bounds for s in (low, high)]
    union = a.union(b)
    if min(corners) < -(2**63) or max(corners) >= 2**63:
        return NAMED_TYPES["int64"].array(union.dimensions)
    return union.ranging(min(*corners, 0), max(*corners, 0))


def _right_shift(a: PixelType, b: PixelType) -> PixelType:
    _require_integers(a, b)
    union = a.union(b)
    return union.ranging(min(a.bounds[0], 0), max(a.bounds[1], 0))


def _remainder(a: PixelType, b: PixelType) -> PixelType:
    union = a.union(b)
    if not union.is_int:
        return union.ranging(None, None)
    reach = max(abs(int(v)) for v in b.bounds) - 1
    low, high = a.bounds
    return union.ranging(max(low, -reach) if low < 0 else 0, min(high, max(reach, 0)) if high > 0 else 0)


def _require_integers(*types: PixelType) -> None:
    if not all(t.is_int for t in types):
        raise EEError("Bitwise operands must be integer only.")


# -- values


def _working(kind: PixelType, *others: PixelType) -> np.dtype:
    """Return the type to compute in: float64 where a 32-bit result has wide integer operands, else the
    smallest that holds all.
    """
    types = (kind, *others)
    if all(t.is_int for t in types):
        low, high = min(t.bounds[0] for t in types), max(t.bounds[1] for t in types)
        return PixelType("int", low, high).dtype
    dtype = np.result_type(*(t.dtype for t in types))
    return np.dtype("f8") if dtype.itemsize > 4 else np.dtype("f4")


def integer_divide(a: Values, b: Values) -> Values:
    """Divide integers towards zero; 0 where the divisor is 0."""
    safe = np.where(b == 0, 1, b)
    quotient = np.abs(a) // np.abs(safe)
    return np.where(b == 0, 0, np.where((a < 0) != (safe < 0), -quotient, quotient))


# name: rule for the type of the result
BINARY: dict[str, TypeRule] = {
    "add": _corners(lambda x, y: x + y),
    "subtract": _corners(lambda x, y: x - y),
    "multiply": _corners(lambda x, y: x * y),
    "divide": _quotient,
    "mod": _remainder,
    "pow": _float,
    "min": _corners(min),
    "max": _corners(max),
    "hypot": _float,
    "atan2": _float,
    "gammainc": _float,
    "first": _union,
    "firstNonZero": _union,
    "bitwiseAnd": _and,
    "bitwiseOr": _bits,
    "bitwiseXor": _bits,
    "leftShift": _shift,
    "rightShift": _right_shift,
    **dict.fromkeys(("eq", "neq", "lt", "lte", "gt", "gte", "and", "or"), _boolean),
}
_REAL = frozenset({"hypot", "atan2", "pow", "gammainc", "divide"})
_SHIFTS = frozenset({"leftShift", "rightShift"})


def binary(name: str, a: Band, b: Band, *, band_name: str | None = None) -> Band:
    """Apply a binary operation to two bands; the result lies on the lattice of the first."""
    function = OPERATIONS[name].function
    kind = BINARY[name](a.type, b.type)
    work: np.dtype | None
    if BINARY[name] is _boolean:
        work = None  # NumPy compares in the common type of the operands, which holds both
    elif name in _SHIFTS:
        work = np.dtype("i8")
    elif name in _REAL:
        work = (
            np.dtype("f4")
            if kind.precision == "float" and _exact_in_float(a.type) and _exact_in_float(b.type)
            else np.dtype("f8")
        )
    else:
        work = _working(kind, a.type, b.type)

    def compute(x: Values, y: Values) -> Values:
        return (
            function(x, y)
            if work is None
            else function(x.astype(work, copy=False), y.astype(work, copy=False))
        )

    if a.type.dimensions or b.type.dimensions:
        node: Any = lifted(compute, [a, b], kind)
    else:
        node = Apply(compute, (a.node, b.node), kind.dtype)
    return a.holding(node, kind, name=band_name)


def _exact_in_float(kind: PixelType) -> bool:
    """Whether float32 holds every value of a type."""
    return kind.precision == "float" or (kind.is_int and max(abs(v) for v in kind.bounds) <= 2**24)


def _register_binary(name: str) -> None:
    @algorithm(*(f"Image.{n}" for n in spellings(name)))
    def apply(image1: Image, image2: Image) -> Image:
        result = image1.computed([binary(name, a, b, band_name=n) for n, a, b in matched(image1, image2)])
        if image1.footprint is not None:
            return result
        # An unbounded operand does not extend the other's pixels.
        return result.with_footprint(image2.footprint, clipped=image2.clipped)

    apply.__doc__ = f"Apply `{name}` to matched bands."


for _name in BINARY:
    _register_binary(_name)


# -- one operand


def _real(kind: PixelType) -> PixelType:
    return kind.real()


def _bounded(low: float, high: float) -> Callable[[PixelType], PixelType]:
    return lambda kind: kind.real().ranging(low, high)


def _absolute(kind: PixelType) -> PixelType:
    if not kind.ranged:
        return kind.ranging(None, None)
    low, high = kind.bounds
    least = 0 if low <= 0 <= high else min(abs(low), abs(high))
    return kind.ranging(least, max(abs(low), abs(high)))


def _rounded(function: Callable[[float], float]) -> Callable[[PixelType], PixelType]:
    def rounded(kind: PixelType) -> PixelType:
        if kind.is_int or kind.minimum is None or kind.maximum is None:
            return kind
        return kind.ranging(function(kind.minimum), function(kind.maximum))

    return rounded


def _round_half_up(x: Values) -> Values:
    """Nearest integer, halves towards +∞ as Java's `Math.round`."""
    return (
        x
        if x.dtype.kind in "iub"
        else np.floor(x + np.asarray(0.5, x.dtype))
        if x.dtype == np.dtype("f8")
        else np.floor(x.astype("f8") + 0.5)
    )


def _complement(kind: PixelType) -> PixelType:
    _require_integers(kind)
    low, high = kind.bounds
    return kind.ranging(-1 - high, -1 - low)


def _signum(kind: PixelType) -> PixelType:
    return kind.ranging(-1, 1)


# name: rule for the type of the result; functions without one here are real
UNARY: dict[str, Callable[[PixelType], PixelType]] = {
    **dict.fromkeys(FUNCTIONS, _real),
    "abs": _absolute,
    "ceil": _rounded(math.ceil),
    "floor": _rounded(math.floor),
    "round": _rounded(lambda v: math.floor(v + 0.5)),
    "signum": _signum,
    "not": lambda kind: BOOLEAN.array(kind.dimensions),
    "bitwiseNot": _complement,
    "bitCount": lambda kind: PixelType("int", 0, 64, kind.dimensions),
    "sin": _bounded(-1, 1),
    "cos": _bounded(-1, 1),
    "tanh": _bounded(-1, 1),
    "erf": _bounded(-1, 1),
    "erfc": _bounded(0, 2),
}


def unary(name: str, band: Band) -> Band:
    """Apply a function to a band."""
    function = _round_half_up if name == "round" else FUNCTIONS[name].function
    if name in ("ceil", "floor") and band.type.is_int:
        return band
    if name == "bitCount":
        _require_integers(band.type)
    kind = UNARY[name](band.type)
    work = None if name in ("not", "bitCount") else _working(kind, band.type)

    def compute(x: Values) -> Values:
        return function(x if work is None else x.astype(work, copy=False))

    return band.holding(_pixelwise(compute, band, kind), kind)


def _pixelwise(compute: Callable[[Values], Values], band: Band, kind: PixelType) -> Any:
    return lifted(compute, [band], kind) if band.type.dimensions else Apply(compute, (band.node,), kind.dtype)


def _register_unary(name: str) -> None:
    @algorithm(*(f"Image.{n}" for n in spellings(name)))
    def apply(value: Image) -> Image:
        return value.computed([unary(name, b) for b in value.bands])

    apply.__doc__ = f"Apply `{name}` to every band."


for _name in UNARY:
    _register_unary(_name)


# -- casts


def cast_band(band: Band, target: PixelType) -> Band:
    """Cast a band: into integers by truncation and clamping to the range of the type."""
    kind = target.array(band.type.dimensions) if not target.dimensions else target
    if kind == band.type:
        return band
    if band.type.dtype == kind.dtype and not kind.is_int:
        return band.holding(band.node, kind)
    return band.holding(_pixelwise(kind.cast, band, kind), kind)


def _register_cast(name: str, kind: PixelType) -> None:
    @algorithm(f"Image.{name}", f"Image.to{name[0].upper()}{name[1:]}")
    def apply(value: Image) -> Image:
        return value.with_bands([cast_band(b, kind) for b in value.bands])

    apply.__doc__ = f"Cast every band to {name}; unlike arithmetic, casts keep the image's properties."


for _name, _kind in NAMED_TYPES.items():
    _register_cast(_name, _kind)

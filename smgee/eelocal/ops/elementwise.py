"""The elementwise operations that Number, Array and Image share: one table of functions with their result
types.

Every function takes NumPy arrays already in a working type (int64 for integers, else float32 or float64) and
returns an array; `kind` tells the result type. Division by zero gives 0, remainders take the sign of the
dividend, integers wrap at 64 bits, casts truncate and clamp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.pixeltype import BOOLEAN, NAMED_TYPES, PixelType, joint

Kind = Literal["same", "union", "boolean", "float", "real", "integer", "signed", "whole"]


@dataclass(frozen=True)
class Operation:
    """An elementwise function and the rule of its result type.

    `kind` is ``same`` (type of the first input), ``union`` (of all inputs), ``boolean`` (integer 0…1),
    ``float`` (union with float), ``real`` (double for integers, else unchanged), ``integer`` (union of
    inputs, which must be integers), ``signed`` (the smallest signed type that holds the input's range and its
    complement), or ``whole`` (a whole number: integers unchanged, floats become integers for numbers, stay as
    they are for pixels).
    """

    name: str
    function: Callable[..., np.ndarray]
    kind: Kind


# -- special functions

# Coefficients of the Lanczos approximation with g = 607/128 and 15 terms (P. Godfrey, 2001), the set that
# Apache Commons Math
# documents.
_LANCZOS = (
    0.99999999999999709182,
    57.156235665862923517,
    -59.597960355475491248,
    14.136097974741747174,
    -0.49191381609762019978,
    0.33994649984811888699e-4,
    0.46523628927048575665e-4,
    -0.98374475304879564677e-4,
    0.15808870322491248884e-3,
    -0.21026444172410488319e-3,
    0.21743961811521264320e-3,
    -0.16431810653676389022e-3,
    0.84418223983852743293e-4,
    -0.26190838401581408670e-4,
    0.36899182659531622704e-5,
)
_EULER_GAMMA = 0.577215664901532860606512090082


def lanczos(x: np.ndarray) -> np.ndarray:
    """Return the Lanczos sum c₀ + Σ cᵢ / (x + i), infinite at its poles."""
    total = np.zeros(np.shape(x))
    with np.errstate(divide="ignore"):
        for i in range(len(_LANCZOS) - 1, 0, -1):
            total = total + _LANCZOS[i] / (x + i)
    return total + _LANCZOS[0]


def digamma(x: np.ndarray) -> np.ndarray:
    """Return ψ(x): the recurrence up to 49, then the asymptotic series (Abramowitz & Stegun 6.3.5,
    6.3.18); −∞ at 0, −1, −2, …
    """
    return _climb(
        np.asarray(x, "f8"),
        small=lambda x: -_EULER_GAMMA - 1.0 / x,
        large=lambda x, inverse: (
            np.log(x) - 0.5 / x - inverse * (1.0 / 12 - inverse * (1.0 / 120 - inverse / 252))
        ),
        step=lambda x: -1.0 / x,
    )


def trigamma(x: np.ndarray) -> np.ndarray:
    """Return ψ′(x): the recurrence up to 49, then the asymptotic series (Abramowitz & Stegun 6.4.6,
    6.4.12); ∞ at 0, −1, −2, …
    """
    return _climb(
        np.asarray(x, "f8"),
        small=lambda x: 1.0 / (x * x),
        large=lambda x, inverse: (
            1.0 / x + inverse / 2 + inverse / x * (1.0 / 6 - inverse * (1.0 / 30 - inverse / 42))
        ),
        step=lambda x: 1.0 / (x * x),
    )


def _climb(
    x: np.ndarray,
    *,
    small: Callable[[np.ndarray], np.ndarray],
    large: Callable[[np.ndarray, np.ndarray], np.ndarray],
    step: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    out = np.zeros(x.shape)
    at = x.copy()
    todo = np.isfinite(at)
    out[~todo] = np.where(x[~todo] > 0, large(np.array(np.inf), np.array(0.0)), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        if (at[todo] < -1e6).any():
            raise EEError("digamma and trigamma are not computed below -1000000.")
        while todo.any():
            tiny = todo & (at > 0) & (at <= 1e-5)
            big = todo & (at >= 49)
            out[tiny] += small(at[tiny])
            out[big] += large(at[big], 1.0 / (at[big] * at[big]))
            todo &= ~(tiny | big)
            # The pole is at 0 and the terms before it are finite: -1/0 and 1/0² carry the sign that the
            # recurrence gives.
            out[todo] += step(np.where(at[todo] == 0, 0.0, at[todo]))
            at[todo] += 1.0
    return out


def _special(name: str) -> Callable[..., np.ndarray]:
    def apply(*args: np.ndarray) -> np.ndarray:
        import scipy.special

        return getattr(scipy.special, name)(*args)

    return apply


# -- arithmetic


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = np.broadcast_arrays(a, b)
    out = np.zeros(a.shape, np.result_type(a, b))
    return np.divide(a, b, out=out, where=b != 0)


def _first(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.broadcast_to(a, np.broadcast_shapes(a.shape, b.shape))


def _first_non_zero(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.where(a != 0, a, b)


def _mod(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = np.broadcast_arrays(a, b)
    if a.dtype.kind in "iu":
        return np.where(b == 0, 0, np.fmod(a, np.where(b == 0, 1, b)))
    return np.where(b == 0, 0.0, np.fmod(a, np.where(b == 0, 1.0, b)))


def _round(a: np.ndarray) -> np.ndarray:
    return np.floor(a + 0.5)  # halves upwards, as Java's Math.round


def _shift(function: np.ufunc) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    # Java takes the shift's six low bits.
    return lambda a, b: function(a, np.bitwise_and(b, 63))


def _bit_count(a: np.ndarray) -> np.ndarray:
    return np.bitwise_count(np.asarray(a, "i8").view("u8")).astype("i8")


def _gammainc(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return _special("gammainc")(b, a)  # scipy takes (a, x), Earth Engine (x, a)


UNARY: Mapping[str, Operation] = MappingProxyType(
    {
        op.name: op
        for op in (
            Operation("abs", np.abs, "same"),
            Operation("acos", np.arccos, "real"),
            Operation("asin", np.arcsin, "real"),
            Operation("atan", np.arctan, "real"),
            Operation("bitCount", _bit_count, "integer"),
            Operation("bitwiseNot", np.invert, "signed"),
            Operation("cbrt", np.cbrt, "real"),
            Operation("ceil", np.ceil, "whole"),
            Operation("cos", np.cos, "real"),
            Operation("cosh", np.cosh, "real"),
            Operation("digamma", digamma, "real"),
            Operation("erf", _special("erf"), "real"),
            Operation("erfInv", _special("erfinv"), "real"),
            Operation("erfc", _special("erfc"), "real"),
            Operation("erfcInv", _special("erfcinv"), "real"),
            Operation("exp", np.exp, "real"),
            Operation("floor", np.floor, "whole"),
            Operation("gamma", _special("gamma"), "real"),
            Operation("lanczos", lanczos, "real"),
            Operation("log", np.log, "real"),
            Operation("log10", np.log10, "real"),
            Operation("not", lambda a: a == 0, "boolean"),
            Operation("round", _round, "whole"),
            Operation("signum", np.sign, "same"),
            Operation("sin", np.sin, "real"),
            Operation("sinh", np.sinh, "real"),
            Operation("sqrt", np.sqrt, "real"),
            Operation("tan", np.tan, "real"),
            Operation("tanh", np.tanh, "real"),
            Operation("trigamma", trigamma, "real"),
        )
    }
)

BINARY: Mapping[str, Operation] = MappingProxyType(
    {
        op.name: op
        for op in (
            Operation("add", np.add, "union"),
            Operation("and", lambda a, b: (a != 0) & (b != 0), "boolean"),
            Operation("atan2", lambda x, y: np.arctan2(y, x), "float"),
            Operation("bitwiseAnd", np.bitwise_and, "integer"),
            Operation("bitwiseOr", np.bitwise_or, "integer"),
            Operation("bitwiseXor", np.bitwise_xor, "integer"),
            Operation("divide", _divide, "float"),
            Operation("eq", np.equal, "boolean"),
            Operation("first", _first, "union"),
            Operation("firstNonZero", _first_non_zero, "union"),
            Operation("gammainc", _gammainc, "float"),
            Operation("gt", np.greater, "boolean"),
            Operation("gte", np.greater_equal, "boolean"),
            Operation("hypot", np.hypot, "float"),
            Operation("leftShift", _shift(np.left_shift), "integer"),
            Operation("lt", np.less, "boolean"),
            Operation("lte", np.less_equal, "boolean"),
            Operation("max", np.maximum, "union"),
            Operation("min", np.minimum, "union"),
            Operation("mod", _mod, "union"),
            Operation("multiply", np.multiply, "union"),
            Operation("neq", np.not_equal, "boolean"),
            Operation("or", lambda a, b: (a != 0) | (b != 0), "boolean"),
            Operation("pow", np.power, "float"),
            Operation("rightShift", _shift(np.right_shift), "integer"),
            Operation("subtract", np.subtract, "union"),
        )
    }
)

# Older spellings of the same operations.
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "bitwise_and": "bitwiseAnd",
        "bitwise_not": "bitwiseNot",
        "bitwise_or": "bitwiseOr",
        "bitwise_xor": "bitwiseXor",
        "first_nonzero": "firstNonZero",
        "left_shift": "leftShift",
        "right_shift": "rightShift",
    }
)


def spellings(name: str) -> tuple[str, ...]:
    """Return the names that an operation goes by."""
    return name, *(old for old, new in ALIASES.items() if new == name)


# Name of a cast → the type it gives.
CASTS: Mapping[str, PixelType] = MappingProxyType(
    {
        spelling: kind
        for name, kind in NAMED_TYPES.items()
        for spelling in (name, f"to{name[0].upper()}{name[1:]}")
    }
)


def working(values: np.ndarray) -> np.ndarray:
    """Return values in the type that the operations work in: int64 for integers, float32 and float64 as
    they are.
    """
    if values.dtype.kind in "iub":
        return values.astype("i8", copy=False)
    return values


def result_type(operation: Operation, *types: PixelType) -> PixelType:
    """Return the pixel type of an operation's result; `EEError` for a bitwise operation on floating-point
    values.
    """
    union = joint(types)
    kind = operation.kind
    if kind == "boolean":
        return BOOLEAN
    if kind in ("integer", "signed"):
        if union.precision != "int":
            raise EEError(f"Bitwise operations need integers, got {union.precision}.")
        return _signed(union) if kind == "signed" else union
    if kind == "same":
        return types[0]
    if kind == "float":
        return PixelType("double" if union.precision == "double" else "float", dimensions=union.dimensions)
    if kind == "real":
        return PixelType("float" if union.precision == "float" else "double", dimensions=union.dimensions)
    return union


def _signed(type: PixelType) -> PixelType:
    low, high = type.bounds
    for bits in (8, 16, 32, 64):
        if -(2 ** (bits - 1)) <= low and high < 2 ** (bits - 1):
            return PixelType("int", -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, type.dimensions)
    return PixelType("int", -(2**63), 2**63 - 1, type.dimensions)


def apply(operation: Operation, *values: Any) -> np.ndarray:
    """Apply an operation to arrays in working types; integers go to float first where the result is no
    integer.
    """
    arrays = [working(np.asarray(v)) for v in values]
    if operation.kind in ("integer", "signed") and any(a.dtype.kind == "f" for a in arrays):
        raise EEError("Bitwise operations need integers, got a floating-point value.")
    if operation.kind in ("float", "real") or any(a.dtype.kind == "f" for a in arrays):
        # float32 with integers stays float32; operations whose result is real work in double precision
        # throughout.
        wide = operation.kind in ("float", "real") or any(a.dtype == np.float64 for a in arrays)
        arrays = [a.astype("f8" if wide else "f4", copy=False) for a in arrays]
    with np.errstate(all="ignore"):
        return operation.function(*arrays)


def register(values: str, compute: Callable[..., Any], cast: Callable[[Any, PixelType], Any]) -> None:
    """Register every operation and cast as an algorithm of Number or Array.

    Parameters
    ----------
    values : {"Number", "Array"}
    compute : callable
        Takes an `Operation` and its operands.
    cast : callable
        Takes a value and the type it gets.
    """
    for name, unary in UNARY.items():
        for spelling in spellings(name):
            algorithm(f"{values}.{spelling}")(lambda input, _op=unary: compute(_op, input))
    for name, binary in BINARY.items():
        for spelling in spellings(name):
            algorithm(f"{values}.{spelling}")(lambda left, right, _op=binary: compute(_op, left, right))
    for name, kind in CASTS.items():
        algorithm(f"{values}.{name}")(lambda input, _type=kind: cast(input, _type))

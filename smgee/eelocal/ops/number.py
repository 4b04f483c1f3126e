"""``Number.*``."""

from __future__ import annotations

import decimal
import re
from typing import Any

import numpy as np

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.elementwise import Operation, apply, register
from smgee.eelocal.ops.number_expression import evaluate_numbers
from smgee.eelocal.values.common import format_number as as_text
from smgee.eelocal.values.number import Long
from smgee.eelocal.values.pixeltype import PixelType
from smgee.eelocal.values.size import check_size


def compute(operation: Operation, *values: float | int) -> float | int:
    """Apply an elementwise operation to numbers: integers give 64-bit integers, everything else doubles."""
    arrays = [
        np.asarray(v, "i8") if isinstance(v, int) and -(2**63) <= v < 2**63 else np.asarray(v, "f8")
        for v in values
    ]
    result = apply(operation, *arrays).item()
    if operation.kind == "whole" and isinstance(result, float) and abs(result) < 2**63 and result == result:
        return Long(int(result))
    return Long(result) if isinstance(result, (bool, int)) else result


def cast_number(value: float | int, type: PixelType) -> float | int:
    """Cast a number: to integers by truncation and clamping; `float` leaves a number the double it is."""
    if not type.is_int:
        return float(value)
    if type.is_int and isinstance(value, int):
        low, high = type.bounds
        return Long(min(max(value, int(low)), int(high)))
    return Long(type.cast(np.asarray([value], "f8"))[0].item())


register("Number", compute, cast_number)


@algorithm("Number.clamp")
def clamp(number: float, min: float, max: float) -> float:
    """Return the number moved into a range."""
    if number < min:
        return min
    return max if number > max else number


@algorithm("Number.unitScale")
def unit_scale(number: float, min: float, max: float) -> float:
    """Scale so that `min` becomes 0 and `max` 1, without clamping; 0 for an empty range."""
    return 0.0 if min == max else (number - min) / (max - min)


@algorithm("Number.parse")
def parse(input: str, radix: int) -> float | int:
    """Read a number: an integer in any radix, or a decimal in radix 10."""
    text = input.strip()
    if not 2 <= radix <= 36:
        raise EEError(f"The radix must be between 2 and 36, got {radix}.")
    try:
        if re.fullmatch(r"[+-]?[0-9A-Za-z]+", text) and not (radix == 10 and re.search("[A-Za-z]", text)):
            return Long(int(text, radix))
        if radix == 10 and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(Infinity|NaN)", text):
            return float(text.replace("Infinity", "inf"))
    except ValueError:
        pass
    raise EEError(f"Cannot parse '{input}' as a number of radix {radix}.")


_WIDEST = 1_000_000  # characters of one formatted number

_PATTERN = re.compile(
    r"(?P<before>[^%]*)%(?P<flags>[-+ 0,(#]*)(?P<width>\d+)?(?:\.(?P<precision>\d+))?"
    r"(?P<kind>[sdoxXeEfgGaA])(?P<after>[^%]*)"
)

# What Java's Formatter takes beside a width: https://docs.oracle.com/en/java/javase/11/docs/api/java.base/
# java/util/Formatter.html
_FLAGS = {"s": "-", "d": "-+ 0,(", "o": "-0#", "x": "-0#", "e": "-+ 0(", "f": "-+ 0,(", "g": "-+ 0,("}


@algorithm("Number.format")
def format_number(number: float | int, pattern: str) -> str:
    """Write a number by a pattern of Java's Formatter with exactly one ``%``, as its documentation asks;
    halves are rounded up in magnitude.
    """
    match = _PATTERN.fullmatch(pattern)
    if match is None:
        raise EEError(
            f"Invalid format pattern '{pattern}': it needs exactly one '%', with a conversion out of "
            "sdoxXeEfgGaA."
        )
    return match["before"] + _format(number, match) + match["after"]


def _format(number: float | int, match: re.Match[str]) -> str:
    flags, kind = match["flags"], match["kind"]
    check_size(max(int(match["width"] or 0), int(match["precision"] or 0)), _WIDEST)
    precision = int(match["precision"]) if match["precision"] is not None else None
    refused = set(flags) - set(_FLAGS.get(kind.lower(), ""))
    if kind in "aA" or refused or (kind in "doxX" and precision is not None):
        raise EEError(f"The format '%{flags}…{kind}' has a part that is not allowed, or not written here.")
    prefix = ""
    if kind in "dxXo":
        if isinstance(number, float):
            if not number.is_integer():
                raise EEError(
                    f"The format pattern '%{kind}' needs an integer, got {number}; use %f, or cast with "
                    "toInt()."
                )
            number = int(number)
        if kind != "d" and number < 0:
            number += 2**64  # Java shows the two's complement
        body = format(abs(number), kind)
        negative = number < 0
        prefix = {"x": "0x", "X": "0X", "o": "0"}[kind] if "#" in flags else ""
    elif kind == "s":
        body, negative = as_text(number)[:precision], False
    else:
        value = decimal.Decimal(float(number)) if np.isfinite(number) else None
        negative = bool(np.signbit(float(number)))
        if value is None:
            body = "NaN" if number != number else "Infinity"
        else:
            body = _decimal(abs(value), kind, 6 if precision is None else precision)
    if "," in flags:
        whole, dot, fraction = body.partition(".")
        body = f"{int(whole):,}" + dot + fraction if whole.isdigit() else body
    sign = "-" if negative else "+" if "+" in flags else " " if " " in flags else ""
    if "(" in flags and negative:
        sign, body = "(", body + ")"
    width = int(match["width"] or 0)
    if "0" in flags and "-" not in flags and body not in ("NaN", "Infinity"):
        body = body.rjust(max(width - len(sign + prefix), 0), "0")
    text = sign + prefix + body
    return text.ljust(width) if "-" in flags else text.rjust(width)


def _decimal(value: decimal.Decimal, kind: str, digits: int) -> str:
    context = decimal.Context(prec=2000, rounding=decimal.ROUND_HALF_UP)
    # Java rounds the shortest decimal that identifies the double, not its exact binary value.
    value = decimal.Decimal(repr(float(value)))
    if kind in "fF":
        return f"{value.quantize(decimal.Decimal(1).scaleb(-digits), context=context):f}"
    exponent = value.adjusted() if value else 0
    if kind in "gG":
        digits = max(digits, 1)
        rounded = (
            context.create_decimal(value).quantize(
                decimal.Decimal(1).scaleb(exponent - digits + 1), context=context
            )
            if value
            else value
        )
        exponent = rounded.adjusted() if rounded else 0
        if value == 0 or -4 <= exponent < digits:
            return f"{value.quantize(decimal.Decimal(1).scaleb(exponent - digits + 1), context=context):f}"
        digits -= 1
    mantissa = value.scaleb(-exponent, context=context).quantize(
        decimal.Decimal(1).scaleb(-digits), context=context
    )
    if mantissa >= 10:
        exponent += 1
        mantissa = value.scaleb(-exponent, context=context).quantize(
            decimal.Decimal(1).scaleb(-digits), context=context
        )
    text = f"{mantissa:f}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return text.upper() if kind in "EG" else text


@algorithm("Number.expression")
def expression(context: Any, expression: str, vars: dict[str, Any] | None) -> Any:
    """Evaluate an expression on numbers."""
    return evaluate_numbers(context, expression, vars or {})

"""Coercion of evaluated values to the types that official signatures name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.common import type_name

_COERCIONS: dict[str, Callable[[Any], Any]] = {}


class CoercionError(EEError):
    """A value of the wrong type for an argument."""

    def __init__(self, argument: str, expected: str, value: Any):
        self.argument = argument
        self.text = (
            f"argument '{argument}': Invalid type.\nExpected type: {expected}.\n"
            f"Actual type: {type_name(value)}."
        )
        if value is None or isinstance(value, (bool, int, float, str)):
            self.text += f"\nActual value: {value}"
        super().__init__(self.text[0].upper() + self.text[1:])

    def prefixed(self, function: str) -> EEError:
        error = EEError(f"{function}, {self.text}")
        error.named = True  # type: ignore[attr-defined]
        return error


def coercion(*types: str) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Register how values become one of the official types; the function returns NotImplemented for what
    it can't take.
    """

    def register(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        for name in types:
            _COERCIONS[name] = function
        return function

    return register


def coerce(value: Any, full_type: str, *, name: str) -> Any:
    """Coerce `value` to an official type, element types of lists and dictionaries included.

    Raises
    ------
    CoercionError
        ``argument 'name': Invalid type. …`` when it can't be.
    """
    outer, _, inner = full_type.partition("<")
    inner = inner[:-1] if outer != "Image" else ""
    convert = _COERCIONS.get(outer)
    result = value if convert is None else convert(value)
    if result is NotImplemented:
        raise CoercionError(name, full_type, value)
    if inner and inner != "Object":
        if isinstance(result, list):
            return [None if v is None else coerce(v, inner, name=name) for v in result]
        if isinstance(result, dict):
            return {k: None if v is None else coerce(v, inner, name=name) for k, v in result.items()}
    return result

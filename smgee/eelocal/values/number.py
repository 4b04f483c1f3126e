"""Numbers that remember how they were made."""

from __future__ import annotations


class Long(int):
    """A whole number that was computed or cast, which Earth Engine types Long; literals are Integer."""

    __slots__ = ()


def is_number(value: object) -> bool:
    """Whether a value is a number; booleans are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def plain(value: float | int) -> float | int:
    """Return a whole float as an int, as a literal of Earth Engine's expressions: their JSON has one kind
    of number.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value

"""Filters: conditions on one element, or on a pair of them in a join."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.element import get_property
from smgee.eelocal.values.geometry import Feature
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.made import Made


class Filter(Made):
    """A condition on elements.

    Truth has three values, as in SQL: a comparison with something missing is neither true nor false, and so
    is its opposite. Only what is true passes.
    """

    def truth(self, element: Any, other: Any = None) -> bool | None:
        """Return the truth for an element, with `other` for the pair (left, right); None where an operand
        is missing.
        """
        raise NotImplementedError

    def matches(self, element: Any, other: Any = None) -> bool:
        """Whether an element passes; with `other`, whether the pair (left, right) does."""
        return self.truth(element, other) is True

    def measure(self, left: Any, right: Any) -> float | None:
        """Return the join measure of a pair that passes, None for a filter without one."""
        return None

    @property
    def equality(self) -> tuple[str, str] | None:
        """The (left, right) fields that must be equal for a pair to pass, None when there are none."""
        return None

    @property
    def description(self) -> str:
        """A word for messages."""
        return type(self).__name__


def field_of(element: Any, name: str) -> Any:
    """Return a field of an element, or of a plain value under the name ``item``."""
    if isinstance(element, (Feature, Image, Collection)):
        return get_property(element, name)
    if name == "item":
        return element
    if isinstance(element, dict):
        return element.get(name)
    return None


@dataclass(frozen=True)
class Operand:
    """A field of an element, or a fixed value."""

    field: str | None
    value: Any = None

    def of(self, element: Any) -> Any:
        """Return the operand for an element."""
        return self.value if self.field is None else field_of(element, self.field)


@dataclass(frozen=True)
class Comparison(Filter):
    """A relation of two operands. `measured` gives the join measure."""

    name: str
    left: Operand
    right: Operand
    test: Callable[[Any, Any], bool]
    measured: Callable[[Any, Any], float | None] | None = None

    def truth(self, element: Any, other: Any = None) -> bool | None:
        a = self.left.of(element)
        b = self.right.of(element if other is None else other)
        return None if a is None or b is None else bool(self.test(a, b))

    def measure(self, left: Any, right: Any) -> float | None:
        return None if self.measured is None else self.measured(self.left.of(left), self.right.of(right))

    @property
    def equality(self) -> tuple[str, str] | None:
        if self.name == "equals" and self.left.field is not None and self.right.field is not None:
            return self.left.field, self.right.field
        return None

    @property
    def description(self) -> str:
        return self.name


@dataclass(frozen=True)
class Condition(Filter):
    """A condition on one element, whatever it is joined with."""

    name: str
    test: Callable[[Any], bool | None]

    def truth(self, element: Any, other: Any = None) -> bool | None:
        return self.test(element)


@dataclass(frozen=True)
class _Several(Filter):
    """Several filters, one of which may decide for all."""

    parts: Sequence[Filter]
    decisive: ClassVar[bool]

    def truth(self, element: Any, other: Any = None) -> bool | None:
        unknown = False
        for part in self.parts:
            truth = part.truth(element, other)
            if truth is self.decisive:
                return truth
            unknown |= truth is None
        return None if unknown else not self.decisive


class All(_Several):
    """Every one of several filters."""

    decisive = False

    @property
    def equality(self) -> tuple[str, str] | None:
        return next((p.equality for p in self.parts if p.equality is not None), None)


class Any_(_Several):
    """At least one of several filters."""

    decisive = True


@dataclass(frozen=True)
class Not(Filter):
    """The opposite of a filter."""

    part: Filter

    def truth(self, element: Any, other: Any = None) -> bool | None:
        truth = self.part.truth(element, other)
        return None if truth is None else not truth


def operands(
    left_field: str | None, right_value: Any, right_field: str | None, left_value: Any
) -> tuple[Operand, Operand]:
    """Return the operands of a relation as its four arguments name them.

    Raises
    ------
    EEError
        When an operand is given twice or not at all.
    """
    if left_field is not None and left_value is not None:
        raise EEError("Only one of 'leftField' and 'leftValue' may be specified.")
    if right_field is not None and right_value is not None:
        raise EEError("Only one of 'rightField' and 'rightValue' may be specified.")
    if left_field is None and left_value is None:
        raise EEError("One of 'leftField' and 'leftValue' must be specified.")
    return Operand(left_field, left_value), Operand(right_field, right_value)

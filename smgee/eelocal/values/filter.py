"""Filters: conditions on one element, or on a pair of them in a join."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.element import get_property
from smgee.eelocal.values.geometry import Feature
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.made import Made


class Unsettled:
    """The truth of the opposite of a comparison with something missing."""


UNSETTLED = Unsettled()


class Filter(Made):
    """A condition on elements.

    A comparison with something missing does not pass. Whether its opposite does, two documents say
    differently: `Filter.Not` is to match if and only if the filter does not, but the client sends ``lte``,
    ``gte`` and ``neq`` as the opposites of ``gt``, ``lt`` and ``eq``, and what is missing is not at most
    anything. So the element is refused, unless something else decides.
    """

    def truth(self, element: Any, other: Any = None) -> bool | Unsettled | None:
        """Return the truth for an element, with `other` for the pair (left, right).

        None where an operand is missing, `Unsettled` where that is negated.
        """
        raise NotImplementedError

    def matches(self, element: Any, other: Any = None) -> bool:
        """Whether an element passes; with `other`, whether the pair (left, right) does;
        `UnsupportedAlgorithmError` where that depends on the opposite of a comparison with something missing.
        """
        truth = self.truth(element, other)
        if isinstance(truth, Unsettled):
            raise UnsupportedAlgorithmError(
                "A filter by Not(), neq, lte or gte",
                "passes elements that lack the property, or not: that is not documented; put "
                "ee.Filter.notNull([...]) before it",
            )
        return truth is True

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

    def truth(self, element: Any, other: Any = None) -> bool | Unsettled | None:
        a = self.left.of(element)
        b = self.right.of(element if other is None else other)
        if a is None or b is None:
            return UNSETTLED if self.name == "notEquals" else None
        return bool(self.test(a, b))

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

    def truth(self, element: Any, other: Any = None) -> bool | Unsettled | None:
        return self.test(element)


# From what fails for certain to what passes: all of several filters are the least of them, any the most.
_TRUTHS = (False, None, UNSETTLED, True)


@dataclass(frozen=True)
class _Several(Filter):
    """Several filters, one of which may decide for all."""

    parts: Sequence[Filter]
    decisive: ClassVar[bool]

    def truth(self, element: Any, other: Any = None) -> bool | Unsettled | None:
        found: bool | Unsettled | None = not self.decisive
        for part in self.parts:
            truth = part.truth(element, other)
            if truth is self.decisive:
                return truth
            choose = max if self.decisive else min
            found = choose(found, truth, key=_TRUTHS.index)
        return found


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

    def truth(self, element: Any, other: Any = None) -> bool | Unsettled | None:
        truth = self.part.truth(element, other)
        return not truth if isinstance(truth, bool) else UNSETTLED


def operands(
    left_field: str | None, right_value: Any, right_field: str | None, left_value: Any
) -> tuple[Operand, Operand]:
    """Return the operands of a relation as its four arguments name them; `EEError` when an operand is given
    twice or not at all; null is none.
    """
    if left_field is not None and left_value is not None:
        raise EEError("Only one of 'leftField' and 'leftValue' may be specified.")
    if right_field is not None and right_value is not None:
        raise EEError("Only one of 'rightField' and 'rightValue' may be specified.")
    if left_field is None and left_value is None:
        raise EEError("One of 'leftField' and 'leftValue' must be specified.")
    if right_field is None and right_value is None:
        raise UnsupportedAlgorithmError(
            "A filter that compares with null",
            "passes what is not documented; use ee.Filter.notNull([...]), or its Not()",
        )
    return Operand(left_field, left_value), Operand(right_field, right_value)

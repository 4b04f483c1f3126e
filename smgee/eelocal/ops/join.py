"""``Join.*``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from smgee.eelocal.engine.coerce import coercion
from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.common import order_key
from smgee.eelocal.values.element import element_id, get_property, set_properties
from smgee.eelocal.values.filter import Filter, field_of
from smgee.eelocal.values.geometry import Feature

Match = tuple[Any, "float | None"]


@dataclass(frozen=True)
class Join:
    """A join: `result` turns a primary element and its matches into result elements.

    `measured` says that it needs a join measure.
    """

    name: str
    result: Callable[[Any, list[Match]], Iterator[Any]]
    measured: bool = False


@coercion("Join")
def _join(value: Any) -> Any:
    return value if isinstance(value, Join) else NotImplemented


def _tag(match: Match, key: str | None) -> Any:
    element, measure = match
    return element if key is None else set_properties(element, {key: measure})


def _sorted(matches: list[Match], ordering: str | None, ascending: bool) -> list[Match]:
    if ordering is None:
        return matches
    return sorted(matches, key=lambda m: order_key(get_property(m[0], ordering)), reverse=not ascending)


@algorithm("Join.simple")
def simple() -> Join:
    """Keep the primaries with a match."""
    return Join("simple", lambda element, matches: iter([element] if matches else []))


@algorithm("Join.inverted")
def inverted() -> Join:
    """Keep the primaries without a match."""
    return Join("inverted", lambda element, matches: iter([] if matches else [element]))


@algorithm("Join.inner")
def inner(primaryKey: str, secondaryKey: str, measureKey: str | None) -> Join:
    """Make a feature of every pair."""

    def result(element: Any, matches: list[Match]) -> Iterator[Any]:
        for other, measure in matches:
            properties = {primaryKey: element, secondaryKey: other}
            if measureKey is not None:
                properties[measureKey] = measure
            yield Feature(None, properties, f"{element_id(element)}_{element_id(other)}")

    return Join("inner", result, measureKey is not None)


@algorithm("Join.saveFirst")
def save_first(
    matchKey: str, ordering: str | None, ascending: bool, measureKey: str | None, outer: bool
) -> Join:
    """Save the first match."""

    def result(element: Any, matches: list[Match]) -> Iterator[Any]:
        if matches:
            yield set_properties(
                element, {matchKey: _tag(_sorted(matches, ordering, ascending)[0], measureKey)}
            )
        elif outer:
            yield element

    return Join("saveFirst", result, measureKey is not None)


@algorithm("Join.saveBest")
def save_best(matchKey: str, measureKey: str, outer: bool) -> Join:
    """Save the match of the least measure."""

    def result(element: Any, matches: list[Match]) -> Iterator[Any]:
        if matches:
            yield set_properties(
                element,
                {
                    matchKey: _tag(
                        min(matches, key=lambda m: float("inf") if m[1] is None else m[1]), measureKey
                    )
                },
            )
        elif outer:
            yield element

    return Join("saveBest", result, True)


@algorithm("Join.saveAll")
def save_all(
    matchesKey: str, ordering: str | None, ascending: bool, measureKey: str | None, outer: bool
) -> Join:
    """Save the list of matches."""

    def result(element: Any, matches: list[Match]) -> Iterator[Any]:
        if matches or outer:
            yield set_properties(
                element, {matchesKey: [_tag(m, measureKey) for m in _sorted(matches, ordering, ascending)]}
            )

    return Join("saveAll", result, measureKey is not None)


@algorithm("Join.apply")
def apply(join: Join, primary: Collection, secondary: Collection, condition: Filter) -> Collection:
    """Join two collections."""
    if join.measured and type(condition).measure is Filter.measure:
        raise EEError(
            "The join needs a measure: its condition must be a withinDistance or maxDifference filter."
        )
    if join.measured and getattr(condition, "measured", True) is None:
        raise EEError(
            "The join needs a measure: its condition must be a withinDistance or maxDifference filter."
        )

    def produce() -> Iterator[Any]:
        candidates = _candidates(secondary, condition)
        for element in primary:
            matches = [
                (o, condition.measure(element, o))
                for o in candidates(element)
                if condition.matches(element, o)
            ]
            yield from join.result(element, matches)

    kind = "FeatureCollection" if join.name == "inner" else primary.kind
    return primary.derive(produce, secondary, kind=kind)


def _candidates(secondary: Collection, condition: Filter) -> Callable[[Any], list[Any]]:
    """Return a function from a primary element to the secondaries that may match it: by hash where fields
    must be equal.
    """
    if condition.equality is None:
        return lambda element: secondary.elements
    left, right = condition.equality
    table: dict[Any, list[Any]] = {}
    for other in secondary:
        value = field_of(other, right)
        if not isinstance(value, (str, int, float)):
            return lambda element: secondary.elements  # lists, dates, … are compared one by one
        table.setdefault(value, []).append(other)

    def find(element: Any) -> list[Any]:
        value = field_of(element, left)
        return table.get(value, []) if isinstance(value, (str, int, float)) else secondary.elements

    return find

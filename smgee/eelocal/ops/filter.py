"""``Filter.*``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from typing import Any

from smgee.eelocal.engine.registry import algorithm, algorithms
from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.geo import geodesy, planes
from smgee.eelocal.ops.collectiongeometry import collect_geometry
from smgee.eelocal.ops.date import instant
from smgee.eelocal.ops.geometry import meters
from smgee.eelocal.ops.geometry_relations import relate
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.common import compare, contains, same, type_name
from smgee.eelocal.values.date import Date, DateRange, to_local
from smgee.eelocal.values.element import element_geometry
from smgee.eelocal.values.errormargin import ErrorMargin
from smgee.eelocal.values.filter import (
    All,
    Any_,
    Comparison,
    Condition,
    Filter,
    Not,
    Operand,
    field_of,
    operands,
)
from smgee.eelocal.values.geometry import Feature, Geometry
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.number import is_number, plain

# -- relations of two operands


def _comparable(value: Any) -> Any:
    return value.ms if isinstance(value, Date) else value


def _order(a: Any, b: Any) -> int:
    """Return −1, 0 or 1. What has no order is refused: its opposite would pass, and the client sends lte and
    gte as the opposites of gt and lt.
    """
    a, b = _comparable(a), _comparable(b)
    sign = compare(a, b)
    if sign is None or a != a or b != b:
        raise UnsupportedAlgorithmError(
            "A filter that puts values in order",
            f"passes what is not documented where a {type_name(a)} meets a {type_name(b)}, or NaN anything",
        )
    return sign


def _ordered(signs: tuple[int, ...]) -> Any:
    return lambda a, b: _order(a, b) in signs


def _equal(a: Any, b: Any) -> bool:
    return same(_comparable(a), _comparable(b))


def _strings(test: Any) -> Any:
    return lambda a, b: isinstance(a, str) and isinstance(b, str) and test(a, b)


def _items(value: Any) -> list[Any]:
    return value.tolist() if isinstance(value, Array) else value if isinstance(value, list) else []


def _date_in(a: Any, b: Any) -> bool:
    if not isinstance(a, DateRange):
        a = DateRange(instant(a, None), instant(a, None) + 1)
    if isinstance(b, DateRange):
        return a.start <= b.start and b.end <= a.end
    return a.start <= instant(b, None) < a.end


def _has_type(a: Any, b: Any) -> bool:
    names = {type_name(a)}
    if is_number(a):
        names.add("Number")
    if isinstance(a, Geometry):
        names |= {a.type, "Geometry"}
    if isinstance(a, (Feature, Image, Collection)):
        names.add("Element")
    return b in names


# Official name → (the name in messages, test). Aliases share a row.
RELATIONS: dict[str, tuple[str, Any]] = {
    "eq": ("equals", _equal),
    "equals": ("equals", _equal),
    "neq": ("notEquals", lambda a, b: not _equal(a, b)),
    "notEquals": ("notEquals", lambda a, b: not _equal(a, b)),
    "lt": ("lessThan", _ordered((-1,))),
    "lessThan": ("lessThan", _ordered((-1,))),
    "lte": ("lessThanOrEquals", _ordered((-1, 0))),
    "lessThanOrEquals": ("lessThanOrEquals", _ordered((-1, 0))),
    "gt": ("greaterThan", _ordered((1,))),
    "greaterThan": ("greaterThan", _ordered((1,))),
    "gte": ("greaterThanOrEquals", _ordered((0, 1))),
    "greaterThanOrEquals": ("greaterThanOrEquals", _ordered((0, 1))),
    "stringStartsWith": ("stringStartsWith", _strings(lambda a, b: a.startswith(b))),
    "stringEndsWith": ("stringEndsWith", _strings(lambda a, b: a.endswith(b))),
    "stringContains": ("stringContains", _strings(lambda a, b: b in a)),
    "inList": ("inList", lambda a, b: contains(_items(b), a)),
    "listContains": ("listContains", lambda a, b: contains(_items(a), b)),
    "dateRangeContains": ("dateRangeContains", _date_in),
    "hasType": ("hasType", _has_type),
}


def _relation(name: str, label: str, test: Any) -> None:
    def make(leftField: str | None, rightValue: Any, rightField: str | None, leftValue: Any) -> Filter:
        left, right = operands(leftField, rightValue, rightField, leftValue)
        return Comparison(label, left, right, test)

    algorithm(f"Filter.{name}")(make)


for _name, (_label, _test) in RELATIONS.items():
    _relation(_name, _label, _test)


# -- relations of geometries


def _shape(value: Any) -> Geometry | None:
    if isinstance(value, Geometry):
        return value
    if isinstance(value, Collection):
        return collect_geometry(value)
    if isinstance(value, (Feature, Image)):
        return element_geometry(value)
    raise EEError(f"A geometry was expected, got {type_name(value)}.")


def _geometric(name: str, relation: str) -> None:
    def make(
        leftField: str | None, rightValue: Any, rightField: str | None, leftValue: Any, maxError: ErrorMargin
    ) -> Filter:
        left, right = operands(leftField, rightValue, rightField, leftValue)
        error = meters(maxError)

        def test(a: Any, b: Any) -> bool:
            x, y = _shape(a), _shape(b)
            return relation == "disjoint" if x is None or y is None else relate(relation, x, y, error=error)

        return Comparison(name, left, right, test)

    algorithm(f"Filter.{name}")(make)


for _name, _kind in {
    "contains": "contains",
    "isContained": "containedIn",
    "intersects": "intersects",
    "disjoint": "disjoint",
}.items():
    _geometric(_name, _kind)


@algorithm("Filter.withinDistance")
def within_distance(
    distance: float,
    leftField: str | None,
    rightValue: Any,
    rightField: str | None,
    leftValue: Any,
    maxError: ErrorMargin,
) -> Filter:
    """Pass geometries within a distance in metres, which is the join measure."""
    left, right = operands(leftField, rightValue, rightField, leftValue)
    error = meters(maxError)

    def measured(a: Any, b: Any) -> float | None:
        x, y = _shape(a), _shape(b)
        if x is None or y is None:
            return None
        return 0.0 if x.unbounded or y.unbounded else planes.distance_of(x, y, error=error)

    return _near("withinDistance", (left, right), distance, measured)


@algorithm("Filter.maxDifference")
def max_difference(
    difference: float,
    leftField: str | None,
    rightValue: Any,
    rightField: str | None,
    leftValue: Any,
) -> Filter:
    """Pass numbers whose difference is at most a limit; the difference is the join measure."""
    left, right = operands(leftField, rightValue, rightField, leftValue)

    def measured(a: Any, b: Any) -> float | None:
        x, y = _comparable(a), _comparable(b)
        return abs(x - y) if is_number(x) and is_number(y) else None

    return _near("maxDifference", (left, right), difference, measured)


def _near(
    name: str, both: tuple[Operand, Operand], most: float, measured: Callable[[Any, Any], float | None]
) -> Filter:
    """Pass what lies no farther apart than `most`; how far is the join measure."""

    def test(a: Any, b: Any) -> bool:
        found = measured(a, b)
        return found is not None and found <= most

    return Comparison(name, *both, test, measured)


@algorithm("Filter.area")
def area(min: float, max: float, maxError: ErrorMargin | None, geometrySelector: str | None) -> Filter:
    """Pass elements whose geometry has an area in a range of m²."""

    def test(element: Any) -> bool:
        shape = field_of(element, geometrySelector or ".geo")
        return (
            isinstance(shape, Geometry)
            and not shape.unbounded
            and min <= geodesy.area_of(shape, error=meters(maxError)) <= max
        )

    return Condition("area", test)


# -- conditions on one element


@algorithm("Filter.hasGeometry")
def has_geometry() -> Filter:
    """Pass elements with a geometry."""
    return Condition("hasGeometry", lambda element: field_of(element, ".geo") is not None)


@algorithm("Filter.notNull")
def not_null(properties: list[str]) -> Filter:
    """Pass elements that have all the properties."""
    return Condition("notNull", lambda element: all(field_of(element, p) is not None for p in properties))


@algorithm("Filter.rangeContains")
def range_contains(field: str, minValue: Any, maxValue: Any) -> Filter:
    """Pass elements whose property is in a range, ends included."""

    def test(element: Any) -> bool | None:
        value = field_of(element, field)
        if value is None:
            return None
        return _order(value, minValue) >= 0 and _order(value, maxValue) <= 0

    return Condition("rangeContains", test)


_FIELDS: dict[str, Any] = {
    "year": lambda t: t.year,
    "month": lambda t: t.month,
    "hour": lambda t: t.hour,
    "minute": lambda t: t.minute,
    "day_of_year": lambda t: t.timetuple().tm_yday,
    "day_of_month": lambda t: t.day,
    "day_of_week": lambda t: t.isoweekday(),
}


@algorithm("Filter.calendarRange")
def calendar_range(start: int, end: int | None, field: str) -> Filter:
    """Pass elements whose time falls within a range of a calendar field, ends included; an end before the
    start wraps around.
    """
    if field not in _FIELDS:
        raise EEError(f"Unknown calendar field '{field}'; expected one of: {', '.join(_FIELDS)}.")
    part = _FIELDS[field]
    last = start if end is None else end

    def test(element: Any) -> bool | None:
        time = _comparable(field_of(element, "system:time_start"))
        if not is_number(time):
            return None
        value = part(to_local(float(time), UTC))
        return start <= value <= last if start <= last else value >= start or value <= last

    return Condition("calendarRange", test)


@algorithm("Filter.dayOfYear")
def day_of_year(start: int, end: int) -> Filter:
    """Pass elements whose day of the year is in a range, ends included."""
    return calendar_range(start, end, "day_of_year")


# -- logic


# -- text

_TOKEN = re.compile(
    r"""\s*(?:(?P<op>>=|<=|==|!=|=|<|>|&&|\|\||!|\(|\))|(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[A-Za-z_][\w:.\-]*))"""
)
_OPERATORS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "==": "eq", "=": "eq", "!=": "neq"}
_MIRRORED = {"gt": "lt", "gte": "lte", "lt": "gt", "lte": "gte", "eq": "eq", "neq": "neq"}


@algorithm("Filter.expression")
def expression(expression: str) -> Filter:
    """Read a filter from text such as ``CLOUD_COVER < 20 && SENSOR == "OLI"``."""
    return parse_filter(expression)


def parse_filter(text: str) -> Filter:
    """Read a filter from text; `EEError` when it is not one."""
    tokens: list[tuple[str, str]] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise EEError(f"Invalid filter expression '{text}': unexpected '{text[at:].strip()[:20]}'.")
        kind = match.lastgroup or ""
        value = match[kind]
        if kind == "name" and value in ("and", "or", "not"):
            kind, value = "op", {"and": "&&", "or": "||", "not": "!"}[value]
        tokens.append((kind, value))
        at = match.end()
    parser = _Parser(text, tokens)
    result = parser.disjunction()
    if parser.at < len(tokens):
        raise parser.error()
    return result


class _Parser:
    def __init__(self, text: str, tokens: list[tuple[str, str]]):
        self.text = text
        self.tokens = tokens
        self.at = 0

    def error(self) -> EEError:
        found = (
            f"unexpected '{self.tokens[self.at][1]}'" if self.at < len(self.tokens) else "it ends too early"
        )
        return EEError(f"Invalid filter expression '{self.text}': {found}.")

    def take(self, *operators: str) -> str | None:
        if (
            self.at < len(self.tokens)
            and self.tokens[self.at][0] == "op"
            and self.tokens[self.at][1] in operators
        ):
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def disjunction(self) -> Filter:
        parts = [self.conjunction()]
        while self.take("||"):
            parts.append(self.conjunction())
        return parts[0] if len(parts) == 1 else Any_(parts)

    def conjunction(self) -> Filter:
        parts = [self.negation()]
        while self.take("&&"):
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else All(parts)

    def negation(self) -> Filter:
        if self.take("!"):
            return Not(self.negation())
        if self.take("("):
            inner = self.disjunction()
            if not self.take(")"):
                raise self.error()
            return inner
        return self.relation()

    def operand(self) -> Operand:
        if self.at >= len(self.tokens):
            raise self.error()
        kind, value = self.tokens[self.at]
        self.at += 1
        if kind == "name":
            return Operand(None, value == "true") if value in ("true", "false") else Operand(value)
        if kind == "string":
            return Operand(None, re.sub(r"\\(.)", r"\1", value[1:-1]))
        if kind == "number":
            return Operand(None, plain(float(value)))
        self.at -= 1
        raise self.error()

    def relation(self) -> Filter:
        left = self.operand()
        operator = self.take(*_OPERATORS)
        if operator is None:
            raise self.error()
        right = self.operand()
        name = _OPERATORS[operator]
        if left.field is None and right.field is None:
            raise EEError(f"Invalid filter expression '{self.text}': a comparison needs a property.")
        if left.field is None:
            left, right, name = right, left, _MIRRORED[name]
        label, test = RELATIONS[name]
        return Comparison(label, left, right, test)


algorithms(
    {
        "Filter.always": lambda: Condition("always", lambda element: True),
        "Filter.never": lambda: Condition("never", lambda element: False),
        "Filter.and": lambda filters: All(filters),
        "Filter.or": lambda filters: Any_(filters),
        "Filter.not": lambda filter: Not(filter),
    }
)

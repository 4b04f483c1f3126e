"""``AggregateFeatureCollection.*``: statistics of one property."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.statistics.histograms import format_key
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.common import order_key, to_json, type_name
from smgee.eelocal.values.element import get_property
from smgee.eelocal.values.number import Long, is_number


def values_of(collection: Collection, property: str) -> list[Any]:
    """Return the values of a property that are there."""
    return [v for v in (get_property(e, property) for e in collection) if v is not None]


def numbers_of(collection: Collection, property: str) -> list[float]:
    """Return the values of a property that must be numbers."""
    values = values_of(collection, property)
    for value in values:
        if not is_number(value):
            raise EEError(f"The property '{property}' must be a number, got {type_name(value)}.")
    return values


def _moments(values: list[float]) -> dict[str, Any]:
    n = len(values)
    total = math.fsum(values)
    if n == 0:
        return dict.fromkeys(("mean", "sample_sd", "sample_var", "total_sd", "total_var"))
    mean = total / n
    spread = math.fsum((v - mean) ** 2 for v in values)
    sample = spread / (n - 1) if n > 1 else None
    return {
        "mean": mean,
        "total_var": spread / n,
        "total_sd": math.sqrt(spread / n),
        "sample_var": sample,
        "sample_sd": None if sample is None else math.sqrt(sample),
    }


@algorithm("AggregateFeatureCollection.first")
def first(collection: Collection, property: str) -> Any:
    """Return the property of the first element."""
    element = next(iter(collection), None)
    return None if element is None else get_property(element, property)


@algorithm("AggregateFeatureCollection.stats")
def stats(collection: Collection, property: str) -> dict[str, Any]:
    """Return counts, extremes, sums, mean and spread."""
    values = numbers_of(collection, property)
    n = len(values)
    return {
        "total_count": len(collection),
        "valid_count": n,
        "min": min(values, default=None),
        "max": max(values, default=None),
        "sum": sum(values),
        "sum_sq": math.fsum(v * v for v in values),
        "weight_sum": n,
        "weighted_sum": sum(values),
        **_moments(values),
    }


def _histogram(values: list[Any]) -> dict[str, int]:
    table: dict[str, int] = {}
    for value in sorted(values, key=order_key):
        table[format_key(value)] = table.get(format_key(value), 0) + 1
    return table


def _distinct(values: list[Any]) -> int:
    return Long(len({v if isinstance(v, (str, int, float)) else to_json(v) for v in values}))


def _moment(name: str, values: list[Any]) -> Any:
    return _moments(values)[name]


_OF_VALUES: dict[str, Callable[[list[Any]], Any]] = {
    "array": lambda values: values,
    "count": lambda values: Long(len(values)),
    "count_distinct": _distinct,
    "histogram": _histogram,
    "max": lambda values: max(values, key=order_key, default=None),
    "min": lambda values: min(values, key=order_key, default=None),
}
_OF_NUMBERS: dict[str, Callable[[list[Any]], Any]] = {
    "product": math.prod,
    "sum": sum,
    **{name: partial(_moment, name) for name in _moments([])},
}


def _register(name: str, read: Callable[..., list[Any]], compute: Callable[[list[Any]], Any]) -> None:
    algorithm(f"AggregateFeatureCollection.{name}")(
        lambda collection, property: compute(read(collection, property))
    )


for _name, _compute in _OF_VALUES.items():
    _register(_name, values_of, _compute)
for _name, _compute in _OF_NUMBERS.items():
    _register(_name, numbers_of, _compute)

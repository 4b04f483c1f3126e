"""``List.*``."""

from __future__ import annotations

import math
import random
from typing import Any

from smgee.eelocal.engine.registry import algorithm, algorithms
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.common import contains, order_key, same, to_text, type_name
from smgee.eelocal.values.function import Function
from smgee.eelocal.values.geometry import Geometry
from smgee.eelocal.values.number import is_number
from smgee.eelocal.values.reducer import Reducer, as_value, collect_rows
from smgee.eelocal.values.size import check_size, expanded, repeated


def position(values: list[Any], index: int, *, end: bool = False) -> int:
    """Return an index counted from the front; `EEError` when there is no such element; `end` also allows the
    place behind the last.
    """
    at = index + len(values) if index < 0 else index
    if not 0 <= at < len(values) + end:
        raise EEError(
            f"List index must be between 0 and {max(len(values) - 1, 0)}, or -1 and -{len(values)} "
            f"(inclusive). Found: {index}."
        )
    return at


@algorithm("List.distinct")
def distinct(list: list[Any]) -> list[Any]:
    """Drop repeated elements."""
    out: Any = []
    for value in list:
        if not contains(out, value):
            out.append(value)
    return out


@algorithm("List.filter")
def filter_list(context: Any, list: list[Any], filter: Any) -> list[Any]:
    """Keep the elements that match; plain values are tested as the property ``item``."""
    return [v for v in list if filter.matches(v)]


@algorithm("List.flatten")
def flatten(list: list[Any]) -> list[Any]:
    """Put the elements of sublists, however deep, in one list."""
    check_size(expanded(list))
    out: Any = []
    stack = [iter(list)]
    while stack:
        for value in stack[-1]:
            if isinstance(value, _LIST):
                stack.append(iter(value))
                break
            out.append(value)
        else:
            stack.pop()
    return out


_LIST = list


def _typed(list: list[Any], index: int, kinds: type | tuple[type, ...], name: str) -> Any:
    value = list[position(list, index)]
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise EEError(f"The element at position {index} is of type {type_name(value)}, not {name}.")
    return value


@algorithm("List.getArray")
def get_array(list: list[Any], index: int) -> Any:
    """Return an element that is an array."""
    value = list[position(list, index)]
    return Array(value) if isinstance(value, _LIST) else _typed(list, index, Array, "Array")


@algorithm("List.indexOf")
def index_of(list: list[Any], element: Any) -> int:
    """Return where an element first is, or −1."""
    return next((i for i, v in enumerate(list) if same(v, element)), -1)


@algorithm("List.indexOfSublist")
def index_of_sublist(list: list[Any], target: list[Any]) -> int:
    """Return where a list first begins within another, or −1."""
    n = len(target)
    return next((i for i in range(len(list) - n + 1) if same(list[i : i + n], target)), -1)


@algorithm("List.lastIndexOfSubList")
def last_index_of_sublist(list: list[Any], target: list[Any]) -> int:
    """Return where a list last begins within another, or −1."""
    n = len(target)
    return next((i for i in range(len(list) - n, -1, -1) if same(list[i : i + n], target)), -1)


@algorithm("List.insert")
def insert(list: list[Any], index: int, element: Any) -> list[Any]:
    """Insert an element."""
    at = position(list, index, end=True)
    return [*list[:at], element, *list[at:]]


@algorithm("List.iterate")
def iterate(list: list[Any], function: Function, first: Any) -> Any:
    """Apply a function of each element and the previous result."""
    result = first
    with repeated(len(list)):
        for value in list:
            result = function(value, result)
    return result


@algorithm("List.length", "List.size")
def size(list: list[Any]) -> int:
    """Count the elements."""
    return len(list)


@algorithm("List.map")
def map_list(list: list[Any], baseAlgorithm: Function, dropNulls: bool) -> list[Any]:
    """Apply a function to every element."""
    out: Any = []
    with repeated(len(list)):
        for value in list:
            result = baseAlgorithm(value)
            if result is None:
                if dropNulls:
                    continue
                raise EEError("The mapped function returned null; use dropNulls to drop such elements.")
            out.append(result)
    return out


@algorithm("List.reduce")
def reduce(list: list[Any], reducer: Reducer) -> Any:
    """Apply a reducer: its output, or a dictionary of several."""
    results = reducer.reduce(collect_rows(reducer, list))
    values = {o: as_value(r) for o, r in zip(reducer.outputs, results, strict=True)}
    return next(iter(values.values())) if len(values) == 1 else values


@algorithm("List.remove")
def remove(list: list[Any], element: Any) -> list[Any]:
    """Remove the first occurrence of an element."""
    at = index_of(list, element)
    return list if at < 0 else [*list[:at], *list[at + 1 :]]


@algorithm("List.repeat")
def repeat(value: Any, count: int) -> list[Any]:
    """Repeat a value."""
    if count < 0:
        raise EEError(f"The count must not be negative, got {count}.")
    check_size(count)
    return [value] * count


@algorithm("List.replace")
def replace(list: list[Any], oldval: Any, newval: Any) -> list[Any]:
    """Replace the first occurrence."""
    at = index_of(list, oldval)
    return list if at < 0 else [*list[:at], newval, *list[at + 1 :]]


@algorithm("List.rotate")
def rotate(list: list[Any], distance: int) -> list[Any]:
    """Move every element towards the end by a distance, those that fall off to the front."""
    if not list:
        return list
    shift = distance % len(list)
    return [*list[-shift:], *list[:-shift]] if shift else list


@algorithm("List.sequence")
def sequence(start: float, end: float | None, step: float, count: int | None) -> list[Any]:
    """Return evenly spaced numbers, `end` included; with both `end` and `count`, the step follows from
    them.
    """
    if end is None and count is None:
        raise EEError("At least one of 'end' and 'count' must be specified.")
    if count is not None:
        if count < 0:
            raise EEError(f"The count must not be negative, got {count}.")
        check_size(count)
        if end is not None:
            if count == 1:
                return [start]
            width = (end - start) / (count - 1)
            values = [start + i * width for i in range(count - 1)] + [end] if count else []
            whole = isinstance(start, int) and isinstance(end, int) and float(width).is_integer()
            return [int(v) for v in values] if whole else [float(v) for v in values]
        return [start + i * step for i in range(count)]
    assert end is not None
    if step == 0:
        raise EEError("The step must not be 0.")
    check_size((end - start) / step)
    steps = math.floor((end - start) / step + 1e-10)
    return [start + i * step for i in range(steps + 1)]


@algorithm("List.set")
def set_element(list: list[Any], index: int, element: Any) -> list[Any]:
    """Replace one element."""
    at = position(list, index)
    return [*list[:at], element, *list[at + 1 :]]


@algorithm("List.shuffle", approximate="drawn from other random numbers, reproducible by the seed")
def shuffle(list: list[Any], seed: Any) -> list[Any]:
    """Permute at random: reproducibly for a seed, but not in the order of the real service."""
    if seed is not None and seed is not False and not is_number(seed):
        raise EEError("The seed must be a number, or false.")
    generator = random.Random() if seed is False else random.Random(0 if seed is None else int(seed))
    out = [*list]
    generator.shuffle(out)
    return out


@algorithm("List.slice")
def slice_list(list: list[Any], start: int, end: int | None, step: int | None) -> list[Any]:
    """Return a part; negative positions count from the end."""
    if step is not None and step < 1:
        raise EEError(f"The step must be positive, got {step}.")
    return list[start:end:step]


@algorithm("List.sort")
def sort(list: list[Any], keys: list[Any] | None) -> list[Any]:
    """Put in ascending order, of the elements or of keys."""
    if keys is None:
        return sorted(list, key=order_key)
    if len(keys) != len(list):
        raise EEError(f"There must be one key per element, got {len(keys)} for {len(list)}.")
    return [list[i] for i in sorted(range(len(list)), key=lambda i: order_key(keys[i]))]


@algorithm("List.splice")
def splice(list: list[Any], start: int, count: int, other: list[Any] | None) -> list[Any]:
    """Replace `count` elements by those of another list."""
    at = position(list, start, end=True)
    if count < 0:
        raise EEError(f"The count must not be negative, got {count}.")
    return [*list[:at], *(other or []), *list[at + count :]]


@algorithm("List.swap")
def swap(list: list[Any], pos1: int, pos2: int) -> list[Any]:
    """Swap two elements."""
    a, b = position(list, pos1), position(list, pos2)
    out = [*list]
    out[a], out[b] = out[b], out[a]
    return out


@algorithm("List.unzip")
def unzip(list: list[Any]) -> list[Any]:
    """Transpose a list of lists, up to the shortest."""
    if not all(isinstance(v, _LIST) for v in list):
        raise EEError("All elements must be lists.")
    return [[*column] for column in zip(*list, strict=False)]


algorithms(
    {
        "List.add": lambda list, element: [*list, element],
        "List.cat": lambda list, other: [*list, *other],
        "List.contains": lambda list, element: contains(list, element),
        "List.containsAll": lambda list, other: all(contains(list, v) for v in other),
        "List.equals": lambda list, other: same(list, other),
        "List.frequency": lambda list, element: sum(same(v, element) for v in list),
        "List.get": lambda list, index: list[position(list, index)],
        "List.getGeometry": lambda list, index: _typed(list, index, Geometry, "Geometry"),
        "List.getNumber": lambda list, index: _typed(list, index, (int, float), "Number"),
        "List.getString": lambda list, index: _typed(list, index, str, "String"),
        "List.join": lambda list, separator: separator.join(to_text(v) for v in list),
        "List.removeAll": lambda list, other: [v for v in list if not contains(other, v)],
        "List.replaceAll": lambda list, oldval, newval: [newval if same(v, oldval) else v for v in list],
        "List.reverse": lambda list: list[::-1],
        "List.zip": lambda list, other: [[a, b] for a, b in zip(list, other, strict=False)],
    }
)

"""``Dictionary.*``; `toImage` is with the images."""

from __future__ import annotations

from typing import Any

import numpy as np

from smgee.eelocal.engine.registry import algorithm, algorithms
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.string import compile_pattern
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.common import type_name
from smgee.eelocal.values.function import Function
from smgee.eelocal.values.geometry import Feature, Geometry
from smgee.eelocal.values.number import is_number
from smgee.eelocal.values.size import repeated


@algorithm("Dictionary")
def dictionary(input: Any) -> dict[str, Any]:
    """Make a dictionary of one, of alternating keys and values, or of an element's properties."""
    if input is None:
        return {}
    if isinstance(input, dict):
        return input
    if isinstance(input, Feature):
        return dict(input.properties)
    if isinstance(input, list):
        if len(input) % 2:
            raise EEError(
                f"A list of keys and values must have an even number of elements, got {len(input)}."
            )
        keys = input[::2]
        if not all(isinstance(k, str) for k in keys):
            raise EEError("The keys must be strings.")
        return dict(zip(keys, input[1::2], strict=True))
    raise EEError(f"A dictionary can't be made of a value of type {type_name(input)}.")


@algorithm("Dictionary.combine")
def combine(first: dict[str, Any], second: dict[str, Any], overwrite: bool) -> dict[str, Any]:
    """Merge two dictionaries, without their null values."""
    merged = {**first, **second} if overwrite else {**second, **first}
    return {k: v for k, v in merged.items() if v is not None}


@algorithm("Dictionary.fromLists")
def from_lists(keys: list[str], values: list[Any]) -> dict[str, Any]:
    """Make a dictionary of parallel lists."""
    if len(keys) != len(values):
        raise EEError(f"There must be as many values as keys, got {len(values)} for {len(keys)}.")
    return dict(zip(keys, values, strict=True))


@algorithm("Dictionary.get")
def get(dictionary: dict[str, Any], key: str, defaultValue: Any) -> Any:
    """Return a value, or the default."""
    if key in dictionary:
        return dictionary[key]
    if defaultValue is not None:
        return defaultValue
    raise EEError(f"Dictionary does not contain key: '{key}'.")


def _typed(dictionary: dict[str, Any], key: str, kinds: type | tuple[type, ...], name: str) -> Any:
    value = get(dictionary, key, None)
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise EEError(f"The value of '{key}' is of type {type_name(value)}, not {name}.")
    return value


@algorithm("Dictionary.getArray")
def get_array(dictionary: dict[str, Any], key: str) -> Any:
    """Return a value that is an array."""
    value = get(dictionary, key, None)
    return Array(value) if isinstance(value, list) else _typed(dictionary, key, Array, "Array")


@algorithm("Dictionary.keys")
def keys(dictionary: dict[str, Any]) -> list[str]:
    """Return the keys, sorted."""
    return sorted(dictionary)


@algorithm("Dictionary.map")
def map_dictionary(dictionary: dict[str, Any], baseAlgorithm: Function) -> dict[str, Any]:
    """Apply a function of key and value; a null drops the key."""
    with repeated(len(dictionary)):
        mapped = {k: baseAlgorithm(k, dictionary[k]) for k in sorted(dictionary)}
    return {k: v for k, v in mapped.items() if v is not None}


def select_keys(dictionary: dict[str, Any], selectors: list[str], ignore_missing: bool) -> list[str]:
    """Return the keys that names or regular expressions select; `EEError` when a selector matches none,
    unless that is ignored.
    """
    chosen: list[str] = []
    for selector in selectors:
        if selector in dictionary:
            found = [selector]
        else:
            pattern = compile_pattern(selector)
            found = [k for k in dictionary if pattern.fullmatch(k)]
        if not found and not ignore_missing:
            raise EEError(f"Dictionary does not contain key: '{selector}'.")
        chosen.extend(k for k in found if k not in chosen)
    return chosen


@algorithm("Dictionary.remove")
def remove(dictionary: dict[str, Any], selectors: list[str], ignoreMissing: bool) -> dict[str, Any]:
    """Remove keys."""
    gone = set(select_keys(dictionary, selectors, ignoreMissing))
    return {k: v for k, v in dictionary.items() if k not in gone}


@algorithm("Dictionary.rename")
def rename(dictionary: dict[str, Any], from_: list[str], to: list[str], overwrite: bool) -> dict[str, Any]:
    """Rename keys."""
    if len(from_) != len(to):
        raise EEError(f"'from' and 'to' must have the same length, got {len(from_)} and {len(to)}.")
    if len(set(to)) != len(to):
        raise EEError("The new names must be different.")
    for name in from_:
        if name not in dictionary:
            raise EEError(f"Dictionary does not contain key: '{name}'.")
    rest = {k: v for k, v in dictionary.items() if k not in from_}
    for name in to:
        if name in rest and not overwrite:
            raise EEError(f"The dictionary already has a key '{name}'.")
    return {**rest, **{new: dictionary[old] for old, new in zip(from_, to, strict=True)}}


@algorithm("Dictionary.select")
def select(dictionary: dict[str, Any], selectors: list[str], ignoreMissing: bool) -> dict[str, Any]:
    """Keep keys."""
    return {k: dictionary[k] for k in select_keys(dictionary, selectors, ignoreMissing)}


@algorithm("Dictionary.toArray")
def to_array(dictionary: dict[str, Any], keys: list[str] | None, axis: int) -> Array:
    """Return numbers, or arrays, side by side along an axis."""
    chosen = values(dictionary, keys)
    if not all(is_number(v) or isinstance(v, Array) for v in chosen):
        raise EEError("All values must be numbers.")
    blocks = [v.values if isinstance(v, Array) else Array([v]).values for v in chosen]
    blocks = [b.reshape(b.shape + (1,) * max(0, axis + 1 - b.ndim)) for b in blocks]
    if not blocks:
        return Array(np.empty(0, "f8"))
    return Array(np.concatenate(blocks, axis=axis))


@algorithm("Dictionary.values")
def values(dictionary: dict[str, Any], keys: list[str] | None) -> list[Any]:
    """Return the values, in the order of given keys or of the sorted ones."""
    if keys is None:
        return [dictionary[k] for k in sorted(dictionary)]
    return [get(dictionary, k, None) for k in keys]


algorithms(
    {
        "Dictionary.contains": lambda dictionary, key: key in dictionary,
        "Dictionary.getGeometry": lambda dictionary, key: _typed(dictionary, key, Geometry, "Geometry"),
        "Dictionary.getNumber": lambda dictionary, key: _typed(dictionary, key, (int, float), "Number"),
        "Dictionary.getString": lambda dictionary, key: _typed(dictionary, key, str, "String"),
        "Dictionary.set": lambda dictionary, key, value: {**dictionary, key: value},
        "Dictionary.size": lambda dictionary: len(dictionary),
    }
)

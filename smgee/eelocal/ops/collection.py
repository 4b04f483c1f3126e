"""``Collection.*`` and ``FeatureCollection.*`` on elements; geometries, aggregates and images have their
own modules.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Iterator
from typing import Any

from smgee.eelocal.engine.coerce import coerce
from smgee.eelocal.engine.context import Context
from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError, NotFoundError
from smgee.eelocal.geo.scatter import scatter
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.common import order_key, same, to_json, to_text
from smgee.eelocal.values.confusion import ConfusionMatrix
from smgee.eelocal.values.date import Date
from smgee.eelocal.values.element import element_id, get_property, set_properties, with_id
from smgee.eelocal.values.filter import Filter
from smgee.eelocal.values.function import Function
from smgee.eelocal.values.geometry import Feature, Geometry, from_geojson
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.number import is_number, plain
from smgee.eelocal.values.reducer import Reducer, as_column, as_value
from smgee.eelocal.values.size import check_size
from smgee.source import TableInfo


@algorithm("Collection")
def collection(features: list[Any]) -> Collection:
    """Make a collection of elements, with indices from 0."""
    elements = [
        e if element_id(e) is not None else with_id(e, str(i))
        for i, e in enumerate(features)
        if e is not None
    ]
    if len({element_id(e) for e in elements}) < len(elements):
        elements = [with_id(e, str(i)) for i, e in enumerate(elements)]
    return Collection(lambda: elements, kind="FeatureCollection")


@algorithm("Collection.fromColumns")
def from_columns(
    columns: list[list[Any]], propertyNames: list[str], propertyTypes: list[Any] | None
) -> Collection:
    """Make features of columns of values."""
    if len(columns) != len(propertyNames) or len({len(c) for c in columns}) > 1:
        raise EEError("There must be one column of equal length per property name.")
    rows = list(zip(*columns, strict=True))

    def produce() -> Iterator[Feature]:
        for i, row in enumerate(rows):
            properties = dict(zip(propertyNames, row, strict=True))
            shape = properties.pop(".geo", None)
            yield Feature(shape if isinstance(shape, Geometry) else None, properties, str(i))

    return Collection(produce)


@algorithm("Collection.loadTable")
def load_table(context: Context, tableId: str, geometryColumn: str | None, version: int) -> Collection:
    """Load a table asset."""
    if context.store is None:
        raise NotFoundError(
            f"Collection asset '{tableId}' not found (does not exist or caller does not have access)."
        )
    source, info = context.store.get(tableId, kind="Collection asset")
    if not isinstance(info, TableInfo):
        raise EEError(f"'{tableId}' is not a table; load it as an image or an image collection.")

    def produce() -> Iterator[Feature]:
        for record in source.features(info.id):
            properties = {k: _stored(v) for k, v in (record.get("properties") or {}).items()}
            shape = record.get("geometry")
            yield Feature(None if shape is None else from_geojson(shape), properties, str(record["id"]))

    return Collection(produce, info.properties, kind="FeatureCollection", id=info.id)


def _stored(value: Any) -> Any:
    """Return a property as it was before it was written as JSON."""
    if isinstance(value, dict) and value.keys() == {"type", "value"} and value["type"] == "Date":
        return Date(float(value["value"]))
    return plain(value) if isinstance(value, float) else value


@algorithm("Collection.cache")
def cache(collection: Collection) -> Collection:
    """Return the collection; elements are kept anyway."""
    return collection


@algorithm("Collection.filter")
def filter_collection(collection: Collection, filter: Any) -> Collection:
    """Keep the elements that match."""
    condition: Filter = coerce(filter, "Filter", name="filter")
    return collection.derive(lambda: (e for e in collection if condition.matches(e)), same=True)


@algorithm("Collection.limit")
def limit(collection: Collection, limit: int | None, key: str | None, ascending: bool) -> Collection:
    """Order by a property, those without it last, and keep the first elements."""
    if limit is not None and limit < 1:
        raise EEError(f"The limit must be positive, got {limit}.")

    def produce() -> list[Any]:
        elements = collection.elements
        if key is not None:
            keyed = [(order_key(get_property(e, key)), e) for e in elements]
            known = sorted((k for k in keyed if k[0] != (9,)), key=lambda k: k[0], reverse=not ascending)
            elements = [e for _, e in known] + [e for k, e in keyed if k == (9,)]
        return elements[:limit]

    return collection.derive(produce, same=True)


@algorithm("Collection.map")
def map_collection(collection: Collection, baseAlgorithm: Function, dropNulls: bool) -> Collection:
    """Apply a function to every element; results keep the element's index."""

    def produce() -> Iterator[Any]:
        for element in collection:
            try:
                result = baseAlgorithm(element)
            except EEError as error:
                raise error.in_map(element_id(element)) from error
            if result is None and dropNulls:
                continue
            if isinstance(result, Geometry):
                result = Feature(result)
            if not isinstance(result, (Feature, Image, Collection)):
                raise EEError("A mapped algorithm must return a Feature or Image.")
            index = element_id(element)
            yield result if index is None else with_id(result, index)

    return collection.derive(produce, same=True)


@algorithm("Collection.iterate")
def iterate(collection: Collection, function: Function, first: Any) -> Any:
    """Apply a function of each element and the previous result."""
    result = first
    for element in collection:
        result = function(element, result)
    return result


@algorithm("Collection.first")
def first(collection: Collection) -> Any:
    """Return the first element, null for none."""
    return next(iter(collection), None)


@algorithm("Collection.size")
def size(collection: Collection) -> int:
    """Count the elements."""
    return len(collection)


@algorithm("Collection.toList")
def to_list(collection: Collection, count: int, offset: int) -> list[Any]:
    """Return elements as a list."""
    if count < 0 or offset < 0:
        raise EEError("Count and offset must not be negative.")
    return collection.elements[offset : offset + count]


@algorithm("Collection.merge", "ImageCollection.merge")
def merge(collection1: Collection, collection2: Collection) -> Collection:
    """Put two collections one behind the other; indices get the prefixes 1_ and 2_."""

    def produce() -> Iterator[Any]:
        for prefix, part in (("1_", collection1), ("2_", collection2)):
            for i, element in enumerate(part):
                yield with_id(element, prefix + (element_id(element) or str(i)))

    return collection1.derive(produce, collection2)


@algorithm("Collection.flatten")
def flatten(collection: Collection) -> Collection:
    """Put the elements of inner collections in one; indices are joined by an underscore."""

    def produce() -> Iterator[Any]:
        for i, outer in enumerate(collection):
            if not isinstance(outer, Collection):
                raise EEError("The elements of the collection must be collections.")
            prefix = element_id(outer) or str(i)
            for j, element in enumerate(outer):
                yield with_id(element, f"{prefix}_{element_id(element) or j}")

    return collection.derive(produce, kind="FeatureCollection")


@algorithm("Collection.distinct")
def distinct(collection: Collection, properties: Any) -> Collection:
    """Keep the first of the elements that agree in some properties."""
    names = [properties] if isinstance(properties, str) else properties
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise EEError("The properties must be a name or a list of names.")

    def produce() -> Iterator[Any]:
        seen: set[Any] = set()
        for element in collection:
            key = tuple(_hashed(get_property(element, n)) for n in names)
            if key not in seen:
                seen.add(key)
                yield element

    return collection.derive(produce)


def _hashed(value: Any) -> Any:
    if isinstance(value, Geometry):
        return ("geometry", value.crs, value.geodesic, value.shape.wkb)
    if value is None or isinstance(value, (str, int, float)):
        return (type(value) is bool, value)
    return to_json(value)


@algorithm("Collection.remap")
def remap(collection: Collection, lookupIn: list[Any], lookupOut: list[int], columnName: str) -> Collection:
    """Replace values of a property; elements with other values are dropped."""
    if len(lookupIn) != len(lookupOut):
        raise EEError(
            f"lookupIn and lookupOut must have the same length, got {len(lookupIn)} and {len(lookupOut)}."
        )

    def produce() -> Iterator[Any]:
        for element in collection:
            value = get_property(element, columnName)
            for old, new in zip(lookupIn, lookupOut, strict=True):
                if same(old, value):
                    yield set_properties(element, {columnName: new})
                    break

    return collection.derive(produce)


@algorithm("Collection.randomColumn", approximate="drawn from other random numbers, reproducible by the seed")
def random_column(
    collection: Collection, columnName: str, seed: int, distribution: str, rowKeys: list[str]
) -> Collection:
    """Add numbers that depend on the seed and the row keys alone; they are not the real service's."""
    if distribution not in ("uniform", "normal"):
        raise EEError(f"Unknown distribution '{distribution}': must be 'uniform' or 'normal'.")
    normal = statistics.NormalDist()

    def produce() -> Iterator[Any]:
        for element in collection:
            values = [get_property(element, k) for k in rowKeys]
            if all(v is None for v in values):
                raise EEError(f"The element has none of the row keys {', '.join(rowKeys)}.")
            text = "\x1f".join(
                [str(seed), *(to_text(v) if not isinstance(v, Geometry) else v.shape.wkb_hex for v in values)]
            )
            bits = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 11
            number = bits / 2**53
            yield set_properties(
                element,
                {columnName: number if distribution == "uniform" else normal.inv_cdf((bits + 0.5) / 2**53)},
            )

    return collection.derive(produce)


@algorithm("Collection.reduceColumns")
def reduce_columns(
    collection: Collection, reducer: Reducer, selectors: list[str], weightSelectors: list[str] | None
) -> dict[str, Any]:
    """Apply a reducer to properties."""
    if reducer.inputs and len(selectors) != reducer.inputs:
        # Earth Engine names no reducer here: its guide on reduceColumns shows this text, with the placeholder
        raise EEError(f"Need {reducer.inputs} inputs for <Reducer>, got {len(selectors)}.")
    weights: list[list[Any] | None] = [None] * len(selectors)
    if weightSelectors is not None:
        weighted = [i for i, w in enumerate(reducer.weights) if w]
        if len(weightSelectors) != len(weighted):
            raise EEError(
                f"There must be one weight selector per weighted input: {len(weighted)}, got "
                f"{len(weightSelectors)}."
            )
        for i, selector in zip(weighted, weightSelectors, strict=True):
            weights[i] = [get_property(e, selector) for e in collection]
    columns = [
        as_column([get_property(e, s) for e in collection], w)
        for s, w in zip(selectors, weights, strict=True)
    ]
    return {o: as_value(r) for o, r in zip(reducer.outputs, reducer.reduce(columns), strict=True)}


@algorithm("Collection.errorMatrix")
def error_matrix(collection: Collection, actual: str, predicted: str, order: list[int] | None) -> Any:
    """Count pairs of actual and predicted classes."""
    pairs = [(get_property(e, actual), get_property(e, predicted)) for e in collection]
    return ConfusionMatrix.of_pairs([(a, p) for a, p in pairs if a is not None and p is not None], order)


@algorithm("FeatureCollection.makeArray")
def make_array(collection: Collection, properties: list[str], name: str) -> Collection:
    """Add an array of properties; elements that lack a number among them are dropped."""

    def produce() -> Iterator[Any]:
        for element in collection:
            values = [get_property(element, p) for p in properties]
            if all(is_number(v) for v in values):
                yield set_properties(element, {name: Array(values)})

    return collection.derive(produce)


@algorithm(
    "FeatureCollection.randomPoints", approximate="drawn from other random numbers, reproducible by the seed"
)
def random_points(region: Geometry, points: int, seed: int, maxError: Any) -> Collection:
    """Return points uniformly distributed over a region of the sphere; not the real service's points."""
    if points < 0:
        raise EEError(f"The number of points must not be negative, got {points}.")
    check_size(points)
    return Collection(
        lambda: [Feature(Geometry(p), {}, str(i)) for i, p in enumerate(scatter(region, points, seed))]
    )

"""``Element.*``: properties of features, images and collections."""

from __future__ import annotations

from typing import Any

from smgee.eelocal.engine.registry import algorithm, algorithms
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.collectiongeometry import collect_geometry
from smgee.eelocal.ops.geometry import transform
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.common import type_name
from smgee.eelocal.values.element import (
    element_geometry,
    get_property,
    ordinary,
    property_names,
    set_properties,
)
from smgee.eelocal.values.errormargin import ErrorMargin
from smgee.eelocal.values.geometry import Feature, Geometry
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.projection import Projection


@algorithm("Element.propertyNames")
def names(element: Any) -> list[str]:
    """Return the names of the properties."""
    return property_names(element)


@algorithm("Element.get")
def get(object: Any, property: str) -> Any:
    """Return a property, null where it is missing."""
    return get_property(object, property)


def _typed(object: Any, property: str, kinds: type | tuple[type, ...], name: str) -> Any:
    value = get_property(object, property)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise EEError(f"The property '{property}' is of type {type_name(value)}, not {name}.")
    return value


@algorithm("Element.getArray")
def get_array(object: Any, property: str) -> Any:
    """Return a property that is an array."""
    value = get_property(object, property)
    return Array(value) if isinstance(value, list) else _typed(object, property, Array, "Array")


@algorithm("Element.toDictionary")
def to_dictionary(element: Any, properties: list[str] | None) -> dict[str, Any]:
    """Return properties as a dictionary, by default all but the system's."""
    if properties is None:
        return {k: v for k, v in element.properties.items() if ordinary(k) and v is not None}
    return {k: get_property(element, k) for k in properties}


@algorithm("Element.copyProperties", "Image.copyProperties")
def copy_properties(
    destination: Any, source: Any, properties: list[str] | None, exclude: list[str] | None
) -> Any:
    """Copy properties, by default all but the system's."""
    if destination is None:
        raise EEError("Parameter 'destination' is required and may not be null.")
    if source is None:
        return destination
    if properties is not None and exclude is not None:
        raise EEError("Only one of 'properties' and 'exclude' may be specified.")
    if properties is None:
        chosen = {k: v for k, v in source.properties.items() if ordinary(k) and k not in (exclude or ())}
    else:
        found = {k: get_property(source, k) for k in properties}
        chosen = {k: v for k, v in found.items() if v is not None}
    return set_properties(destination, chosen)


@algorithm("Element.replaceProperties")
def replace_properties(destination: Any, source: Any) -> Any:
    """Replace all properties by those of another element."""
    properties = {} if source is None else {k: v for k, v in source.properties.items() if k != "system:index"}
    if isinstance(destination, Feature):
        return Feature(destination.geometry, properties, destination.id)
    if isinstance(destination, Image):
        kept = {k: v for k, v in destination.properties.items() if k in ("system:index", "system:footprint")}
        return destination.with_properties({**kept, **properties})
    raise EEError("The properties of a collection can't be replaced.")


@algorithm("Element.geometry", "Feature.geometry")
def geometry(
    feature: Any, maxError: ErrorMargin | None, proj: Projection | None, geodesics: bool | None
) -> Geometry | None:
    """Return the geometry, in a projection if given."""
    shape = element_geometry(feature)
    if shape is None and not isinstance(feature, (Feature, Image)):
        shape = collect_geometry(feature)
    if shape is None or proj is None:
        return shape
    return transform(shape, proj, maxError, geodesics)


algorithms(
    {
        "Element.getNumber": lambda object, property: _typed(object, property, (int, float), "Number"),
        "Element.getString": lambda object, property: _typed(object, property, str, "String"),
        "Element.set": lambda object, key, value: set_properties(object, {key: value}),
        "Element.setMulti": lambda object, properties: set_properties(object, properties),
    }
)

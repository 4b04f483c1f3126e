"""``Feature.*``: the geometry algorithms on features."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from smgee.eelocal.engine.registry import algorithm, implementations
from smgee.eelocal.engine.spec import signatures
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops import geometry as _of_geometries  # noqa: F401  lifted below
from smgee.eelocal.ops import geometry_relations as _of_pairs  # noqa: F401  lifted below
from smgee.eelocal.ops.string import compile_pattern
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.element import element_geometry, element_id, get_property
from smgee.eelocal.values.geometry import Feature, Geometry
from smgee.eelocal.values.number import is_number


@algorithm("Feature")
def feature(geometry: Geometry | None, metadata: dict[str, Any], geometryKey: str | None) -> Feature:
    """Make a feature."""
    properties = dict(metadata)
    index = properties.pop("system:index", None)
    return Feature(geometry, properties, index if isinstance(index, str) else None)


@algorithm("Feature.id")
def id_(element: Any) -> str | None:
    """Return the index."""
    return element_id(element)


@algorithm("Feature.toArray")
def to_array(feature: Feature, properties: list[str]) -> Array:
    """Return properties, all numbers, as an array."""
    values = [get_property(feature, p) for p in properties]
    for name, value in zip(properties, values, strict=True):
        if not is_number(value):
            raise EEError(f"The property '{name}' must be a number.")
    return Array(values) if values else Array(np.empty(0))


@algorithm("Feature.setGeometry")
def set_geometry(feature: Any, geometry: Geometry | None) -> Feature:
    """Replace the geometry."""
    return Feature(geometry, dict(feature.properties), element_id(feature))


@algorithm("Feature.select")
def select(
    input: Any, propertySelectors: list[str], newProperties: list[str] | None, retainGeometry: bool
) -> Any:
    """Keep properties, renamed if names are given."""
    if isinstance(input, Collection):
        return input.derive(
            lambda: (select(e, propertySelectors, newProperties, retainGeometry) for e in input)
        )
    if newProperties is not None and len(newProperties) != len(propertySelectors):
        raise EEError(
            f"There must be one new name per selector: {len(propertySelectors)}, got {len(newProperties)}."
        )
    chosen: dict[str, Any] = {}
    for i, selector in enumerate(propertySelectors):
        names = (
            [selector]
            if selector in input.properties
            else [n for n in input.properties if compile_pattern(selector).fullmatch(n)]
        )
        if newProperties is not None and len(names) > 1:
            raise EEError(
                f"The selector '{selector}' matches several properties, which can't have one new name."
            )
        for name in names:
            chosen[name if newProperties is None else newProperties[i]] = input.properties[name]
    return Feature(element_geometry(input) if retainGeometry else None, chosen, element_id(input))


def _geometry(element: Any) -> Geometry:
    shape = element_geometry(element)
    if shape is None:
        raise EEError("The feature has no geometry.")
    return shape


def _lift(name: str) -> None:
    """Register a geometry algorithm on features: results that are geometries replace the feature's."""
    signature = signatures()[f"Feature.{name}"]
    function = implementations()[f"Geometry.{name}"].function
    pair = signature.arguments[0].name == "left"
    wanted = set(inspect.signature(function).parameters)

    def run(**arguments: Any) -> Any:
        if pair:
            left = arguments.pop("left")
            result = function(
                left=_geometry(left),
                right=_geometry(arguments.pop("right")),
                **{k: v for k, v in arguments.items() if k in wanted},
            )
            base = left
        else:
            base = arguments.pop(signature.arguments[0].name)
            result = function(geometry=_geometry(base), **{k: v for k, v in arguments.items() if k in wanted})
        if isinstance(result, Geometry) and signature.returns in ("Feature", "Element"):
            return Feature(result, dict(base.properties), element_id(base))
        return result

    algorithm(*[f"Feature.{name}", *(["ProjectionTransform"] if name == "transform" else [])])(run)


def _names() -> list[str]:
    own = {"id", "toArray", "setGeometry", "select"}
    found = [n.removeprefix("Feature.") for n in signatures() if n.startswith("Feature.")]
    return [n for n in found if n not in own and f"Geometry.{n}" in signatures()]


for _name in _names():
    _lift(_name)

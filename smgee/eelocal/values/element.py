"""Elements (features, images, collections) as holders of properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.geometry import UNBOUNDED_GEOMETRY, Feature, Geometry
from smgee.eelocal.values.image import Image


def element_id(element: Any) -> str | None:
    """Return the ``system:index``."""
    if isinstance(element, Feature):
        return element.id
    index = element.properties.get("system:index")
    return index if isinstance(index, str) else None


def with_id(element: Any, index: str) -> Any:
    """Return the element under another ``system:index``."""
    if isinstance(element, Feature):
        return element if element.id == index else replace(element, id=index)
    return set_properties(element, {"system:index": index})


def element_geometry(element: Any) -> Geometry | None:
    """Return a feature's geometry or an image's footprint, None where there is none."""
    if isinstance(element, Feature):
        return element.geometry
    if isinstance(element, Image):
        return UNBOUNDED_GEOMETRY if element.footprint is None else element.footprint
    return None


def get_property(element: Any, name: str) -> Any:
    """Return a property, None where it is missing; ``.geo`` and ``.all`` are the geometry."""
    if name in (".geo", ".all"):
        return element_geometry(element)
    if isinstance(element, Feature):
        return (
            element.id
            if name == "system:index" and "system:index" not in element.properties
            else element.properties.get(name)
        )
    if isinstance(element, Image):
        if name == "system:id":
            return element.id
        if name == "system:version":
            return element.version
        if name == "system:band_names":
            return element.names
        if name == "system:bands":
            return {b.name: b.describe() for b in element.bands}
        if name == "system:footprint" and name not in element.properties:
            return element.footprint
    if isinstance(element, Collection) and name == "system:id":
        return element.id
    return element.properties.get(name)


def set_properties(element: Any, properties: Mapping[str, Any]) -> Any:
    """Return the element with properties set."""
    if isinstance(element, Feature):
        rest = dict(properties)
        index = rest.pop("system:index", element.id)
        return Feature(
            element.geometry, {**element.properties, **rest}, index if isinstance(index, str) else element.id
        )
    rest = dict(properties)
    name = rest.get("system:id")
    if isinstance(name, str):  # shown as the element's id, like an asset's
        del rest["system:id"]
    if isinstance(element, Image):
        changed = element.with_properties({**element.properties, **rest})
        return replace(changed, id=name) if isinstance(name, str) else changed
    changed = element.derive(lambda: element.elements, same=True)
    changed.properties.update(rest)
    if isinstance(name, str):
        changed.id = name
    return changed


def property_names(element: Any) -> list[str]:
    """Return the names of all properties, those of the system included."""
    names = list(element.properties)
    if isinstance(element, Feature):
        return names if element.id is None or "system:index" in names else ["system:index", *names]
    if isinstance(element, Image):
        if element.id is not None:
            names.append("system:id")
        if element.version is not None:
            names.append("system:version")
        names += ["system:bands", "system:band_names"]
    elif element.id is not None:
        names.append("system:id")
    return list(dict.fromkeys(names))


def ordinary(name: str) -> bool:
    """Whether a property is not one of the system's."""
    return not name.startswith("system:")

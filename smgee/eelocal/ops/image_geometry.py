"""Geometries and identifiers of images."""

from __future__ import annotations

from typing import Any

from smgee.eelocal.model.element import element_id
from smgee.eelocal.model.errormargin import ErrorMargin
from smgee.eelocal.model.geometry import Geometry
from smgee.eelocal.model.projection import Projection
from smgee.eelocal.registry import algorithm


@algorithm("Image.geometry")
def geometry(
    feature: Any, maxError: ErrorMargin | None, proj: Projection | None, geodesics: bool | None
) -> Geometry:
    """Return the footprint."""
    from smgee.eelocal.ops.element import geometry as of_feature

    return of_feature(feature, maxError, proj, geodesics)


@algorithm("Image.id")
def identifier(element: Any) -> str | None:
    """Return the index within the collection."""
    return element_id(element)

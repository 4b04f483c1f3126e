"""Geometries and identifiers of images."""

from __future__ import annotations

from typing import Any

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.ops.element import geometry as of_feature
from smgee.eelocal.values.element import element_id
from smgee.eelocal.values.errormargin import ErrorMargin
from smgee.eelocal.values.geometry import Geometry
from smgee.eelocal.values.projection import Projection


@algorithm("Image.geometry")
def geometry(
    feature: Any, maxError: ErrorMargin | None, proj: Projection | None, geodesics: bool | None
) -> Geometry:
    """Return the footprint."""
    return of_feature(feature, maxError, proj, geodesics)


@algorithm("Image.id")
def identifier(element: Any) -> str | None:
    """Return the index within the collection."""
    return element_id(element)

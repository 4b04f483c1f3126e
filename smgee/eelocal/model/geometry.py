"""Geometries and features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

__all__ = ["Feature", "Geometry"]


@dataclass(frozen=True)
class Geometry:
    """A geometry in a CRS: `shape` holds (x, y) in `crs`, longitude first when geographic.

    `geodesic` says whether edges are geodesics rather than straight in `crs`.
    """

    shape: BaseGeometry
    crs: str = "EPSG:4326"
    geodesic: bool = True

    @property
    def is_point(self) -> bool:
        """Whether this is a single point."""
        return isinstance(self.shape, shapely.Point)


@dataclass(frozen=True)
class Feature:
    """A geometry (or none) with properties; `id` becomes ``system:index``."""

    geometry: Geometry | None
    properties: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None

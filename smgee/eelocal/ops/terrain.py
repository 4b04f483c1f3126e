"""Slope, aspect and hillshade of elevation."""

from __future__ import annotations

import numpy as np

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.image_bands import add_bands
from smgee.eelocal.pixels.spacing import Gradient
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.lazy import Node, Pick
from smgee.eelocal.values.nodes import Apply
from smgee.eelocal.values.pixeltype import FLOAT, NAMED_TYPES


def _elevation(image: Image) -> Band:
    if len(image.bands) == 1:
        return image.bands[0]
    if "elevation" in image.names:
        return image.band("elevation")
    raise EEError("The input must have a single band, or a band named 'elevation'.")


def _components(band: Band) -> tuple[Node, Node]:
    gradient = Gradient(band.node, metric=True)
    return Pick(gradient, 0), Pick(gradient, 1)


def slope_degrees(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Return the steepness of a gradient, degrees in [0, 90)."""
    return np.degrees(np.arctan(np.hypot(east, north)))


def aspect_degrees(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Return the direction downhill, degrees clockwise from north in [0, 360); 0 where it is flat."""
    aspect = np.degrees(np.arctan2(-east, -north))
    aspect = np.where(aspect < 0, aspect + 360, aspect)
    return np.where((east == 0) & (north == 0), 0.0, np.where(aspect >= 360, 0.0, aspect))


def _slope(band: Band, parts: tuple[Node, Node]) -> Band:
    return band.holding(Apply(slope_degrees, parts, "f4"), FLOAT.ranging(0, 90), name="slope")


def _aspect(band: Band, parts: tuple[Node, Node]) -> Band:
    return band.holding(Apply(aspect_degrees, parts, "f4"), FLOAT.ranging(0, 360), name="aspect")


def _hillshade(band: Band, parts: tuple[Node, Node], azimuth: float, elevation: float) -> Band:
    zenith, direction = np.radians(90 - elevation), np.radians(azimuth)

    def shade(east: np.ndarray, north: np.ndarray) -> np.ndarray:
        """Lambert's cosine law (e.g. Burrough & McDonnell 1998, ch. 8), scaled to 0…255."""
        slope = np.arctan(np.hypot(east, north))
        aspect = np.radians(aspect_degrees(east, north))
        light = np.cos(zenith) * np.cos(slope) + np.sin(zenith) * np.sin(slope) * np.cos(direction - aspect)
        return np.clip(light * 255, 0, 255).astype("u1")

    return band.holding(Apply(shade, parts, "u1"), NAMED_TYPES["uint8"], name="hillshade")


@algorithm("Terrain.slope")
def slope(input: Image) -> Image:
    """Return the slope, degrees."""
    band = _elevation(input)
    return input.computed([_slope(band, _components(band))])


@algorithm("Terrain.aspect")
def aspect(input: Image) -> Image:
    """Return the aspect, degrees clockwise from north."""
    band = _elevation(input)
    return input.computed([_aspect(band, _components(band))])


@algorithm("Terrain.hillshade")
def hillshade(input: Image, azimuth: float, elevation: float) -> Image:
    """Return the hillshade, 0…255."""
    band = _elevation(input)
    return input.computed([_hillshade(band, _components(band), azimuth, elevation)])


@algorithm("Terrain", "Terrain.products")
def products(input: Image) -> Image:
    """Add slope, aspect and hillshade to an image."""
    band = _elevation(input)
    parts = _components(band)
    return add_bands(input, [_slope(band, parts), _aspect(band, parts), _hillshade(band, parts, 270.0, 45.0)])

"""Images made of the output grid itself: coordinates, areas, random numbers."""

from __future__ import annotations

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.pixels.generated import Area, Coordinates, Random
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.lazy import Pick
from smgee.eelocal.values.pixeltype import DOUBLE, PixelType
from smgee.eelocal.values.projection import Projection


@algorithm("Image.pixelLonLat")
def pixel_lon_lat() -> Image:
    """Return longitude and latitude, degrees."""
    node = Coordinates(Projection("EPSG:4326"))
    ranges = {"longitude": (-180, 180), "latitude": (-90, 90)}
    return Image(tuple(Band(n, Pick(node, i), DOUBLE.ranging(*r)) for i, (n, r) in enumerate(ranges.items())))


@algorithm("Image.pixelCoordinates")
def pixel_coordinates(projection: Projection) -> Image:
    """Return the coordinates of the pixels in a projection."""
    node = Coordinates(projection)
    return Image(tuple(Band(n, Pick(node, i), DOUBLE, projection) for i, n in enumerate(("x", "y"))))


@algorithm("Image.pixelArea")
def pixel_area() -> Image:
    """Return the area of the pixels, m²."""
    return Image((Band("area", Area(), DOUBLE),))


@algorithm("Image.random", approximate="drawn from other random numbers, reproducible by the seed")
def random(seed: int, distribution: str) -> Image:
    """Return random numbers, uniform in [0, 1) or standard normal."""
    if distribution not in ("uniform", "normal"):
        raise EEError(f"Unknown distribution '{distribution}': use uniform or normal.")
    kind = PixelType("double", 0.0, 1.0) if distribution == "uniform" else DOUBLE
    return Image((Band("random", Random(int(seed), distribution), kind),))

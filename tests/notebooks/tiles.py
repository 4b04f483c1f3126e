"""Map tiles as a map client fetches them, and where things are on them."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import requests
from PIL import Image

SIZE = 256


def pixel_of(lon: float, lat: float, zoom: int) -> tuple[float, float]:
    """Return (x, y) of a place in pixels of the whole web-Mercator map of a zoom level, from its
    north-western corner.
    """
    side = SIZE * 2**zoom
    return (lon + 180) / 360 * side, (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * side


class Mosaic:
    """The tiles of one layer over a box of longitudes and latitudes, fetched over HTTP.

    Attributes
    ----------
    rgba : numpy.ndarray
        (y, x, 4) uint8.
    """

    def __init__(self, layer: Mapping[str, Any], box: tuple[float, float, float, float], zoom: int):
        west, south, east, north = box
        self.zoom = zoom
        left, top = (int(v // SIZE) for v in pixel_of(west, north, zoom))
        right, bottom = (int(v // SIZE) for v in pixel_of(east, south, zoom))
        self._origin = left * SIZE, top * SIZE
        with requests.Session() as web:
            web.trust_env = False  # a proxy of the environment is not for loopback
            rows = [
                [_fetch(web, layer["url"], x, y, zoom) for x in range(left, right + 1)]
                for y in range(top, bottom + 1)
            ]
        self.rgba = np.vstack([np.hstack(row) for row in rows])

    def index(self, lon: float, lat: float) -> tuple[int, int]:
        """Return (row, column) of the pixel that holds a place."""
        x, y = pixel_of(lon, lat, self.zoom)
        return math.floor(y - self._origin[1]), math.floor(x - self._origin[0])

    def at(self, lon: float, lat: float) -> np.ndarray:
        """Return the colour (4,) of the pixel that holds a place."""
        return self.rgba[self.index(lon, lat)]

    def box(self, west: float, south: float, east: float, north: float) -> np.ndarray:
        """Return the pixels (y, x, 4) between two corners."""
        (top, left), (bottom, right) = self.index(west, north), self.index(east, south)
        return self.rgba[top : bottom + 1, left : right + 1]


def _fetch(web: requests.Session, template: str, x: int, y: int, zoom: int) -> np.ndarray:
    answer = web.get(template.format(x=x, y=y, z=zoom), timeout=120)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] in ("image/png", "image/jpeg")
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.size == (SIZE, SIZE)
    return np.asarray(picture.convert("RGBA"))


def palette_colour(value: float, low: float, high: float, palette: Sequence[str]) -> np.ndarray:
    """Return the colour (3,) that Earth Engine documents for a value: palette entries evenly spaced,
    straight lines between.
    """
    colours = np.array([[int(c.lstrip("#")[i : i + 2], 16) for i in (0, 2, 4)] for c in palette], float)
    place = np.clip((value - low) / (high - low), 0, 1) * (len(palette) - 1)
    return np.array([np.interp(place, np.arange(len(palette)), colours[:, channel]) for channel in range(3)])

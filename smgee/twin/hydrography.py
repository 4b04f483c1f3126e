"""Hydrography of the basin, as MERIT Hydro has it: directions of flow, upslope area, height above drainage.

It is worked out from the basin's own surveyed elevation at 3 arc-seconds, as MERIT Hydro is from MERIT DEM:
depressions are filled, each pixel flows to its steepest neighbour, and water leaves over the southern edge,
where the lake lies. What flows in from outside of the basin is not known, so large rivers are too small.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from smgee.datasets import MERIT_HYDRO
from smgee.grid import PixelGrid
from smgee.twin.basin import Basin
from smgee.twin.routing import fill_depressions, receivers, single_flow_area

_ARC = 3  # seconds of arc of a pixel, whose centres lie on whole multiples
_DRAINAGE_KM2 = 0.5  # upslope area from which a pixel counts as a stream
_METRES_PER_DEGREE = 111_195.0
_DIRECTION = {
    (0, 1): 1,
    (1, 1): 2,
    (1, 0): 4,
    (1, -1): 8,
    (0, -1): 16,
    (-1, -1): 32,
    (-1, 0): 64,
    (-1, 1): 128,
}
_OUTLET = 0


class Hydrography:
    """The bands of MERIT Hydro over a basin."""

    def __init__(self, basin: Basin) -> None:
        self.basin = basin

    @cached_property
    def _corner(self) -> tuple[int, int]:
        """Row and column in the elevation model of the first pixel's north-western corner."""
        step, _, left, _, _, top = self.basin.dem_grid.transform
        # centres of the model's first pixel in whole seconds of arc, counted south and east
        south, east = round((90.0 - (top - step / 2)) * 3600), round((left + step / 2) * 3600)
        return (2 - south) % _ARC, (2 - east) % _ARC

    @cached_property
    def grid(self) -> PixelGrid:
        """The pixels of MERIT Hydro within the basin's elevation model."""
        dem = self.basin.dem_grid
        step, _, left, _, _, top = dem.transform
        row, col = self._corner
        transform = (_ARC * step, 0.0, left + col * step, 0.0, -_ARC * step, top - row * step)
        return PixelGrid(dem.crs, transform, (dem.width - col) // _ARC, (dem.height - row) // _ARC)

    def _coarse(self, values: np.ndarray) -> np.ndarray:
        """Return the mean of the nine pixels of the elevation model in each pixel."""
        row, col = self._corner
        height, width = self.grid.shape
        part = values[row : row + _ARC * height, col : col + _ARC * width].astype(float)
        return part.reshape(height, _ARC, width, _ARC).mean(axis=(1, 3))

    @cached_property
    def bands(self) -> dict[str, np.ndarray]:
        """Every band, (height, width), as stored."""
        static = self.basin.static
        elevation, water = self._coarse(static["dem"]), self._coarse(static["dem_water"]) > 127
        filled = fill_depressions(elevation, 1e-3)
        to, _ = receivers(filled)
        order = np.argsort(filled, axis=None, kind="stable").astype(np.int32)
        cells = single_flow_area(to, order)
        shape, area = self.grid.shape, cells * self._cell_km2()
        stream = (area >= _DRAINAGE_KM2) | water.ravel()
        drains = _first_stream(to, stream)
        flat = elevation.ravel()
        # the lowest streams of a slope that ends at the edge are not known; the edge stands for them
        height = np.maximum(flat - flat[drains], 0.0)
        width = np.where(stream & ~water.ravel(), 3.0 * np.sqrt(area), 0.0)
        found = {
            "elv": flat,
            "dir": _directions(to, shape),
            "wth": width,
            "wat": water.ravel(),
            "upa": area,
            "upg": cells,
            "hnd": height,
            "viswth": np.clip(width, 0, 255),
        }
        return {
            band.name: np.ascontiguousarray(found[band.name].reshape(shape).astype(band.dtype or "float32"))
            for band in MERIT_HYDRO.bands
        }

    def _cell_km2(self) -> float:
        """Return the area of a pixel in the middle of the basin."""
        side = _METRES_PER_DEGREE * _ARC / 3600 / 1000
        return float(side**2 * np.cos(np.radians(self.basin.centre[1])))


def _first_stream(to: np.ndarray, stream: np.ndarray) -> np.ndarray:
    """Return the pixel of the first stream (or the outlet) that the water of each pixel meets."""
    found = to.copy()
    found[stream] = np.flatnonzero(stream)
    while True:  # each turn follows the water twice as far
        further = found[found]
        if np.array_equal(further, found):
            return found
        found = further


def _directions(to: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the codes of the directions of flow: 1 east, 2 south-east, … 128 north-east, 0 at outlets."""
    rows, cols = np.divmod(np.arange(to.size), shape[1])
    down, right = to // shape[1] - rows, to % shape[1] - cols
    out = np.full(to.size, _OUTLET)
    for (dy, dx), code in _DIRECTION.items():
        out[(down == dy) & (right == dx)] = code
    return out

"""Land cover of the basin as a 10 m map has it: grass, bare and mossy heights, wet valley floors, water.

Classes are those of ESA WorldCover. What is grass and what is bare follows the basin's own cover; the map
draws the line in the wrong place in patches, as such maps do, three in four of whose points are right
(Tsendbazar et al. 2022, WorldCover product validation report, version 2.0).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from smgee.datasets import WORLDCOVER
from smgee.grid import PixelGrid, transformer
from smgee.twin.basin import Basin
from smgee.twin.noise import correlated_field, stream
from smgee.twin.products import window_of

SHRUBS, GRASS, BARE, WATER, WETLAND, MOSS = 20, 30, 60, 80, 90, 100
_NODES = 32  # pixels between the points at which the way to the basin's pixels is worked out


class CoverMap:
    """The map.

    Parameters
    ----------
    basin : Basin
        Any of its years.
    """

    def __init__(self, basin: Basin) -> None:
        self.basin = basin

    @cached_property
    def grid(self) -> PixelGrid:
        """The pixels of the map around the basin."""
        assert WORLDCOVER.grid is not None
        return window_of(self.basin, WORLDCOVER.grid, margin=0.01)

    @cached_property
    def classes(self) -> np.ndarray:
        """The class of every pixel of the basin, (height, width) uint8."""
        static = self.basin.static
        cover = np.asarray(static["layers"][..., 7], float)
        wetness, land = np.asarray(static["soil"][3], float), static["layers"][..., 3] > 0
        rng = stream(self.basin.seed, "land cover")
        doubt = [correlated_field(rng, cover.shape, length=3.0).astype(float) for _ in range(3)]
        green = cover + 0.10 * doubt[0]
        found = np.where(green > 0.30, GRASS, BARE)
        high = self.basin.elevation() - np.quantile(self.basin.elevation(), 0.8)
        found = np.where((found == BARE) & (high + 60 * doubt[1] > 0) & (green > 0.12), MOSS, found)
        found = np.where((green > 0.55) & (doubt[2] > 1.3), SHRUBS, found)
        found = np.where((found == GRASS) & (wetness + 0.8 * doubt[1] > 10.0), WETLAND, found)
        return np.where(land, found, WATER).astype(np.uint8)

    def read(self, row: int, col: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the classes of a window, and that all of it has one; beyond the basin its edge goes on."""
        rows, cols = self._at(row, col, height, width)
        shape = self.classes.shape
        inside = rows.clip(0, shape[0] - 1), cols.clip(0, shape[1] - 1)
        return self.classes[inside], np.ones((height, width), bool)

    def _at(self, row: int, col: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return row and column in the basin of the pixels' centres: exact at some, straight between them."""
        a, _, x0, _, e, y0 = self.grid.transform
        # the nodes lie at places of their own, so that a pixel is the same in every window
        node_rows, node_cols = _nodes(row, height), _nodes(col, width)
        lon, lat = np.meshgrid(x0 + a * (node_cols + 0.5), y0 + e * (node_rows + 0.5))
        fine = self.basin.grid
        x, y = transformer(self.grid.crs, fine.crs).transform(lon, lat)
        side, _, left, _, _, top = fine.transform
        rows, cols = row + np.arange(height), col + np.arange(width)
        placed = []
        for values in ((top - y) / side, (x - left) / side):
            across = np.array([np.interp(cols, node_cols, line) for line in values])
            above = (rows - node_rows[0]) // _NODES
            share = ((rows - node_rows[above]) / _NODES)[:, None]
            placed.append(np.floor(across[above] * (1 - share) + across[above + 1] * share).astype(np.int32))
        return placed[0], placed[1]


def _nodes(first: int, count: int) -> np.ndarray:
    """Return the nodes from before the first pixel to beyond the last."""
    return np.arange(first // _NODES, (first + count - 1) // _NODES + 2) * _NODES

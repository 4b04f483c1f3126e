"""Which pixels of a lattice lie in which EASE-Grid 2.0 cells, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from shapely import box

from smgee.errors import InputError, MissingDataError, UnsupportedError
from smgee.grid import EASE_CRS, EASE_GRIDS, EaseCell, PixelGrid, transformer

if TYPE_CHECKING:
    from shapely import Polygon

POINTS_PER_EDGE = 64
"""Straight pieces per cell edge. A 36 km edge bends by up to 16 m in UTM at 37° latitude; 64 pieces follow
it to 4 mm.
"""

_STRIP = 256  # rows worked out together


class Entries(NamedTuple):
    """The share of the pixels of a window in the cells that it touches, as sparse rows.

    `cells` says which cells, in ascending order, shape (n,). Row k holds the entries
    ``starts[k]:starts[k + 1]`` of `pixels`, flat pixel numbers within the window, ascending, int32, and of
    `areas`, the true area of the pixel's part inside the cell, m².
    """

    cells: np.ndarray
    starts: np.ndarray
    pixels: np.ndarray
    areas: np.ndarray


@dataclass(frozen=True, eq=False)
class CellWeights:
    """The share of every pixel of a lattice in every cell, worked out where it is asked for.

    Attributes
    ----------
    grid : PixelGrid
        The lattice of the maps.
    cells : tuple of EaseCell
        One row each.
    """

    grid: PixelGrid
    cells: tuple[EaseCell, ...]

    @cached_property
    def outlines(self) -> list[Polygon]:
        """The cells' outlines in the CRS of the lattice."""
        return [cell.polygon(self.grid.crs, points_per_edge=POINTS_PER_EDGE) for cell in self.cells]

    @cached_property
    def _pixel_areas(self) -> Callable[[np.ndarray], np.ndarray]:
        return _pixel_areas(self.grid)

    @cached_property
    def _last(self) -> dict[tuple[int, int, int, int], Entries]:
        """The window asked for last: maps of many models are averaged block by block."""
        return {}

    def window(self, row: int, col: int, height: int, width: int) -> Entries:
        """Return the entries of a window of the lattice; nothing of the rest stands in memory.

        Parameters
        ----------
        row, col : int
            Of its upper left pixel.
        height, width : int
            Its size, pixels.
        """
        key = row, col, height, width
        found = self._last.get(key)
        if found is None:
            found = self._of_window(*key)
            self._last.clear()
            self._last[key] = found
        return found

    def _of_window(self, row: int, col: int, height: int, width: int) -> Entries:
        from exactextract import exact_extract
        from exactextract.raster import NumPyRasterSource

        left, bottom, right, top = self.grid.window(row, col, height, width).bounds
        near = [
            k
            for k, (west, south, east, north) in enumerate(o.bounds for o in self.outlines)
            if west < right and east > left and south < top and north > bottom
        ]
        # The values do not matter, only where the pixels lie; exactextract takes no less than a byte each.
        source = NumPyRasterSource(np.zeros((height, width), np.uint8), left, bottom, right, top)
        cells, starts, pixels, areas = [], [0], [np.empty(0, np.int32)], [np.empty(0)]
        for k in near:
            geometry = self.outlines[k].__geo_interface__
            found = exact_extract(
                source,
                [{"type": "Feature", "geometry": geometry, "properties": {}}],
                ["cell_id", "coverage"],
                output="geojson",
                max_cells_in_memory=height * width + 1,
            )[0]["properties"]
            index = np.asarray(found["cell_id"], np.int64)
            share = np.asarray(found["coverage"], float)
            if not share.any():
                continue
            order = np.argsort(index, kind="stable")  # neighbours in memory, for the sums
            index, share = index[order], share[order]
            line, column = np.divmod(index, width)
            cells.append(k)
            pixels.append(index.astype(np.int32))
            areas.append(share * self._pixel_areas((row + line) * self.grid.width + col + column))
            starts.append(starts[-1] + index.size)
        return Entries(
            np.array(cells, np.intp),
            np.array(starts, np.int64),
            np.concatenate(pixels),
            np.concatenate(areas),
        )

    @cached_property
    def _whole(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All entries, put together from strips of rows."""
        height, width = self.grid.shape
        strips = [
            (row * width, self.window(row, 0, min(_STRIP, height - row), width))
            for row in range(0, height, _STRIP)
        ]
        count = np.zeros(len(self.cells), np.int64)
        for _, strip in strips:
            count[strip.cells] += np.diff(strip.starts)
        starts = np.append(0, np.cumsum(count))
        pixels, areas = np.empty(starts[-1], np.int32), np.empty(starts[-1])
        filled = starts[:-1].copy()
        for first, strip in strips:
            for cell, start, stop in zip(strip.cells, strip.starts, strip.starts[1:]):
                target = slice(filled[cell], filled[cell] + stop - start)
                pixels[target] = strip.pixels[start:stop] + first
                areas[target] = strip.areas[start:stop]
                filled[cell] = target.stop
        return starts, pixels, areas

    @property
    def starts(self) -> np.ndarray:
        """Row k of the whole lattice holds the entries ``starts[k]:starts[k + 1]``; (n_cells + 1,) int64."""
        return self._whole[0]

    @property
    def pixels(self) -> np.ndarray:
        """Flat pixel numbers of the whole lattice, ascending within a row; int32."""
        return self._whole[1]

    @property
    def areas(self) -> np.ndarray:
        """True area of the pixel's part inside the cell, m²."""
        return self._whole[2]

    @property
    def inside(self) -> np.ndarray:
        """Share of each cell's area that the lattice covers at all, shape (n_cells,)."""
        return np.add.reduceat(self.areas, self.starts[:-1]) / cell_areas(self.cells)


def cell_weights(grid: PixelGrid, cells: Iterable[EaseCell]) -> CellWeights:
    """Return which pixels lie in which cells, and by how much.

    Parameters
    ----------
    grid : PixelGrid
        North-up lattice in any CRS.
    cells : iterable of EaseCell
        Cells of any EASE-Grid 2.0; several grids may be mixed (a 36 km cell and its sixteen 9 km cells).

    Returns
    -------
    CellWeights
        Coverage fractions are exact for the outline drawn in the CRS of the map (exactextract), with
        `POINTS_PER_EDGE` vertices per edge. They are multiplied by the true area of each pixel, so that maps
        in degrees are weighted rightly too.

    Raises
    ------
    UnsupportedError
        A rotated or south-up lattice.
    MissingDataError
        A cell that the lattice does not touch.
    """
    weights = CellWeights(grid, tuple(cells))
    if not weights.cells:
        raise InputError("No EASE-Grid cell was given to average over; give at least one.")
    a, b, _, d, e, _ = grid.transform
    if b != 0 or d != 0 or a <= 0 or e >= 0:
        raise UnsupportedError(
            f"The map lattice has the transform {grid.transform}; zonal means take north-up lattices without "
            "rotation."
        )
    extent = box(*grid.bounds)
    for cell, outline in zip(weights.cells, weights.outlines):
        if outline.intersection(extent).area == 0:
            raise MissingDataError(
                f"The map does not reach the EASE-Grid cell {cell.name}; make the map over the cell, or "
                "leave the cell out."
            )
    return weights


def cell_areas(cells: Sequence[EaseCell]) -> np.ndarray:
    """Return the area of each cell, m²: all of a grid are alike on it."""
    return np.array([EASE_GRIDS[c.grid].cell_size ** 2 for c in cells])


def _pixel_areas(grid: PixelGrid) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from flat pixel numbers to true areas, m².

    The area of a pixel is the Jacobian of the projection onto the equal-area EASE-Grid 2.0 plane. It varies
    smoothly, so it is worked out on a net of at most 65×65 points and interpolated.
    """
    rows = np.unique(np.linspace(0, grid.height - 1, min(65, grid.height)).round())
    cols = np.unique(np.linspace(0, grid.width - 1, min(65, grid.width)).round())
    cc, rr = np.meshgrid(cols + 0.5, rows + 0.5)
    a, _, c, _, e, f = grid.transform
    to_plane = transformer(grid.crs, EASE_CRS)

    def at(dc: float, dr: float) -> tuple[np.ndarray, np.ndarray]:
        return to_plane.transform(c + a * (cc + dc), f + e * (rr + dr))

    (xe, ye), (xw, yw), (xn, yn), (xs, ys) = at(0.5, 0), at(-0.5, 0), at(0, -0.5), at(0, 0.5)
    # Across the antimeridian x jumps by the width of the world.
    world = EASE_GRIDS["M36"].cols * EASE_GRIDS["M36"].cell_size
    dx_c = (xe - xw + world / 2) % world - world / 2
    dx_r = (xn - xs + world / 2) % world - world / 2
    area = np.abs(dx_c * (yn - ys) - dx_r * (ye - yw))
    if not np.isfinite(area).all():
        raise InputError(
            f"The lattice in {grid.crs[:40]} reaches beyond where EASE-Grid 2.0 is defined (±84° latitude); "
            "give a smaller one."
        )

    def areas(index: np.ndarray) -> np.ndarray:
        r, k = np.divmod(index, grid.width)
        i, u = _bracket(rows, r)
        j, v = _bracket(cols, k)
        i1, j1 = np.minimum(i + 1, len(rows) - 1), np.minimum(j + 1, len(cols) - 1)
        return (1 - u) * ((1 - v) * area[i, j] + v * area[i, j1]) + u * (
            (1 - v) * area[i1, j] + v * area[i1, j1]
        )

    return areas


def _bracket(nodes: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for positions among ascending nodes, the number of the node below and the fraction towards
    the next.
    """
    if len(nodes) == 1:
        return np.zeros(position.shape, np.intp), np.zeros(position.shape)
    below = np.clip(np.searchsorted(nodes, position, side="right") - 1, 0, len(nodes) - 2)
    return below, (position - nodes[below]) / (nodes[below + 1] - nodes[below])

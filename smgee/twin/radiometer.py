"""SMAP's level-3 retrievals over the basin, as the two products hold them."""

from __future__ import annotations

import threading
from functools import cached_property

import numpy as np

from smgee.datasets.smap import NO_GOOD_RETRIEVAL, WARPED
from smgee.grid import EASE_CRS, EASE_GRIDS, PixelGrid, transformer
from smgee.twin.basin import Basin
from smgee.twin.smap import CELLS_AROUND, Retrievals, retrieve_9km, retrieve_36km


class RadiometerReader:
    """Reads bands of the retrievals of any year of a basin's land.

    Parameters
    ----------
    basin : Basin
        Any of its years.
    """

    def __init__(self, basin: Basin) -> None:
        self.basin = basin
        self._lock = threading.RLock()
        self._retrieved: dict[tuple[int, str, str], Retrievals] = {}

    @cached_property
    def warped(self) -> tuple[PixelGrid, np.ndarray, np.ndarray]:
        """Earth Engine's 0.08° grid around the basin, and the M09 row and column (from the window's corner)
        of each pixel's centre.

        The ingest warps EASE-Grid 2.0 to EPSG:4326 at 0.08° with nearest neighbour.
        """
        basin, ease = self.basin, EASE_GRIDS["M09"]
        first, n = basin.cells[0], basin.cells_across + 2 * CELLS_AROUND
        row0, col0 = first.row - CELLS_AROUND, first.col - CELLS_AROUND
        to_lonlat = transformer(EASE_CRS, "EPSG:4326").transform
        north = WARPED.transform[5]
        west, top = to_lonlat(ease.left + col0 * ease.cell_size, ease.top - row0 * ease.cell_size)
        east, low = to_lonlat(ease.left + (col0 + n) * ease.cell_size, ease.top - (row0 + n) * ease.cell_size)
        step = 0.08
        c0, c1 = int(np.ceil((west + 180) / step - 0.5)), int(np.floor((east + 180) / step - 0.5))
        r0, r1 = int(np.ceil((north - top) / step - 0.5)), int(np.floor((north - low) / step - 0.5))
        grid = PixelGrid(
            "EPSG:4326",
            (step, 0.0, -180 + c0 * step, 0.0, -step, north - r0 * step),
            c1 - c0 + 1,
            r1 - r0 + 1,
        )
        x, y = transformer("EPSG:4326", EASE_CRS).transform(*grid.centers())
        rows = np.floor((ease.top - y) / ease.cell_size).astype(int) - row0
        cols = np.floor((x - ease.left) / ease.cell_size).astype(int) - col0
        return grid, rows, cols

    @cached_property
    def ease_grid(self) -> PixelGrid:
        """Three by three cells of the exact 36 km EASE-Grid 2.0 around the basin."""
        ease, cell = EASE_GRIDS["M36"], self.basin.cell
        ratio = 1 if cell.grid == "M36" else 4
        left, top = (
            ease.left + (cell.col // ratio - 1) * ease.cell_size,
            ease.top - (cell.row // ratio - 1) * ease.cell_size,
        )
        return PixelGrid(EASE_CRS, (ease.cell_size, 0.0, left, 0.0, -ease.cell_size, top), 3, 3)

    def retrievals(self, basin: Basin, product: str, half: str) -> Retrievals:
        """Return the retrievals of a year, of the product ``"9km"`` or ``"36km"``."""
        key = basin.year, product, half
        with self._lock:
            if key not in self._retrieved:
                self._retrieved[key] = (retrieve_9km if product == "9km" else retrieve_36km)(basin, half)
            return self._retrieved[key]

    def read_9km(
        self, basin: Basin, band: str, day: int, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a band of the 9 km product in a window of the grid of `warped`, and where it is valid."""
        _, rows, cols = self.warped
        window = (slice(row, row + height), slice(col, col + width))
        at = (day, rows[window], cols[window])
        if band.endswith("_anomaly"):  # needs other years for its climatology, which the twin does not have
            return np.zeros((height, width), np.float32), np.zeros((height, width), bool)
        name, half = band[:-3], band[-2:]
        seen = self.retrievals(basin, "9km", half)
        if name == "retrieval_qual_flag":
            # The ingest keeps one bit: 1 where not recommended (bit 0) or unsuccessful (bit 2), and where
            # there are no data.
            bad = (seen.quality[at] & NO_GOOD_RETRIEVAL) > 0
            return bad.astype(np.uint8), np.ones((height, width), bool)
        if name.startswith("tb_qual_flag"):
            missing = np.isnan(seen.tb_v[at])
            return missing.astype(np.uint8), np.ones((height, width), bool)
        return _masked(_field(seen, name)[at])

    def read_36km(
        self, basin: Basin, band: str, day: int, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a band of the 36 km product in a window of `ease_grid`, and where it is valid."""
        at = (day, slice(row, row + height), slice(col, col + width))
        name, half = band[:-3], band[-2:]
        seen = self.retrievals(basin, "36km", half)
        if name in ("retrieval_qual_flag", "surface_flag"):
            values = (seen.quality if name == "retrieval_qual_flag" else seen.surface)[at]
            return values.copy(), ~np.isnan(seen.tb_v[at])
        return _masked(_field(seen, name)[at])


def _field(seen: Retrievals, name: str) -> np.ndarray:
    """Return a float layer of the retrievals by its band name without the half orbit."""
    return {
        "soil_moisture": seen.soil_moisture,
        "tb_h_corrected": seen.tb_h,
        "tb_v_corrected": seen.tb_v,
        "vegetation_water_content": seen.vegetation_water,
    }[name]


def _masked(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split an array with NaN into values (0 where missing) and validity."""
    valid = ~np.isnan(values)
    return np.where(valid, values, 0).astype(np.float32), valid

"""A season of 30 m maps averaged over the 36 km cell and its sixteen 9 km cells: smgee beside exactextract
called per day.

Run by hand: ``python tests/benchmarks/zonal_means.py [days]``.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource

from smgee.grid import PixelGrid, ease_cell_at
from smgee.validation import cell_weights, zonal_means, zonal_statistics
from smgee.validation.weights import POINTS_PER_EDGE


def main(days: int = 100) -> None:
    """Print times and the largest difference."""
    cell = ease_cell_at(100.2, 37.2)
    cells = [cell, *cell.children()]
    grid = PixelGrid.from_bounds(
        "EPSG:32647", cell.polygon("EPSG:32647", points_per_edge=POINTS_PER_EDGE).bounds, 30
    )
    values = np.random.default_rng(0).random(grid.shape, dtype=np.float32)
    begin = time.perf_counter()
    weights = cell_weights(grid, cells)
    prepared = time.perf_counter()
    zonal_statistics(values, weights)  # compiles
    compiled = time.perf_counter()
    table = zonal_means(((np.datetime64("2021-05-01") + k, values) for k in range(days)), weights)
    done = time.perf_counter()
    print(f"{grid.height} x {grid.width} pixels, {len(cells)} cells, {days} days")
    print(
        f"smgee: weights {prepared - begin:.2f} s, compile {compiled - prepared:.2f} s, {days} days "
        f"{done - compiled:.2f} s"
    )

    features = [
        {
            "type": "Feature",
            "geometry": c.polygon(grid.crs, points_per_edge=POINTS_PER_EDGE).__geo_interface__,
            "properties": {},
        }
        for c in cells
    ]
    begin = time.perf_counter()
    repeats = 3
    for _ in range(repeats):
        found = exact_extract(NumPyRasterSource(values, *grid.bounds), features, ["mean", "stdev"])
    each = (time.perf_counter() - begin) / repeats
    print(f"exactextract: {each * days:.1f} s for {days} days ({each:.2f} s each)")
    theirs = np.array([f["properties"]["mean"] for f in found])
    print(f"largest difference of means: {np.abs(theirs - table['soil_moisture'][: len(cells)]).max():.1e}")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))

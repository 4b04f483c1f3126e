"""Pixel lattices and EASE-Grid 2.0 cells, against published numbers and PROJ."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from smgee.errors import InputError
from smgee.grid import EASE_GRIDS, EaseCell, PixelGrid, ease_cell_at, parse_crs


def test_corner_of_the_grids_is_the_published_one():
    """NSIDC's EASE2_M36km.gpd and EASE2_M09km.gpd: the map origin lies at -17367530.44, 7314540.83 m."""
    for grid in EASE_GRIDS.values():
        assert grid.left == pytest.approx(-17_367_530.45, abs=0.02)
        assert grid.top == pytest.approx(7_314_540.83, abs=0.02)


def test_cell_height_and_width_follow_from_the_ellipsoid():
    """The grid wraps the parallel of 30° exactly, and is equal-area: the cells together have the area of
    the zone they cover.
    """
    g = EASE_GRIDS["M36"]
    geod = Geod(ellps="WGS84")
    a, e2 = geod.a, geod.es
    parallel = (
        2 * math.pi * a * math.cos(math.radians(30)) / math.sqrt(1 - e2 * math.sin(math.radians(30)) ** 2)
    )
    assert g.cols * g.cell_size == pytest.approx(parallel, rel=1e-9)
    cell = ease_cell_at(100.2, 37.2)
    lon, lat = cell.polygon("EPSG:4326", points_per_edge=200).exterior.coords.xy
    area, _ = geod.polygon_area_perimeter(lon, lat)
    assert abs(area) == pytest.approx(g.cell_size**2, rel=1e-5)


@given(st.floats(-180, 179.999), st.floats(-85.0, 85.0), st.sampled_from(sorted(EASE_GRIDS)))
def test_a_point_lies_in_its_cell(lon, lat, grid):
    cell = ease_cell_at(lon, lat, grid)
    west, south = cell.polygon("EPSG:4326").bounds[:2]
    east, north = cell.polygon("EPSG:4326").bounds[2:]
    assert west - 1e-9 <= lon <= east + 1e-9
    assert south - 1e-9 <= lat <= north + 1e-9
    assert EaseCell.from_name(cell.name) == cell


@given(st.integers(0, 405), st.integers(0, 963))
def test_children_tile_their_parent(row, col):
    parent = EaseCell("M36", row, col)
    children = parent.children()
    assert len(set(children)) == 16
    left, bottom, right, top = parent.bounds
    bounds = np.array([c.bounds for c in children])
    np.testing.assert_allclose(
        [bounds[:, 0].min(), bounds[:, 1].min(), bounds[:, 2].max(), bounds[:, 3].max()],
        [left, bottom, right, top],
        atol=1e-5,
    )
    assert all(
        ease_cell_at(*c.center, "M36") == parent and ease_cell_at(*c.center, "M09") == c for c in children
    )


def test_row_and_column_start_in_the_north_west():
    assert (ease_cell_at(-179.99, 85.0).row, ease_cell_at(-179.99, 85.0).col) == (0, 0)
    assert ease_cell_at(-180.0, 10).col == 0
    assert ease_cell_at(180.0, 10).col in (0, 963)
    assert ease_cell_at(10, 10).row < ease_cell_at(10, -10).row


@pytest.mark.parametrize(
    "bad",
    [
        lambda: ease_cell_at(37, 100),
        lambda: ease_cell_at(0, 0, "M01"),
        lambda: EaseCell("M36", 406, 0),
        lambda: EaseCell("M36", 0, -1),
        lambda: EaseCell.from_name("M36_80_750"),
        lambda: EaseCell("M09", 0, 0).children("M36"),
        lambda: PixelGrid.from_bounds("EPSG:4326", (1, 0, 0, 1), 0.1),
        lambda: parse_crs("EPSG:1"),
    ],
)
def test_nonsense_is_refused(bad):
    with pytest.raises(InputError):
        bad()


@given(
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
    st.floats(1, 1e4),
    st.floats(1, 1e4),
    st.sampled_from([10.0, 30.0, 90.0]),
)
def test_lattice_covers_its_bounds_on_multiples_of_the_scale(left, bottom, width, height, scale):
    grid = PixelGrid.from_bounds("EPSG:32647", (left, bottom, left + width, bottom + height), scale)
    x0, y0, x1, y1 = grid.bounds
    tolerance = scale * 1e-8
    assert x0 <= left + tolerance
    assert y0 <= bottom + tolerance
    assert x1 >= left + width - tolerance
    assert y1 >= bottom + height - tolerance
    assert x1 - x0 < width + 2 * scale
    assert y1 - y0 < height + 2 * scale
    assert x0 / scale == pytest.approx(round(x0 / scale), abs=1e-9)


def test_tiles_and_windows_keep_the_lattice():
    grid = PixelGrid("EPSG:32647", (30, 0, 600_000, 0, -30, 4_100_000), 70, 50)
    x, y = grid.centers()
    assert grid.shape == (50, 70) == x.shape
    assert (x[0, 0], y[0, 0]) == (600_015, 4_099_985)
    seen = np.zeros(grid.shape, int)
    for row, col, tile in grid.tiles(32):
        tx, ty = tile.centers()
        np.testing.assert_array_equal(tx, x[row : row + tile.height, col : col + tile.width])
        np.testing.assert_array_equal(ty, y[row : row + tile.height, col : col + tile.width])
        seen[row : row + tile.height, col : col + tile.width] += 1
    assert (seen == 1).all()
    padded = grid.pad(2, 3)
    assert padded.shape == (54, 76)
    assert padded.window(2, 3, 50, 70) == grid
    assert hash(padded.window(2, 3, 50, 70)) == hash(grid)


@pytest.mark.realdata
def test_indices_of_a_real_smap_file(real_data):
    h5py = pytest.importorskip("h5py")
    with h5py.File(next((real_data / "smap_l2").glob("*.h5"))) as f:
        group = f["Soil_Moisture_Retrieval_Data"]
        rows, cols, lat, lon = (
            group[k][::97] for k in ("EASE_row_index", "EASE_column_index", "latitude", "longitude")
        )
    for r, c, y, x in zip(rows, cols, lat, lon, strict=True):
        cell = ease_cell_at(float(x), float(y))
        assert (cell.row, cell.col) == (r, c)
        np.testing.assert_allclose(
            cell.center, (x, y), atol=2e-4
        )  # the file's coordinates are single precision


def test_the_3_km_grid_is_nested_and_its_names_are_read_back():
    """EASE2_M03km.gpd: 11568 columns and 4872 rows of 3002.69 m."""
    large = ease_cell_at(99.8, 37.5)
    small = large.children("M03")
    assert len(small) == 144
    assert EASE_GRIDS["M03"].cell_size == pytest.approx(3002.6850700487)
    assert small[0].bounds[0] == pytest.approx(large.bounds[0], abs=1e-3)
    assert small[-1].bounds[1] == pytest.approx(large.bounds[1], abs=1e-3)
    last = EaseCell("M03", 4871, 11567)
    assert EaseCell.from_name(last.name) == last


def test_positions_are_the_inverse_of_corners():
    sheared = PixelGrid("EPSG:32647", (30.0, 4.0, 5e5, -3.0, -25.0, 4e6), 10, 10)
    rows, cols = np.array([0.0, 3.5, 9.25]), np.array([7.0, 0.5, 2.75])
    x, y = np.array([sheared.corner(r, c) for r, c in zip(rows, cols)]).T
    np.testing.assert_allclose(sheared.position(x, y), (rows, cols), atol=1e-9)

"""Means over EASE-Grid cells, against exactextract's own statistics, analytic cases and brute force."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource

from smgee.errors import InputError, MissingDataError, UnsupportedError
from smgee.grid import EASE_CRS, EASE_GRIDS, PixelGrid, ease_cell_at, transformer
from smgee.validation import cell_weights, zonal_means, zonal_statistics
from smgee.validation.weights import POINTS_PER_EDGE

CELL = ease_cell_at(100.2, 37.2)
CELLS = [CELL, *CELL.children()]


def lattice(scale: float = 300.0, crs: str = "EPSG:32647", pad: float = 0.02) -> PixelGrid:
    left, bottom, right, top = CELL.polygon(crs, points_per_edge=50).bounds
    dx, dy = pad * (right - left), pad * (top - bottom)
    return PixelGrid.from_bounds(crs, (left - dx, bottom - dy, right + dx, top + dy), scale)


@pytest.fixture(scope="module")
def utm():
    return cell_weights(lattice(), CELLS)


def field(grid: PixelGrid, seed: int = 0) -> np.ndarray:
    x, y = grid.centers()
    rng = np.random.default_rng(seed)
    return (
        0.2
        + 0.1 * (x - x.mean()) / np.ptp(x)
        + 0.05 * np.sin(8 * (y - y.min()) / np.ptp(y))
        + rng.normal(0, 0.02, grid.shape)
    )


def extract(values: np.ndarray, grid: PixelGrid, operations: list[str]) -> list[dict]:
    left, bottom, right, top = grid.bounds
    source = NumPyRasterSource(values, left, bottom, right, top, nodata=np.nan, srs_wkt=None)
    shapes = [c.polygon(grid.crs, points_per_edge=POINTS_PER_EDGE) for c in CELLS]
    features = [{"type": "Feature", "geometry": s.__geo_interface__, "properties": {}} for s in shapes]
    return [f["properties"] for f in exact_extract(source, features, operations)]


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_against_exactextract(utm, missing):
    values = field(utm.grid)
    values[np.random.default_rng(1).random(values.shape) < missing] = np.nan
    mine = zonal_statistics(values, utm)
    theirs = extract(values, utm.grid, ["mean", "stdev"])
    # Pixel areas differ by some 1e-4 across a UTM zone, which exactextract does not know.
    np.testing.assert_allclose(mine["mean"], [t["mean"] for t in theirs], atol=2e-6)
    np.testing.assert_allclose(mine["std"], [t["stdev"] for t in theirs], atol=2e-6)
    np.testing.assert_allclose(mine["coverage"], 1 - missing, atol=0.06 if missing else 1e-6)


def test_degrees_are_weighted_by_true_area():
    grid = lattice(0.005, "EPSG:4326")
    weights = cell_weights(grid, CELLS)
    _, lat = grid.centers()
    values = lat / 100  # a gradient that unequal areas act on
    mine = zonal_statistics(values, weights)
    theirs = extract(values, grid, ["area=mean(coverage_weight=area_spherical_m2)", "plain=mean"])
    weighted, plain = (np.array([t[k] for t in theirs]) for k in ("area", "plain"))
    np.testing.assert_allclose(mine["mean"], weighted, atol=1e-7)
    assert abs(plain[0] - weighted[0]) > 1e-6, "the case does not tell the two apart"


def test_area_of_the_cell_is_recovered(utm):
    assert utm.inside == pytest.approx(np.ones(17), abs=1e-6)
    np.testing.assert_allclose(
        np.add.reduceat(utm.areas, utm.starts[:-1])[0], EASE_GRIDS["M36"].cell_size ** 2, rtol=1e-6
    )


def test_in_its_own_projection_fractions_are_analytic():
    """A lattice of a third of a cell, shifted by half a pixel: edges count half, corners a quarter."""
    left, _bottom, right, top = CELL.bounds
    size = (right - left) / 3
    grid = PixelGrid(EASE_CRS, (size, 0, left - size / 2, 0, -size, top + size / 2), 4, 4)
    weights = cell_weights(grid, [CELL])
    share = np.zeros(16)
    share[weights.pixels] = weights.areas / size**2
    edge = np.array([0.5, 1, 1, 0.5])
    np.testing.assert_allclose(share.reshape(4, 4), np.outer(edge, edge), atol=1e-9)
    values = np.arange(16.0).reshape(4, 4)
    expected = (np.outer(edge, edge) * values).sum() / 9
    assert zonal_statistics(values, weights)["mean"][0] == pytest.approx(expected, rel=1e-9)


def test_children_average_to_their_parent(utm):
    table = zonal_statistics(field(utm.grid), utm)
    assert table["mean"][1:].mean() == pytest.approx(table["mean"][0], abs=1e-7)
    total = (table["std"][1:] ** 2 + (table["mean"][1:] - table["mean"][0]) ** 2).mean()
    assert total == pytest.approx(table["std"][0] ** 2, rel=1e-6)


def test_against_brute_force_on_points(utm):
    """Ten thousand random points of the equal-area plane, each taking the value of its pixel."""
    values = field(utm.grid)
    left, bottom, right, top = CELL.bounds
    rng = np.random.default_rng(3)
    x, y = transformer(EASE_CRS, utm.grid.crs).transform(
        rng.uniform(left, right, 200_000), rng.uniform(bottom, top, 200_000)
    )
    a, _, c, _, e, f = utm.grid.transform
    drawn = values[((y - f) / e).astype(int), ((x - c) / a).astype(int)]
    assert zonal_statistics(values, utm)["mean"][0] == pytest.approx(
        drawn.mean(), abs=5 * drawn.std() / np.sqrt(200_000)
    )


def test_constant_maps_and_single_precision(utm):
    table = zonal_statistics(np.full(utm.grid.shape, 0.3, np.float32), utm)
    assert (table["mean"] == np.float32(0.3)).all()
    assert (table["std"] == 0).all()
    large = zonal_statistics(np.full(utm.grid.shape, 1e6) + field(utm.grid), utm)
    np.testing.assert_allclose(large["std"], zonal_statistics(field(utm.grid), utm)["std"], rtol=1e-6)


def test_a_cell_with_one_value_has_that(utm):
    values = np.full(utm.grid.shape, np.nan)
    row, col = utm.grid.height // 2, utm.grid.width // 2
    values[row, col] = 0.31
    found = zonal_statistics(values, utm)
    assert (found["mean"][0], found["std"][0], found["n_pixels"][0]) == (0.31, 0.0, 1)
    values[row, col] = np.nan
    found = zonal_statistics(values, utm)
    assert np.isnan(found["mean"][0])
    assert found["n_pixels"][0] == 0


def test_minimum_coverage(utm):
    values = field(utm.grid)
    _, y = utm.grid.centers()
    values[y > np.quantile(y, 0.7)] = np.nan
    table = zonal_means({np.datetime64("2021-06-01T12:00"): values}, utm, min_coverage=0.8)
    assert str(table["date"][0].date()) == "2021-06-01"
    assert table["date"][0].hour == 0
    assert np.isnan(table["soil_moisture"][0])
    assert table["coverage"][0] == pytest.approx(0.7, abs=0.02)
    assert np.isfinite(table["soil_moisture"][13:]).all(), "the southern row of 9 km cells is whole"
    assert np.isfinite(zonal_means({0: values}, utm, min_coverage=0.6)["soil_moisture"][0])
    nothing = zonal_statistics(np.full(utm.grid.shape, np.nan), utm)
    assert nothing["mean"].isna().all()
    assert (nothing["coverage"] == 0).all()
    assert (nothing["n_pixels"] == 0).all()


def test_a_lattice_that_covers_half_the_cell_says_so():
    left, bottom, right, top = CELL.bounds
    x, y = transformer(EASE_CRS, "EPSG:32647").transform((left + right) / 2, (bottom + top) / 2)
    grid = PixelGrid.from_bounds("EPSG:32647", (x, y - 40_000, x + 60_000, y + 40_000), 300)
    weights = cell_weights(grid, [CELL])
    assert weights.inside[0] == pytest.approx(0.5, abs=0.02)
    table = zonal_means({0: np.full(grid.shape, 0.2)}, weights, min_coverage=0.8)
    assert np.isnan(table["soil_moisture"][0])
    assert table["coverage"][0] == pytest.approx(weights.inside[0])


def test_data_arrays_in_any_order_and_only_on_the_lattice(utm):
    grid = utm.grid
    x, y = grid.centers()
    days = pd.date_range("2021-06-01", periods=3)
    cube = np.stack([field(grid, s) for s in range(3)])
    maps = xr.DataArray(cube, dims=("time", "y", "x"), coords={"time": days, "y": y[:, 0], "x": x[0]})
    table = zonal_means(maps, utm)
    assert len(table) == 51
    pd.testing.assert_frame_equal(
        zonal_means(maps.transpose("x", "time", "y").chunk({"time": 1}), utm), table
    )
    pd.testing.assert_frame_equal(zonal_means(dict(zip(days, cube, strict=True)), utm), table)
    with pytest.raises(InputError, match="same lattice"):
        zonal_means(maps.isel(y=slice(None, None, -1)), utm)
    with pytest.raises(InputError, match="same lattice"):
        zonal_means(maps.assign_coords(x=maps.x + 150), utm)
    with pytest.raises(InputError, match="same lattice"):
        zonal_means({0: cube[0][1:]}, utm)
    with pytest.raises(InputError, match="dimensions"):
        zonal_means(maps.rename(time="day"), utm)
    with pytest.raises(MissingDataError, match="No map"):
        zonal_means({}, utm)


def test_refusals():
    grid = lattice()
    with pytest.raises(MissingDataError, match="does not reach"):
        cell_weights(grid, [ease_cell_at(10, 37)])
    with pytest.raises(UnsupportedError, match="north-up"):
        cell_weights(PixelGrid(grid.crs, (30, 1, 0, 1, -30, 0), 10, 10), [CELL])
    with pytest.raises(InputError, match="No EASE-Grid cell"):
        cell_weights(grid, [])


def test_maps_of_another_size_are_refused(utm):
    with pytest.raises(InputError, match="both must lie on the same lattice"):
        zonal_statistics(np.zeros((3, 4)), utm)


@pytest.mark.realdata
def test_real_elevation_in_two_projections(real_data):
    """The same 9 km cell near Davos, from the degrees of SRTM and from its UTM copy, and against
    exactextract on the file.
    """
    import rasterio

    cell = ease_cell_at(9.87, 46.79, "M09")
    means = []
    for name in ("dem_SRTM1.tif", "dem_SRTM1_proj.tif"):
        with rasterio.open(real_data / "dem_davos" / name) as src:
            values = src.read(1, masked=True).astype(float).filled(np.nan)
            grid = PixelGrid(src.crs.to_string(), tuple(src.transform)[:6], src.width, src.height)
        weights = cell_weights(grid, [cell])
        if weights.inside[0] < 0.999:
            pytest.skip("the UTM copy does not cover the cell")
        table = zonal_statistics(values, weights)
        means.append((table["mean"][0], table["std"][0]))
    np.testing.assert_allclose(means[0], means[1], atol=2.0)
    assert means[0][1] > 200


@pytest.mark.parametrize("scale", [150.0, 0.0021], ids=["metres", "degrees"])
def test_windows_add_up_to_the_whole(scale):
    grid = lattice(scale) if scale > 1 else lattice(scale, "EPSG:4326")
    weights = cell_weights(grid, CELLS)
    whole = np.zeros((len(CELLS), *grid.shape))
    for k in range(len(CELLS)):
        some = slice(weights.starts[k], weights.starts[k + 1])
        whole[k].reshape(-1)[weights.pixels[some]] = weights.areas[some]
    found = np.zeros_like(whole)
    for row in range(0, grid.height, 64):
        for col in range(0, grid.width, 48):
            height, width = min(64, grid.height - row), min(48, grid.width - col)
            part = weights.window(row, col, height, width)
            for k, first, last in zip(part.cells, part.starts, part.starts[1:]):
                window = found[k, row : row + height, col : col + width]
                pixels = part.pixels[first:last]
                assert (np.diff(pixels) > 0).all()
                window[np.unravel_index(pixels, window.shape)] = part.areas[first:last]
    np.testing.assert_array_equal(found > 0, whole > 0)
    np.testing.assert_allclose(found.sum((1, 2)), whole.sum((1, 2)), rtol=1e-12)
    # exactextract works in single precision on the pixels that an outline cuts
    np.testing.assert_allclose(found, whole, atol=2e-7 * whole.max())


def test_maps_of_many_models_ask_for_a_window_once(utm):
    one = utm.window(0, 0, 20, 30)
    assert utm.window(0, 0, 20, 30) is one
    other = utm.window(20, 0, 20, 30)
    assert other is not one
    np.testing.assert_array_equal(utm.window(0, 0, 20, 30).pixels, one.pixels)


def test_a_window_holds_no_more_than_itself():
    """The memory of a window does not grow with the lattice it is cut from."""
    left, _, _, top = CELL.bounds
    peaks = []
    for size in (600, 2400):
        weights = cell_weights(PixelGrid(EASE_CRS, (30, 0, left, 0, -30, top), size, size), [CELL])
        weights.window(0, 0, 8, 8)  # what is worked out once
        tracemalloc.start()
        entries = weights.window(128, 128, 256, 256)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert entries.pixels.size == 256 * 256
    assert peaks[1] < 1.1 * peaks[0]

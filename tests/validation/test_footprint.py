"""The antenna's footprint, against plain numerical integration on the ground."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pyproj import Geod

from smgee.errors import InputError
from smgee.grid import EASE_CRS, EaseCell, PixelGrid, ease_cell_at, transformer
from smgee.validation import cell_weights, footprint_means, footprint_weights, zonal_means
from tests.validation.tables import CHILDREN, PARENT

UNITS = PARENT.children("M03")
DAY = pd.Timestamp("2021-06-01")


def table(values: np.ndarray, coverage: np.ndarray | float = 1.0) -> pd.DataFrame:
    names = [u.name for u in UNITS]
    return pd.DataFrame({"date": DAY, "cell": names, "soil_moisture": values, "coverage": coverage})


def test_a_field_without_pattern_stays_as_it_is():
    found = footprint_means(table(np.full(144, 0.2)), [PARENT, *CHILDREN]).set_index("cell")
    np.testing.assert_allclose(found["soil_moisture"], 0.2)
    np.testing.assert_allclose(found["std"], 0.0, atol=1e-8)


def test_units_without_a_value_have_no_weight():
    values = np.where(np.arange(144) < 30, np.nan, 0.2)
    whole, part = (
        footprint_means(table(v), [PARENT], min_coverage=0.0).iloc[0] for v in (np.full(144, 0.2), values)
    )
    assert part["soil_moisture"] == pytest.approx(0.2)
    assert part["std"] == pytest.approx(0.0, abs=1e-8)
    assert 0 < part["coverage"] < whole["coverage"]


@pytest.mark.parametrize("lat", [10.0, 37.5, 60.0])
def test_the_footprint_is_round_on_the_ground(lat):
    """Half of the maximum at half the width, north and east, by geodesics from the centre."""
    cell = ease_cell_at(100.0, lat, "M09")
    units = [
        EaseCell("M03", 3 * cell.row + 1 + r, 3 * cell.col + 1 + c)
        for r in range(-30, 31)
        for c in range(-30, 31)
    ]
    weight = footprint_weights(cell, units, width_km=33.0)
    assert weight.sum() == pytest.approx(1.0, abs=2e-3)
    lon, middle = cell.center
    distance = np.array([Geod(ellps="WGS84").inv(lon, middle, *u.center)[2] for u in units]) / 1000
    expected = np.exp(-4 * np.log(2) * (distance / 33.0) ** 2)
    near = distance < 40
    np.testing.assert_allclose(weight[near] / weight.max(), expected[near], atol=0.02)


def test_means_are_those_of_fine_pixels_under_the_same_weight():
    left, bottom, right, top = PARENT.bounds
    n = 120
    grid = PixelGrid(EASE_CRS, ((right - left) / n, 0, left, 0, (bottom - top) / n, top), n, n)
    rng = np.random.default_rng(0)
    field = 0.2 + 0.1 * rng.random((n, n)) + np.linspace(0, 0.1, n)[:, None]
    small = zonal_means({DAY: field}, cell_weights(grid, UNITS), min_coverage=0.0)
    found = footprint_means(small, [CHILDREN[0]]).iloc[0]
    x, y = grid.centers()
    lon, lat = transformer(EASE_CRS, "EPSG:4326").transform(x.ravel(), y.ravel())
    home = np.full(lon.size, CHILDREN[0].center[0]), np.full(lon.size, CHILDREN[0].center[1])
    distance = Geod(ellps="WGS84").inv(*home, lon, lat)[2] / 1000
    weight = np.exp(-4 * np.log(2) * (distance / 33.0) ** 2)
    assert found["soil_moisture"] == pytest.approx(np.average(field.ravel(), weights=weight), abs=3e-4)
    assert abs(found["soil_moisture"] - field[:30, :30].mean()) > 0.01  # which is not the mean of the cell
    assert 0.2 < found["coverage"] < 0.5  # a corner: most of the footprint lies beside the maps


def test_clouds_take_days_out_and_gaps_weigh_nothing():
    values, share = np.full(144, 0.2), np.ones(144)
    values[:12] = 0.9
    share[:12] = 0.0
    part = footprint_means(table(values, share), [PARENT])
    assert part["soil_moisture"].iloc[0] == pytest.approx(0.2)
    share[:72] = 0.0
    assert footprint_means(table(values, share), [PARENT])["soil_moisture"].isna().all()
    assert footprint_means(table(values, share), [PARENT], min_coverage=0.3)["soil_moisture"].notna().all()


def test_units_as_large_as_the_cell_are_refused():
    coarse = pd.DataFrame({"date": DAY, "cell": [PARENT.name], "soil_moisture": 0.2, "coverage": 1.0})
    with pytest.raises(InputError, match="too coarse"):
        footprint_means(coarse, [PARENT])
    with pytest.raises(InputError, match="no width"):
        footprint_weights(PARENT, UNITS, width_km=0)

"""Validation tables: pairing, flags, calendars, independence, and the point at which the warped copy is
read.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smgee.errors import InputError, MissingDataError
from smgee.grid import EASE_CRS, EaseCell, ease_cell_at, transformer
from smgee.metrics import assess
from smgee.validation import (
    cell_station_means,
    overpass_dates,
    relate_errors,
    select_dates,
    validate,
    warp_pixel,
)
from smgee.validation.smap import METRICS
from tests.validation.tables import CHILDREN, DAYS, PARENT, smap_table, stations, truth, zonal_table

FAST = {"resamples": 200}
CELLS = [PARENT, *CHILDREN[:3]]
# 0.08° pixels as a warp of the whole grid to degrees makes them: the top edge is that of the grid.
WARP = (0.08, 0.0, -180.0, 0.0, -0.08, 85.04450187981)


def test_one_row_per_cell_orbit_and_reference():
    daily = stations(CHILDREN[:2])
    insitu = cell_station_means(daily, CELLS)
    table = validate(
        smap_table(CELLS),
        zonal_table(CELLS),
        insitu,
        training_stations=pd.DataFrame(columns=["station", "lon", "lat"]),
        **FAST,
    )
    assert len(table) == 4 * 2 * 2
    assert list(table["grid"].unique()) == ["M36", "M09"]
    row = table.query("cell == @PARENT.name and orbit == 'PM' and reference == 'upscaled'").iloc[0]
    satellite = smap_table([PARENT]).query("orbit == 'PM'")["soil_moisture"].to_numpy()
    expected = assess(satellite, truth(PARENT)[::2], metrics=METRICS, time=DAYS[::2].to_numpy(), **FAST)
    for name, value in expected.as_row().items():
        assert row[name] == value, name
    assert row["bias"] == pytest.approx(-0.01, abs=0.005)
    assert row["direction"] == "ascending"
    assert row["coverage"] == pytest.approx(0.95)
    plain = table.query("cell == @CHILDREN[0].name and orbit == 'AM' and reference == 'insitu_mean'").iloc[0]
    assert plain["bias"] == pytest.approx(-0.08, abs=0.005)
    assert plain["n_stations"] == 2
    empty = table.query("cell == @CHILDREN[2].name and reference == 'insitu_mean'")
    assert (empty["n"] == 0).all()
    assert set(empty["reason"]) == {"no pair of values"}


def test_gain_is_the_contrast_of_the_two_references():
    daily = stations(CHILDREN[:1])
    insitu = cell_station_means(daily, [PARENT])
    table = validate(smap_table([PARENT]), zonal_table([PARENT]), insitu, **FAST).set_index(
        ["orbit", "reference"]
    )
    row = table.loc[("AM", "upscaled")]
    assert row["gain_r"] == pytest.approx(row["r"] - table.loc[("AM", "insitu_mean"), "r"])
    assert row["gain_n"] == row["n"]
    assert row["gain_r_low"] < row["gain_r"] < row["gain_r_high"]
    assert np.isnan(table.loc[("AM", "insitu_mean"), "gain_r"])


def test_flagged_and_missing_retrievals_and_seasons():
    smap = smap_table([PARENT])
    am = smap.index[smap["orbit"] == "AM"]
    smap.loc[am[:10], "flag"] = 1
    smap.loc[am[10:15], "soil_moisture"] = np.nan
    counts = {}
    for key, more in {"all": {"recommended_only": False}, "good": {}}.items():
        table = validate(smap, zonal_table([PARENT]), **more, **FAST)
        counts[key] = int(table.query("orbit == 'AM'")["n"].iloc[0])
    assert counts == {"all": len(am) - 5, "good": len(am) - 15}
    season = pd.DataFrame({"start": ["2021-06-01"], "end": ["2021-06-30"]})
    table = validate(smap, zonal_table([PARENT]), periods=season, **FAST)
    assert table["first"].min() >= pd.Timestamp("2021-06-01")
    assert table["last"].max() <= pd.Timestamp("2021-06-30")
    assert len(select_dates(pd.DataFrame({"date": DAYS}), season)) == 30


def test_the_plain_mean_is_that_of_the_stations_inside():
    """Six stations in the cell at 0.20, six far away at 0.55, SMAP at 0.20: no bias."""
    inside, outside = stations(CHILDREN[:6], per_cell=1), stations(ease_cell_at(95, 30).children()[:6], 1)
    daily = xr.concat([inside * 0 + 0.20, outside * 0 + 0.55], "station")
    smap = smap_table([PARENT]).assign(soil_moisture=0.20)
    table = validate(smap, insitu=cell_station_means(daily, [PARENT]), **FAST)
    assert table["bias"].tolist() == pytest.approx([0, 0], abs=1e-12)
    assert table["n_stations"].tolist() == [6, 6]


def test_a_mean_of_no_cell_is_refused():
    """The mean of all stations of a file once served every cell, whatever lay inside."""
    everywhere = pd.DataFrame({"date": DAYS, "soil_moisture": 0.2, "n_stations": 5})
    with pytest.raises(InputError, match="no column 'cell'"):
        validate(smap_table(CELLS), insitu=everywhere, **FAST)


@pytest.mark.parametrize("through_a_file", [False, True])
def test_without_smap_the_table_is_empty(tmp_path, through_a_file):
    empty = smap_table([PARENT]).iloc[:0]
    if through_a_file:
        empty.to_csv(tmp_path / "smap.csv", index=False)
        empty = pd.read_csv(tmp_path / "smap.csv")
    table = validate(empty, zonal_table([PARENT]), cell_station_means(stations(CHILDREN[:1]), [PARENT]))
    assert len(table) == 0
    assert list(table) == list(validate(smap_table([PARENT]), zonal_table([PARENT]), **FAST))
    related = relate_errors(table, pd.DataFrame({"cell": [PARENT.name], "slope_mean": [1.0]}))
    assert len(related) == 0
    assert "rho" in related or "spearman" in related


def test_only_9_km():
    """No 36 km product: the rows of the small cells alone, and no number is made of a missing one."""
    table = validate(smap_table(CHILDREN[:2]), zonal_table([PARENT, *CHILDREN[:2]]), **FAST)
    assert set(table["grid"]) == {"M09"}
    assert len(table) == 4


def test_independence_guard():
    trained = pd.DataFrame(
        {"station": ["a", "b"], "lon": [CHILDREN[0].center[0]] * 2, "lat": [CHILDREN[0].center[1]] * 2}
    )
    insitu = cell_station_means(stations(CHILDREN[1:2], per_cell=1), CELLS)
    table = validate(smap_table(CELLS), zonal_table(CELLS), insitu, training_stations=trained, **FAST).query(
        "orbit == 'AM'"
    )
    up = table[table["reference"] == "upscaled"].set_index("cell")
    # Stations have not seen SMAP: a map made of them is as independent of it as their mean.
    assert up.loc[CHILDREN[0].name, "warning"] == ""
    assert up.loc[CHILDREN[0].name, "training_stations"] == up.loc[PARENT.name, "training_stations"] == 2
    assert up.loc[CHILDREN[1].name, "warning"] == ""
    assert up.loc[CHILDREN[1].name, "training_stations"] == 0
    plain = table[table["reference"] == "insitu_mean"].set_index("cell")
    assert "single station" in plain.loc[CHILDREN[1].name, "warning"]
    unknown = validate(smap_table(CELLS), zonal_table(CELLS), smap_is_predictor=True, **FAST)
    assert unknown["warning"].str.contains("predictor").all()
    assert unknown["training_stations"].isna().all()
    core = validate(smap_table(CELLS), zonal_table(CELLS), insitu, core_site=True, **FAST)
    assert core["warning"].str.contains("helped to calibrate SMAP").all()


@pytest.mark.parametrize(
    ("orbit", "lon", "shift"),
    [("AM", 100.2, 1), ("PM", 100.2, 0), ("AM", -98.8, 0), ("PM", -98.8, -1), ("AM", 10, 0), ("PM", 10, 0)],
)
def test_local_dates_of_overpasses(orbit, lon, shift):
    """06:00 at 100.2° E is 23:19 UTC of the day before; 18:00 at 98.8° W is 00:35 UTC of the day after."""
    assert overpass_dates(["2021-05-10"], orbit, lon)[0] == pd.Timestamp("2021-05-10") + pd.Timedelta(
        days=shift
    )


def test_solar_references_are_joined_on_the_local_date():
    smap = smap_table([PARENT])
    moved = smap.copy()
    moved.loc[moved["orbit"] == "AM", "date"] -= pd.Timedelta(
        days=1
    )  # as the product files the morning passes here
    solar = validate(moved, zonal_table([PARENT]), day="solar", **FAST)
    plain = validate(smap, zonal_table([PARENT]), **FAST)
    pd.testing.assert_frame_equal(solar, plain)
    timed = smap.assign(time=smap["date"] + pd.Timedelta(hours=3))
    pd.testing.assert_frame_equal(validate(timed, zonal_table([PARENT]), day="solar", **FAST), plain)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="flag"), "no column 'flag'"),
        (lambda t: t.assign(orbit="D"), "orbit 'D'"),
        (lambda t: pd.concat([t, t.tail(2)]), "2 repeated rows"),
        (lambda t: t.assign(soil_moisture=-9999.0), "outside 0…1"),
        (lambda t: t.assign(cell="nowhere"), "cell name 'nowhere'"),
    ],
)
def test_refused_tables(change, words):
    with pytest.raises(InputError, match=words):
        validate(change(smap_table([PARENT])), zonal_table([PARENT]), **FAST)


def test_refused_references():
    with pytest.raises(InputError, match="No reference"):
        validate(smap_table([PARENT]))
    twice = pd.concat([zonal_table([PARENT])] * 2)
    with pytest.raises(InputError, match="more than once"):
        validate(smap_table([PARENT]), twice)
    with pytest.raises(InputError, match="day"):
        validate(smap_table([PARENT]), zonal_table([PARENT]), day="local")
    with pytest.raises(MissingDataError, match="None of the stations"):
        cell_station_means(stations(CHILDREN[:1]), [ease_cell_at(10, 10)])
    nowhere = stations(CHILDREN[:1]).assign_coords(lon=("station", [np.nan] * 2))
    with pytest.raises(InputError, match="no coordinates"):
        cell_station_means(nowhere, [PARENT])


@pytest.mark.parametrize("lat", [-60.0, -37.2, 20.0, 37.2, 70.0])
def test_warped_pixel_lies_in_the_cell_and_nearest_its_centre(lat):
    """Against a search over every pixel of a band around the cell."""
    for k in range(12):
        cell = ease_cell_at(100.2 + 0.09 * k, lat, "M09")
        lon_p, lat_p = warp_pixel(cell, WARP)
        assert ease_cell_at(lon_p, lat_p, "M09") == cell
        cols, rows = np.arange(2250 * 0, 4500), np.arange(2126)
        lons, lats = -180 + 0.08 * (cols + 0.5), 85.04450187981 - 0.08 * (rows + 0.5)
        lons, lats = lons[abs(lons - lon_p) < 0.5], lats[abs(lats - lat_p) < 0.5]
        x, y = transformer("EPSG:4326", EASE_CRS).transform(*np.meshgrid(lons, lats))
        left, bottom, right, top = cell.bounds
        inside = (x >= left) & (x < right) & (y > bottom) & (y <= top)
        mx, my = transformer("EPSG:4326", EASE_CRS).transform(lon_p, lat_p)
        best = np.hypot(x - (left + right) / 2, y - (bottom + top) / 2)[inside].min()
        assert np.hypot(mx - (left + right) / 2, my - (bottom + top) / 2) == pytest.approx(best, rel=1e-9)


def test_cells_the_warp_has_dropped():
    """Near the equator a cell is 0.0705° high: about one row in eight has no pixel centre."""
    dropped = 0
    for row in range(740, 840):
        try:
            warp_pixel(EaseCell("M09", row, 100), WARP)
        except MissingDataError:
            dropped += 1
    assert dropped == 100 - len(
        np.unique(
            [
                ease_cell_at(-170.6, lat, "M09").row
                for lat in _centres()
                if 740 <= ease_cell_at(-170.6, lat, "M09").row < 840
            ]
        )
    )
    assert dropped > 5


def _centres() -> np.ndarray:
    lats = 85.04450187981 - 0.08 * (np.arange(2126) + 0.5)
    return lats[abs(lats) < 8]


def test_warp_transform_is_checked():
    with pytest.raises(InputError, match="rotation"):
        warp_pixel(CHILDREN[0], (0.08, 0.01, -180, 0, -0.08, 85))

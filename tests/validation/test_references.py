"""References from stations: at the overpass, weighted, without steps, on common samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from smgee.errors import InputError
from smgee.grid import EASE_CRS, transformer
from smgee.insitu.overpass import overpass_times
from smgee.validation import (
    cell_station_means,
    overpass_station_means,
    select_dates,
    station_references,
    station_weights,
    validate,
)
from smgee.validation.references import WEIGHTS, additive_mean, weighted_mean
from tests.validation.tables import CHILDREN, DAYS, PARENT, smap_table, stations, zonal_table

FAST = {"resamples": 200}


def hourly(seed: int, days: int = 120) -> xr.Dataset:
    """Return two stations of one soil that changes within hours: storms, and drying in between."""
    rng = np.random.default_rng(seed)
    time = pd.date_range("2021-05-01", periods=24 * days, freq="h")
    rain = (rng.random(len(time)) < 0.01) * rng.uniform(0.05, 0.2, len(time))
    value = np.empty(len(time))
    wet = 0.1
    for k, water in enumerate(rain):
        wet = 0.08 + (wet - 0.08) * 0.93 + water
        value[k] = wet
    lon, lat = PARENT.center
    return xr.Dataset(
        {"soil_moisture": (("time", "station"), np.stack([value, value], axis=1))},
        coords={
            "time": time,
            "station": ["a", "b"],
            "lon": ("station", [lon, lon]),
            "lat": ("station", [lat, lat]),
        },
    )


def passes(records: xr.Dataset, noise: dict[str, float], seed: int) -> pd.DataFrame:
    """Return SMAP as it would see these stations at the hour of each pass."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2021-05-03", "2021-08-25", freq="2D")
    series = records["soil_moisture"].isel(station=0)
    tables = []
    for orbit, spread in noise.items():
        at = overpass_times(dates, orbit, PARENT.center[0])
        seen = series.sel(time=at, method="nearest").values + rng.normal(0, spread, len(dates))
        tables.append(
            pd.DataFrame(
                {"date": dates, "orbit": orbit, "cell": PARENT.name, "soil_moisture": seen.clip(0), "flag": 0}
            )
        )
    return pd.concat(tables, ignore_index=True)


def test_at_the_overpass_the_ranks_of_the_orbits_are_right():
    """The morning pass near 100° E comes at the end of the UTC day; with daily means it looked the worse."""
    right, wrong = 0, 0
    for seed in range(10):
        records = hourly(seed)
        smap = passes(records, {"AM": 0.01, "PM": 0.02}, seed)
        daily = records.resample(time="1D").mean()
        at = overpass_station_means(records, [PARENT])
        by_pass = validate(smap, insitu=at, **FAST).set_index("orbit")["r"]
        by_day = validate(smap, insitu=cell_station_means(daily, [PARENT]), **FAST).set_index("orbit")["r"]
        right += by_pass["AM"] > by_pass["PM"]
        wrong += by_day["AM"] < by_day["PM"]
        assert by_pass["AM"] > by_day["AM"] + 0.02
    assert right >= 9
    assert wrong >= 5


def test_the_product_s_own_time_counts():
    """A pass two hours after the solar time is compared with what was there two hours later."""
    records = hourly(3)
    trend = np.arange(records.sizes["time"]) / 10000
    records["soil_moisture"] = records["soil_moisture"] * 0 + trend[:, None]
    dates = pd.date_range("2021-05-03", periods=30)
    own = overpass_times(dates, "PM", PARENT.center[0]) + pd.Timedelta(hours=2)
    times = pd.DataFrame({"date": dates, "orbit": "PM", "time": own})
    plain = overpass_station_means(records, [PARENT]).query("orbit == 'PM' and date in @dates")
    shifted = overpass_station_means(records, [PARENT], times=times).query("orbit == 'PM' and date in @dates")
    difference = shifted["soil_moisture"].to_numpy() - plain["soil_moisture"].to_numpy()
    np.testing.assert_allclose(difference, 2 / 10000, rtol=0.05)


def network(places: list[tuple[float, float]], values: np.ndarray | None = None) -> xr.Dataset:
    """Return stations at fractions (across, up) of the cell."""
    left, bottom, right, top = PARENT.bounds
    x = [left + u * (right - left) for u, _ in places]
    y = [bottom + v * (top - bottom) for _, v in places]
    lon, lat = transformer(EASE_CRS, "EPSG:4326").transform(x, y)
    values = np.full((len(DAYS), len(places)), 0.2) if values is None else values
    return xr.Dataset(
        {"soil_moisture": (("time", "station"), values)},
        coords={
            "time": DAYS[: len(values)],
            "station": [f"s{k}" for k in range(len(places))],
            "lon": ("station", list(lon)),
            "lat": ("station", list(lat)),
        },
    )


def test_voronoi_is_the_area_of_thiessen_polygons():
    rng = np.random.default_rng(0)
    places = [(u, v) for u, v in rng.uniform(0.05, 0.95, (9, 2))]
    got = station_weights(network(places), PARENT, "voronoi")
    box = shapely.box(0, 0, 1, 1)
    cells = shapely.voronoi_polygons(shapely.MultiPoint(places), extend_to=box).geoms
    exact = [next(c for c in cells if c.contains(shapely.Point(p))).intersection(box).area for p in places]
    np.testing.assert_allclose(got, exact, atol=2e-3)
    twice = station_weights(network([(0.25, 0.5), (0.25, 0.5), (0.75, 0.5)]), PARENT, "voronoi")
    np.testing.assert_allclose(twice, [0.25, 0.25, 0.5], atol=1e-3)


def test_inverse_distance_thins_out_a_cluster():
    places = [(0.2, 0.2), (0.21, 0.2), (0.2, 0.21), (0.8, 0.8)]
    share = station_weights(network(places), PARENT, "inverse_distance")
    assert share.sum() == pytest.approx(1)
    assert share[3] > 1.3 * share[:3].max()
    mirrored = station_weights(network([(1 - u, v) for u, v in places]), PARENT, "inverse_distance")
    np.testing.assert_allclose(share, mirrored, rtol=1e-6)


def test_stability_trusts_the_station_that_keeps_its_distance():
    rng = np.random.default_rng(1)
    common = 0.2 + 0.05 * np.sin(np.arange(len(DAYS)) / 9)
    steady = np.stack([common * f for f in (0.8, 0.9, 1.1, 1.2)], axis=1)
    noisy = common + rng.normal(0, 0.05, len(DAYS))
    values = np.column_stack([steady + rng.normal(0, 0.005, steady.shape), noisy])
    share = station_weights(network([(0.1 * k, 0.5) for k in range(1, 6)], values), PARENT, "stability")
    assert share[4] == share.min()
    assert share[:4].min() > 5 * share[4]


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_of_any_kind(kind):
    share = station_weights(network([(0.3, 0.3), (0.6, 0.8)]), PARENT, kind)
    assert share.sum() == pytest.approx(1)
    assert (share > 0).all()
    assert station_weights(network([(0.3, 0.3)]), PARENT, kind).tolist() == [1.0]
    with pytest.raises(InputError, match="choose from equal"):
        station_weights(network([(0.3, 0.3)]), PARENT, "median")


def test_a_station_that_falls_silent_makes_no_step():
    rng = np.random.default_rng(2)
    level, share = np.array([0.1, 0.2, 0.4]), np.array([0.2, 0.3, 0.5])
    common = 0.05 * np.sin(np.arange(60) / 9)
    whole = common[:, None] + level
    holes = whole.copy()
    holes[30:, 2] = np.nan
    holes[rng.random(60) < 0.3, 0] = np.nan
    np.testing.assert_allclose(additive_mean(holes, share), whole @ share, atol=1e-12)
    assert np.abs(weighted_mean(holes, share) - whole @ share).max() > 0.05
    complete = whole + rng.normal(0, 0.02, whole.shape)
    np.testing.assert_allclose(additive_mean(complete, share), complete @ share, atol=1e-12)
    assert np.isnan(additive_mean(np.full((3, 2), np.nan), share[:2])).all()


def test_side_by_side_on_common_passes():
    daily = stations(CHILDREN[:3], per_cell=2)
    daily["soil_moisture"][:40, 0] = np.nan
    references = station_references(daily, [PARENT])
    assert set(references) == {"insitu_mean", *(f"insitu_{name}" for name in WEIGHTS)}
    maps = zonal_table([PARENT]).iloc[30:]
    table = validate(smap_table([PARENT]), maps, references=references, common=True, **FAST)
    assert len(table) == 2 * (len(WEIGHTS) + 2)
    assert table.groupby("orbit")["n"].nunique().tolist() == [1, 1]
    others = table[table["reference"] != "insitu_mean"]
    assert others["gain_r"].notna().all()
    assert (others["gain_n"] == others["n"]).all()
    own = validate(smap_table([PARENT]), maps, references=references, **FAST)
    assert own.groupby("reference")["n"].max()["insitu_mean"] > table["n"].max()
    plain = own.query("reference == 'insitu_mean'")["bias"].to_numpy()
    anomaly = own.query("reference == 'insitu_equal'")["bias"].to_numpy()
    assert not np.allclose(plain, anomaly), "a station that comes late moves the plain mean"


def test_references_at_the_overpass_side_by_side():
    from smgee.insitu import overpass_means

    references = station_references(overpass_means(hourly(1)), [PARENT])
    smap = passes(hourly(1), {"AM": 0.02, "PM": 0.02}, 1)
    table = validate(smap, references=references, **FAST)
    assert len(table) == 2 * (len(WEIGHTS) + 1)
    assert (table["n"] > 40).all()


def test_block_kriging_weighs_by_what_each_station_stands_for():
    """Twenty stations in one corner share the say of one; the mean over a smooth field comes out nearer."""
    rng = np.random.default_rng(6)
    left, bottom, right, top = PARENT.bounds
    side = right - left
    crowd = np.column_stack(
        [left + rng.uniform(0.05, 0.15, 20) * side, top - rng.uniform(0.05, 0.15, 20) * side]
    )
    spread = np.column_stack([left + rng.uniform(0, 1, 20) * side, bottom + rng.uniform(0, 1, 20) * side])
    xy = np.concatenate([crowd, spread])
    lon, lat = transformer(EASE_CRS, "EPSG:4326").transform(xy[:, 0], xy[:, 1])
    day = np.arange(60)
    slope = 0.1 * np.sin(day / 9)[:, None]
    field = 0.25 + slope * ((xy[:, 0] - left) / side - 0.5) + 0.05 * ((xy[:, 1] - bottom) / side - 0.5)
    daily = xr.Dataset(
        {"soil_moisture": (("time", "station"), field + rng.normal(0, 0.002, field.shape))},
        coords={
            "time": pd.date_range("2021-06-01", periods=60),
            "station": np.arange(40).astype(str).astype(object),
            "lon": ("station", lon),
            "lat": ("station", lat),
        },
    )
    share = station_weights(daily, PARENT, "kriging")
    assert share.sum() == pytest.approx(1.0)
    assert (share >= 0).all()
    assert share[:20].sum() < 0.2 < share[20:].sum()
    error = {
        kind: np.abs(additive_mean(field, station_weights(daily, PARENT, kind)) - 0.25).mean()
        for kind in ("equal", "kriging")
    }
    assert error["kriging"] < 0.3 * error["equal"]
    noise = daily.assign(soil_moisture=(("time", "station"), rng.normal(0.25, 0.02, field.shape)))
    np.testing.assert_allclose(station_weights(noise, PARENT, "kriging"), 1 / 40, atol=0.02)


def test_only_rows_of_periods_are_taken():
    """Both of their days belong to them; between two periods there is nothing."""
    periods = pd.DataFrame({"start": ["2021-05-11", "2021-06-01"], "end": ["2021-05-12", "2021-06-01"]})
    table = pd.DataFrame({"date": DAYS})
    found = select_dates(table, periods)["date"].dt.strftime("%m-%d")
    assert found.tolist() == ["05-11", "05-12", "06-01"]

"""References side by side, at the overpass where records tell the hour."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smgee import insitu
from smgee.errors import MissingDataError
from smgee.validation import gather, validate
from smgee.validation.judges import TITLES, network_change
from tests.validation.tables import CHILDREN, PARENT

CELLS = [PARENT, CHILDREN[0], CHILDREN[1]]
HOURS = pd.date_range("2021-05-01", "2021-08-01", freq="h", inclusive="left")


def field() -> np.ndarray:
    """Return the soil moisture of the land by the hour: it dries, and rain falls at some noon UTC."""
    level = np.empty(len(HOURS))
    level[0] = 0.3
    rain = np.random.default_rng(2).random(len(HOURS)) < 0.01
    for k in range(1, len(level)):
        level[k] = 0.12 + (level[k - 1] - 0.12) * 0.995 + 0.12 * rain[k]
    return np.clip(level, 0, 0.5)


def records(children: range = range(0, 16, 3)) -> xr.Dataset:
    """Return hourly stations with levels of their own, one in each of some 9 km cells."""
    cells = [CHILDREN[k] for k in children]
    own = np.linspace(-0.05, 0.05, len(cells))
    return xr.Dataset(
        {"soil_moisture": (("time", "station"), field()[:, None] + own)},
        coords={
            "time": HOURS,
            "station": [f"s{k}" for k in children],
            "lon": ("station", [c.center[0] for c in cells]),
            "lat": ("station", [c.center[1] for c in cells]),
        },
    )


def satellite(*, own_times: bool = False) -> pd.DataFrame:
    """Return SMAP without any error: the land at the hour of the pass, under the UTC date of the product."""
    tables = []
    truth = pd.Series(field(), HOURS)
    for orbit in ("AM", "PM"):
        dates = pd.date_range("2021-05-05", "2021-07-28", freq="2D")
        times = insitu.overpass_times(dates, orbit, PARENT.center[0])
        if own_times:
            times = dates + pd.Timedelta(hours=23.3 if orbit == "AM" else 2.0)
        span = pd.Timedelta("3h")
        seen = [truth[t - span : t + span].mean() for t in times]
        for cell in CELLS:
            part = pd.DataFrame({"date": dates, "orbit": orbit, "cell": cell.name, "soil_moisture": seen})
            tables.append(part.assign(flag=0, time=times if own_times else pd.NaT))
    return pd.concat(tables, ignore_index=True)


def maps() -> pd.DataFrame:
    """Return means of the daily maps: the day's land in every cell."""
    days = pd.Series(field(), HOURS).resample("D").mean()
    part = [
        pd.DataFrame({"date": days.index, "cell": c.name, "soil_moisture": days.to_numpy(), "coverage": 1.0})
        for c in CELLS
    ]
    return pd.concat(part, ignore_index=True)


def units() -> pd.DataFrame:
    whole = maps().query("cell == @PARENT.name").drop(columns="cell")
    return pd.concat([whole.assign(cell=u.name) for u in PARENT.children("M03")], ignore_index=True)


def test_every_reference_is_there_in_order_and_at_the_overpass():
    hourly = records()
    judges = gather(
        satellite(),
        CELLS,
        daily=insitu.daily_means(hourly),
        records=hourly,
        zonal=maps(),
        units=units(),
        cross_fitted=maps(),
    )
    assert list(judges.tables) == list(TITLES)
    assert all("orbit" in t for name, t in judges.tables.items() if name != "insitu_day")
    assert "06:00 and 18:00 local solar time" in judges.note
    assert judges.hours == 3.0
    assert judges.stations is not None
    assert "orbit" in judges.stations.dims  # verdicts are by the same hour
    assert judges.stations.sizes["station"] == hourly.sizes["station"]  # all lie in a cell, if not in all
    by_day = gather(satellite(), CELLS, daily=insitu.daily_means(hourly))
    assert by_day.stations is not None
    assert "orbit" not in by_day.stations.dims
    long = judges.long()
    assert not long.duplicated(["reference", "date", "orbit", "cell"]).any()
    assert set(long["orbit"]) == {"AM", "PM", ""}


def test_the_hour_of_the_overpass_makes_stations_and_maps_right():
    """SMAP sees the land at 23:20 UTC: the means of the UTC day are another day's soil moisture."""
    hourly = records()
    judges = gather(
        satellite(), CELLS, daily=insitu.daily_means(hourly), records=hourly, zonal=maps(), units=units()
    )
    found = validate(satellite(), references=judges.tables, common=True, resamples=100)
    large = found[(found["cell"] == PARENT.name) & (found["orbit"] == "AM")].set_index("reference")
    assert (large["n"] == large["n"].iloc[0]).all()
    assert large["n"].iloc[0] > 35
    for name in ("insitu_mean", "insitu_voronoi", "upscaled", "upscaled_footprint"):
        assert large.loc[name, "r"] > 0.995, name
        assert large.loc[name, "timing"] == "overpass"
    assert large.loc["insitu_day", "timing"] == "day"
    assert large.loc["insitu_day", "r"] < large.loc["upscaled", "r"] - 0.01
    assert large.loc["upscaled", "ubrmse"] < 0.3 * large.loc["insitu_day", "ubrmse"]


def test_the_product_s_own_time_is_taken_where_it_tells_one():
    hourly = records()
    seen = satellite(own_times=True)
    judges = gather(seen, CELLS, daily=insitu.daily_means(hourly), records=hourly, zonal=maps())
    assert "the product's own time" in judges.note
    found = validate(seen, references=judges.tables, common=True, resamples=100).query("orbit == 'PM'")
    large = found[found["cell"] == PARENT.name].set_index("reference")
    assert large.loc["upscaled", "r"] > 0.995
    solar = gather(
        seen.assign(time=pd.NaT), CELLS, daily=insitu.daily_means(hourly), records=hourly, zonal=maps()
    )
    wrong = validate(seen, references=solar.tables, resamples=100).query("orbit == 'PM'")
    assert wrong.set_index(["cell", "reference"]).loc[(PARENT.name, "upscaled"), "r"] < 0.99


def test_a_station_that_is_silent_at_the_pass_leaves_the_change_as_it_is():
    """A station of another level, which also dries more between the pass and the day than others."""
    hourly = records()
    swing = 0.02 * np.cos(2 * np.pi * HOURS.hour.to_numpy() / 24)
    own = hourly["soil_moisture"].values.copy()
    own[:, -1] += 0.1 + 3 * swing
    own[:, :-1] += swing[:, None]
    hourly["soil_moisture"] = ("time", "station"), own
    daily = insitu.daily_means(hourly)
    at = insitu.overpass_means(hourly, None, hours=3.0)
    whole = network_change(daily, at)
    silent = at.copy(deep=True)
    gone = np.arange(at.sizes["time"]) % 5 == 2
    silent["soil_moisture"].transpose("orbit", "time", "station").values[:, gone, -1] = np.nan
    found = network_change(daily, silent)
    assert np.isfinite(silent["soil_moisture"]).sum() < np.isfinite(at["soil_moisture"]).sum()
    assert len(found) == len(whole)
    apart = np.abs(found["change"] - whole["change"])
    lost = (silent["soil_moisture"] - at["soil_moisture"]).isnull().sum()
    assert lost > 0
    # the mean of those that report would jump by 1/6 of how far its change lies from that of the others
    jump = 2 * np.abs(swing).max() / 6
    assert apart.max() < 0.15 * jump


def test_daily_stations_fall_back_to_days_and_say_so():
    daily = insitu.daily_means(records())
    assert insitu.subdaily(daily, HOURS[0].date(), HOURS[-1].date()) is None
    judges = gather(satellite(), CELLS, daily=daily, zonal=maps(), units=units())
    assert "insitu_day" not in judges.tables
    assert not any("orbit" in t for t in judges.tables.values())
    assert judges.hours == 0
    assert "one value a day" in judges.note


def test_stations_elsewhere_and_nothing_at_all():
    far = records().assign_coords(lon=("station", [10.0] * 6))
    judges = gather(satellite(), CELLS, daily=insitu.daily_means(far), records=far, zonal=maps())
    assert list(judges.tables) == ["upscaled"]
    assert judges.stations is None
    with pytest.raises(MissingDataError, match="nothing to judge SMAP by"):
        gather(satellite(), CELLS, daily=insitu.daily_means(far), records=far)


def test_records_of_the_period_are_kept_with_two_days_on_either_side():
    kept = insitu.subdaily(records(), pd.Timestamp("2021-06-01").date(), pd.Timestamp("2021-06-11").date())
    assert kept is not None
    assert str(kept["time"].values[0])[:13] == "2021-05-30T00"
    assert str(kept["time"].values[-1])[:13] == "2021-06-12T23"
    assert kept["soil_moisture"].dtype == np.float32

"""Weather, against NumPy and the antecedent precipitation of the models' own rain, on the raw arrays."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest
import rasterio
from affine import Affine
from xgboost import XGBRegressor

import smgee
from smgee.eelocal.assets.catalog import add_files
from smgee.errors import InputError
from smgee.grid import PixelGrid, transformer
from smgee.models.rain import antecedent, windowed
from smgee.predictors import Site
from smgee.predictors.pieces import SPAN
from smgee.predictors.weather import Weather
from smgee.remote import LEDGER
from smgee.trees import TreeEnsemble
from smgee.twin import Basin
from smgee.twin.imerg import Imerg
from smgee.twin.products import Products
from smgee.upscale import Block, MapJob, XeeRoute
from tests.predictors.conftest import check, study_of
from tests.predictors.rasters import Rasters
from tests.predictors.scenes import pixels

ERA5, CHIRPS, IMERG = "ECMWF/ERA5_LAND/DAILY_AGGR", "UCSB-CHG/CHIRPS/DAILY", "NASA/GPM_L3/IMERG_V07"
LATTICE = PixelGrid("EPSG:4326", (0.1, 0.0, 99.05, 0.0, -0.1, 38.05), 14, 10)
"""Pixels of ERA5-Land around the cell of the studies: centres on tenths of a degree."""
FIRST, DAYS = date(2021, 3, 20), 123
"""103 days before the studies' first."""


def rain_of(seed: int, shape: tuple[int, int], days: int = DAYS) -> np.ndarray:
    rng = np.random.default_rng(seed)
    wet = rng.random((days, *shape)) < 0.3
    return np.where(wet, rng.gamma(0.6, 9.0, (days, *shape)), 0.0).astype("f4")


@pytest.fixture(scope="module")
def world():
    source = Rasters()
    rng = np.random.default_rng(5)
    source.rain = rain_of(1, LATTICE.shape)
    source.air = rng.normal(283, 6, source.rain.shape).astype("f4")
    source.asked = rng.gamma(3.0, 1.2, source.rain.shape).astype("f4")
    for k in range(DAYS):
        bands = {
            "temperature_2m": source.air[k],
            "potential_evaporation_sum": -source.asked[k] / 1000,
            "total_precipitation_sum": source.rain[k] / 1000,
        }
        day = FIRST + timedelta(days=k)
        source.add(ERA5, bands, LATTICE, at=datetime(day.year, day.month, day.day))
    with smgee.connect(sources=[source]):
        yield source


def era5_at(lon, lat):
    """Row and column of `LATTICE`: plain arithmetic."""
    return np.floor((38.05 - np.asarray(lat)) / 0.1).astype(int), np.floor(
        (np.asarray(lon) - 99.05) / 0.1
    ).astype(int)


def expected(world, day: date) -> dict[str, np.ndarray]:
    """What a day should have, from the arrays."""
    k = (day - FIRST).days
    past = world.rain[: k + 1].reshape(k + 1, -1).T.astype("f8")
    steps = np.arange(past.shape[1], dtype=float)
    last = past[:, -60:], steps[-60:]
    found = {f"era5_api{d}": antecedent(*last, d / 100)[:, -1] for d in (80, 95)}
    found |= {"era5_rain_10d": windowed(past, steps, 10)[:, -1], "era5_rain": past[:, -1]}
    found |= {
        "era5_air_temperature": world.air[k].astype("f8").ravel() - 273.15,
        "era5_potential_evaporation": world.asked[k].astype("f8").ravel(),
    }
    return {name: values.reshape(LATTICE.shape) for name, values in found.items()}


NAMES = (
    *("era5_api95", "era5_rain_10d", "era5_rain"),
    *("era5_air_temperature", "era5_potential_evaporation", "era5_api80"),
)


def test_a_season_of_weather_in_samples_and_on_both_routes(world):
    check(
        study_of({"kind": "weather", "names": NAMES, "memory_days": 60}),
        lambda day: expected(world, day),
        at=era5_at,
        rtol=2e-6,
    )


def test_a_map_pulls_coarse_pixels_once_for_many_days(world):
    study = study_of({"kind": "weather", "names": NAMES, "memory_days": 60})
    pieces = study.predictor_set.pieces(study_days := [date(2021, 7, d) for d in range(1, 21)])
    assert [len(p.days) for p in pieces] == [20]
    assert SPAN >= 20
    assert pieces[0].lattice.width * pieces[0].lattice.height < 60
    held = {day: np.stack([expected(world, day)[n] for n in NAMES], axis=-1) for day in study_days}
    x = np.concatenate([v.reshape(-1, len(NAMES)) for v in held.values()]).astype("f4")
    trees = XGBRegressor(n_estimators=5, max_depth=3).fit(x, x.sum(axis=1))
    route = XeeRoute(study.predictor_set, TreeEnsemble.from_model(trees, feature_names=list(NAMES)))
    blocks = [Block(r, c, 32, 32) for r in (0, 32) for c in (0, 32)]
    with LEDGER.measure() as meter:
        maps = [route.run(MapJob(b, tuple(study_days)))["soil_moisture"] for b in blocks]
    # One for the pixels of all days, one per block for where they lie, and what opening each image takes.
    assert meter.spent.n_requests <= len(blocks) + 5
    jobs = [route.cost(MapJob(b, tuple(study_days))) for b in blocks]
    cost = jobs[0] + jobs[1] + jobs[2] + jobs[3]
    coarse = pieces[0].lattice.width * pieces[0].lattice.height * len(NAMES) * 20
    assert cost.bytes == 4 * (4 * 32 * 32 + coarse)
    row, col = _positions(study)
    for b, found in zip(blocks, maps, strict=True):
        at = row[b.slices], col[b.slices]
        for k, day in enumerate(study_days):
            pixels_of_day = held[day][at].reshape(-1, len(NAMES)).astype("f4")
            np.testing.assert_allclose(found[k].ravel(), trees.predict(pixels_of_day), rtol=1e-5)


def _positions(study):
    grid = study.grid
    x, y = np.meshgrid(
        grid.transform[2] + 500 * (np.arange(grid.width) + 0.5),
        grid.transform[5] - 500 * (np.arange(grid.height) + 0.5),
    )
    return era5_at(*transformer(grid.crs, "EPSG:4326").transform(x, y))


def test_relative_is_minus_the_mean_of_the_stations_on_the_day(world):
    places = [[99.63, 37.44], [99.83, 37.57], [99.84, 37.56], [99.96, 37.66]]
    names = ("era5_api95_relative", "era5_air_temperature", "era5_air_temperature_relative")
    family = Weather(names=names, memory_days=60, stations=places)
    site = Site.of(study_of({"kind": "weather"}).grid)
    day = date(2021, 7, 9)
    found = pixels(family.images(site, [day, date(2021, 7, 10)], names), LATTICE)
    held = expected(world, day)
    row, col = era5_at(*np.array(places).T)
    inside = np.isfinite(found["era5_api95_relative_20210709"])
    assert inside.sum() >= 36
    for name in ("era5_api95", "era5_air_temperature"):
        minus = held[name] - held[name][row, col].mean()
        np.testing.assert_allclose(found[f"{name}_relative_20210709"][inside], minus[inside], atol=2e-4)
    np.testing.assert_allclose(
        found["era5_air_temperature_20210709"][inside], held["era5_air_temperature"][inside], atol=1e-4
    )
    with pytest.raises(InputError, match="need the network: give stations"):
        Weather(names=names).images(site, [day], names)


def test_the_network_is_that_of_the_sampled_stations(world, tmp_path):
    (tmp_path / "places.csv").write_text("name,lat,lon\na,37.44,99.63\nb,37.66,99.96\n")
    named = study_of(
        {"kind": "weather", "names": ["era5_rain_relative"], "stations": str(tmp_path / "places.csv")}
    )
    own = study_of({"kind": "weather", "names": ["era5_rain_relative"]})
    day = date(2021, 7, 9)
    given = own.predictor_set.at_stations([99.63, 99.96], [37.44, 37.66])
    a, b = (pixels(s.image(day), own.grid) for s in (named.predictor_set, given))
    np.testing.assert_array_equal(a["era5_rain_relative"], b["era5_rain_relative"])
    assert np.ptp(a["era5_rain_relative"]) > 1


def test_days_without_an_image_count_as_the_mean_of_the_others_and_mask_their_own():
    source, rain = Rasters(), rain_of(3, LATTICE.shape, 40)
    gone = {36, 39}
    first = date(2021, 6, 1)
    for k in set(range(40)) - gone:
        day = first + timedelta(days=k)
        bands = {"total_precipitation_sum": rain[k] / 1000}
        source.add(ERA5, bands, LATTICE, at=datetime(day.year, day.month, day.day))
    names = ("era5_rain", "era5_rain_5d", "era5_api90")
    site = Site.of(study_of({"kind": "weather"}).grid)
    with smgee.connect(sources=[source]):
        days = [first + timedelta(days=k) for k in (38, 39)]
        found = pixels(Weather(names=names, memory_days=20).images(site, days, names), LATTICE)
    inside = np.isfinite(found["era5_rain_20210709"])
    assert inside.sum() >= 36
    assert np.isnan(found["era5_rain_20210710"]).all()
    filled = np.where(np.isin(np.arange(40), [*gone])[:, None, None], np.nan, rain.astype("f8"))
    for k, day in ((38, "20210709"), (39, "20210710")):
        window = filled[k - 4 : k + 1]
        held = 5 * np.nanmean(window, axis=0)
        np.testing.assert_allclose(found[f"era5_rain_5d_{day}"][inside], held[inside], rtol=1e-5)
        window = filled[k - 19 : k + 1]
        window = np.where(np.isnan(window), np.nanmean(window, axis=0), window).reshape(20, -1).T
        held = antecedent(window, np.arange(20.0), 0.9)[:, -1].reshape(LATTICE.shape)
        np.testing.assert_allclose(found[f"era5_api90_{day}"][inside], held[inside], rtol=1e-5)


def test_half_hours_become_days():
    source = Rasters()
    lattice = PixelGrid("EPSG:4326", (0.1, 0.0, 99.0, 0.0, -0.1, 38.0), 14, 10)
    rng = np.random.default_rng(8)
    rates = rng.gamma(0.2, 2.0, (20, 48, *lattice.shape)).astype("f4")
    for k in range(20):
        for h in range(48):
            at = datetime(2021, 6, 20) + timedelta(days=k, minutes=30 * h)
            source.add(IMERG, {"precipitation": rates[k, h]}, lattice, at=at)
    names = ("imerg_rain", "imerg_api80")
    site = Site.of(study_of({"kind": "weather"}).grid)
    with smgee.connect(sources=[source]):
        family = Weather(names=names, memory_days=15)
        found = pixels(family.images(site, [date(2021, 7, 6)], names), lattice)
    daily = rates.astype("f8").sum(axis=1) / 2  # mm of each half hour
    inside = np.isfinite(found["imerg_rain_20210706"])
    np.testing.assert_allclose(found["imerg_rain_20210706"][inside], daily[16][inside], rtol=1e-5)
    held = antecedent(daily[2:17].reshape(15, -1).T, np.arange(15.0), 0.8)[:, -1].reshape(lattice.shape)
    np.testing.assert_allclose(found["imerg_api80_20210706"][inside], held[inside], rtol=1e-5)


def test_files_of_ones_own_are_read(tmp_path):
    """A GeoTIFF a day, whose bands are called as the collection's are."""
    rain, first = rain_of(11, LATTICE.shape, 12), date(2021, 6, 25)
    for k in range(12):
        path = tmp_path / f"era5land_{first + timedelta(days=k):%Y%m%d}.tif"
        shape = {"width": LATTICE.width, "height": LATTICE.height, "count": 2, "dtype": "float32"}
        with rasterio.open(path, "w", crs="EPSG:4326", transform=Affine(*LATTICE.transform), **shape) as file:
            file.write(np.stack([np.full(LATTICE.shape, 280 + k, "f4"), rain[k] / 1000]))
            file.descriptions = ("temperature_2m", "total_precipitation_sum")
    add_files(tmp_path / "catalog", ERA5, sorted(tmp_path.glob("*.tif")))
    names = ("era5_api90", "era5_air_temperature")
    site = Site.of(study_of({"kind": "weather"}).grid)
    with smgee.connect(catalog=tmp_path / "catalog"):
        day = first + timedelta(days=11)
        found = pixels(Weather(names=names, memory_days=12).images(site, [day], names), LATTICE)
    inside = np.isfinite(found["era5_api90_20210706"])
    assert inside.sum() >= 36
    expected = antecedent(rain.reshape(12, -1).T.astype("f8"), np.arange(12.0), 0.9)[:, -1]
    np.testing.assert_allclose(
        found["era5_api90_20210706"][inside], expected.reshape(LATTICE.shape)[inside], rtol=1e-5
    )
    np.testing.assert_allclose(found["era5_air_temperature_20210706"][inside], 291 - 273.15, atol=1e-4)


def test_what_is_read_and_said():
    family = Weather(names=("chirps_rain", "chirps_api98_relative", "chirps_rain_30d"))
    assert family.datasets(date(2021, 7, 1), date(2021, 8, 1)) == (CHIRPS,)
    assert family.bands_of(CHIRPS) == ("precipitation",)
    assert Weather().bands_of(ERA5) == (
        *("total_precipitation_sum", "temperature_2m", "potential_evaporation_sum"),
    )
    told = family.predictors()
    assert [p.units for p in told] == ["mm d-1", "mm", "mm"]
    assert told[1].long_name == (
        "antecedent precipitation, 98% left after a day, minus the network's mean of the day"
    )


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["era5_wind"], "'era5_wind' is not known; give one of era5, chirps, imerg, then _rain"),
        (["era5_rain", "chirps_rain"], "weather mixes chirps, era5; list one family of weather for each"),
        (["chirps_air_temperature"], "CHIRPS, daily rain, version 2.0 holds rain only"),
        (["era5_api00"], "remembers nothing"),
    ],
)
def test_what_cannot_be_had_is_refused(names, said):
    with pytest.raises(InputError, match=said):
        study_of({"kind": "weather", "names": names})


def test_the_basin_has_it():
    with smgee.connect():
        study = study_of({"kind": "weather"}, {"kind": "weather", "names": ["chirps_rain", "chirps_api90"]})
        pieces = study.predictor_set.pieces([date(2021, 7, 1), date(2021, 7, 15)])
        assert len(pieces) == 2  # one for each lattice
        for piece in pieces:
            found = pixels(piece.image, piece.lattice)
            assert len(found) == 20 * len(piece.names)
            for name, values in found.items():
                assert np.isfinite(values[2:-2, 2:-2]).all(), name


def test_the_basin_has_half_hourly_rain():
    """Through the client: the rate of 48 images is the rain of the day that the basin was given."""
    with smgee.connect():
        study = study_of({"kind": "weather", "names": ["imerg_rain", "imerg_api90"], "memory_days": 10})
        (piece,) = study.predictor_set.pieces([date(2021, 7, 15)])
        found = pixels(piece.image, piece.lattice)
    imerg = Imerg(Basin(), Products(Basin()))
    _, _, left, _, _, top = piece.lattice.transform
    b, _, west, _, _, north = imerg.grid.transform
    inner = slice(2, -2)
    rows, cols = np.arange(piece.lattice.height)[inner], np.arange(piece.lattice.width)[inner]
    at = np.ix_(np.rint((north - top) / b + rows).astype(int), np.rint((left - west) / b + cols).astype(int))
    held = imerg.daily[Basin().day("2021-07-15")][at]
    np.testing.assert_allclose(found["imerg_rain_20210715"][inner, inner], held, rtol=1e-4, atol=1e-5)
    assert (found["imerg_api90_20210715"][inner, inner] >= held - 1e-4).all()

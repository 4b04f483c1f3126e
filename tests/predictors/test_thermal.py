"""Temperatures of Landsat and MODIS, against NumPy on the stored integers and their quality bits."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

import smgee
from smgee.eelocal.assets.catalog import add_files
from smgee.errors import InputError
from smgee.grid import PixelGrid, transformer
from smgee.predictors import Cadence, Site, When
from smgee.predictors.thermal import Thermal
from tests.predictors.conftest import study_of
from tests.predictors.rasters import Rasters
from tests.predictors.scenes import GRID, pixels

L30, TERRA, AQUA = "NASA/HLS/HLSL30/v002", "MODIS/061/MOD11A1", "MODIS/061/MYD11A1"
SIDE = 926.625433055833
X, Y = transformer("EPSG:4326", "SR-ORG:6974").transform(*Site.of(GRID).outline[:2])
LATTICE = PixelGrid(
    "SR-ORG:6974",
    (
        *(SIDE, 0.0, -20015109.354 + SIDE * ((X + 20015109.354) // SIDE - 2)),
        *(0.0, -SIDE, 10007554.677 - SIDE * ((10007554.677 - Y) // SIDE - 2)),
    ),
    6,
    6,
)
"""Some pixels of MODIS around those of the tests."""
SPHERE = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
WHEN = When(date(2021, 7, 5), date(2021, 7, 13), date(2021, 7, 9))
CLOUD = 0b10


@pytest.fixture(scope="module")
def world():
    source, rng = Rasters(), np.random.default_rng(12)
    source.landsat, source.modis = [], []
    for day in (2, 8, 14, 25):
        bands = {b: rng.uniform(5, 35, GRID.shape).astype("f4") for b in ("B10", "B11")}
        bands["Fmask"] = np.where(rng.random(GRID.shape) < 0.4, CLOUD, 0).astype("u1")
        source.add(L30, bands, GRID, at=datetime(2021, 7, day, 4))
        source.landsat.append((day, bands))
    for product in (TERRA, AQUA):
        for day in (1, 6, 7, 9, 12, 13, 22):
            bands = {}
            for half in ("Day", "Night"):
                bands[f"LST_{half}_1km"] = rng.integers(13800, 15800, LATTICE.shape).astype("u2")
                # Made (0, 1) or not (2, 3), and error classes 0 to 3 in the highest bits.
                made = rng.choice([0, 1, 2, 3], LATTICE.shape, p=[0.4, 0.3, 0.2, 0.1])
                worst = np.where(made == 1, rng.integers(0, 4, LATTICE.shape), 0)
                bands[f"QC_{half}"] = (made | worst << 6).astype("u1")
            source.add(product, bands, LATTICE, at=datetime(2021, 7, day))
            source.modis.append((product, day, bands))
    with smgee.connect(sources=[source]):
        yield source


def landsat(world, days: range, band: str) -> np.ndarray:
    layers = [np.where(b["Fmask"] == 0, b[band].astype("f8"), np.nan) for d, b in world.landsat if d in days]
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(RuntimeWarning)
        return np.nanmedian(layers, axis=0)


def modis(world, days: range, half: str, *, worst: int = 1, products=(TERRA, AQUA)) -> np.ndarray:
    """Mean of good retrievals on MODIS' pixels, °C."""
    layers = []
    for product, day, bands in world.modis:
        if product in products and day in days:
            flags = bands[f"QC_{half}"]
            good = np.isin(flags % 4, (0, 1)) & (flags // 64 <= worst)
            layers.append(np.where(good, bands[f"LST_{half}_1km"] * 0.02 - 273.15, np.nan))
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(RuntimeWarning)
        return np.nanmean(layers, axis=0)


def at_pixels(values: np.ndarray) -> np.ndarray:
    """The pixel of MODIS that holds the centre of each of the map."""
    a, _, left, _, e, top = GRID.transform
    x, y = np.meshgrid(left + a * (np.arange(GRID.width) + 0.5), top + e * (np.arange(GRID.height) + 0.5))
    x, y = transformer(GRID.crs, LATTICE.crs).transform(x, y)
    col = ((x - LATTICE.transform[2]) // SIDE).astype(int)
    return values[((LATTICE.transform[5] - y) // SIDE).astype(int), col]


def filled(narrow: np.ndarray, wide: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(narrow), wide, narrow)


def test_brightness_is_the_median_of_clear_scenes(world):
    names = ("bt_b11", "bt_b10")
    family = Thermal(names=names, window_days=12, fill_days=40)
    found = pixels(family.image(Site.of(GRID), WHEN, names))
    assert tuple(found) == names
    for name, band in (("bt_b10", "B10"), ("bt_b11", "B11")):
        expected = filled(landsat(world, range(3, 15), band), landsat(world, range(32), band))
        assert np.isnan(landsat(world, range(3, 15), band)).any()
        np.testing.assert_allclose(found[name], expected, atol=1e-4)


@pytest.mark.parametrize(("worst", "satellites"), [(1, ("terra", "aqua")), (0, ("aqua",)), (2, ("terra",))])
def test_temperature_is_the_mean_of_good_retrievals(world, worst, satellites):
    names = ("lst_range", "lst_night", "lst_day")
    family = Thermal(names=names, window_days=6, fill_days=20, max_error_k=worst + 1, satellites=satellites)
    found = pixels(family.image(Site.of(GRID), WHEN, names))
    products = [{"terra": TERRA, "aqua": AQUA}[s] for s in satellites]
    expected = {}
    for half in ("Day", "Night"):
        narrow, wide = (
            modis(world, days, half, worst=worst, products=products) for days in (range(6, 12), range(32))
        )
        expected[half] = at_pixels(filled(narrow, wide))
    assert len(np.unique(expected["Day"])) >= 1
    np.testing.assert_allclose(found["lst_day"], expected["Day"], atol=1e-3)
    np.testing.assert_allclose(found["lst_night"], expected["Night"], atol=1e-3)
    np.testing.assert_allclose(found["lst_range"], expected["Day"] - expected["Night"], atol=2e-3)


def test_the_same_on_modis_own_pixels(world):
    found = pixels(Thermal(window_days=6, fill_days=6).image(Site.of(GRID), WHEN, ("lst_day",)), LATTICE)
    expected = modis(world, range(6, 12), "Day")
    assert np.isfinite(expected).sum() > 25
    np.testing.assert_allclose(found["lst_day"], expected, atol=1e-3)


def test_files_of_a_download_are_read_as_stored(world, tmp_path):
    """Names and tags as AppEEARS gives them; the scale of the files' tags is not applied twice."""
    names = {"Day": [], "Night": []}
    for product, day, bands in world.modis:
        if product != AQUA or day not in range(6, 12):
            continue
        for band, values in bands.items():
            path = tmp_path / f"MYD11A1.061_{band}_doy2021{181 + day}000000_aid0001.tif"
            shape = {"width": 6, "height": 6, "count": 1, "dtype": values.dtype}
            where = {"crs": CRS.from_proj4(SPHERE), "transform": Affine(*LATTICE.transform)}
            with rasterio.open(path, "w", **where, **shape) as file:
                file.write(values, 1)
                if band.startswith("LST"):
                    file.nodata, file.scales = 0, (0.02,)
            names["Night" if "Night" in band else "Day"].append(path)
    files = [*names["Day"], *names["Night"]]
    with pytest.raises(InputError, match="holds MYD11A1, but MODIS/061/MOD11A1 is MOD11A1"):
        add_files(tmp_path / "other", TERRA, files)
    added = add_files(tmp_path / "catalog", AQUA, files)
    assert set(added.bands) == {"LST_Day_1km", "QC_Day", "LST_Night_1km", "QC_Night"}
    with smgee.connect(catalog=tmp_path / "catalog"):
        family = Thermal(window_days=6, fill_days=6, satellites=("aqua",))
        found = pixels(family.image(Site.of(GRID), WHEN, ("lst_day", "lst_night")), LATTICE)
    for half in ("Day", "Night"):
        expected = modis(world, range(6, 12), half, products=(AQUA,))
        np.testing.assert_allclose(found[f"lst_{half.lower()}"], expected, atol=1e-3)


def test_what_is_read_and_refused():
    family = Thermal(names=("lst_range", "bt_b10"), satellites=("aqua",))
    assert family.datasets(date(2021, 7, 1), date(2021, 8, 1)) == (L30, AQUA)
    assert family.bands_of(L30) == ("B10", "Fmask")
    assert family.bands_of(AQUA) == ("LST_Day_1km", "QC_Day", "LST_Night_1km", "QC_Night")
    # Steps of eight days: the middles are 5 and 13 July, and 24 days lie on either side.
    assert family.period(date(2021, 7, 1), date(2021, 7, 17)) == (date(2021, 6, 11), date(2021, 8, 6))
    told = {p.name: (p.units, p.source, p.cadence) for p in family.predictors()}
    assert told == {"lst_range": ("K", AQUA, Cadence.STEP), "bt_b10": ("degC", L30, Cadence.STEP)}
    (masked,) = study_of({"kind": "thermal", "scenes": {"mask": ["cloud"]}}).predictors
    assert masked.scenes.sensors == ("L30",)
    with pytest.raises(InputError, match="the sensors S30 are not all thermal ones"):
        study_of({"kind": "thermal", "scenes": {"sensors": ["S30"]}})
    with pytest.raises(InputError, match="fill_days 4 is shorter than window_days 16"):
        study_of({"kind": "thermal", "fill_days": 4})


def test_the_basin_has_it():
    with smgee.connect():
        study = study_of({"kind": "thermal"})
        (piece,) = study.predictor_set.pieces([date(2021, 7, 6)])
        found = pixels(piece.image, study.grid.window(30, 30, 4, 4))
    assert tuple(found) == ("bt_b10", "lst_day", "lst_range")
    assert 0 < np.nanmin(found["bt_b10"]) < np.nanmax(found["lst_day"]) < 50
    assert np.isfinite(found["lst_range"]).all()

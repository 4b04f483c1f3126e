"""The Source contract, and the facts of each dataset as Earth Engine's catalog has them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pytest

from smgee.cache import ByteCache
from smgee.datasets import CHIRPS, ERA5_LAND, IMERG, MERIT_HYDRO, MODIS_LST, RADAR, SOIL, SPL4, WORLDCOVER
from smgee.datasets import NASADEM as DEM
from smgee.datasets import SMAP_36KM_TWIN as SMAP_36KM
from smgee.errors import InputError
from smgee.grid import EASE_CRS, EASE_GRIDS, ease_cell_at, transformer
from smgee.source import CollectionInfo, ImageInfo, Source, TableInfo
from smgee.twin import NOTICE, TwinSource
from smgee.twin.smap import CELLS_AROUND, brightness, retrieve_9km, topp
from smgee.twin.titles import SMAP_005, SMAP_006, STATIONS, TRUTH

L30, S30 = "NASA/HLS/HLSL30/v002", "NASA/HLS/HLSS30/v002"
COLLECTIONS = (L30, S30, SMAP_005, SMAP_36KM, TRUTH)


def whole(source, image, band):
    grid = next(b.grid for b in image.bands if b.name == band)
    return source.read(image.id, band, 0, 0, grid.height, grid.width)


def clear_scene(source, collection, month="07"):
    images = [
        i
        for i in source.images(collection)
        if i.properties["SPATIAL_COVERAGE"] == 100 and i.id[-15:][4:6] == month
    ]
    return min(images, key=lambda i: i.properties["CLOUD_COVERAGE"])


def test_it_is_a_source(source):
    assert isinstance(source, Source)
    assert source.get("NASA/HLS/HLSL30/v003") is None
    assert source.get(f"{L30}/nothing") is None
    own = {L30, S30, DEM.id, SMAP_005, SMAP_006, SMAP_36KM, TRUTH, STATIONS}
    assert set(source.list("")) == own | {
        ERA5_LAND.id,
        CHIRPS.id,
        *(d.id for d in MODIS_LST.values()),
        *SOIL,
        *RADAR,
        SPL4.id,
        WORLDCOVER.id,
        IMERG.id,
        MERIT_HYDRO.id,
    }
    assert source.list("projects/smgee-twin/assets") == sorted([SMAP_36KM, TRUTH, STATIONS])


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_collections_list_their_images_in_order(source, collection):
    images = source.images(collection)
    ids = [i.id for i in images]
    assert ids == sorted(ids) == source.list(collection)
    assert len(set(ids)) == len(ids) > 0
    assert isinstance(source.get(collection), CollectionInfo)
    for image in images[::37]:
        assert source.get(image.id) == image
        assert image.properties["system:index"] == image.id.rpartition("/")[2]
        assert datetime.fromtimestamp(image.start_ms / 1000, UTC).year == 2021


def test_everything_says_it_is_synthetic(source, basin):
    for asset in source.list(""):
        info = source.get(asset)
        assert info.properties["synthetic"] == 1
        assert info.properties["notice"] == NOTICE
        assert "synthetic" in info.properties["title"]
        if isinstance(info, CollectionInfo) and source.images(asset):
            assert source.images(asset)[0].properties["synthetic"] == 1
    assert "synthetic" in repr(basin)


@pytest.mark.parametrize("collection", [*COLLECTIONS, "dem"])
def test_tiles_equal_the_whole(source, collection):
    image = (
        source.get(DEM.id)
        if collection == "dem"
        else source.images(collection)[len(source.images(collection)) // 2]
    )
    for band in image.bands:
        values, valid = whole(source, image, band.name)
        assert values.dtype == np.dtype(band.dtype)
        assert values.shape == valid.shape == band.grid.shape
        assert valid.dtype == bool
        size = 150 if band.grid.height > 100 else 2
        for row, col, tile in band.grid.tiles(size):
            v, m = source.read(image.id, band.name, row, col, tile.height, tile.width)
            np.testing.assert_array_equal(m, valid[row : row + tile.height, col : col + tile.width])
            np.testing.assert_array_equal(v, values[row : row + tile.height, col : col + tile.width])


@pytest.mark.parametrize("name", ["B2", "B8", "B8A", "B9", "B10", "B12"])
def test_few_pixels_equal_the_whole(basin, source, name):
    """Station pixels are computed by themselves, maps from kept blocks, some bands together: all the same
    numbers.
    """
    image = max(
        source.images(S30),
        key=lambda i: i.properties["CLOUD_COVERAGE"] * (i.properties["SPATIAL_COVERAGE"] < 100),
    )
    values, valid = whole(source, image, name)
    fresh = TwinSource(basin)
    for row, col, height, width in ((0, 0, 1, 1), (200, 250, 20, 30), (254, 255, 3, 3), (400, 300, 30, 80)):
        v, m = fresh.read(image.id, name, row, col, height, width)
        np.testing.assert_array_equal(v, values[row : row + height, col : col + width])
        np.testing.assert_array_equal(m, valid[row : row + height, col : col + width])


def test_blocks_and_masks_are_made_once_and_within_the_budget(basin, monkeypatch):
    from smgee.twin import optical

    cache = ByteCache(4 * 2**20)
    monkeypatch.setattr(optical, "KEPT", cache)
    fresh = TwinSource(basin)
    image = clear_scene(fresh, S30)
    made = []
    for step in ("_reflect", "_fmask"):
        real = getattr(optical.OpticalReader, step)
        monkeypatch.setattr(
            optical.OpticalReader, step, lambda *a, real=real, step=step: made.append(step) or real(*a)
        )
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda band: fresh.read(image.id, band, 0, 0, 200, 200), ["B4", "B8A", "Fmask"] * 4))
    blocks = 4  # of 128 pixels under a window of 200
    assert sorted(made) == ["_fmask"] * blocks + ["_reflect"] * blocks
    assert 0 < cache.used <= cache.budget
    cache.budget = cache.used // 2
    for other in fresh.images(S30)[:3]:
        fresh.read(other.id, "B4", 0, 0, 200, 200)
        assert cache.used <= cache.budget


def test_reads_from_many_threads_agree(basin):
    fresh = TwinSource(basin)
    image = clear_scene(fresh, S30)
    jobs = [(b, r) for b in ("B4", "Fmask", "B8A", "SZA") for r in (0, 60, 120)] * 3
    with ThreadPoolExecutor(8) as pool:
        many = list(pool.map(lambda job: fresh.read(image.id, job[0], job[1], 10, 50, 90)[0], jobs))
    for (band, row), values in zip(jobs, many):
        np.testing.assert_array_equal(values, fresh.read(image.id, band, row, 10, 50, 90)[0])


def test_bad_windows_and_bands_are_refused(source):
    image = source.images(S30)[0]
    with pytest.raises(InputError, match="no band 'B08'"):
        source.read(image.id, "B08", 0, 0, 1, 1)
    with pytest.raises(InputError, match="leaves the"):
        source.read(image.id, "B8", 0, 0, 10_000, 1)
    with pytest.raises(InputError, match="no image"):
        source.read(S30, "B8", 0, 0, 1, 1)
    with pytest.raises(InputError, match="no image collection"):
        source.images(DEM.id)


def test_hls_scenes_follow_the_catalog(source, basin):
    for collection, bands in (
        (L30, "B1 B2 B3 B4 B5 B6 B7 B9 B10 B11 Fmask SZA SAA VZA VAA"),
        (S30, "B1 B2 B3 B4 B5 B6 B7 B8 B8A B9 B10 B11 B12 Fmask SZA SAA VZA VAA"),
    ):
        for image in source.images(collection):
            assert [b.name for b in image.bands] == bands.split()
            grid = image.bands[0].grid
            assert grid.crs == "EPSG:32647"
            assert grid.transform[2] % 30 == 0
            assert grid.transform[5] % 30 == 0
            p = image.properties
            assert p["system:index"][:7] == "T47SNB_"
            assert 0 <= p["CLOUD_COVERAGE"] <= 100
            assert 0 < p["SPATIAL_COVERAGE"] <= 100
            assert ("MGRS_TILE_ID" in p) == (collection == S30)
            assert (
                datetime.strptime(p["system:index"][7:] + "+0000", "%Y%m%dT%H%M%S%z").timestamp() * 1000
                == image.start_ms
            )
    starts = (
        np.array([i.start_ms for i in source.images(S30) if i.properties["SPATIAL_COVERAGE"] == 100])
        / 86_400_000
    )
    np.testing.assert_allclose(np.diff(starts), 5.0, atol=1e-6)
    landsat8 = [
        i
        for i in source.images(L30)
        if "_LC08_" in i.properties["LANDSAT_PRODUCT_ID"] and i.properties["SPATIAL_COVERAGE"] == 100
    ]
    np.testing.assert_allclose(np.diff([i.start_ms / 86_400_000 for i in landsat8]), 16.0, atol=1e-6)
    landsat9 = [i for i in source.images(L30) if "_LC09_" in i.properties["LANDSAT_PRODUCT_ID"]]
    assert landsat9
    assert min(i.id[-15:] for i in landsat9) >= "20211031"


def test_the_tile_letters_are_right(basin):
    """MGRS 47SNB: columns of set 2 start with J at 100 km, rows of odd zones with A at 0 mod 2000 km, band
    S from 32 to 40° N.
    """
    left, bottom, right, top = basin.grid.bounds
    assert {int(left // 1e5), int(right // 1e5)} == {5}
    assert "JKLMNPQR"[5 - 1] == "N"
    assert {int(bottom % 2e6 // 1e5), int(top % 2e6 // 1e5)} == {1}
    assert "ABCDEFGH"[1] == "B"
    lon, lat = transformer(basin.grid.crs, "EPSG:4326").transform(left, bottom)
    assert 96 <= lon < 102
    assert 32 <= lat < 40


def test_reflectance_behaves_like_the_land(source, basin):
    summer, autumn = clear_scene(source, S30, "07"), clear_scene(source, S30, "10")
    seen = {}
    for image in (summer, autumn):
        fmask, _ = whole(source, image, "Fmask")
        clear = (fmask & 0b111110) == 0
        assert clear.mean() > 0.2
        bands = {b: whole(source, image, b)[0][clear] for b in ("B2", "B4", "B8A", "B11", "B12")}
        for values in bands.values():
            np.testing.assert_allclose(values * 1e4, np.rint(values * 1e4), atol=2e-3)
            assert values.min() > -0.03
            assert values.max() < 1.2
        seen[image.id] = (bands["B8A"] - bands["B4"]).mean() / (bands["B8A"] + bands["B4"]).mean()
    assert seen[summer.id] > 0.45 > seen[autumn.id] + 0.1


def test_wet_soil_is_dark():
    from smgee.twin.optics import WETNESS_STEPS, darkening

    table = darkening(0.34, 3.1)
    assert table[0] == pytest.approx(1.0)
    assert (np.diff(table) < 0).all()
    assert table[WETNESS_STEPS] == pytest.approx(0.34 + 0.66 * np.exp(-3.1), rel=1e-6)


def test_sensors_differ_a_little_by_role(basin, source):
    """The two sensors see the same land alike: the roles line up, names that mean other bands do not."""
    from smgee.twin.spectra import L30_BANDS, S30_BANDS, endmember_table

    left = dict(zip([b.name for b in L30_BANDS], endmember_table(L30_BANDS)[:, 0]))
    right = dict(zip([b.name for b in S30_BANDS], endmember_table(S30_BANDS)[:, 0]))
    for a, b in (("B2", "B2"), ("B4", "B4"), ("B5", "B8A"), ("B6", "B11"), ("B7", "B12")):
        assert left[a] == pytest.approx(right[b], abs=0.006)
    assert abs(left["B5"] - right["B5"]) > 0.2


def test_fmask_bits(source):
    image = max(
        (i for i in source.images(S30) if 30 < i.properties["CLOUD_COVERAGE"] < 60),
        key=lambda i: i.properties["SPATIAL_COVERAGE"],
    )
    fmask, valid = whole(source, image, "Fmask")
    cloud, adjacent, shadow = (fmask & 2) > 0, (fmask & 4) > 0, (fmask & 8) > 0
    assert not (fmask[valid] & 1).any(), "bit 0 is reserved"
    assert cloud.any()
    assert adjacent.any()
    assert shadow.any()
    assert not (cloud & adjacent).any()
    assert not (cloud & shadow).any()
    assert not (adjacent & shadow).any()
    from scipy.ndimage import binary_dilation

    # Independent dilation; the outer frame may know of clouds outside.
    inner = (slice(5, -5), slice(5, -5))
    near = binary_dilation(cloud | shadow, np.ones((11, 11), bool)) & ~(cloud | shadow)
    np.testing.assert_array_equal(adjacent[inner], near[inner])
    share = 100 * (cloud | shadow).mean()
    assert image.properties["CLOUD_COVERAGE"] == pytest.approx(share, abs=4)
    blue = whole(source, image, "B2")[0]
    assert np.median(blue[cloud]) > np.median(blue[~(cloud | adjacent | shadow)]) + 0.1
    nir = whole(source, image, "B8A")[0]
    assert np.median(nir[shadow]) < np.median(nir[~(cloud | adjacent | shadow)])
    assert set(np.unique(fmask >> 6)) <= {1, 2, 3}


def test_swath_edges_are_masked(source):
    image = next(i for i in source.images(S30) if i.properties["SPATIAL_COVERAGE"] < 100)
    for band in ("B4", "Fmask", "SZA"):
        _, valid = whole(source, image, band)
        assert 100 * valid.mean() == pytest.approx(image.properties["SPATIAL_COVERAGE"], abs=0.5)
        assert valid[:, 0].all()
        assert not valid[:, -1].any()


def test_snow_bit_in_winter(source):
    def snowy(month):
        layers = [whole(source, i, "Fmask") for i in source.images(S30) if i.id[-15:].startswith(month)]
        return [bool((fmask[valid] & 16).any()) for fmask, valid in layers]

    assert any(snowy("202101"))
    assert not any(snowy("202107"))


def test_dem_is_the_truth_as_surveyed(source, basin):
    image = source.get(DEM.id)
    assert isinstance(image, ImageInfo)
    assert [(b.name, b.dtype) for b in image.bands] == [
        ("elevation", "int16"),
        ("num", "uint8"),
        ("swb", "uint8"),
    ]
    grid = image.bands[0].grid
    assert grid.crs == "EPSG:4326"
    assert grid.transform[0] == pytest.approx(1 / 3600)
    # Pixel centres on whole arc-seconds.
    assert (grid.transform[2] * 3600 + 0.5) % 1 == pytest.approx(0, abs=1e-6)
    values, valid = whole(source, image, "elevation")
    assert valid.all()
    x, y = basin.grid.centers()
    lon, lat = transformer(basin.grid.crs, "EPSG:4326").transform(x, y)
    col, row = (lon - grid.transform[2]) * 3600, (grid.transform[5] - lat) * 3600
    assert row.min() >= 0
    assert col.min() >= 0
    assert row.max() < grid.height
    assert col.max() < grid.width
    from scipy.ndimage import map_coordinates

    error = map_coordinates(values.astype(float), [row - 0.5, col - 0.5], order=1) - basin.elevation()
    assert abs(error.mean()) < 0.1
    assert error.std() < 1.5


def test_smap_grid_and_flags(source, basin):
    images = source.images(SMAP_005)
    assert len(images) == 365
    assert source.images(SMAP_006) == []
    image = images[190]
    assert len(image.bands) == 16
    assert {b.name for b in image.bands} >= {
        "soil_moisture_am",
        "soil_moisture_pm",
        "retrieval_qual_flag_am",
        "soil_moisture_pm_anomaly",
    }
    assert datetime.fromtimestamp(image.start_ms / 1000, UTC).hour == 12
    grid = image.bands[0].grid
    assert (grid.transform[2] + 180) / 0.08 == pytest.approx(
        round((grid.transform[2] + 180) / 0.08), abs=1e-6
    )
    assert grid.transform[5] <= 85.0446
    below = (85.04450187981 - grid.transform[5]) / 0.08
    assert below == pytest.approx(round(below), abs=1e-6)

    seen = retrieve_9km(basin, "am")
    ease, first = EASE_GRIDS["M09"], basin.cells[0]
    days = [k for k in range(365) if not np.isnan(seen.tb_v[k]).any()]
    flags = set()
    for k in days[::5]:
        values, valid = whole(source, images[k], "soil_moisture_am")
        flag, everywhere = whole(source, images[k], "retrieval_qual_flag_am")
        assert everywhere.all()
        flags |= set(np.unique(flag))
        for r in range(grid.height):
            for c in range(grid.width):
                lon, lat = grid.transform[2] + 0.08 * (c + 0.5), grid.transform[5] - 0.08 * (r + 0.5)
                cell = ease_cell_at(lon, lat, "M09")
                expected = seen.soil_moisture[
                    k, cell.row - first.row + CELLS_AROUND, cell.col - first.col + CELLS_AROUND
                ]
                assert valid[r, c] == ~np.isnan(expected)
                if valid[r, c]:
                    assert values[r, c] == expected
    assert flags == {0, 1}
    assert ease.cell_size == pytest.approx(9008.055, abs=1e-3)
    none = next(k for k in range(365) if np.isnan(seen.tb_v[k]).all())
    _, valid = whole(source, images[none], "soil_moisture_am")
    flag, _ = whole(source, images[none], "retrieval_qual_flag_am")
    assert not valid.any()
    assert (flag == 1).all()
    _, valid = whole(source, image, "soil_moisture_am_anomaly")
    assert not valid.any()


def test_every_cell_of_the_basin_is_in_the_degree_grid(source, basin):
    grid, rows, cols = source.radiometer.warped
    found = set(zip(rows.ravel(), cols.ravel()))
    n = basin.cells_across
    assert {(CELLS_AROUND + r, CELLS_AROUND + c) for r in range(n) for c in range(n)} <= found
    assert grid.width >= 6


def test_smap_is_frozen_in_winter_and_follows_the_truth_in_summer(basin):
    means = basin.cell_means().groupby("day").soil_moisture.mean().to_numpy()
    for half in ("am", "pm"):
        seen = retrieve_9km(basin, half)
        good = seen.quality[:, CELLS_AROUND, CELLS_AROUND] == 0
        days = np.flatnonzero(good)
        assert days[0] > 100
        assert days[-1] < 310
        assert 30 < len(days) < 110
        x = seen.soil_moisture[good, CELLS_AROUND, CELLS_AROUND]
        assert np.corrcoef(x, means[good])[0, 1] > 0.5
        assert abs((x - means[good]).mean()) < 0.06
        gaps = np.diff(np.flatnonzero(~np.isnan(seen.tb_v[:, CELLS_AROUND, CELLS_AROUND])))
        assert gaps.max() <= 3


def test_forward_model_against_published_values():
    # Topp et al. 1980: permittivity 3.03 dry; some 20 at 0.35 m³ m⁻³.
    assert topp(np.array(0.0)) == pytest.approx(3.03)
    assert topp(np.array(0.35)) == pytest.approx(20.9, abs=0.3)
    theta = np.linspace(0.03, 0.55, 30)
    for vertical in (True, False):
        assert (np.diff(brightness(theta, np.array(290.0), np.array(0.5), 0.15, vertical=vertical)) < 0).all()
    # Smooth bare soil is Fresnel: V brighter than H, and both below the physical temperature.
    v, h = (brightness(theta, np.array(290.0), np.array(0.0), 0.0, vertical=p) for p in (True, False))
    assert (v > h).all()
    assert (v < 290).all()
    # A thick canopy hides the soil: emission (1 - omega) T.
    assert brightness(np.array(0.3), np.array(290.0), np.array(100.0), 0.1, vertical=True) == pytest.approx(
        290 * 0.95
    )


def test_36km_asset_is_on_the_exact_grid(source, basin):
    image = source.images(SMAP_36KM)[200]
    grid = image.bands[0].grid
    ease = EASE_GRIDS["M36"]
    assert grid.crs == EASE_CRS
    assert grid.shape == (3, 3)
    assert (grid.transform[2] - ease.left) / ease.cell_size == pytest.approx(
        round((grid.transform[2] - ease.left) / ease.cell_size)
    )
    cell = ease_cell_at(*basin.centre, grid="M36")
    assert grid.window(1, 1, 1, 1).bounds == pytest.approx(cell.bounds)
    flags = {
        int(v)
        for i in source.images(SMAP_36KM)
        for v in whole(source, i, "retrieval_qual_flag_am")[0][1:2, 1]
    }
    assert 0 in flags
    assert 1 in flags


def test_truth_asset_equals_the_api(source, basin):
    image = source.get(f"{TRUTH}/20210801")
    values, valid = whole(source, image, "soil_moisture")
    np.testing.assert_array_equal(np.where(valid, values, np.nan), basin.truth("2021-08-01"))
    values, valid = whole(source, image, "soil_temperature")
    np.testing.assert_array_equal(np.where(valid, values, np.nan), basin.soil_temperature("2021-08-01"))


def test_station_table(source, basin):
    assert isinstance(source.get(STATIONS), TableInfo)
    features = list(source.features(STATIONS))
    assert len(features) == 30
    assert features[0]["geometry"]["coordinates"] == [basin.stations.lon.iloc[0], basin.stations.lat.iloc[0]]
    with pytest.raises(InputError, match="no table"):
        list(source.features(L30))


def test_wet_ground_is_cooler_under_the_sun(source, basin):
    """Among pixels of like height, slope and cover, the thermal band falls with soil moisture."""
    image = clear_scene(source, L30, "06")
    warm, seen = whole(source, image, "B10")
    layers, land = basin.static["layers"], basin.land()
    scene = source._scenes[L30, image.id.rpartition("/")[2]]
    water = basin.truth(scene.time)
    clear = (whole(source, image, "Fmask")[0] & 0b11110) == 0
    at = land & seen & clear & (np.hypot(layers[..., 11], layers[..., 12]) < 0.1)
    design = np.stack([np.ones(at.sum()), *(layers[at][:, k] for k in (0, 2, 7, 11, 12)), water[at]], axis=1)
    fit = np.linalg.lstsq(design, warm[at].astype(float), rcond=None)[0]
    assert -60 < fit[-1] < -5  # K per m³ m⁻³

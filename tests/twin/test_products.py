"""Rain, reanalysis and soil maps: official bands and grids, near the truth, and as wrong as they are."""

from __future__ import annotations

import numpy as np
import pytest

from smgee.datasets import CHIRPS, CLAY, DATASETS, ERA5_LAND, SAND
from smgee.source import CollectionInfo, ImageInfo
from smgee.twin import TwinSource
from smgee.twin.products import Products


@pytest.fixture(scope="module")
def products(basin):
    return Products(basin)


def whole(source, image, band):
    grid = next(b.grid for b in image.bands if b.name == band)
    return source.read(image.id, band, 0, 0, grid.height, grid.width)


@pytest.mark.parametrize("dataset", [ERA5_LAND, CHIRPS], ids=lambda d: d.id)
def test_collections_have_the_official_bands_on_the_official_lattice(source, dataset):
    assert isinstance(source.get(dataset.id), CollectionInfo)
    images = source.images(dataset.id)
    assert len(images) == 365
    first = images[0]
    assert first.id == f"{dataset.id}/20210101"
    assert first.properties["synthetic"] == 1
    assert [b.name for b in first.bands] == [b.name for b in dataset.bands]
    step, _, x0, _, _, y0 = first.bands[0].grid.transform
    whole_step, _, left, _, _, top = dataset.grid.transform
    assert step == whole_step
    assert (x0 - left) / step == pytest.approx(round((x0 - left) / step), abs=1e-6)
    assert (top - y0) / step == pytest.approx(round((top - y0) / step), abs=1e-6)
    for band in first.bands:
        values, valid = whole(source, images[200], band.name)
        assert values.dtype == np.float32
        assert valid.all()
        assert np.isfinite(values).all()


def test_reanalysis_is_near_the_weather_and_off_as_such_models_are(products, basin):
    days = slice(basin.day("2021-05-01"), basin.day("2021-10-01"))
    rain, _ = products.rain(products.era5_grid)
    model = 1000 * products.era5["total_precipitation_sum"]
    r = np.corrcoef(rain[days].mean(axis=(1, 2)), model[days].mean(axis=(1, 2)))[0, 1]
    assert 0.4 < r < 0.9
    assert 1.0 < model.sum() / rain.sum() < 1.8  # too much, as on high plateaus
    assert (model > 0.5).mean() > (rain > 0.5).mean()  # and too often
    # Kelvin, metres and joules, as the catalog has them.
    assert 240 < products.era5["temperature_2m"].min() < products.era5["temperature_2m"].max() < 310
    assert (products.era5["temperature_2m_min"] < products.era5["temperature_2m_max"]).all()
    assert 0.1 < products.era5["total_precipitation_sum"].max() * 10 < 3
    assert products.era5["potential_evaporation_sum"].max() <= 0
    assert 1e7 < products.era5["surface_solar_radiation_downwards_sum"][180].mean() < 4e7
    soil = products.era5["soil_temperature_level_1"][days].mean(axis=(1, 2)) - 273.15
    true = basin.cell_means().groupby("day").soil_temperature.mean().to_numpy()[days]
    assert np.corrcoef(soil, true)[0, 1] > 0.9
    water = products.era5["volumetric_soil_water_layer_1"][days].mean(axis=(1, 2))
    truth = basin.cell_means().groupby("day").soil_moisture.mean().to_numpy()[days]
    assert 0.2 < np.corrcoef(water, truth)[0, 1] < 0.95


def test_satellite_rain_is_right_by_the_pentad_and_poor_by_the_day(products, basin):
    rain, _ = products.rain(products.chirps_grid)
    seen = products.chirps
    assert seen.min() >= 0
    assert 0.7 < seen.sum() / rain.sum() < 1.4
    at = rain.shape[1] // 2, rain.shape[2] // 2
    a, b = rain[120:270, at[0], at[1]], seen[120:270, at[0], at[1]]
    by_day = np.corrcoef(a, b)[0, 1]
    by_pentad = np.corrcoef(a.reshape(-1, 5).sum(1), b.reshape(-1, 5).sum(1))[0, 1]
    assert by_pentad > 0.75
    assert by_day < by_pentad


def test_soil_maps_know_the_pattern_and_little_of_the_field(source, products, basin):
    for k, dataset in enumerate((SAND, CLAY)):
        image = source.get(dataset.id)
        assert isinstance(image, ImageInfo)
        assert [b.name for b in image.bands] == ["b0", "b10", "b30", "b60", "b100", "b200"]
        values, valid = whole(source, image, "b0")
        assert values.dtype == np.uint8
        assert valid.all()
        assert 1 <= values.min() < values.max() <= 100
        rows, cols = products._inside(products.soil_grid)
        true = 100 * basin.static["soil"][k][rows.round().astype(int), cols.round().astype(int)].mean(axis=-1)
        assert values.mean() == pytest.approx(true.mean(), abs=4)
        assert 0.1 < np.corrcoef(values.ravel(), true.ravel())[0, 1] < 0.9


def test_several_years_are_served_side_by_side(basin):
    source = TwinSource(basin, years=[2020, 2021])
    ids = [i.id for i in source.images(CHIRPS.id)]
    assert len(ids) == 366 + 365
    assert ids == sorted(ids)
    assert source.get(f"{CHIRPS.id}/20200229") is not None
    scenes = source.images("NASA/HLS/HLSL30/v002")
    assert {i.id.rpartition("_")[2][:4] for i in scenes} == {"2020", "2021"}
    value, _ = source.read(f"{CHIRPS.id}/20200715", "precipitation", 0, 0, 2, 2)
    np.testing.assert_array_equal(value, Products(basin.of_year(2020)).chirps[196, :2, :2])
    truth, _ = source.read("projects/smgee-twin/assets/truth/20200801", "soil_moisture", 100, 100, 4, 4)
    np.testing.assert_array_equal(truth, basin.of_year(2020).truth("2020-08-01")[100:104, 100:104])


def test_every_dataset_of_the_twin_is_known(source):
    served = [i for i in source.list("") if not i.startswith("projects/")]
    assert set(served) <= set(DATASETS)

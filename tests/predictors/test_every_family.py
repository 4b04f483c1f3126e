"""Every family on the synthetic basin, and every product of theirs from the user's own files, both through
the unmodified client.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from affine import Affine

import smgee
from smgee.datasets import (
    CHIRPS,
    DATASETS,
    ERA5_LAND,
    HLS,
    IMERG,
    MERIT_HYDRO,
    MODIS_LST,
    ROLES,
    SENTINEL1,
    SMAP_9KM,
    SPL4,
    Dataset,
)
from smgee.datasets.elevation import ELEVATION
from smgee.datasets.land_cover import LAND_COVER
from smgee.datasets.soil import SOIL
from smgee.eelocal.assets.catalog import add_files
from smgee.predictors import registry
from smgee.sampling import sample
from smgee.study import Study

SECTIONS: dict[str, dict[str, Any]] = {
    "place": {"names": ["m_nir", "s_NDVI", "clear_count"], "months": [7]},
    "reflectance": {"observations": ["observation_age", "fill_code"]},
    "indices": {"names": ["NDVI", "NDMI", "STR"]},
    "unmixing": {
        "endmembers": {
            name: dict(zip(ROLES, spectrum, strict=True))
            for name, spectrum in {
                "green": (0.03, 0.06, 0.04, 0.45, 0.2, 0.09),
                "dry": (0.08, 0.11, 0.15, 0.28, 0.33, 0.25),
                "bare_soil": (0.1, 0.14, 0.18, 0.25, 0.32, 0.29),
            }.items()
        }
    },
    "terrain": {"names": ["elevation", "slope_northness", "tpi_300", "wetness", "drainage_height"]},
    "insolation": {},
    "soil": {"names": ["sand_0cm", "clay_10cm"]},
    "weather": {"names": ["chirps_rain", "chirps_api90"], "memory_days": 10},
    "thermal": {},
    "radar": {"names": ["vv_descending", "vh_ascending"]},
    "smap": {"names": ["smap_am", "smap_pm"], "allow_dependence": True},
    "calendar": {"allow_alias": True},
}
PLACES = {"a": (99.77, 37.53), "b": (99.83, 37.57), "c": (99.88, 37.6)}
DAY = "2021-07-08"


def study_of(kind: str, section: dict[str, Any]) -> Study:
    return Study.parse(
        {
            "name": "every",
            "start": "2021-07-01",
            "end": "2021-07-17",
            "area": {"lon": 99.8, "lat": 37.5, "crs": "EPSG:32647"},
            "stations": {"source": "network.zip"},
            "predictors": [{"kind": kind, **section}],
        }
    )


@pytest.fixture(scope="module")
def basin() -> Iterator[smgee.Session]:
    with smgee.connect() as session:
        yield session


def test_none_is_forgotten():
    assert set(SECTIONS) == set(registry.families())


@pytest.mark.parametrize("kind", SECTIONS)
def test_the_basin_serves_it(basin, kind):
    study = study_of(kind, SECTIONS[kind])
    predictors = study.predictor_set
    for dataset in predictors.datasets():
        bands = set(predictors.bands_of(dataset))
        asset = ee.data.getAsset(dataset)
        first = ee.Image(dataset) if asset["type"] == "IMAGE" else ee.ImageCollection(dataset).first()
        assert bands <= set(first.bandNames().getInfo()), dataset
    lon, lat = np.array(list(PLACES.values())).T
    stations = xr.Dataset(
        {"soil_moisture": (("time", "station"), np.full((1, 3), 0.2))},
        coords={
            "time": pd.DatetimeIndex([DAY]),
            "station": list(PLACES),
            "lon": ("station", lon),
            "lat": ("station", lat),
        },
    )
    rows = sample(study, stations)
    values = rows[list(predictors.names)]
    assert list(values.columns) == list(predictors.names)
    assert values.notna().to_numpy().mean() > 0.6, rows.to_string()
    assert (values.nunique() > 1).any() or kind == "calendar"


LATTICE = (0.01, 0.0, 99.6, 0.0, -0.01, 37.7)
OWN = [CHIRPS, IMERG, SENTINEL1, MERIT_HYDRO, SPL4, *LAND_COVER.values(), *SOIL.values()]


@pytest.mark.parametrize("dataset", OWN, ids=lambda d: d.id)
def test_files_of_ones_own_are_read(tmp_path: Path, dataset: Dataset):
    """A GeoTIFF whose bands are called as Earth Engine's: what is read is what was written."""
    rng = np.random.default_rng(len(dataset.id))
    bands = dataset.bands
    values = rng.integers(1, 100, (len(bands), 12, 15)).astype("int16")
    path = tmp_path / ("own.tif" if dataset.single else "own_20210708.tif")
    shape = {"width": 15, "height": 12, "count": len(bands), "dtype": "int16"}
    with rasterio.open(path, "w", crs="EPSG:4326", transform=Affine(*LATTICE), **shape) as file:
        file.write(values)
        file.descriptions = tuple(b.name for b in bands)
    add_files(tmp_path / "catalog", dataset.id, [path])
    with smgee.connect(catalog=tmp_path / "catalog"):
        image = ee.Image(dataset.id) if dataset.single else ee.ImageCollection(dataset.id).first()
        grid = {
            "dimensions": {"width": 15, "height": 12},
            "affineTransform": dict(
                zip(
                    ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY"), LATTICE, strict=True
                )
            ),
            "crsCode": "EPSG:4326",
        }
        found = ee.data.computePixels(
            {"expression": image.toFloat(), "fileFormat": "NUMPY_NDARRAY", "grid": grid}
        )
        if not dataset.single:
            dates = ee.ImageCollection(dataset.id).filterDate(DAY, "2021-07-09").size().getInfo()
            assert dates == 1
    for band, own in zip(bands, values, strict=True):
        np.testing.assert_allclose(found[band.name], own, err_msg=band.name)


def test_every_product_is_read_from_files_somewhere():
    """The others have tests of their own: HLS granules and elevation tiles (tests/eelocal), downloads of
    MODIS and ERA5-Land (test_thermal, test_weather), SMAP from NSIDC (tests/test_ingest).
    """
    elsewhere = {*(d.id for d in HLS.values()), *ELEVATION, *(d.id for d in MODIS_LST.values()), ERA5_LAND.id}
    elsewhere |= {d.id for d in SMAP_9KM}
    assert {d.id for d in OWN} | elsewhere == set(DATASETS)

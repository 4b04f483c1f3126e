"""Statistics of real HLS files, against rasterio and NumPy."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import rasterio
from typer.testing import CliRunner

import smgee
from smgee.grid import PixelGrid
from smgee.predictors import Site, When
from smgee.predictors.composite import Scenes
from smgee.predictors.place import Place
from smgee_cli.app import app
from tests.predictors.scenes import pixels

BANDS = {"red": "B04", "nir": "B8A", "swir1": "B11"}


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_place_of_real_scenes(real_data, tmp_path):
    files = sorted((real_data / "hls_chips").glob("*.tif"))
    words = ["catalog", "add", "NASA/HLS/HLSS30/v002", *map(str, files), "--catalog", str(tmp_path)]
    assert CliRunner().invoke(app, words).exit_code == 0
    stacks = {}
    for role, band in BANDS.items():
        layers = []
        for path in (f for f in files if f"_{band}_" in f.name):
            with rasterio.open(path) as file:
                values = file.read(1)
                grid = PixelGrid(file.crs.to_string(), tuple(file.transform)[:6], file.width, file.height)
            layers.append(np.where(values == -9999, np.nan, values * 1e-4))
        stacks[role] = np.array(layers)
    assert stacks["nir"].shape[0] == 4
    ndmi = (stacks["nir"] - stacks["swir1"]) / (stacks["nir"] + stacks["swir1"])
    expected = {
        "m_nir": np.nanmedian(stacks["nir"], axis=0),
        "s_red": np.nanstd(stacks["red"], axis=0),
        "m_NDMI": np.nanmedian(ndmi, axis=0),
        "p25_NDMI": np.nanpercentile(ndmi, 25, axis=0),
        "clear_count": np.isfinite(stacks["red"]).sum(axis=0),
    }
    # Three of the four scenes; these files have no quality band.
    summer = Place(names=("m_nir",), months=(1, 4, 8), scenes=Scenes(sensors=("S30",), mask=()))
    place = Place(names=tuple(expected), scenes=Scenes(sensors=("S30",), mask=()))
    year = When(date(2018, 1, 1), date(2019, 1, 1), date(2018, 7, 2))
    with smgee.connect(catalog=tmp_path):
        found = pixels(place.image(Site.of(grid), year, list(expected)), grid)
        three = pixels(summer.image(Site.of(grid), year, ["m_nir"]), grid)["m_nir"]
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=2e-6, err_msg=name)
    np.testing.assert_allclose(three, np.nanmedian(stacks["nir"][:3], axis=0), atol=1e-6)
    assert np.nanstd(found["m_NDMI"]) > 0.01

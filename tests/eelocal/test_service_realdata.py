"""Real files under official ids: NDMI equals the reference rasters, elevation equals rasterio's, Fmask is
decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ee
import numpy as np
import pytest
import rasterio
from typer.testing import CliRunner

import smgee
from smgee.session import Session
from smgee_cli.catalog import app

pytestmark = pytest.mark.realdata
HLS, SRTM = "NASA/HLS/HLSS30/v002", "USGS/SRTMGL1_003"


@pytest.fixture(scope="module")
def catalog(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog made by the command line."""
    folder = tmp_path_factory.mktemp("real") / "my-data"
    runner = CliRunner()
    for identifier, files in (
        (HLS, sorted((real_data / "hls_chips").glob("*.tif"))),
        (HLS, [real_data / "fmask" / "HLS.S30.T13RCN.2024128T173909.v2.0.Fmask.tif"]),
        (SRTM, [real_data / "dem_davos" / "dem_SRTM1.tif"]),
    ):
        done = runner.invoke(app, ["add", identifier, *map(str, files), "--catalog", str(folder)])
        assert done.exit_code == 0, done.output
    listed = runner.invoke(app, ["list", "--catalog", str(folder)])
    assert "5 images" in listed.output
    checked = runner.invoke(app, ["check", "--catalog", str(folder)])
    assert checked.output.startswith("everything can be read\n")
    assert checked.exit_code == 0
    return folder


@pytest.fixture
def session(catalog: Path, tmp_path: Path) -> Iterator[Session]:
    with smgee.connect("embedded", catalog=catalog, store=tmp_path) as connected:
        yield connected


@pytest.mark.parametrize(
    ("day", "date"), [(20, "2018-01-20"), (110, "2018-04-20"), (230, "2018-08-18"), (310, "2018-11-06")]
)
def test_ndmi_equals_the_reference(session: Session, real_data: Path, day: int, date: str) -> None:
    with rasterio.open(
        real_data / "hls_chips" / "indices" / f"HLSS30_tw1_stack_doy2018{day:03d}_EVI_NDMI_NDWI_VARI.tif"
    ) as file:
        reference = file.read(2)
    start = ee.Date(date)
    scenes = ee.ImageCollection(HLS).filterDate(start, start.advance(1, "day"))
    assert scenes.size().getInfo() == 1
    ndmi = scenes.first().normalizedDifference(["B8A", "B11"])
    image = ndmi.unmask(-9999).addBands(ndmi.mask().rename("valid"))
    got = ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY"})
    valid = got["valid"] == 1
    np.testing.assert_array_equal(valid, np.isfinite(reference))
    assert valid.sum() == 942
    np.testing.assert_allclose(got["nd"][valid], reference[valid], rtol=0, atol=1e-6)


def test_elevation_equals_rasterios(session: Session, real_data: Path) -> None:
    with rasterio.open(real_data / "dem_davos" / "dem_SRTM1.tif") as file:
        reference = file.read(1)
        x, y = file.xy(700, 900)
    got = ee.data.computePixels({"expression": ee.Image(SRTM), "fileFormat": "NUMPY_NDARRAY"})
    assert got.dtype == np.dtype([("elevation", "<i2")])
    np.testing.assert_array_equal(got["elevation"], reference)
    at = ee.Image(SRTM).reduceRegion(
        ee.Reducer.first(), ee.Geometry.Point([x, y]), ee.Image(SRTM).projection().nominalScale()
    )
    assert at.getInfo() == {"elevation": reference[700, 900]}


def test_fmask_bits_are_counted(session: Session, real_data: Path) -> None:
    with rasterio.open(real_data / "fmask" / "HLS.S30.T13RCN.2024128T173909.v2.0.Fmask.tif") as file:
        reference = file.read(1)[1000:1600, 2000:2700]
    fmask = ee.Image(f"{HLS}/T13RCN_20240507T173909").select("Fmask")
    info = fmask.getInfo()
    assert info["properties"]["MGRS_TILE_ID"] == "13RCN"
    grid = {
        "dimensions": {"width": 700, "height": 600},
        "affineTransform": {
            "scaleX": 30,
            "translateX": 300000 + 2000 * 30,
            "scaleY": -30,
            "translateY": 3300000 - 1000 * 30,
        },
        "crsCode": "EPSG:32613",
    }
    clear = fmask.bitwiseAnd(0b1110).eq(0)
    got = ee.data.computePixels({"expression": clear, "fileFormat": "NUMPY_NDARRAY", "grid": grid})["Fmask"]
    np.testing.assert_array_equal(got, ((reference & 0b1110) == 0) & (reference != 255))

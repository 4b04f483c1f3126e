"""The fixtures for other projects, tried as another project would: in a folder of its own."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

pytest_plugins = ["pytester"]

PROJECT = '''
import ee

def mean_height(image, region):
    """Production code, which logs in by itself."""
    ee.Authenticate()
    ee.Initialize(project="somebody-elses")
    return image.reduceRegion(ee.Reducer.mean(), region, 30).getInfo()["elevation"]
'''


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with some code, a raster of its own, and the fixtures switched on."""
    pytester.makeconftest('pytest_plugins = ["smgee.testing"]')
    pytester.makepyfile(project=PROJECT)
    with rasterio.open(
        pytester.path / "dem.tif",
        "w",
        driver="GTiff",
        width=20,
        height=20,
        count=1,
        dtype="int16",
        crs="EPSG:32647",
        transform=from_origin(500_000, 4_100_000, 30, 30),
    ) as out:
        out.write(np.full((1, 20, 20), 321, "int16"))
    return pytester


def test_code_that_logs_in_by_itself_runs_unchanged(project):
    project.makepyfile(
        """
        import ee
        import pytest
        from project import mean_height
        from smgee.session import current_session

        @pytest.mark.earth_engine(files={"USGS/SRTMGL1_003": ["dem.tif"]})
        def test_files_of_my_own(earth_engine):
            region = ee.Geometry.Rectangle([500_030, 4_099_430, 500_570, 4_099_970], "EPSG:32647", False)
            assert mean_height(ee.Image("USGS/SRTMGL1_003"), region) == 321

        def test_the_basin_is_served_where_nothing_is_said(earth_engine):
            dem = ee.Image("NASA/NASADEM_HGT/001")
            region = ee.Geometry.Point([99.8, 37.5]).buffer(300)
            assert 3000 < mean_height(dem, region) < 5000

        def test_another_client_attaches(earth_engine, earth_engine_url):
            import json, urllib.request
            config = urllib.request.urlopen(f"{earth_engine_url}/v1/projects/smgee-embedded/config")
            assert json.load(config)

        def test_assets_are_each_test_s_own(earth_engine):
            assert ee.data.listAssets(earth_engine.asset_root).get("assets", []) == []
            ee.data.createAsset({"type": "FOLDER"}, earth_engine.asset_root + "/mine")

        def test_assets_are_each_test_s_own_again(earth_engine):
            assert ee.data.listAssets(earth_engine.asset_root).get("assets", []) == []

        def test_afterwards_nothing_is_left():
            assert current_session() is None
            assert ee.Initialize.__module__.startswith("ee")
        """
    )
    project.runpytest_subprocess("-p", "no:cacheprovider", "-q").assert_outcomes(passed=6)


def test_one_file_can_be_a_collection(project):
    """Code under test that loads a collection meets one, with the day of the file's name."""
    (project.path / "dem.tif").rename(project.path / "s2_20210715.tif")
    project.makepyfile(
        """
        import ee
        import pytest

        @pytest.mark.earth_engine(collections={"COPERNICUS/S2_SR_HARMONIZED": ["s2_20210715.tif"]})
        def test_scenes_of_my_own(earth_engine):
            scenes = ee.ImageCollection("COPERNICUS/S2_SR_HARMONIZED")
            assert scenes.filterDate("2021-07-15", "2021-07-16").size().getInfo() == 1
            assert scenes.filterDate("2021-07-16", "2021-08-01").size().getInfo() == 0
            region = ee.Geometry.Rectangle([500_030, 4_099_430, 500_570, 4_099_970], "EPSG:32647", False)
            assert list(scenes.mean().reduceRegion("mean", region, 30).getInfo().values()) == [321]
        """
    )
    project.runpytest_subprocess("-p", "no:cacheprovider", "-q").assert_outcomes(passed=1)


def test_faults_reach_the_client(project):
    project.makepyfile(
        """
        import ee
        import pytest

        @pytest.mark.earth_engine(faults=1.0)
        def test_a_service_that_fails(earth_engine, monkeypatch):
            monkeypatch.setattr("time.sleep", lambda seconds: None)
            with pytest.raises(ee.EEException):
                ee.Number(1).add(1).getInfo()
        """
    )
    project.runpytest_subprocess("-p", "no:cacheprovider", "-q").assert_outcomes(passed=1)


def test_a_wrong_option_is_one_sentence(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.earth_engine(fault=0.3)
        def test_anything(earth_engine):
            pass
        """
    )
    result = project.runpytest_subprocess("-p", "no:cacheprovider", "-q")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*The marker earth_engine was given 'fault'; it takes files, collections, *"]
    )

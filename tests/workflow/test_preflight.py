"""What cannot succeed is refused at the start, in a sentence that says what to change."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import ee
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

import smgee
from smgee.eelocal.assets.catalog import add_files
from smgee.eelocal.assets.folder import changing_records
from smgee.errors import InputError, MissingDataError
from smgee.remote import Outage
from smgee.session import fault_plan
from smgee.study import Study
from smgee.workflow.preflight import check_place, check_study, needed_assets
from smgee.workflow.registry import load_step


def changed(**sections) -> Study:
    content = Study.demo().model_dump(mode="json")
    for name, values in sections.items():
        content[name] = content[name] | values if isinstance(values, dict) else values
    return Study.parse(content)


def named(*names):
    return [load_step(n) for n in names]


def test_steps_need_the_data_they_read():
    study = changed(predictors=[{"kind": "reflectance", "composite": {"sensors": ["S30"]}}])
    assert needed_assets(study, named("stations", "train")) == []
    assert needed_assets(study, named("sample")) == ["NASA/HLS/HLSS30/v002"]
    assert needed_assets(
        changed(smap={"collection_36km": "a/b", "nine_km": False, "others": []}), named("predict", "smap")
    )[2:] == [
        "NASA/NASADEM_HGT/001",
        "a/b",
    ]


def test_the_demo_has_all_it_needs():
    with smgee.connect():
        check_study(Study.demo(), named("sample", "predict"))


def test_absent_data_are_named(tmp_path):
    with changing_records(tmp_path):
        pass  # a catalog of nothing
    study = changed(
        backend={"catalog": str(tmp_path)},
        stations={"source": "network.zip"},
        predictors=[{"kind": "indices"}],
    )
    with (
        smgee.connect(catalog=tmp_path),
        pytest.raises(
            MissingDataError, match=r"NASA/HLS/HLSL30/v002, NASA/HLS/HLSS30/v002.*smgee catalog add"
        ),
    ):
        check_study(study, named("sample"))


def test_an_outage_is_not_taken_for_absent_data(tmp_path, monkeypatch):
    monkeypatch.setattr("smgee.session.CLIENT_RETRIES", 0)
    monkeypatch.setattr("smgee.remote.calls.WAIT_S", 0.001)
    with (
        smgee.connect(sources=[], store=tmp_path, faults=fault_plan(1.0, ["503"], routes=["assets/"])),
        pytest.raises(Outage, match=r"out of order.*currently unavailable"),
    ):
        check_study(Study.demo(), named("sample"))


def test_assets_of_others_are_in_the_way_of_publishing(tmp_path):
    folder = "projects/smgee-embedded/assets/mine"
    study = changed(publish={"folder": folder})
    with smgee.connect(sources=[], store=tmp_path):
        check_study(study, named("publish"))
        ee.data.createAsset({"type": "FOLDER"}, f"{folder}/stations")
        with pytest.raises(InputError, match="holds stations already"):
            check_study(study, named("publish"))
        check_study(changed(publish={"folder": folder, "overwrite": True}), named("publish"))
        check_study(changed(), named("publish"))  # into a folder of smgee's own


@pytest.mark.parametrize(("index", "why"), [("NDXX", "not in Awesome"), ("NDREI", "needs RE1|do not share")])
def test_an_index_that_cannot_be_made(index, why):
    with pytest.raises(InputError, match=why):
        check_study(changed(predictors=[{"kind": "indices", "names": [index]}]), named("stations"))


def test_stations_of_another_place():
    check_place(Study.demo(), [99.8, 10.0], [37.5, 10.0])
    with pytest.raises(InputError, match=r"None of the 2 stations.*37\.5.*area\.lon"):
        check_place(Study.demo(), [37.5, 37.6], [99.8, 80.0])


def two_bands(folder: Path, day: date) -> Path:
    """Return a catalog of one scene that has red and near infrared alone."""
    for band in ("B04", "B8A"):
        profile = {"driver": "GTiff", "count": 1, "width": 8, "height": 8, "dtype": "int16", "nodata": -9999}
        place = {"crs": "EPSG:32647", "transform": from_origin(570000, 4152000, 30, 30)}
        name = f"HLS.S30.T47SPB.{day:%Y%j}T040551.v2.0.{band}.tif"
        with rasterio.open(folder / name, "w", **profile, **place) as file:
            file.write(np.full((1, 8, 8), 2000, "i2"))
    add_files(folder / "catalog", "NASA/HLS/HLSS30/v002", sorted(folder.glob("*.tif")))
    return folder / "catalog"


@pytest.mark.parametrize(("day", "is_read"), [(-21, False), (-20, True), (43, True), (44, False)])
def test_bands_are_looked_for_in_every_scene_that_is_read(tmp_path, day, is_read):
    """The middle of the first step is its fifth day, that of the third and last the 21st; gaps are
    filled from 24 days before to 24 days after.
    """
    start = date(2021, 6, 1)
    catalog = two_bands(tmp_path, start + timedelta(days=day))
    study = changed(
        start=str(start),
        end=str(start + timedelta(days=20)),
        backend={"catalog": str(catalog)},
        stations={"source": "network.zip"},
        predictors=[{"kind": "indices", "names": ["NDVI"], "composite": {"sensors": ["S30"]}}],
    )
    with smgee.connect(catalog=catalog):
        if is_read:
            with pytest.raises(MissingDataError, match="HLSS30/v002 without Fmask"):
                check_study(study, named("sample"))
        else:
            check_study(study, named("sample"))


def test_bands_that_files_lack_are_named(tmp_path):
    """A catalog of red and near infrared alone: a mask needs Fmask, and an index may need more."""
    catalog = two_bands(tmp_path, date(2021, 7, 4))

    def study(index: str, mask: list[str]) -> Study:
        composite = {"sensors": ["S30"], "mask": mask}
        return changed(
            backend={"catalog": str(catalog)},
            stations={"source": "network.zip"},
            predictors=[{"kind": "indices", "names": [index], "composite": composite}],
        )

    with smgee.connect(catalog=catalog):
        check_study(study("NDVI", []), named("sample"))
        with pytest.raises(MissingDataError, match=r"HLSS30/v002 without Fmask; add the files"):
            check_study(study("NDVI", ["cloud"]), named("sample"))
        with pytest.raises(MissingDataError, match=r"HLSS30/v002 without B11, Fmask;"):
            check_study(study("NDMI", ["cloud"]), named("sample", "predict"))

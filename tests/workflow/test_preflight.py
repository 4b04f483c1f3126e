"""What cannot succeed is refused at the start, in a sentence that says what to change."""

from __future__ import annotations

import ee
import pytest

import smgee
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
        content[name] = values if isinstance(values, list) else content[name] | values
    return Study.parse(content)


def named(*names):
    return [load_step(n) for n in names]


def test_steps_need_the_data_they_read():
    study = changed(predictors=[{"kind": "reflectance", "composite": {"sensors": ["S30"]}}])
    assert needed_assets(study, named("stations", "train")) == []
    assert needed_assets(study, named("sample")) == ["NASA/HLS/HLSS30/v002"]
    assert needed_assets(
        changed(smap={"collection_36km": "a/b", "nine_km": False}), named("predict", "smap")
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

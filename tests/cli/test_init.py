"""`smgee init`: from stations to a study that can be used."""

from __future__ import annotations

import json
import os
import re

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import from_origin
from typer.testing import CliRunner

from smgee.eelocal.assets.catalog import AddOptions, add_files
from smgee.errors import InputError
from smgee.grid import ease_cell_at
from smgee.report.paper import is_the_paper_s
from smgee.study import Study
from smgee.study.check import check_file
from smgee.workflow.answers import TEMPLATES, Answers
from smgee.workflow.preflight import needed_assets
from smgee.workflow.registry import WHOLE, all_steps
from smgee.workflow.templates import new_study
from smgee_cli.app import app

PLACES = {"A": (99.80, 37.50), "B": (99.82, 37.52), "C": (101.5, 38.5)}


@pytest.fixture
def network(tmp_path, monkeypatch):
    """A wide table and its places in a folder of the project, and the shell in the project."""
    times = pd.date_range("2021-05-03", "2021-09-30 23:00", freq="h")
    data = tmp_path / "data"
    data.mkdir()
    pd.DataFrame({"time": times, **dict.fromkeys(PLACES, 0.2)}).to_csv(data / "sm.csv", index=False)
    rows = [(name, *place) for name, place in PLACES.items()]
    pd.DataFrame(rows, columns=["station", "lon", "lat"]).to_csv(data / "places.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def catalog_of_all(folder, study):
    """A catalog that has every data set of a study, though nothing of the place."""
    file = folder.parent / "x_20210701.tif"
    look = {"crs": "EPSG:32647", "transform": from_origin(5e5, 4.1e6, 30, 30), "dtype": "int16"}
    with rasterio.open(file, "w", "GTiff", 2, 2, 1, **look) as out:
        out.write(np.ones((1, 2, 2), "int16"))
    steps = [step for name, step in all_steps().items() if name in WHOLE]
    for name in needed_assets(study, steps):
        add_files(folder, name, [file], AddOptions(bands=("a",)))


def call(*arguments: str, **options: object):
    return CliRunner().invoke(app, ["init", *arguments], catch_exceptions=False, **options)


def test_stations_are_enough(network):
    os.mkdir("studies")
    result = call("--stations", "data/sm.csv", "--out", "studies/mine.yml", "--json")
    told = json.loads(result.stdout)["result"]
    cell = ease_cell_at(*PLACES["A"])
    assert (told["cells"], told["stations"], told["stations_in_cell"]) == ([cell.name], 3, 2)
    study = Study.from_yaml("studies/mine.yml")
    assert (study.name, study.cell) == ("mine", cell)
    assert study.area.crs == "EPSG:32647"
    assert (f"{study.start}", f"{study.end}") == ("2021-05-03", "2021-10-01")
    assert study.stations.table.places == str(network / "data" / "places.csv")
    assert "source: ../data/sm.csv" in (network / "studies" / "mine.yml").read_text()
    catalog_of_all(network / "studies" / "my-data", study)
    assert check_file("studies/mine.yml")[1] == []
    with pytest.raises(InputError, match=r"set stations\.unfrozen\.season"):
        call("--check", "studies/mine.yml")
    assert any("stations.unfrozen.season" in text for text in told["open"])
    text = (network / "studies" / "mine.yml").read_text()
    text = re.sub(r"^  #unfrozen:$", "  unfrozen:", text, flags=re.MULTILINE)
    text = text.replace("    #season: null", '    season: ["05-01", "10-15"]')
    (network / "studies" / "mine.yml").write_text(text)
    checked = call("--check", "studies/mine.yml", "--json")
    assert json.loads(checked.stdout)["result"]["stations"] == 3


def test_days_without_records_are_told(network):
    """A study of five seasons with the stations of one."""
    said = call("--stations", "data/sm.csv", "--start", "2019-01-01", "--end", "2024-01-01").output
    assert "records from 2021-05-03 until 2021-10-01 only" in " ".join(said.split())
    said = call("--stations", "data/sm.csv", "--start", "2021-06-01", "--force").output
    assert "only: the other days" not in " ".join(said.split())


def test_a_file_is_not_written_over(network):
    (network / "study.yml").write_text("mine")
    with pytest.raises(InputError, match="--force"):
        call("--lon", "99.8", "--lat", "37.5", "--start", "2021-05-01", "--end", "2021-06-01")
    assert (network / "study.yml").read_text() == "mine"


def test_faults_are_told_by_line(network):
    call("--stations", "data/sm.csv")
    text = (network / "study.yml").read_text().replace("  folds:", "  fold:")
    (network / "study.yml").write_text(text)
    line = text.splitlines().index(next(t for t in text.splitlines() if t.startswith("  fold:"))) + 1
    with pytest.raises(
        InputError, match=rf"line {line}: training\.fold is not known \(did you mean folds\?\)"
    ):
        call("--check", "study.yml")


def test_stations_without_a_place_or_elsewhere_are_told(network):
    (network / "my-data").mkdir()
    call("--stations", "data/sm.csv")
    text = (network / "study.yml").read_text()
    (network / "study.yml").write_text(text.replace("  lat: 37.51", "  lat: 47.51"))
    with pytest.raises(InputError, match="None of the 3 stations"):
        call("--check", "study.yml")
    (network / "study.yml").write_text(text.replace("    places:", "    #places:"))
    with pytest.raises(
        InputError, match=r"3 of the 3 stations have no coordinates; set stations\.table\.places"
    ):
        call("--check", "study.yml")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "place is not known"),
        ({"lon": 99.8, "start": pd.Timestamp("2021-05-01").date()}, "both --lon and --lat"),
        ({"lon": 99.8, "lat": 37.5}, "period is not known"),
        ({"template": "mars"}, "choose from own-files, ismn, qlb-net"),
    ],
)
def test_what_is_not_known_is_asked_for(tmp_path, given, said):
    with pytest.raises(InputError, match=said):
        new_study("x", tmp_path / "x.yml", Answers(**given))


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_every_template_makes_a_study(tmp_path, template):
    days = {} if template == "qlb-net" else {"start": np.datetime64("2021-05-01").item(),
                                             "end": np.datetime64("2021-06-01").item()}  # fmt: skip
    begun = new_study("x", tmp_path / "x.yml", Answers(template=template, lon=99.8, lat=37.5, **days))
    (tmp_path / "x.yml").write_text(begun.text)
    assert Study.from_yaml(tmp_path / "x.yml") == begun.study
    assert begun.study.backend.kind == ("embedded" if template == "own-files" else "earthengine")
    if template == "qlb-net":
        assert list(begun.study.years) == [2019, 2020, 2021, 2022, 2023]


def test_the_study_of_the_paper_says_that_its_cell_is_assumed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = json.loads(call("--template", "qlb-net", "--json").stdout)["result"]
    assert told["cells"] == [ease_cell_at(100.13, 37.33).name]
    assert len(told["open"]) == 1
    assert "which holds the town of Gangcha" in told["open"][0]
    text = " ".join((tmp_path / "study.yml").read_text().replace("#", " ").split())
    assert f"CHECK: {told['open'][0]}." in text
    _, wrong = check_file("study.yml")
    assert len(wrong) == 1  # the stations are all that is missing
    assert "qlb-net.csv does not exist" in wrong[0]
    with pytest.raises(InputError, match="both --lon and --lat"):
        new_study("x", tmp_path / "x.yml", Answers(template="qlb-net", lat=37.3))


def test_the_study_of_the_paper_with_stations_in_its_layout_can_be_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    times = pd.date_range("2019-05-01", "2019-06-30 23:00", freq="h")
    rows = [
        pd.DataFrame({"time": times, "station": name, "soil_moisture": 0.2, "soil_temperature": 8.0})
        .assign(lon=lon, lat=lat)
        for name, lon, lat in (("Q1", 100.2, 36.95), ("Q2", 100.3, 37.05), ("Q3", 100.25, 37.2))
    ]  # fmt: skip
    pd.concat(rows).to_csv("qlb-net.csv", index=False)
    call("--template", "qlb-net")
    with pytest.raises(InputError, match="None of the 3 stations"):  # of the assumed cell
        call("--check", "study.yml")
    call("--template", "qlb-net", "--lon", "100.25", "--lat", "37.1", "--force")
    first = json.loads(call("--check", "study.yml", "--json").stdout)["result"]
    told = json.loads(
        call("--template", "qlb-net", "--stations", "qlb-net.csv", "--out", "own.yml", "--json").stdout
    )["result"]
    assert told["cells"] == first["cells"] == [ease_cell_at(100.25, 37.1).name]
    assert (first["stations"], told["stations_in_cell"]) == (3, 3)
    assert not any("town of Gangcha" in text for text in told["open"])
    by_hand, found = Study.from_yaml("study.yml"), Study.from_yaml("own.yml")
    assert by_hand.stations.table.model_dump(exclude={"lon", "lat"}) == found.stations.table.model_dump(
        exclude={"lon", "lat"}
    )
    for study in (by_hand, found):
        assert is_the_paper_s(study)
        assert study.training.models == ("RF", "ERT", "GBDT", "XGBoost", "CatBoost")
        assert (f"{study.start}", f"{study.end}") == ("2019-01-01", "2024-01-01")


def test_every_fault_is_told_at_once(network):
    """The catalog that is not there does not hide what is wrong with the stations, nor what it lacks."""

    def faults():
        with pytest.raises(InputError) as refused:
            call("--check", "study.yml")
        return str(refused.value).split("\n")[1:]

    call("--stations", "data/sm.csv")
    missing, frozen = faults()
    assert "my-data does not exist" in missing
    assert "stations.unfrozen.season" in frozen
    pd.DataFrame({"x": [1.0], "y": [2.0]}).to_csv(network / "points.csv", index=False)
    add_files(network / "my-data", "users/me/points", [network / "points.csv"], AddOptions(x="x", y="y"))
    frozen, lacking = faults()
    assert "stations.unfrozen.season" in frozen
    assert re.search(r"lacks .*NASA/HLS/HLSS30/v002.*smgee catalog add", lacking)


def test_the_schema_is_written(tmp_path):
    call("--schema", str(tmp_path / "s.json"))
    assert "stations" in json.loads((tmp_path / "s.json").read_text())["properties"]

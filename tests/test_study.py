"""The study file: what it accepts, and how it says what is wrong."""

from __future__ import annotations

import re
from datetime import date

import pytest

from smgee.errors import InputError
from smgee.estimators import ESTIMATORS
from smgee.grid import ease_cell_at, transformer
from smgee.predictors.composite import window
from smgee.study import Study

GOOD = {
    "name": "x",
    "start": "2021-05-01",
    "end": "2021-06-01",
    "area": {"lon": 99.8, "lat": 37.5, "crs": "EPSG:32647"},
    "stations": {"source": "ismn"},
}


def with_(path: str, value: object) -> dict:
    content = {**GOOD, "area": dict(GOOD["area"]), "stations": dict(GOOD["stations"])}
    *outer, last = path.split(".")
    place = content
    for part in outer:
        place = place.setdefault(part, {})
    place[last] = value
    return content


def test_yaml_round_trip(tmp_path):
    study = Study.demo()
    study.to_yaml(tmp_path / "study.yml")
    assert Study.from_yaml(tmp_path / "study.yml") == study


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("end", "2021-05-01", "holds no day"),
        ("area.lat", 99.8, "area.lat"),
        ("area.crs", "EPSG:4326", "not a projected CRS"),
        ("area.crs", "EPSG:999999", "not known"),
        ("predictors.bands", ["red", "infrared"], "infrared"),
        ("predictors.mask", ["haze"], "haze"),
        ("predictors.dem", "SRTM", "SRTM"),
        ("predictors.fill_days", 4, "shorter than window_days"),
        ("training.models", ["SVM"], "training.models"),
        ("stations.depth_m", [0.05, 0.0], "depths"),
        ("stations.colour", "red", "stations.colour"),
    ],
)
def test_wrong_fields_are_named(path, value, said):
    with pytest.raises(InputError, match=said) as caught:
        Study.parse(with_(path, value))
    assert "\n" not in str(caught.value)


def test_twin_stations_need_the_twin():
    with pytest.raises(InputError, match="synthetic basin"):
        Study.parse(
            {**with_("stations.source", "twin"), "backend": {"kind": "earthengine", "project": "my-project"}}
        )


@pytest.mark.parametrize("text", ["- a\n- b\n", "name: [", ""])
def test_unusable_files(tmp_path, text):
    (tmp_path / "s.yml").write_text(text)
    with pytest.raises(InputError, match=r"s\.yml"):
        Study.from_yaml(tmp_path / "s.yml")
    with pytest.raises(InputError, match="cannot be read"):
        Study.from_yaml(tmp_path / "absent.yml")


def test_grid_covers_the_cell_on_multiples_of_the_scale():
    study = Study.demo()
    grid = study.grid
    left, bottom, right, top = grid.bounds
    assert all(v % 30 == 0 for v in (left, bottom, right, top))
    for x, y in study.cell.polygon("EPSG:4326", points_per_edge=100).exterior.coords:
        east, north = transformer("EPSG:4326", study.area.crs).transform(x, y)
        assert left <= east <= right
        assert bottom <= north <= top
    assert study.cell == ease_cell_at(99.8, 37.5)


def test_steps_serve_every_day_once():
    study = Study.demo()
    steps = study.predictor_set.steps()
    days = [d for s in steps for d in s.days]
    assert days == sorted(set(days))
    assert (days[0], days[-1], len(days)) == (study.start, date(2021, 10, 31), (study.end - study.start).days)
    assert all(s.start <= s.center for s in steps)


@pytest.mark.parametrize("days", [1, 2, 15, 16])
def test_window_holds_its_centre(days):
    start, end = window(date(2021, 7, 1), days)
    assert (end - start).days == days
    assert start <= date(2021, 7, 1) < end


@pytest.mark.parametrize(
    ("section", "values", "said"),
    [
        ("training", {"deploy": "CatBoost", "models": ["RF"]}, "'CatBoost' is not trained"),
        ("training", {"models": []}, "training.models is empty"),
        ("training", {"models": ["RF", "RF"]}, "repeat"),
        ("stations", {"season": ["13-45", "10-01"]}, "MM-DD"),
        ("area", {"crs": "EPSG:3857"}, "a metre of EPSG:3857 is 1.26"),
        ("area", {"crs": "EPSG:32610"}, "a metre of EPSG:32610"),
    ],
)
def test_what_could_not_work_is_refused_at_once(section, values, said):
    content = Study.demo().model_dump(mode="json")
    content[section] |= values
    with pytest.raises(InputError, match=said):
        Study.parse(content)


def test_a_file_that_is_not_text(tmp_path):
    (tmp_path / "study.yml").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="is not text"):
        Study.from_yaml(tmp_path / "study.yml")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("stations.colour", "red", r"stations\.colour is not known; choose from source, format, table"),
        ("stations.tabel", {}, r"stations\.tabel is not known \(did you mean table\?\)"),
        ("stations.table.statoin", "y", r"stations\.table\.statoin is not known \(did you mean station\?\)"),
        ("training.fold", 5, r"training\.fold is not known \(did you mean folds\?\)"),
        ("upscal", {}, r"upscal is not known \(did you mean upscale\?\)"),
        ("area.scale", 30, r"area\.scale is not known \(did you mean scale_m\?\)"),
        ("training.folds", "many", r"training\.folds has to be a whole number \(got 'many'\)"),
        ("training.folds", 1, r"training\.folds has to be at least 2 \(got 1\)"),
        ("training.models", ["RandomForest"], r"training\.models cannot be 'RandomForest'; choose from RF"),
        ("training.models", "RF", r"training\.models has to be a list \(got 'RF'\)"),
        ("upscale.route", "xe", r"upscale\.route cannot be 'xe' \(did you mean xee\?\)"),
        ("backend", "embedded", "backend has to be a section of its own"),
        ("start", "2021-02-30", r"start is no day of the calendar.*2021-02-30"),
        ("start", "May 2021", r"start has to be a day, such as 2021-05-31 \(got 'May 2021'\)"),
        ("name", "a/b", "name may hold letters"),
    ],
)
def test_faults_are_told_in_the_words_of_the_file(path, value, said):
    with pytest.raises(InputError, match=said) as caught:
        Study.parse(with_(path, value))
    assert not re.search(r"[Ii]nput|tuple|type|\n|Extra", str(caught.value))


def test_a_missing_key_is_named():
    content = {k: v for k, v in GOOD.items() if k != "end"}
    with pytest.raises(InputError, match=r"the study cannot be used: end is missing\."):
        Study.parse(content)


def test_a_day_no_calendar_has(tmp_path):
    text = "name: x\nstart: 2021-02-30\nend: 2021-06-01\narea: {lon: 99.8, lat: 37.5}\n"
    (tmp_path / "study.yml").write_text(text)
    with pytest.raises(InputError, match=r"study\.yml cannot be used: line 2: start is no day"):
        Study.from_yaml(tmp_path / "study.yml")


def test_models_are_named_in_any_case():
    study = Study.parse(with_("training", {"models": ["rf", "XGBOOST", "catboost"], "deploy": "Rf"}))
    assert study.training.models == ("RF", "XGBoost", "CatBoost")
    assert study.training.deploy == "RF"
    with pytest.raises(InputError, match="repeat"):
        Study.parse(with_("training.models", ["rf", "RF"]))


def test_every_model_of_the_table_can_be_named():
    for name, spec in ESTIMATORS.items():
        study = Study.parse(with_("training", {"models": [name], "deploy": name}))
        assert (study.training.models, study.training.deploy) == ((spec.title,), spec.title)


def test_a_study_names_its_36_km_product_itself():
    assert Study.demo().smap.products == {
        "36 km": "projects/smgee-twin/assets/SPL3SMP",
        "9 km": "Earth Engine",
    }
    for backend in ({}, {"kind": "earthengine", "project": "my-project"}, {"catalog": "files"}):
        assert Study.parse({**GOOD, "backend": backend}).smap.collection_36km is None
    own = {"collection_36km": "projects/p/assets/c", "collection_9km": "projects/p/assets/e"}
    assert list(Study.parse({**GOOD, "smap": own}).smap.products.values()) == list(own.values())
    assert Study.parse({**GOOD, "smap": {"nine_km": False}}).smap.products == {}


def test_other_retrieval_algorithms_need_a_copy_that_holds_them():
    with pytest.raises(InputError, match="collection_9km"):
        Study.parse({**GOOD, "smap": {"algorithm": "dca"}})
    own = {"algorithm": "dca", "nine_km": False, "collection_36km": "projects/p/assets/c"}
    assert Study.parse({**GOOD, "smap": own}).smap.band_suffix == "option3"
    with pytest.raises(InputError, match="did you mean"):
        Study.parse({**GOOD, "smap": {"without": ["mountain"]}})


STUDY = """name: x
start: 2021-05-01
end: 2021-06-01
area: {lon: 99.8, lat: 37.5}
backend: {catalog: files}
stations: {source: network.zip, format: table, table: {places: ABSOLUTE/places.csv}}
"""


def test_paths_are_relative_to_the_study_file(tmp_path, monkeypatch):
    """Whatever folder the shell is in, and after the project's folder has moved."""
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    (project / "runs" / "x").mkdir(parents=True)
    elsewhere.mkdir()
    (project / "study.yml").write_text(STUDY.replace("ABSOLUTE", str(elsewhere)))
    monkeypatch.chdir(project)
    study = Study.from_yaml("study.yml")
    assert study.files == {
        "backend.catalog": project / "files",
        "stations.source": project / "network.zip",
        "stations.table.places": elsewhere / "places.csv",
    }
    monkeypatch.chdir(elsewhere)
    assert Study.from_yaml(project / "study.yml") == study
    study.to_yaml(project / "runs" / "x" / "study.yml")
    assert Study.from_yaml(project / "runs" / "x" / "study.yml") == study
    moved = tmp_path / "moved"
    project.rename(moved)
    again = Study.from_yaml(moved / "runs" / "x" / "study.yml")
    assert again.files == {
        "backend.catalog": moved / "files",
        "stations.source": moved / "network.zip",
        "stations.table.places": elsewhere / "places.csv",
    }
    assert again.settings() == study.settings()
    assert again.settings("stations")["stations"]["format"] == "table"
    assert str(tmp_path) not in str(study.settings())


@pytest.mark.parametrize(
    ("target", "families"),
    [("anomaly", ["place", "terrain"]), ("absolute", ["reflectance", "indices", "terrain"])],
)
def test_what_is_learned_decides_which_predictors_are_usual(target, families):
    """Where the study lists none; those that it lists are taken as they are."""
    content = Study.demo().model_dump(mode="json", exclude={"predictors"})
    content["training"] = {"target": target}
    assert [f.kind for f in Study.parse(content).predictors] == families
    listed = [{"kind": "terrain", "names": ["slope"]}]
    assert Study.parse(content | {"predictors": listed}).predictors.names == ("slope",)
    assert Study.parse(content | {"training": {}}).training.target == "anomaly"


def test_maps_that_stay_are_made_there_and_not_published_from_here():
    content = Study.demo().model_dump(mode="json")
    stays = {"upscale": content["upscale"] | {"maps": "earth_engine", "route": "xee"}}
    with pytest.raises(InputError, match="set route: classifier"):
        Study.parse(content | stays)
    stays["upscale"]["route"] = "auto"
    assert Study.parse(content | stays).upscale.stays
    with pytest.raises(InputError, match="smgee export"):
        Study.parse(content | stays | {"publish": content["publish"] | {"maps": True}})

"""What a run refuses, each in a sentence that says what to do; the smaller questions of its plan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import smgee
from smgee.errors import InputError, MissingDataError
from smgee.session import fault_plan
from smgee.study import Study
from smgee.tables import Provenance
from smgee.workflow.answers import Answers
from smgee.workflow.artifacts import Artifact, folder, raster
from smgee.workflow.days import active_days
from smgee.workflow.folder import RunFolder
from smgee.workflow.mapping import mapped_days
from smgee.workflow.planning import at_place, plan_study
from smgee.workflow.preflight import check_study
from smgee.workflow.registry import load_step
from smgee.workflow.run import execute
from smgee.workflow.step import Step, plan
from smgee.workflow.steps import export, predict, publish
from smgee.workflow.steps import stations as stations_step
from smgee.workflow.steps.smap import SMAP
from smgee.workflow.steps.stations import PERIODS
from smgee.workflow.templates import new_study
from smgee.workflow.work import Work


def changed(**sections: Any) -> Study:
    content = Study.demo().model_dump(mode="json")
    for name, values in sections.items():
        content[name] = content[name] | values if isinstance(values, dict) else values
    return Study.parse(content)


def at_work(folder: Path, study: Study, step: str = "predict", **options: Any) -> Work:
    run = RunFolder(folder, study)
    folder.mkdir(exist_ok=True)
    return Work(run, step, key="k", made_from={}, makers={"unfrozen.csv": "stations"}, options=options)


def periods(*spans: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "year": [int(a[:4]) for a, _ in spans],
            "start": [pd.Timestamp(a) for a, _ in spans],
            "end": [pd.Timestamp(b) for _, b in spans],
        }
    )


# -- days


def test_a_period_that_is_frozen_throughout_is_told() -> None:
    study = changed(start="2021-06-01", end="2021-06-05")
    assert active_days(study, periods(("2021-05-01", "2021-06-02"))) == [date(2021, 6, 1), date(2021, 6, 2)]
    with pytest.raises(MissingDataError, match=r"No day between 2021-06-01 and 2021-06-05 is unfrozen"):
        active_days(study, periods(("2020-05-01", "2020-10-01")))


def test_days_of_smap_that_has_no_retrieval_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = at_work(tmp_path, changed(start="2021-06-01", end="2021-06-05"))
    smap = pd.DataFrame(
        {"date": pd.to_datetime(["2021-06-02", "2021-06-03"]), "soil_moisture": [0.2, np.nan]}
    )
    tables = {PERIODS.path: periods(("2021-05-01", "2021-07-01")), SMAP.path: smap}
    monkeypatch.setattr(work, "read", lambda artifact: tables[artifact.path])
    assert mapped_days(work) == [date(2021, 6, 2)]
    smap["soil_moisture"] = np.nan
    with pytest.raises(MissingDataError, match=r"no retrieval on any unfrozen day.*upscale\.days to daily"):
        mapped_days(work)


@pytest.mark.parametrize(
    ("season", "first", "last"),
    [(["06-03", "06-04"], "2021-06-03", "2021-06-04"), (["11-01", "06-02"], "2021-06-01", "2021-06-02")],
)
def test_the_season_of_a_plan(season: list[str], first: str, last: str) -> None:
    """One may reach over the turn of the year."""
    study = changed(
        start="2021-06-01",
        end="2021-06-08",
        stations={"unfrozen": {"season": season}},
        upscale={"days": "daily"},
    )
    planned = plan_study(study)
    found = (date.fromisoformat(last) - date.fromisoformat(first)) // timedelta(days=1) + 1
    assert planned.days == f"the days from {season[0]} to {season[1]}, as the study's season says"
    assert planned.as_dict()["days"] == found


def test_a_plan_without_a_day_is_refused() -> None:
    study = changed(
        start="2021-06-01", end="2021-06-08", stations={"unfrozen": {"season": ["08-01", "09-01"]}}
    )
    with pytest.raises(InputError, match=r"has no day to map.*move its period or season"):
        plan_study(study)


def test_a_place_that_is_not_known_is_told() -> None:
    study, place = at_place(Study.demo(), "qinghai-lake-basin")
    assert (study.start, study.end) == (date(2019, 5, 1), date(2023, 11, 1))
    assert place.title == "Qinghai Lake basin"
    with pytest.raises(InputError, match=r"'mars' is not known; choose "):
        at_place(Study.demo(), "mars")


# -- what is asked of a step


def test_a_route_is_one_of_three() -> None:
    with pytest.raises(InputError, match="'fast' is not known; choose xee, classifier or auto"):
        predict.choice("fast", Study.demo(), Study.demo().predictor_set, None, [])  # type: ignore[arg-type]


def test_what_is_exported_is_one_of_three(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'stations' is exported; choose days, mean, all"):
        export.run(at_work(tmp_path, Study.demo(), "export", what="stations"))


@pytest.mark.parametrize("step", [publish, export])
def test_without_a_session_it_is_said_how_to_get_one(
    step: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "current_session", lambda: None)
    with pytest.raises(InputError, match=r"connect first with smgee\.workflow\.connected"):
        step.run(at_work(tmp_path, Study.demo())) if step is publish else step._destination(
            at_work(tmp_path, Study.demo())
        )


def test_places_of_exports(tmp_path: Path) -> None:
    """Each kind of destination has a place of its own; on the real service a bucket has to be named."""
    with smgee.connect(sources=[], store=tmp_path / "store") as session:
        for to, place in {
            "asset": f"{session.asset_root}/smgee/demo/exported",
            "bucket": "smgee-embedded/demo",
            "drive": "smgee_demo",
        }.items():
            assert export._destination(at_work(tmp_path, Study.demo(), to=to)).place == place
        named = changed(publish={"bucket": "mine"})
        assert export._destination(at_work(tmp_path, named, to="bucket")).place == "mine/demo"
        session.backend = "earthengine"
        with pytest.raises(InputError, match=r"No Cloud Storage bucket is named.*--place BUCKET/FOLDER"):
            export._destination(at_work(tmp_path, Study.demo(), to="bucket"))
        with pytest.raises(InputError, match=r"ingests maps from Cloud Storage only.*--bucket NAME"):
            publish._uploader(at_work(tmp_path, Study.demo()), None)


def test_stations_without_coordinates_are_named() -> None:
    records = xr.Dataset(coords={"station": ["a", "b"]}).assign(
        lon=("station", [99.8, np.nan]), lat=("station", [37.5, 37.5])
    )
    with pytest.raises(
        InputError, match=r"^1 of the stations in sm\.csv have no coordinates, such as b; set"
    ):
        stations_step._require_places(records, "sm.csv")


# -- before anything is spent


def test_publishing_on_the_real_service_needs_a_bucket() -> None:
    study = changed(backend={"kind": "earthengine"}, stations={"source": "network"})
    with pytest.raises(InputError, match=r"from Cloud Storage only; name a bucket.*leave publishing out"):
        check_study(study, [load_step("publish")], connected=False)
    check_study(study, [load_step("publish")], options={"publish": {"bucket": "mine"}}, connected=False)


def test_data_that_the_real_service_does_not_have_are_named(tmp_path: Path) -> None:
    study = changed(
        backend={"kind": "earthengine"},
        stations={"source": "network"},
        smap={"collection_36km": "projects/mine/assets/smap"},
    )
    with (
        smgee.connect(sources=[], store=tmp_path),
        pytest.raises(MissingDataError, match=r"projects/mine/assets/smap.*check the ids and your access"),
    ):
        check_study(study, [load_step("smap")])


def test_maps_of_the_days_of_smap_need_a_product() -> None:
    study = changed(smap={"collection_36km": None, "nine_km": False})
    with pytest.raises(InputError, match=r"names no SMAP product, but upscale\.days is smap"):
        check_study(study, [load_step("predict")], connected=False)


# -- folders and files


def test_a_step_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'map' is not known; choose from stations"):
        plan([load_step("stations"), load_step("sample")], RunFolder(tmp_path, Study.demo()), ["map"])


def test_a_file_that_is_not_there_names_the_step_that_makes_it(tmp_path: Path) -> None:
    work = at_work(tmp_path, Study.demo())
    with pytest.raises(MissingDataError, match=rf"unfrozen\.csv is not there yet; run `smgee run {tmp_path}"):
        work.read(PERIODS)
    assert work.read_if_there(PERIODS) is None
    (tmp_path / "unfrozen.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"unfrozen\.csv"):
        work.read(PERIODS)
    work.drop(PERIODS)
    assert not work.has(PERIODS)


def test_a_damaged_file_of_a_library_is_told_in_a_sentence(tmp_path: Path) -> None:
    mean = raster("mean.tif")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mean.tif").write_bytes(b"no tiff")
    with pytest.raises(InputError, match=r"mean\.tif is damaged and cannot be read \(RasterioIOError"):
        at_work(tmp_path / "run", Study.demo()).read(mean)


def test_a_file_that_its_step_fills_is_not_written_in_one_piece(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="filled by its step"):
        raster("mean.tif").write(tmp_path, np.zeros((1, 1)), Provenance())


def test_a_folder_goes_with_its_companions(tmp_path: Path) -> None:
    made: Artifact[Path] = folder("models", Path, companions=("models.json",))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a").write_text("a")
    (tmp_path / "models.json").write_text("{}")
    made.remove(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["[]", '{"steps": []}'])
def test_a_manifest_of_something_else_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InputError, match=r"holds no steps; delete it to run every step again"):
        RunFolder(tmp_path)


def test_a_folder_without_a_study_is_told_what_it_lacks(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    needy = Step("needy", "Needy", lambda work: {})
    with pytest.raises(InputError, match=r"holds no study\.yml, which this needs"):
        execute(run, steps=[needy])
    assert plan([needy], run)[0].reason == "there is no study.yml, whose settings it needs"


def test_files_made_from_others_than_are_there_are_not_read(tmp_path: Path) -> None:
    """The middle file was made before its source was made anew by hand."""

    def text(name: str) -> Artifact[str]:
        return Artifact(name, Path.read_text, lambda value, path, _: path.write_text(value))

    def writing(artifact: Artifact[str], value: str) -> Callable[[Work], dict[str, Any]]:
        def run(work: Work) -> dict[str, Any]:
            work.write(artifact, value)
            return {}

        return run

    a, b, c = text("a.txt"), text("b.txt"), text("c.txt")
    first = Step("first", "First", writing(a, "a"), writes=(a,))
    second = Step("second", "Second", writing(b, "b"), reads=(a,), writes=(b,))
    third = Step("third", "Third", writing(c, "c"), reads=(b,), writes=(c,))
    steps = [first, second, third]
    run = RunFolder(tmp_path, Study.demo())
    execute(run, ["first", "second"], steps=steps)
    other = Step("first", "First", writing(a, "another"), writes=(a,), version=2)
    execute(run, ["first"], steps=[other, second, third])
    with pytest.raises(InputError, match=r"b\.txt was made from another a\.txt than the one there now; run"):
        execute(run, ["third"], steps=[other, second, third])
    (tmp_path / "b.txt").write_text("edited")
    with pytest.raises(
        InputError, match=r"b\.txt is not what `smgee second` wrote: it is damaged or was edited"
    ):
        execute(run, ["third"], steps=[other, second, third])


# -- new studies


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"project": "my-project", "catalog": Path("mine")}, "--project is for the real service"),
        ({"predictors": ("sorcery",)}, r"The study cannot be begun: .*sorcery"),
        ({"end": date(2020, 1, 1)}, r"The study cannot be begun: .*end"),
    ],
)
def test_a_study_that_cannot_be_is_not_begun(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    known: dict[str, Any] = {"lon": 99.8, "lat": 37.5, "start": date(2021, 5, 1), "end": date(2021, 9, 1)}
    with pytest.raises(InputError, match=said):
        new_study("x", tmp_path / "x.yml", Answers(**(known | given)))


def test_an_outage_ends_a_run_with_its_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smgee.session.CLIENT_RETRIES", 0)
    monkeypatch.setattr("smgee.remote.calls.WAIT_S", 0.001)
    asks = Step(
        "asks", "Asks", lambda work: {}, datasets=lambda study: ["NASA/NASADEM_HGT/001"], external=True
    )
    faults = fault_plan(1.0, ["503"], routes=["assets/"])

    def connected(run: RunFolder) -> smgee.Session:
        return smgee.connect(sources=[], store=tmp_path / "store", faults=faults)

    with pytest.raises(smgee.RemoteError, match=r"out of order.*try again later"):
        execute(RunFolder(tmp_path / "run", Study.demo()), steps=[asks], connect=connected)

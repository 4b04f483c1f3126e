"""Run folders: whose they are, what is left of killed writers, where they may go, and what they may lack."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from smgee.errors import InputError, MissingDataError
from smgee.io import atomic_path, sweep
from smgee.study import Study
from smgee.workflow.artifacts import Artifact
from smgee.workflow.fingerprints import Fingerprints
from smgee.workflow.folder import RunFolder
from smgee.workflow.registry import load_step
from smgee.workflow.run import adopt, execute
from smgee.workflow.step import Step, key_parts, plan
from smgee_cli.app import app
from tests.insitu.stm import hourly, write_stm


def text(name):
    return Artifact(name, lambda path: path.read_text(), lambda v, path, _: path.write_text(v))


def call(*args):
    return CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=True)


@pytest.fixture
def table() -> pd.DataFrame:
    """Eight stations by 25 dates with two reflectances."""
    rng = np.random.default_rng(3)
    red, nir = rng.uniform(0.05, 0.4, (2, 200))
    return pd.DataFrame(
        {
            "site": np.repeat([f"s{k}" for k in range(8)], 25),
            "date": np.tile(pd.date_range("2021-05-01", periods=25).strftime("%Y-%m-%d"), 8),
            "red": red,
            "nir": nir,
            "sm": 0.1 + 0.3 * nir + rng.normal(0, 0.01, 200),
        }
    )


# --- whose folder it is


def test_the_run_of_another_study_is_not_taken_over_unasked(tmp_path):
    demo = Study.demo()
    with RunFolder(tmp_path, demo).writing():
        pass
    other = demo.model_copy(update={"name": "other"})
    with pytest.raises(InputError, match=r"holds the run of the study 'demo', not of 'other'.*--force"):
        RunFolder(tmp_path, other)
    elsewhere = demo.model_copy(update={"area": demo.area.model_copy(update={"lat": 38.0})})
    with pytest.raises(InputError, match="of another area"):
        RunFolder(tmp_path, elsewhere)
    with RunFolder(tmp_path, other, force=True).writing():
        assert Study.from_yaml(tmp_path / "study.yml").name == "other"
    longer = other.model_copy(update={"training": other.training.model_copy(update={"folds": 7})})
    assert RunFolder(tmp_path, longer).study.training.folds == 7, "settings of one study may change"


def test_a_folder_that_is_none_is_told(tmp_path):
    with pytest.raises(InputError, match="is not a run folder"):
        RunFolder(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        RunFolder(tmp_path / "file")


def test_a_run_can_be_moved(tmp_path):
    """With paths relative to the study file, folder and data move together and nothing is stale."""
    write_stm(tmp_path / "a" / "data", "A", hourly("2021-05-01", 60), np.full(1440, 0.2), lon=99.8, lat=37.5)
    content = {
        "name": "x",
        "start": "2021-05-01",
        "end": "2021-06-01",
        "area": {"lon": 99.8, "lat": 37.5},
        "stations": {"source": "data", "season": ["05-01", "09-30"]},
    }
    (tmp_path / "a" / "study.yml").write_text(json.dumps(content))
    run = RunFolder(tmp_path / "a" / "runs" / "x", Study.from_yaml(tmp_path / "a" / "study.yml"))
    execute(run, ["stations"])
    shutil.move(tmp_path / "a", tmp_path / "b")
    moved = RunFolder(tmp_path / "b" / "runs" / "x")
    assert plan([load_step("stations")], moved)[0].action == "keep"
    execute(moved, ["stations"], force=True)
    assert moved.entry("stations")["stations"] == 1


# --- killed writers


def test_what_killed_writers_left_is_swept(tmp_path):
    run = RunFolder(tmp_path / "run", Study.demo())
    left = tmp_path / "run" / "maps" / ".writing-abc123"
    left.mkdir(parents=True)
    (left / "half.tif").write_text("half")
    (tmp_path / "run" / "maps" / "whole.tif").write_text("whole")
    with run.writing():
        assert not left.exists()
        assert (tmp_path / "run" / "maps" / "whole.tif").exists()
    with atomic_path(tmp_path / "x") as scratch:
        assert sweep(tmp_path) == [scratch.parent]
        scratch.parent.mkdir()
        scratch.write_text("y")


def test_a_step_done_again_and_killed_is_not_done(tmp_path):
    """Its old entry must not speak for files that the killed one half replaced, or left as they were."""
    out = text("out.txt")
    kill = []

    def work(w):
        if kill:
            raise KeyboardInterrupt
        w.write(out, "done")
        return {}

    step = Step("one", "One", work, writes=(out,))
    after = Step("two", "Two", lambda w: {}, reads=(out,))
    run = RunFolder(tmp_path, Study.demo())
    execute(run, steps=[step])
    kill.append(True)
    with pytest.raises(KeyboardInterrupt):
        execute(run, steps=[step], force=True)
    (tmp_path / "out.txt").write_text("done")
    again = RunFolder(tmp_path)
    assert plan([step], again)[0].reason == "begun and never ended"
    with pytest.raises(MissingDataError, match="begun and never ended"):
        execute(again, ["two"], steps=[step, after])
    kill.clear()
    execute(again, steps=[step, after])
    assert again.entry("one")


# --- hashes of large files


@pytest.mark.parametrize("lost", ["settings", "options", "reads", "inputs"])
def test_a_step_whose_entry_is_damaged_is_done_again(tmp_path, lost):
    made = text("made.txt")

    def write(work):
        (work.run / "made.txt").write_text("made")
        return {}

    step = Step("one", "One", write, writes=(made,), standalone=True)
    run = RunFolder(tmp_path / "run", Study.demo())
    execute(run, steps=[step])
    assert [d.action.value for d in plan([step], run)] == ["keep"]
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["steps"]["one"]["parts"][lost]
    (run / "manifest.json").write_text(json.dumps(manifest))
    (decision,) = plan([step], RunFolder(run.path))
    assert (decision.action.value, decision.reason) == ("run", "its entry in the manifest is not whole")


def test_a_file_is_read_once(tmp_path, monkeypatch):
    """The hash of an archive is kept; a change of its content is seen all the same."""
    archive = tmp_path / "archive.zip"
    archive.write_bytes(b"1" * 1000)
    os.utime(archive, (1, 1))
    known = Fingerprints(tmp_path / "memory.json")
    first = known.of(archive)
    known.save()
    reads = []
    real = __import__("smgee.io", fromlist=["content_hash"]).content_hash
    monkeypatch.setattr(
        "smgee.workflow.fingerprints.content_hash", lambda path: reads.append(path) or real(path)
    )
    assert Fingerprints(tmp_path / "memory.json").of(archive) == first
    assert reads == []
    archive.write_bytes(b"2" * 1000)
    assert Fingerprints(tmp_path / "memory.json").of(archive) != first
    assert reads == [archive]


def test_two_writes_within_a_tick_differ(tmp_path):
    known = Fingerprints(tmp_path / "memory.json")
    found = set()
    for k in range(20):
        (tmp_path / "x").write_text(str(k % 10))
        found.add(known.of(tmp_path / "x"))
    assert len(found) == 10


def test_a_folder_counts_wherever_it_lies(tmp_path):
    known = Fingerprints(tmp_path / "memory.json")
    for name in ("a", "b"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "x").write_text("1")
    assert known.of(tmp_path / "a") == known.of(tmp_path / "b")
    (tmp_path / "b" / "sub" / "x").rename(tmp_path / "b" / "sub" / "y")
    assert known.of(tmp_path / "a") != known.of(tmp_path / "b")


# --- folders without a study


def test_a_folder_of_stations_is_reported(tmp_path):
    write_stm(tmp_path / "in", "A", hourly("2021-05-01", 5), np.full(120, 0.2))
    run = tmp_path / "run"
    assert call("stations", tmp_path / "in", "--out", run, "--season", "05-01", "09-30").exit_code == 0
    result = call("report", "--run", run)
    assert result.exit_code == 0, result.output
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "1 stations" in page
    assert "No model was trained (`smgee train`)" in page
    result = call("sample", "--run", run)
    assert isinstance(result.exception, InputError)
    assert "holds no study.yml" in str(result.exception)
    (run / "stations.nc").write_bytes((run / "stations.nc").read_bytes()[:-1])
    result = call("report", "--run", run)
    assert "is damaged or was edited" in str(result.exception)


def test_a_folder_of_training_is_explained_and_reported(tmp_path, table):
    table.to_csv(tmp_path / "t.csv", index=False)
    run = tmp_path / "run"
    options = ("--target", "sm", "--station", "site", "--time", "date", "--predictors", "red,nir")
    trained = ("--models", "xgboost", "--folds", "3", "--trials", "3", "--explain", "none", "--out", run)
    result = call("train", "--table", tmp_path / "t.csv", *options, *trained)
    assert result.exit_code == 0, result.output
    result = call("explain", "--run", run, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["result"]["facts"]["most_important"][0] in ("nir", "nir_rel")
    assert call("report", "--run", run).exit_code == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "XGBoost" in page
    assert "No maps were drawn" in page
    decisions = {d.step.name: d for d in plan([load_step("train"), load_step("report")], RunFolder(run))}
    assert decisions["train"].action == "cannot run"
    assert decisions["report"].action == "keep"


def test_files_of_a_command_are_not_the_studys(tmp_path):
    run = RunFolder(tmp_path, Study.demo())
    with run.writing():
        (tmp_path / "samples.parquet").write_text("x")
        (tmp_path / "scores.csv").write_text("x")
        (tmp_path / "models").mkdir()
    adopt(run, "train", by="smgee train")
    decision = plan([load_step("train")], RunFolder(tmp_path))[0]
    assert decision.reason == "made by `smgee train`, not by this study"


def test_keys_do_not_know_the_order_of_commands(tmp_path):
    step = load_step("validate")
    run = RunFolder(tmp_path, Study.demo())
    with run.writing():
        first = key_parts(step, run)
        run.begin("smap")
        run.finish("zonal", {"x": 1})
        assert key_parts(step, run) == first

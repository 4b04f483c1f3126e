"""Training in a run that was interrupted: its searches go on where they stopped."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import optuna
import pandas as pd
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from smgee.models import Effort, load_model
from smgee.sampling import write_samples
from smgee.study import Study
from smgee.tables import Provenance
from smgee.workflow.folder import RunFolder
from smgee.workflow.run import Events, execute
from smgee.workflow.steps.train import STEP, reaching_places
from tests.models.networks import frame


class Stopped(BaseException):
    """Stands for Ctrl-C."""


class Stop(Events):
    """Stops at the n-th word of progress, or never; keeps what was searched at the first."""

    def __init__(self, run: RunFolder, at: int = 0):
        self.run, self.at, self.told, self.first = run, at, 0, {}

    def progress(self, step, share, note=""):
        self.told += 1
        if self.told == 1:
            self.first = searches(self.run.path)
        if self.told == self.at:
            raise Stopped


def searches(run: Path) -> dict[str, list[dict]]:
    """Settings tried, by search."""
    found = {}
    for log in sorted((run / ".tuning").rglob("*.log")):
        storage = JournalStorage(JournalFileBackend(str(log)))
        trials = optuna.load_study(study_name="search", storage=storage).trials
        found[str(log.relative_to(run))] = [t.params for t in trials]
    return found


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Two folds inside of each, and no search for groups of features."""
    effort = partial(Effort, folds=2, judging=2, search=False, absolute=False)
    monkeypatch.setattr("smgee.workflow.steps.train.Effort", effort)


def make(path: Path, *, trials: int = 5) -> RunFolder:
    """A run whose samples are there."""
    content = Study.demo().model_dump(mode="json")
    content["training"] |= {"target": "anomaly", "models": ["XGBoost"], "folds": 3, "designs": []}
    content["training"] |= {"trials": trials, "minutes": None}
    content["predictors"] = [
        {"kind": "indices", "names": ["NDMI"]},
        {"kind": "terrain", "names": ["elevation"]},
    ]
    study = Study.parse(content)
    rows = frame(stations=8, days=25).rename(
        columns={"sm": "soil_moisture", "ndvi": "NDMI", "clay": "elevation"}
    )
    run = RunFolder(path, study)
    if not (path / "samples.parquet").exists():
        made = Provenance(synthetic=True, made_by="test")
        write_samples(
            rows.drop(columns="rain"),
            path / "samples.parquet",
            predictors=study.predictor_set.predictors,
            provenance=made,
        )
    return run


def test_searches_go_on_where_training_was_stopped(tmp_path):
    run = make(tmp_path / "a")
    with pytest.raises(Stopped):
        execute(run, ["train"], steps=[STEP], events=Stop(run, at=1))
    before = searches(run.path)
    assert len(before) == 2  # what is learned: the anomaly, and its course
    assert sum(map(len, before.values())) == 5

    again = Stop(make(run.path))
    execute(again.run, ["train"], steps=[STEP], events=again)
    assert again.first == before  # nothing was tried anew
    assert not (run.path / ".tuning").exists()

    whole = make(tmp_path / "b")
    execute(whole, ["train"], steps=[STEP])
    assert (run / "scores.csv").read_bytes() == (whole / "scores.csv").read_bytes()
    assert load_model(run / "models").ensemble.hash == load_model(whole / "models").ensemble.hash
    one, other = (pd.read_parquet(r / "models" / "cross_validation.parquet") for r in (run, whole))
    pd.testing.assert_frame_equal(one, other)


def test_other_settings_do_not_take_over_searches(tmp_path):
    run = make(tmp_path)
    for trials in (5, 3):
        stop = Stop(make(run.path, trials=trials), at=1)
        with pytest.raises(Stopped):
            execute(stop.run, ["train"], steps=[STEP], events=stop)
        assert sum(map(len, searches(run.path).values())) == trials
    kept = next((run / ".tuning").iterdir())
    (kept / "mark").touch()
    with pytest.raises(Stopped):
        execute(stop.run, ["train"], steps=[STEP], force=True, events=Stop(stop.run, at=1))
    assert kept.is_dir()
    assert not (kept / "mark").exists()  # from nothing


def test_places_told_from_days_of_the_study_are_known():
    study = Study.demo()
    assert set(reaching_places(study)) == {n for n in study.predictors.names if n.startswith("m_")}
    content = study.model_dump(mode="json")
    place = next(f for f in content["predictors"] if f["kind"] == "place")
    place |= {"start": "2019-05-01", "end": "2021-01-01"}
    assert reaching_places(Study.parse(content)) == ()

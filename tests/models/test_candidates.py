"""Several models of one family side by side."""

from __future__ import annotations

import importlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from smgee import estimators
from smgee.errors import InputError
from smgee.models import Candidate, list_models, load_model, train_run
from smgee.models.candidates import entrants, parse_candidate, usual
from smgee.models.nested import Effort
from smgee.study import Study
from tests.models.networks import network


def test_models_of_one_family_stand_side_by_side_with_settings_of_their_own(tmp_path):
    own = [parse_candidate("stumps=XGBoost:depth=1,trees=20"), parse_candidate("slow=xgboost:rate=0.01")]
    out = train_run(
        network(stations=10, days=30),
        families=("XGBoost", *own),
        designs=("station",),
        folds=3,
        effort=Effort(trials=3, folds=2, judging=3, search=False),
    )
    assert {"deployed", "XGBoost", "stumps", "slow", "XGBoost (absolute)", "stumps (absolute)"} < set(
        out.scores["model"]
    )
    members = out.certificate["chosen"]["members"]
    assert members["stumps whole"]["settings"] == usual("xgboost") | {"depth": 1.0, "trees": 20.0}
    assert members["stumps whole"]["trials"] == 0
    assert members["slow whole"]["settings"]["rate"] == 0.01
    assert members["xgboost whole"]["trials"] > 0
    out.save(tmp_path)
    names, best = list_models(tmp_path / "models")
    assert set(names) == {"deployed", "xgboost", "stumps", "slow"}
    assert best == "deployed"
    stumps, fast = (load_model(tmp_path / "models", name) for name in ("stumps", "xgboost"))
    assert stumps.title == "stumps"
    assert stumps.ensemble.depth <= 1 < fast.ensemble.depth
    told = out.predictions.query("design == 'station'").set_index("model")["predicted"]
    assert not np.allclose(told["stumps"], told["XGBoost"])
    replace(out, models={name: out.models[name] for name in ("deployed", "xgboost")}).save(tmp_path)
    assert not list((tmp_path / "models").glob("s*.npz"))


def test_libraries_are_imported_one_after_the_other(monkeypatch):
    """Two threads that import xgboost and another library for the first time get one of them half made."""
    within, most = 0, 0

    def slow(name):
        nonlocal within, most
        within += 1
        most = max(most, within)
        time.sleep(0.02)
        within -= 1
        return importlib.import_module(name)

    monkeypatch.setattr(estimators, "import_module", slow)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(estimators.make, ["rf", "xgboost", "catboost", "gbdt"]))
    assert most == 1


def test_what_is_left_out_is_usual_and_families_are_searched():
    found = entrants(["RF", Candidate("two", "rf", {"depth": 2}), "rf"])
    assert list(found) == ["rf", "two"]
    assert found["two"].settings == usual("rf") | {"depth": 2}
    assert found["two"].fixed
    assert not found["rf"].fixed


@pytest.mark.parametrize(
    ("models", "why"),
    [
        ([], "No model was named"),
        (["svm"], "no model named 'svm'"),
        ([Candidate("rf", "rf")], "cannot be named 'rf'"),
        ([Candidate("Deployed one", "rf")], "lower-case letters"),
        ([Candidate("a", "rf"), Candidate("a", "rf", {"depth": 2})], "cannot be named 'a'"),
        ([Candidate("a", "rf", {"rate": 0.1})], "sets rate; a candidate of rf may set depth, leaf"),
    ],
)
def test_mistakes_in_candidates_are_told(models, why):
    with pytest.raises(InputError, match=why):
        entrants(models)


@pytest.mark.parametrize("text", ["stumps", "=rf", "a=", "a=rf:depth", "a=rf:depth=x", "a=rf:depth=1=2"])
def test_candidates_that_are_not_understood_are_told(text):
    with pytest.raises(InputError, match="NAME=FAMILY"):
        entrants([parse_candidate(text)])


def test_candidates_of_a_study_have_a_name_and_a_family():
    content = Study.demo().model_dump(mode="json")
    content["training"]["candidates"] = ["stumps=XGBoost:depth=1"]
    assert Study.parse(content).training.candidates == ("stumps=XGBoost:depth=1",)
    content["training"]["candidates"] = ["stumps"]
    with pytest.raises(InputError, match="candidates"):
        Study.parse(content)

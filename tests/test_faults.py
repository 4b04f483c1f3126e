"""A part of a small run on a service that fails three requests in ten ends as on one that does not
(the whole run: `python -m tests.faults`).
"""

from __future__ import annotations

import shutil

from smgee.eelocal.rest.faults import FAULTS, FaultPlan
from smgee.remote import calls
from tests.faults import LARGE, differing, hashes, run_once, small_study

STEPS = ["sample", "smap", "static"]


def test_samples_and_layers_are_the_same_to_the_last_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(calls, "WAIT_S", 0.01)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # of the client, between its own attempts
    plan = FaultPlan(0.3, tuple(FAULTS), 1, large=LARGE)
    study = small_study(bands=["red", "nir"])
    run_once(tmp_path / "begun", study, None, ["stations"])  # which asks the service nothing
    for name, faults in (("once", None), ("twice", None), ("faults", plan)):
        shutil.copytree(tmp_path / "begun", tmp_path / name)
        run_once(tmp_path / name, study, faults, STEPS)
    first, second, disturbed = (hashes(tmp_path / name) for name in ("once", "twice", "faults"))
    timed = differing(first, second)
    assert plan.injected > 2
    assert timed <= {"run/manifest.json", "run/.fingerprints.json"} | {
        name for name in first if name.endswith("metadata.json")
    }
    assert differing(first, disturbed) <= timed
    assert any(name.endswith("samples.parquet") for name in first)

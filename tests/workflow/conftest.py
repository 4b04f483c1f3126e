"""A whole run on the synthetic basin, coarse and short but through every step, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from smgee.study import Study
from smgee.workflow.folder import RunFolder
from smgee_cli.app import app


@pytest.fixture(scope="session")
def study() -> Study:
    demo = Study.demo()
    content = demo.model_dump(mode="json") | {"name": "small", "start": "2021-06-10", "end": "2021-07-20"}
    content["area"] |= {"scale_m": 300}
    content["training"] |= {"target": "absolute", "models": ["XGBoost", "RF"], "folds": 4}
    content["predictors"] = [
        {"kind": "reflectance", "composite": {"step_days": 20, "fill_days": 16}},
        {"kind": "indices", "names": ["NDVI", "NDMI"]},
        {"kind": "terrain"},
        {"kind": "calendar", "allow_alias": True},
    ]
    return Study.parse(content)


@pytest.fixture(scope="session")
def run(study, tmp_path_factory) -> RunFolder:
    return run_whole(study, tmp_path_factory.mktemp("runs"))


def run_whole(study: Study, folder: Path) -> RunFolder:
    """Run a study from the command line."""
    study.to_yaml(folder / "study.yml")
    result = CliRunner().invoke(
        app, ["run", str(folder / "study.yml"), "--out", str(folder / study.name)], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return RunFolder(folder / study.name)

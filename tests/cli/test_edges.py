"""`smgee edges`: from the samples of a run to a line of the study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from smgee.errors import InputError, MissingDataError
from smgee.predictors import fit_edges
from smgee_cli.app import app


def test_the_line_can_be_pasted_into_a_study(tmp_path):
    rng = np.random.default_rng(2)
    ndvi = rng.uniform(0.1, 0.8, 3000)
    rows = pd.DataFrame({"NDVI": ndvi, "STR": 0.5 + ndvi + rng.random(3000) * (2 + 4 * ndvi)})
    rows.loc[:9, "STR"] = np.nan
    rows.to_parquet(tmp_path / "samples.parquet")
    said = CliRunner().invoke(app, ["edges", str(tmp_path), "--share", "0.1"])
    assert said.exit_code == 0, said.output
    line = next(x for x in said.output.splitlines() if x.strip().startswith("edges:"))
    expected = fit_edges(rows["NDVI"], rows["STR"], share=0.1).constants()
    assert yaml.safe_load(line)["edges"] == pytest.approx(expected, abs=1e-6)


def test_what_it_needs_is_said(tmp_path):
    with pytest.raises(MissingDataError, match="holds no samples; make them with `smgee sample"):
        CliRunner().invoke(app, ["edges", str(tmp_path)], catch_exceptions=False)
    pd.DataFrame({"NDVI": [0.1]}).to_parquet(tmp_path / "samples.parquet")
    with pytest.raises(InputError, match="lack STR; list NDVI and STR among the indices"):
        CliRunner().invoke(app, ["edges", str(tmp_path)], catch_exceptions=False)

"""The parity check passes for what is right, and fails for what is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer import Typer
from typer.testing import CliRunner

from smgee.errors import InputError, MissingDataError, ParityError
from smgee.trees import TreeEnsemble
from smgee.trees.parity import check_parity
from smgee.trees.reference import leaves
from smgee_cli.parity import parity
from tests.trees.families import BANDS

FAMILIES = [
    "xgboost",
    "xgboost-early-stopping",
    "catboost",
    "lightgbm",
    "random-forest",
    "gradient-boosting",
    "hist-gradient-boosting",
]


@pytest.mark.parametrize("name", FAMILIES)
def test_passes(name: str, trained: Any, table: Any) -> None:
    family, model, _ = trained(name)
    report = check_parity(model, rows=table[0], feature_names=BANDS).require()
    assert {c.method for c in report.comparisons} == {"library", "kernel", "text"}
    assert report.worst.max_difference <= report.tolerance == pytest.approx(1e-6, rel=1)
    kernel = next(c for c in report.comparisons if (c.method, c.rows) == ("kernel", "real"))
    gaps = np.isnan(table[0]).any(axis=1)
    assert kernel.count == 500
    text = next(c for c in report.comparisons if (c.method, c.rows) == ("text", "real"))
    assert (text.count < 500) == (family.missing and gaps.any())  # Earth Engine sees no gaps
    assert check_parity(model, rows=table[0], feature_names=BANDS, digits="short").passed


def test_fails_for_a_wrong_library_model(trained: Any, table: Any) -> None:
    """A model that is not the one converted is found out, on real and on planted rows."""
    _, model, _ = trained("xgboost")

    class Impostor(type(model)):  # type: ignore[misc]
        def predict(self, X: Any, **options: Any) -> np.ndarray:
            return super().predict(X, **options) + 1e-4

    impostor = Impostor()
    impostor.__dict__.update(model.__dict__)
    with pytest.raises(ParityError, match=r"library differs by up to 0\.0001"):
        check_parity(impostor, rows=table[0], feature_names=BANDS).require()


@pytest.mark.parametrize("damage", ["comparison", "threshold", "leaf"])
def test_finds_the_usual_defects(
    damage: str, trained: Any, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text with the wrong comparison, thresholds of six decimals, or one wrong leaf does not pass."""
    from smgee.trees import parity as module

    ensemble = trained("xgboost")[2]
    complete = table[0][np.isfinite(table[0]).all(axis=1)]
    leaf = np.unique(leaves(ensemble, complete))[7]  # Earth Engine sees no gaps, nor the leaves behind them
    scaled = replace(ensemble, threshold=np.float32(ensemble.threshold * 1e-4).astype(float))
    wrong = {
        "comparison": replace(scaled, comparison="le"),
        "threshold": replace(scaled, threshold=np.round(scaled.threshold, 6)),
        "leaf": replace(scaled, value=scaled.value + np.where(np.arange(ensemble.n_nodes) == leaf, 0.01, 0)),
    }[damage]
    monkeypatch.setattr(module, "iter_ee_strings", lambda _, **options: wrong.iter_ee_strings(**options))
    report = check_parity(scaled, rows=table[0] * np.float32(1e-4), planted=20_000)
    failed = {(c.method, c.rows) for c in report.comparisons if c.max_difference > report.tolerance}
    assert ("text", "planted") in failed
    assert {m for m, _ in failed} == {"text"}


def test_rows(trained: Any, table: Any) -> None:
    ensemble = trained("gradient-boosting")[2]
    assert check_parity(ensemble).passed  # rows drawn between thresholds
    assert check_parity(ensemble).skipped["library"]
    named = pd.DataFrame(table[0], columns=BANDS)
    assert check_parity(ensemble, rows=named[list(BANDS[::-1])]).passed
    with pytest.raises(InputError, match="lack the predictors doy"):
        check_parity(ensemble, rows=named.drop(columns="doy"))
    with pytest.raises(InputError, match="shape"):
        check_parity(ensemble, rows=table[0][:, :3])
    with pytest.raises(InputError, match="without gaps"):
        check_parity(ensemble, rows=np.full((5, len(BANDS)), np.nan))


def test_command(trained: Any, table: Any, tmp_path: Path) -> None:
    app = Typer()
    app.command()(parity)
    ensemble: TreeEnsemble = trained("catboost")[2]
    run = tmp_path / "run"
    ensemble.save(run / "models" / "catboost.npz")
    pd.DataFrame(table[0][:1000], columns=BANDS).to_parquet(run / "models" / "training.parquet")
    for target in (run, run / "models" / "catboost.npz"):
        result = CliRunner().invoke(app, [str(target), "--backend", "none", "--n", "100"])
        assert result.exit_code == 0, result.output
        assert "planted" in result.output
    assert "real" in result.output
    assert "No real rows" not in result.output
    ensemble.save(tmp_path / "alone.npz")
    result = CliRunner().invoke(app, [str(tmp_path / "alone.npz"), "--backend", "none", "--n", "100"])
    assert "No real rows were at hand" in result.output
    failed = CliRunner().invoke(app, [str(run), "--backend", "none", "--tolerance", "1e-20"])
    assert isinstance(failed.exception, ParityError)
    assert failed.exception.exit_code != 0
    for arguments, kind in (
        ([str(tmp_path)], MissingDataError),
        ([str(run), "--backend", "cloud"], InputError),
    ):
        assert isinstance(CliRunner().invoke(app, arguments).exception, kind)

"""`smgee train` and `smgee explain`, from files to files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import typer

from smgee.errors import InputError, MissingDataError
from smgee.models import BASELINES, TrainingTable, list_models
from smgee.study import Study
from smgee_cli.app import app
from smgee_cli.steps import command_for
from smgee_cli.train import of_the_study, parse_derived, split_names, train, usual_target


@pytest.fixture
def rows() -> pd.DataFrame:
    """Eight stations of two networks by 25 dates, soil moisture in percent, reflectances."""
    rng = np.random.default_rng(3)
    station = np.repeat(np.arange(8), 25)
    b8a, b11 = rng.uniform(1500, 4000, (2, 200))
    return pd.DataFrame(
        {
            "network": np.where(station < 4, "A", "B"),
            "site": station % 4,
            "day": np.tile(pd.date_range("2021-05-01", periods=25, freq="5D").strftime("%Y-%m-%d"), 8),
            "vwc": 20 + 15 * (b8a - b11) / (b8a + b11) + rng.normal(0, 1, 200),
            "B8A": b8a,
            "B11": b11,
        }
    )


def test_a_table_with_names_of_its_own(rows, tmp_path, capsys):
    rows.to_csv(tmp_path / "mine.csv", index=False)
    train(
        tmp_path / "run",
        table=tmp_path / "mine.csv",
        target="vwc",
        target_scale=0.01,
        station=["network,site"],
        time_column="day",
        predictors=["ndmi,B11", "doy"],
        derive=["ndmi=(B8A-B11)/(B8A+B11)"],
        where="B11 < 3900",
        models=["gbdt,xgboost"],
        designs=["random,station,date,season"],
        folds=4,
        learn="absolute",
        explain="all",
    )
    printed = capsys.readouterr().out
    assert "rows of 8 stations" in printed
    assert all(
        word in printed
        for word in ("random", "station", "GBDT", "XGBoost", "Best at stations left out", "ndmi")
    )
    scores = pd.read_csv(tmp_path / "run" / "scores.csv")
    placeless = [name for name, baseline in BASELINES.items() if not baseline.spatial]
    for _, part in scores.groupby("design"):
        assert list(part["model"]) == ["GBDT", "XGBoost", *placeless]
    assert scores["design"].nunique() == 4
    assert scores["rmse"].max() < 0.08
    assert "network mean" in printed
    assert "synthetic" not in scores
    assert list_models(tmp_path / "run" / "models")[0] == ["gbdt", "xgboost"]
    assert pd.read_csv(tmp_path / "run" / "shap" / "xgboost_ranking.csv")["predictor"].iloc[0] == "ndmi"


def test_the_samples_of_a_run_need_no_names(rows, tmp_path, capsys):
    from smgee.predictors import Cadence, Predictor
    from smgee.sampling import write_samples
    from smgee.tables import Provenance

    sampled = pd.DataFrame(
        {
            "station": rows["network"] + rows["site"].astype(str),
            "date": pd.to_datetime(rows["day"]),
            "lon": 99.8,
            "lat": 37.5,
            "soil_moisture": rows["vwc"] / 100,
            "B8A": rows["B8A"],
            "B11": rows["B11"],
        }
    )
    predictors = [Predictor(n, "1", n, Cadence.STEP, "HLS v2.0") for n in ("B8A", "B11")]
    provenance = Provenance(synthetic=True)
    write_samples(sampled, tmp_path / "samples.parquet", predictors=predictors, provenance=provenance)
    train(tmp_path, models=["gbdt"], folds=3, learn="absolute")
    printed = capsys.readouterr().out
    assert "(synthetic)" in printed
    assert "Synthetic data." in printed
    assert (pd.read_csv(tmp_path / "scores.csv")["synthetic"] == 1).all()
    table = TrainingTable.read(tmp_path / "models" / "training.parquet")
    assert (table.predictors, table.synthetic, len(table)) == (("B8A", "B11"), True, 200)
    train(tmp_path, models=["gbdt"], folds=3, learn="absolute", explain="none")
    assert not list((tmp_path / "shap").iterdir())
    command_for("explain")(run=tmp_path)
    assert "most important" in capsys.readouterr().out
    assert (tmp_path / "shap" / "gbdt_summary.png").stat().st_size > 10_000


def test_saying_more_of_it_asks_for_no_other_training(tmp_path):
    """With -v a run of the anomaly was trained on soil moisture itself."""
    Study.demo().to_yaml(tmp_path / "study.yml")
    group = typer.main.get_command(app)
    command = group.get_command(None, "train")

    def asked(*options: str) -> bool:
        return of_the_study(command.make_context("train", ["--run", str(tmp_path), *options]), tmp_path)

    assert asked()
    assert asked("-v", "--quiet", "--json")
    assert not asked("--seed", "1")
    assert usual_target(tmp_path, None) == "anomaly"
    plain = Study.demo().model_dump(mode="json")
    plain["training"]["target"] = "absolute"
    Study.parse(plain).to_yaml(tmp_path / "study.yml")
    assert usual_target(tmp_path, None) == "absolute"
    assert usual_target(tmp_path, tmp_path / "mine.csv") == "anomaly"


def test_mistakes_are_one_sentence(rows, tmp_path):
    with pytest.raises(InputError, match=r"samples\.parquet does not exist"):
        train(tmp_path)
    with pytest.raises(InputError, match="choose best, all or none"):
        train(tmp_path, explain="some")
    with pytest.raises(MissingDataError, match=r"models is not there yet; run `smgee train"):
        command_for("explain")(run=tmp_path)
    rows.to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(InputError, match="--target"):
        train(tmp_path, table=tmp_path / "mine.csv")
    with pytest.raises(InputError, match="candidates stand beside models of an anomaly only"):
        train(tmp_path, table=tmp_path / "mine.csv", learn="absolute", candidate=["a=rf"])


def test_names_by_commas_or_repeated():
    assert split_names(["a, b", "c"]) == ["a", "b", "c"]
    assert split_names(None) is split_names([""]) is None


def test_derived_columns_are_parsed():
    assert parse_derived(["a=b/c", "d = a==1"]) == {"a": "b/c", "d": "a==1"}
    for wrong in ("a", "=b", "a=", "1a=b", "a==b"):
        with pytest.raises(InputError, match="name=expression"):
            parse_derived([wrong])

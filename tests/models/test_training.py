"""Scores, fits and what is kept of them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from smgee.errors import InputError, MissingDataError, ParityError
from smgee.metrics import score
from smgee.models import (
    BASELINES,
    ESTIMATORS,
    TrainingTable,
    best_model,
    breakdown,
    cross_validate,
    fit_models,
    list_models,
    load_model,
    make,
    skill_table,
    train_models,
    write_scores,
)
from smgee.models import training as training_module


@pytest.fixture(scope="module")
def result(table):
    return train_models(table, folds=4, seed=1)


def test_the_models_random_and_stations_left_out_side_by_side(result):
    assert list(result.models) == list(ESTIMATORS) == ["rf", "ert", "gbdt", "xgboost", "catboost", "linear"]
    models = ["RF", "ERT", "GBDT", "XGBoost", "CatBoost", "Linear"]
    assert list(result.scores["model"].unique()) == [*models, *BASELINES]
    assert all(set(part["design"]) == {"random", "station"} for _, part in result.scores.groupby("model"))
    assert (result.scores["n"] == 360).all()
    assert (result.scores["stations"] == 12).all()
    assert (result.scores["folds"] == 4).all()


def test_knowing_the_station_flatters_all_trees(result):
    # the fixture's static predictor names the station, as elevation does in a real network
    models = result.scores[~result.scores["model"].isin(BASELINES)]
    rmse = models.pivot(index="model", columns="design", values="rmse").drop("Linear")
    assert (rmse["station"] > 1.3 * rmse["random"]).all()


def test_intervals_enclose_the_figure(result):
    for name in ("r", "bias", "rmse", "ubrmse"):
        assert (result.scores[f"{name}_low"] <= result.scores[name]).all()
        assert (result.scores[f"{name}_high"] >= result.scores[name]).all()


def test_out_of_fold_predictions_are_those_of_models_without_the_fold(result, table):
    part = result.predictions.query("model == 'GBDT' and design == 'station' and fold == 2")
    test = part["row"].to_numpy()
    train = np.setdiff1d(np.arange(len(table)), test)
    assert not set(table.station[test]) & set(table.station[train])
    again = make("gbdt", seed=1).fit(table.x[train], table.y[train]).predict(table.x[test])
    np.testing.assert_array_equal(part["predicted"], again)
    np.testing.assert_array_equal(part["observed"], table.y[test])


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_threads_do_not_change_a_digit(table, name):
    few = TrainingTable(**{**table.__dict__, "x": table.x[:, :3], "predictors": table.predictors[:3]})
    one, two = (cross_validate(few, models=[name], designs=["station"], folds=3, n_jobs=n) for n in (1, 3))
    pd.testing.assert_frame_equal(one, two)


def test_the_trees_are_the_model(result, table):
    for name, model in result.models.items():
        told = ESTIMATORS[name].fit_options(table.station)
        own = make(name, seed=1).fit(table.x, table.y, **told).predict(table.x)
        np.testing.assert_allclose(model.predict(table.x), own, atol=1e-6)
        assert model.record["parity_gap"] <= 1e-6


def test_the_best_model_is_chosen_by_stations_left_out(result):
    at_stations = result.scores[result.scores["design"] == "station"]
    own = at_stations[~at_stations["model"].isin(BASELINES)]
    assert result.models[result.best].title == own.loc[own["rmse"].idxmin(), "model"]
    flattered = pd.DataFrame(
        {
            "model": ["A", "A", "B", "B", "kriging", "kriging"],
            "design": ["random", "station"] * 3,
            "rmse": [0.01, 0.09, 0.03, 0.05, 0.02, 0.01],
        },
    )
    assert best_model(flattered) == "B"


def test_baselines_of_soil_moisture_itself_are_those_of_the_other_rows(result, table):
    """The mean of the other stations of a day: at random all of them, otherwise those of other folds."""
    rows = pd.DataFrame({"station": table.station, "time": table.time, "y": table.y})
    for design in ("random", "station"):
        told = result.predictions.query("model == 'network mean' and design == @design").set_index("row")
        for row in (3, 77, 300):
            others = rows[(rows["time"] == table.time[row]) & (rows["station"] != table.station[row])]
            if design == "station":
                fold = told.groupby("station")["fold"].first()
                others = others[others["station"].map(fold) != told.loc[row, "fold"]]
            assert told.loc[row, "predicted"] == pytest.approx(others["y"].mean())
            assert told.loc[row, "observed"] == table.y[row]


def test_the_mean_of_the_others_is_that_of_all_that_report_whatever_their_predictors(table):
    """It needs no image: without the stations under clouds it would be beaten too easily."""
    frame = pd.DataFrame(
        {"station": table.station, "date": table.time, "y": table.y, "a": 1.0 * table.x[:, 0]}
    )
    frame = frame.assign(lon=table.lon, lat=table.lat)
    clouded = np.random.default_rng(0).random(len(frame)) < 0.4
    frame.loc[clouded, "a"] = np.nan
    few = TrainingTable.from_frame(frame, target="y", predictors=["a"])
    assert len(few) == (~clouded).sum()
    found = cross_validate(few, models=["linear"], designs=["station", "date"], folds=3)
    mean = found[found["model"] == "network mean"]
    for design, part in mean.groupby("design"):
        fold = part.groupby("station")["fold"].first()
        for _, row in part.iloc[::37].iterrows():
            others = frame[(frame["date"] == row["time"]) & (frame["station"] != row["station"])]
            if design == "station":
                others = others[others["station"].map(fold) != row["fold"]]
            assert row["predicted"] == pytest.approx(others["y"].mean())
    # and what is learned of days held out is nothing of those days
    again = frame.assign(y=np.where(clouded & (frame["date"] == frame["date"].min()), 0.9, frame["y"]))
    moved = TrainingTable.from_frame(again, target="y", predictors=["a"])
    after = cross_validate(moved, models=["linear"], designs=["station", "date"], folds=3)
    told = (
        (found["model"] == "climatology")
        & (found["time"] == found["time"].min())
        & (found["design"] == "date")
    )
    np.testing.assert_array_equal(found.loc[told, "predicted"], after.loc[told, "predicted"])


def test_a_baseline_never_sees_the_station_that_is_held_out(table):
    """A held-out station's own values moved by a lot change no prediction of its own rows by one bit."""
    options = {"models": ["gbdt"], "designs": ["station", "loso", "block"], "folds": 3}
    before = cross_validate(table, **options)
    own = table.station == "S04"
    y = np.where(own, 0.9 - table.y, table.y)
    after = cross_validate(TrainingTable(**{**table.__dict__, "y": y}), **options)
    told = before["model"].isin(BASELINES) & (before["station"] == "S04")
    assert told.sum() == 3 * len(BASELINES) * 30
    np.testing.assert_array_equal(before.loc[told, "predicted"], after.loc[told, "predicted"])


def test_the_certificate_says_whether_the_mean_of_the_others_is_beaten(result):
    found = result.certificate
    best = result.models[result.best].title
    row = result.scores.query("design == 'station' and model == @best").iloc[0]
    assert found["model"] == best
    assert found["skill"]["value"] == pytest.approx(row["skill"])
    assert set(found["baselines"]) == set(BASELINES)
    assert best in found["words"]
    assert "6 models by these very scores" in found["words"]


def test_a_run_folder_holds_all_that_is_needed(result, table, tmp_path):
    result.save(tmp_path)
    scores = pd.read_csv(tmp_path / "scores.csv")
    np.testing.assert_allclose(scores["r"], result.scores["r"], atol=1e-6)
    for by in ("station", "month", "year"):
        told = pd.read_csv(tmp_path / f"scores_{by}.csv")
        assert {by, "n", "r", "rho", "r2", "rmse", "mae", "bias", "ubrmse", "skill"} < set(told)
        assert set(told["model"]) == set(result.scores["model"])
        assert told.groupby(["model", "design"])["n"].sum().eq(360).all()
    assert json.loads((tmp_path / "certificate.json").read_text())["model"] == result.certificate["model"]
    names, best = list_models(tmp_path / "models")
    assert names == list(ESTIMATORS)
    assert best == result.best
    for name in names:
        model = load_model(tmp_path / "models", name)
        np.testing.assert_array_equal(model.predict(table.x), result.models[name].predict(table.x))
        record = model.record
        assert (
            record["table"]["hash"]
            == table.hash
            == TrainingTable.read(tmp_path / "models" / "training.parquet").hash
        )
        assert record["predictors"] == list(table.predictors)
        assert set(record["scores"]) == {"random", "station"}
        assert record["seed"] == 1
        assert record["versions"][ESTIMATORS[name].library]
    assert load_model(tmp_path / "models").name == load_model(tmp_path / "models", "best").name == best
    assert load_model(tmp_path / "models", "XGBoost").name == "xgboost"
    assert not list(tmp_path.rglob("*.pkl"))
    kept = pd.read_parquet(tmp_path / "models" / "cross_validation.parquet")
    assert len(kept) == (6 + len(BASELINES)) * 2 * 360


def test_models_of_an_earlier_training_do_not_linger(result, table, tmp_path):
    result.save(tmp_path)
    train_models(table, models=["gbdt"], folds=3).save(tmp_path)
    assert list_models(tmp_path / "models") == (["gbdt"], "gbdt")
    assert not (tmp_path / "models" / "rf.npz").exists()
    with pytest.raises(MissingDataError, match="not rf"):
        load_model(tmp_path / "models", "rf")


def test_trees_that_do_not_belong_to_their_page_are_refused(result, tmp_path):
    result.save(tmp_path)
    page = tmp_path / "models" / "rf.json"
    page.write_text(json.dumps(json.loads(page.read_text()) | {"trees": "gbdt.npz"}))
    with pytest.raises(InputError, match="not those"):
        load_model(tmp_path / "models", "rf")


def test_nothing_trained_is_missing_data(tmp_path):
    with pytest.raises(MissingDataError, match="no trained models"):
        load_model(tmp_path)


def test_a_conversion_that_misses_the_model_is_refused(table, monkeypatch):
    monkeypatch.setattr(training_module, "PARITY_TOLERANCE", -1.0)
    with pytest.raises(ParityError, match="differ by up to"):
        fit_models(table, models=["gbdt"])


def test_scores_never_stand_alone(result, tmp_path, table):
    """Neither random without stations left out, nor any design without its baselines, whatever the way."""
    with pytest.raises(InputError, match="flatters"):
        cross_validate(table, designs=["random"])
    at_random = result.predictions["design"] == "random"
    bare = ~result.predictions["model"].isin(BASELINES)
    one = (result.predictions["model"] == "RF") & ~at_random
    for rows, why in ((at_random, "flatters"), (~one, "RF would be told"), (bare, "without the baselines")):
        with pytest.raises(InputError, match=why):
            skill_table(result.predictions[rows])
        shown = result.predictions.loc[rows, ["model", "design"]].drop_duplicates()
        with pytest.raises(InputError, match=why):
            write_scores(result.scores.merge(shown), tmp_path / "scores.csv")
    assert not (tmp_path / "scores.csv").exists()


def test_rows_without_prediction_are_not_scored_over(result):
    holed = result.predictions.copy()
    holed.loc[3, "predicted"] = np.nan
    with pytest.raises(InputError, match="no finite prediction"):
        skill_table(holed)


def test_scores_at_each_station(result):
    stations = breakdown(result.predictions, "station")
    assert len(stations) == (6 + len(BASELINES)) * 2 * 12
    row = stations.query("model == 'RF' and design == 'station' and station == 'S03'").iloc[0]
    part, mean = (
        result.predictions.query("model == @m and design == 'station' and station == 'S03'")
        for m in ("RF", "network mean")
    )
    assert row["rmse"] == pytest.approx(score("rmse", part["predicted"], part["observed"]))
    against = score("rmse", mean["predicted"], mean["observed"])
    assert row["skill"] == pytest.approx(1 - (row["rmse"] / against) ** 2)


def test_progress_runs_once_from_start_to_end(table):
    seen: list[tuple[int, int]] = []
    train_models(
        table, models=["gbdt"], folds=3, progress=lambda what, done, total: seen.append((done, total))
    )
    assert seen == [(i, 7) for i in range(1, 8)]


def test_missing_predictors_are_refused_by_models_that_cannot_take_them(frame):
    holed = frame.assign(ndmi=frame["ndmi"].where(frame.index % 5 != 0))
    table = TrainingTable.from_frame(
        holed, target="soil_moisture", predictors=["ndmi", "height"], keep_missing=True
    )
    with pytest.raises(
        InputError, match="72 rows have missing predictors, which RF, ERT, GBDT, Linear cannot"
    ):
        cross_validate(table)
    predictions = cross_validate(table, models=["xgboost", "catboost"], designs=["station"], folds=3)
    assert np.isfinite(predictions["predicted"]).all()


def test_a_constant_target_is_refused(frame):
    table = TrainingTable.from_frame(
        frame.assign(soil_moisture=0.2), target="soil_moisture", predictors=["ndmi"]
    )
    with pytest.raises(InputError, match="nothing to learn"):
        cross_validate(table, models=["catboost"])


def test_unknown_names_are_refused(table):
    with pytest.raises(InputError, match="no model named 'svm'"):
        make("svm")
    with pytest.raises(InputError, match="no cross-validation design named 'spatial'"):
        cross_validate(table, designs=["station", "spatial"])


@pytest.mark.realdata
def test_a_random_split_flatters_on_a_real_network(real_data):
    table = TrainingTable.read(
        real_data / "txson" / "paired_10day.csv",
        target="sm",
        station=["Network", "Station"],
        time="StartDate",
        predictors=["B2", "B3", "B4", "B8A", "B11", "B12", "ndvi", "ndmi", "ndwi", "elevation", "doy"],
        where='Network == "TxSON"',
        derive={"ndvi": "(B8A-B4)/(B8A+B4)", "ndmi": "(B8A-B11)/(B8A+B11)", "ndwi": "(B3-B8A)/(B3+B8A)"},
    )
    assert (len(table), len(table.stations)) == (3210, 35)
    scores = skill_table(cross_validate(table, models=["xgboost"], designs=["random", "station", "date"]))
    scores = scores[scores["model"] == "XGBoost"].set_index("design")
    # reference, computed independently: random 0.917 / 0.031, stations 0.501 / 0.069, dates 0.769 / 0.048
    assert scores.loc["random", ["r", "rmse"]].tolist() == pytest.approx([0.917, 0.031], abs=0.005)
    assert scores.loc["station", "r"] == pytest.approx(0.50, abs=0.05)
    assert scores.loc["station", "rmse"] == pytest.approx(0.069, abs=0.004)
    assert scores.loc["date", "r"] == pytest.approx(0.769, abs=0.03)
    assert scores.loc["station", "r_high"] < scores.loc["random", "r_low"]

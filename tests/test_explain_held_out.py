"""SHAP values at stations left out: they add up, meaning stands above the placebo, and labels do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor

from smgee.errors import InputError, MissingDataError
from smgee.explain import (
    HeldOut,
    explain_held_out,
    interactions_held_out,
    plot_dependence,
    plot_held_out,
    plot_interactions,
    save_held_out,
    save_interactions,
    shap_interactions,
    shap_values,
)
from smgee.explain.heldout import alike
from smgee.models import Effort, NetworkTable, load_fold_models, train_run
from smgee.tables import read_table
from smgee.trees import TreeEnsemble
from tests.models.networks import frame

MONTHS = {
    "December to February": (12, 1, 2),
    "March to May": (3, 4, 5),
    "June to August": (6, 7, 8),
    "September to November": (9, 10, 11),
}


@pytest.fixture(scope="module")
def result():
    """Level by clay; a second column that is nearly clay, and a constant of every station without meaning."""
    rows = frame(stations=24, days=40, gaps=0.0)
    label = np.random.default_rng(5).normal(size=24)
    number = rows["station"].str[1:].astype(int)
    rows["loam"] = -rows["clay"] + 0.02 * label[(number + 7) % 24]
    rows["label"] = label[number]
    table = NetworkTable.from_frame(rows, target="sm", predictors=["rain"], static=["clay", "loam", "label"])
    return train_run(
        table,
        families=("xgboost",),
        designs=("station",),
        folds=3,
        effort=Effort(trials=0, folds=2, judging=3, search=False, absolute=False),
    )


def product(x: np.ndarray) -> np.ndarray:
    """Two predictors of which each needs the other, one that adds, one without any part."""
    return 0.1 * (x[:, 0] > 0) * (x[:, 1] > 0) + 0.03 * (x[:, 2] > 0)


def test_interactions_add_up_to_the_shap_values_and_find_the_pair():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 4)).astype("f4")
    names = ("a", "b", "alone", "idle")
    model = RandomForestRegressor(6, max_depth=5, max_features=1.0, random_state=1).fit(x, product(x))
    trees = TreeEnsemble.from_model(model, names)
    some = x[:60]
    found = shap_interactions(trees, x, some)
    values, expected, _ = shap_values(trees, x, some)
    np.testing.assert_allclose(found.sum(axis=2), values, atol=1e-6)
    np.testing.assert_allclose(found, found.transpose(0, 2, 1), atol=1e-9)
    np.testing.assert_allclose(expected + found.sum(axis=(1, 2)), trees.predict_reference(some), atol=1e-6)
    mean = np.abs(found).mean(axis=0)
    # half of 0.1 (a - ½) (b - ½) each; nothing else is done together
    assert mean[0, 1] == pytest.approx(0.0125, rel=0.1)
    assert mean[2, 2] == pytest.approx(0.015, rel=0.1)
    assert mean[0, 2] < 0.1 * mean[0, 1]


def test_interactions_of_rows_held_out_are_told_by_season_and_drawn(result, tmp_path):
    table = interactions_held_out(result.folds)
    whole = table[table["season"] == "all seasons"]
    names = {n for fold in result.folds for n in fold.trees.feature_names}
    assert set(whole["predictor"]) | set(whole["partner"]) <= names
    assert whole["mean_abs_interaction"].is_monotonic_decreasing
    assert not table.duplicated(["season", "predictor", "partner"]).any()
    # by hand, of one pair in the first season there is
    season = next(n for n in table["season"] if n != "all seasons")
    one = table[table["season"] == season].iloc[1]
    sums, n = 0.0, 0
    for fold in result.folds:
        kept = np.unique(np.linspace(0, len(fold.test) - 1, 200 // len(result.folds)).round().astype(int))
        test, own = fold.test.iloc[kept], list(fold.trees.feature_names)
        test = test[pd.DatetimeIndex(test["time"]).month.isin(MONTHS[season])]
        n += len(test)
        if {one["predictor"], one["partner"]} <= set(own):
            i, j = own.index(one["predictor"]), own.index(one["partner"])
            every = shap_interactions(fold.trees, fold.train[own].to_numpy("f4"), test[own].to_numpy("f4"))
            sums += np.abs(every[:, i, j]).sum()
    assert one["n"] == n
    assert one["mean_abs_interaction"] == pytest.approx(sums / n, rel=1e-6)
    save_interactions(table, tmp_path, synthetic=True)
    again = read_table(tmp_path / "interactions.csv")
    np.testing.assert_allclose(again["mean_abs_interaction"], table["mean_abs_interaction"], rtol=1e-5)
    assert again["synthetic"].eq(1).all()
    assert (tmp_path / "held_out_interactions.png").is_file()
    texts = [t.get_text() for ax in plot_interactions(table).axes for t in ax.texts]
    strongest = whole[whole["predictor"] == whole["partner"]]["mean_abs_interaction"].iloc[0]
    assert f"{1000 * strongest:.1f}" in texts


@pytest.fixture(scope="module")
def held(result):
    return explain_held_out(result.folds)


def test_values_add_up_to_the_predictions_of_the_folds(result, held):
    """Two ways to one number: SHAP sums of rows less their mean, and the trees on the same rows."""
    begin = 0
    for fold in result.folds:
        rows = held.station == fold.test["station"].iloc[0]
        assert rows.any()
        count = len(fold.test)
        own = held.values[begin : begin + count].sum(axis=1)
        trees = fold.trees.predict_reference(fold.test[list(fold.trees.feature_names)].to_numpy("f4"))
        np.testing.assert_allclose(own - own.mean(), trees - trees.mean(), atol=1e-9)
        begin += count
    assert begin == len(held.values)


def test_each_station_is_explained_by_a_model_that_never_saw_it(result):
    tests = [set(fold.test["station"]) for fold in result.folds]
    assert sorted(set.union(*tests)) == sorted(result.table.names)
    assert sum(map(len, tests)) == len(result.table.names)


def test_meaning_helps_at_stations_left_out_and_a_label_does_not(held):
    ranking = held.ranking().set_index("predictor")
    assert ranking.loc[["clay", "loam"], "skill"].max() > 0.02
    assert ranking.loc["label", "skill_low"] < 0.0
    assert (ranking["low"] <= ranking["mean_abs_shap"]).all()
    assert (ranking["mean_abs_shap"] <= ranking["high"]).all()
    assert ranking["mean_abs_shap"].is_monotonic_decreasing
    groups = held.group_ranking()
    together = groups[groups["predictors"].str.contains("clay")].iloc[0]
    assert "loam" in together["predictors"]
    assert "label" not in together["predictors"]
    assert together["skill_low"] > 0.0
    assert together["skill"] > ranking.loc[["clay", "loam"], "skill"].max()


def test_the_parts_of_all_predictors_together_are_the_model(held):
    """The skill of one group of all is that of the state plus the models of the folds, less their mean."""
    whole = replace(held, groups=np.ones(len(held.predictors), int)).group_ranking().iloc[0]
    total = held.values.sum(axis=1)
    left = ((held.anomaly - total) ** 2).mean() / (held.anomaly**2).mean()
    assert whole["skill"] == pytest.approx(1 - left)
    assert whole["mean_abs_shap"] == pytest.approx(np.abs(total).mean())


def planted(own: float, blind: float) -> HeldOut:
    rng = np.random.default_rng(2)
    station = np.repeat([f"s{i:02d}" for i in range(20)], 30)
    values = own * rng.lognormal(0, 0.3, 20).repeat(30)[:, None] * rng.choice([-1, 1], (600, 1))
    placebo = blind * rng.lognormal(0, 0.3, 20).repeat(30)[:, None] * rng.choice([-1, 1], (600, 1))
    time = np.full(600, np.datetime64("2020-01-01", "ns"))
    return HeldOut(("a",), values, placebo, values, station, time, values[:, 0], np.ones(1, int))


def test_a_bar_stands_above_its_placebo_only_where_stations_agree():
    assert planted(2.0, 1.0).ranking()["above_placebo"].all()
    assert not planted(1.0, 1.0).ranking()["above_placebo"].any()
    assert not planted(1.0, 2.0).ranking()["above_placebo"].any()


def test_seasons_are_told_by_their_months(held):
    seasons = held.seasons()
    assert set(seasons["season"]) == {"March to May", "June to August"}
    assert seasons.groupby("season")["n"].first().sum() == len(held.values)
    whole = np.abs(held.values).mean(axis=0)
    joined = seasons.assign(total=seasons["mean_abs_shap"] * seasons["n"]).groupby("predictor")["total"].sum()
    np.testing.assert_allclose(joined[list(held.predictors)] / len(held.values), whole, rtol=1e-12)


def test_the_partner_is_what_a_dependence_depends_on():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(600, 3))
    values = np.column_stack([x[:, 0] * x[:, 2], 0 * x[:, 1], 0 * x[:, 2]])
    held = HeldOut(
        ("a", "b", "c"),
        values,
        0 * values,
        x,
        np.array(["s"] * 600),
        np.full(600, np.datetime64("2020-01-01", "ns")),
        values[:, 0],
        alike(x),
    )
    assert held.partner(0) == 2
    assert len(set(held.groups)) == 3


def test_saved_models_of_folds_are_explained_alike(result, held, tmp_path):
    result.save(tmp_path)
    folds = load_fold_models(tmp_path / "models")
    assert len(folds) == 3
    again = explain_held_out(folds)
    np.testing.assert_array_equal(again.values, held.values)
    save_held_out(again, tmp_path / "shap")
    table = read_table(tmp_path / "shap" / "held_out_ranking.csv")
    assert list(table["predictor"]) == list(held.ranking()["predictor"])
    assert (tmp_path / "shap" / "held_out_dependence.png").stat().st_size > 10_000
    replace(result, folds=()).save(tmp_path)
    assert load_fold_models(tmp_path / "models") == []
    with pytest.raises(InputError, match="train the anomaly first"):
        explain_held_out([])


def test_figures_say_what_is_above_the_placebo(held):
    ranking = held.ranking()
    bars = plot_held_out(held, ranking)
    (ax,) = bars.axes
    bold = {t.get_text() for t in ax.get_yticklabels() if t.get_fontweight() == "bold"}
    assert bold == set(ranking.head(15).query("above_placebo")["predictor"])
    assert "24 stations" in ax.get_title(loc="left")
    assert len(plot_dependence(held, ranking, count=2).axes) >= 2
    marked = plot_held_out(replace(held, synthetic=True), ranking)
    assert any("synthetic" in t.get_text() for t in [marked._supxlabel] if t is not None)


def test_a_network_whose_models_say_nothing_has_nothing_to_explain(result):
    silent = [
        replace(f, trees=replace(f.trees, feature=np.full_like(f.trees.feature, -1))) for f in result.folds
    ]
    with pytest.raises(InputError, match="nothing to explain"):
        explain_held_out(silent)


def test_a_missing_file_is_named(result, tmp_path):
    result.save(tmp_path)
    (tmp_path / "models" / "folds" / "fold1_test.parquet").unlink()
    with pytest.raises(MissingDataError, match=r"fold1_test\.parquet"):
        load_fold_models(tmp_path / "models")

"""SHAP values of the deployed trees, against the libraries' own and against the definition."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest

from smgee.errors import InputError, ParityError
from smgee.explain import (
    SYNTHETIC_NOTE,
    explain,
    explain_models,
    explain_run,
    forget,
    plot_summary,
    ranking,
    shapley,
)
from smgee.models import ESTIMATORS, TrainingTable, fit_models, make, train_models
from smgee.trees import LEAF, TreeEnsemble

NAMES = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def table() -> TrainingTable:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4)).astype("f4")
    x[:, 3] = np.round(x[:, 3])
    y = 0.2 + 0.05 * np.tanh(x[:, 0]) * (x[:, 3] > 0) - 0.03 * np.tanh(x[:, 1]) + rng.normal(0, 0.005, 300)
    return TrainingTable(
        x=x,
        y=y,
        station=np.array([f"S{i % 10}" for i in range(300)]),
        time=np.datetime64("2021-05-01", "ns") + (np.arange(300) // 10).astype("timedelta64[D]"),
        predictors=NAMES,
        target="soil_moisture",
        synthetic=True,
    )


@pytest.fixture(scope="module")
def models(table):
    return fit_models(table)


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_values_add_up_to_the_prediction(models, table, name):
    e = explain(models[name].ensemble, table.x)
    assert e.values.shape == (len(e.rows), 4)
    np.testing.assert_allclose(
        e.expected + e.values.sum(axis=1), models[name].predict(table.x[e.rows]), atol=1e-6
    )
    assert e.expected == pytest.approx(models[name].predict(table.x).mean(), abs=1e-6)


def _expectation(ensemble: TreeEnsemble, cover: np.ndarray, row: np.ndarray, known: set[int]) -> float:
    """What the trees say of a row when only some predictors are known: elsewhere both branches count, by
    their share of rows.
    """

    def walk(node: int) -> float:
        j = int(ensemble.feature[node])
        if j == LEAF:
            return float(ensemble.value[node])
        left, right = int(ensemble.left[node]), int(ensemble.right[node])
        if j in known:
            v, t = (np.asarray(u, ensemble.threshold_dtype) for u in (row[j], ensemble.threshold[node]))
            return walk(left if (v < t if ensemble.comparison == "lt" else v <= t) else right)
        return (cover[left] * walk(left) + cover[right] * walk(right)) / cover[node]

    total = sum(walk(int(root)) for root in ensemble.roots)
    return ensemble.base_score + (total / ensemble.n_trees if ensemble.aggregation == "mean" else total)


def _cover(ensemble: TreeEnsemble, x: np.ndarray) -> np.ndarray:
    cover = np.zeros(ensemble.n_nodes)
    for row in x.astype(ensemble.threshold_dtype):
        for root in ensemble.roots:
            node = int(root)
            cover[node] += 1
            while (j := int(ensemble.feature[node])) != LEAF:
                t = np.asarray(ensemble.threshold[node], ensemble.threshold_dtype)
                node = int(
                    ensemble.left[node]
                    if (row[j] < t if ensemble.comparison == "lt" else row[j] <= t)
                    else ensemble.right[node]
                )
                cover[node] += 1
    return cover


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("rf", {"n_estimators": 4, "max_depth": 3}),
        ("gbdt", {"n_estimators": 5, "max_depth": 3}),
        ("xgboost", {"n_estimators": 5, "max_depth": 3}),
        ("catboost", {"iterations": 5, "depth": 2}),
    ],
)
def test_values_are_shapley_values_by_definition(table, name, settings):
    model = make(name, **settings).fit(table.x, table.y)
    ensemble = TreeEnsemble.from_model(model, feature_names=NAMES)
    cover = np.maximum(_cover(ensemble, table.x), 1e-9)
    e = explain(ensemble, table.x, max_rows=6)
    for i, index in enumerate(e.rows):
        row = table.x[index]
        for j in range(4):
            rest = [k for k in range(4) if k != j]
            value = sum(
                factorial(len(s))
                * factorial(3 - len(s))
                / factorial(4)
                * (_expectation(ensemble, cover, row, {*s, j}) - _expectation(ensemble, cover, row, set(s)))
                for size in range(4)
                for s in combinations(rest, size)
            )
            assert e.values[i, j] == pytest.approx(value, abs=1e-7)


def test_values_are_those_of_xgboost_itself(table):
    import xgboost

    model = make("xgboost", subsample=1.0, n_estimators=60).fit(table.x, table.y)
    own = model.get_booster().predict(xgboost.DMatrix(table.x), pred_contribs=True)
    e = explain(TreeEnsemble.from_model(model, feature_names=NAMES), table.x)
    np.testing.assert_allclose(e.values, own[e.rows, :-1], atol=1e-5)
    assert e.expected == pytest.approx(float(own[0, -1]), abs=1e-5)


def test_values_are_those_of_catboost_itself(table):
    from catboost import Pool

    model = make("catboost", bootstrap_type="No", iterations=60).fit(table.x, table.y)
    own = np.asarray(model.get_feature_importance(Pool(table.x), type="ShapValues"))
    e = explain(TreeEnsemble.from_model(model, feature_names=NAMES), table.x)
    np.testing.assert_allclose(e.values, own[e.rows, :-1], atol=1e-5)


def test_a_row_exactly_on_a_threshold_is_explained_as_predicted():
    ensemble = TreeEnsemble(
        feature=[0, -1, -1],
        threshold=[0.5, 0, 0],
        left=[1, -1, -1],
        right=[2, -1, -1],
        value=[0, 0.1, 0.3],
        missing_left=[1, 0, 0],
        roots=[0],
        feature_names=("a", "b"),
        comparison="lt",
    )
    x = np.array(
        [[0.5, 0.0], [np.nextafter(np.float32(0.5), np.float32(0)), 0.0], [0.9, 0.0], [0.1, 0.0]], dtype="f4"
    )
    e = explain(ensemble, x)
    np.testing.assert_allclose(e.values[:, 0], [0.1, -0.1, 0.1, -0.1], atol=1e-12)
    assert (e.values[:, 1] == 0).all()


def test_missing_values_go_where_the_model_sends_them(table):
    x = table.x.copy()
    x[::4, 0] = np.nan
    model = make("xgboost", n_estimators=20).fit(x, table.y)
    ensemble = TreeEnsemble.from_model(model, feature_names=NAMES)
    e = explain(ensemble, x)
    np.testing.assert_allclose(e.expected + e.values.sum(axis=1), model.predict(x[e.rows]), atol=1e-6)


def test_the_ranking_names_what_matters(models, table):
    got = ranking(explain(models["gbdt"].ensemble, table.x))
    assert got["rank"].tolist() == [1, 2, 3, 4]
    assert set(got["predictor"][:2]) <= {"a", "b", "d"}
    assert got["predictor"].iloc[-1] == "c"
    assert got["share"].sum() == pytest.approx(1.0)
    assert got.set_index("predictor")["direction"]["b"] < -0.9


def test_rows_are_drawn_by_the_seed(models, table):
    a, b, c = (explain(models["gbdt"].ensemble, table.x, max_rows=20, seed=s).rows for s in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    assert len(a) == 20


def test_values_that_do_not_add_up_are_refused(models, table, monkeypatch):
    monkeypatch.setattr(shapley, "ADDITIVITY_TOLERANCE", -1.0)
    with pytest.raises(ParityError, match="miss its predictions"):
        explain(models["gbdt"].ensemble, table.x)


@pytest.mark.parametrize(
    ("x", "rows"), [(np.empty((0, 4)), None), (np.zeros((3, 4)), 0), (np.zeros((3, 2)), None)]
)
def test_unusable_rows_are_refused(models, x, rows):
    with pytest.raises(InputError):
        explain(models["gbdt"].ensemble, x, max_rows=rows)


def test_figures_of_synthetic_data_say_so(models, table):
    for synthetic in (True, False):
        figure = plot_summary(explain(models["gbdt"].ensemble, table.x, synthetic=synthetic, title="GBDT"))
        texts = [
            text.get_text() for text in [*figure.texts, *figure.findobj(lambda a: hasattr(a, "get_text"))]
        ]
        assert (SYNTHETIC_NOTE in texts) == synthetic
        assert any("m³ m⁻³" in text for text in texts)


def test_drawing_leaves_the_global_generator_alone(models, table):
    e = explain(models["gbdt"].ensemble, table.x, max_rows=30)
    np.random.seed(5)
    before = np.random.random()
    np.random.seed(5)
    plot_summary(e)
    assert np.random.random() == before


def test_a_run_folder_is_explained_and_cleaned(table, tmp_path):
    train_models(table, models=["gbdt", "xgboost"], folds=3).save(tmp_path)
    first = explain_run(tmp_path, model="all")
    together = pd.read_csv(tmp_path / "shap" / "ranking.csv", index_col="predictor")
    assert list(together.columns) == ["GBDT", "XGBoost", "synthetic"]
    assert set(first["predictor"]) == set(NAMES)
    values = pd.read_parquet(tmp_path / "shap" / "gbdt_values.parquet")
    assert {"station", "time", "expected", "shap_a", "a"} <= set(values.columns)
    explain_run(tmp_path, model="gbdt", max_rows=50)
    assert sorted(p.name for p in (tmp_path / "shap").iterdir()) == [
        "gbdt_ranking.csv",
        "gbdt_ranking.csv-metadata.json",
        "gbdt_summary.csv",
        "gbdt_summary.png",
        "gbdt_summary.svg",
        "gbdt_values.parquet",
        "ranking.csv",
        "ranking.csv-metadata.json",
    ]
    forget(tmp_path / "shap")
    assert not list((tmp_path / "shap").iterdir())


def test_another_table_is_refused(models, table, tmp_path):
    other = TrainingTable(**{**table.__dict__, "y": table.y + 0.01})
    with pytest.raises(InputError, match="another table"):
        explain_models({"gbdt": models["gbdt"]}, other, tmp_path)

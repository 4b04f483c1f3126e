"""Sums of ensembles of different families, as trees."""

from __future__ import annotations

import numpy as np
import pytest

from smgee.errors import InputError
from smgee.models import make
from smgee.trees import TreeEnsemble
from smgee.trees.combine import combine


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 9, (400, 4)).astype("f4")  # coarse, so that rows lie on thresholds
    y = x[:, 0] * 0.02 + np.sin(x[:, 1]) * 0.05 + rng.normal(0, 0.01, 400)
    few = {"rf": {"n_estimators": 7}, "ert": {"n_estimators": 5}, "gbdt": {"n_estimators": 9}}
    few |= {"xgboost": {"n_estimators": 11}, "catboost": {"iterations": 8}}
    names = {"rf": "abcd", "ert": "dabc", "gbdt": "abcd", "xgboost": "cdab", "catboost": "abcd"}
    out = {}
    for family, settings in few.items():
        order = ["abcd".index(n) for n in names[family]]
        model = make(family, **settings).fit(x[:, order], y)
        out[family] = TreeEnsemble.from_model(model, feature_names=list(names[family])), order
    return x, out


def test_a_sum_predicts_the_sum_of_the_predictions(fitted):
    x, models = fitted
    weights = [0.2, 0.1, 0.3, 0.25, 0.5]
    joined = combine([e for e, _ in models.values()], weights, base=0.07)
    assert joined.feature_names == tuple("abcd")
    expected = 0.07 + sum(
        w * e.predict_reference(x[:, order]) for w, (e, order) in zip(weights, models.values(), strict=True)
    )
    np.testing.assert_allclose(joined.predict_reference(x), expected, atol=1e-12)
    np.testing.assert_allclose(joined.predict(x), expected, atol=1e-6)
    np.testing.assert_allclose(joined.merge().predict(x), expected, atol=1e-6)


def test_what_cannot_be_joined_is_refused(fitted):
    ensemble = fitted[1]["rf"][0]
    with pytest.raises(InputError, match="one weight for each"):
        combine([ensemble], [])
    double = TreeEnsemble(**{**ensemble.__dict__, "threshold_dtype": "float64"})
    with pytest.raises(InputError, match="float64"):
        combine([double], [1.0])

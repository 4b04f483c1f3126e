"""A line in steps: what it learns, what it says beyond what it has seen, and the same as trees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from smgee.errors import InputError
from smgee.trees import TreeEnsemble
from smgee.trees.linear import PENALTIES, SteppedRidge


def _rows(seed: int = 0, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)).astype("f4") * np.array([1, 100, 1e-4, 0], "f4") + np.array(
        [0, 5, 0, 7], "f4"
    )
    return x, 0.2 + 0.03 * x[:, 0] - 2e-4 * x[:, 1] + 100 * x[:, 2] + rng.normal(0, 0.01, n)


def test_with_fine_steps_it_is_the_ridge_of_the_library():
    x, y = _rows()
    found = SteppedRidge(penalty=0.5, steps=4096).fit(x, y)
    z = StandardScaler().fit_transform(x.astype("f8"))
    expected = Ridge(alpha=0.5 * len(y)).fit(z, y).predict(z)
    assert np.abs(found.predict(x) - expected).max() < 1e-4
    assert found.slope_[3] == 0.0  # a constant has no slope


def test_beyond_what_it_has_seen_it_stays():
    x, y = _rows()
    found = SteppedRidge(penalty=0.1).fit(x, y)
    far, edge = x[:1].copy(), x[:1].copy()
    far[0, 0], edge[0, 0] = 1e6, x[:, 0].max()
    assert found.predict(far) == found.predict(edge)
    assert found.predict(far)[0] > found.predict(x[:1])[0]


@given(
    seed=st.integers(0, 50), steps=st.sampled_from([2, 3, 16, 64]), penalty=st.sampled_from([0.0, 1.0, 30.0])
)
@settings(max_examples=25, deadline=None)
def test_trees_say_the_same_on_every_cut_and_between(seed, steps, penalty):
    x, y = _rows(seed, 60)
    found = SteppedRidge(penalty=penalty, steps=steps).fit(x, y)
    cuts = found.cuts_[:, :1].T
    probes = np.concatenate([x, cuts, np.nextafter(cuts, np.float32(np.inf)), cuts * 3, cuts - 1000]).astype(
        "f4"
    )
    trees = TreeEnsemble.from_model(found, feature_names=["a", "b", "c", "d"])
    assert np.abs(trees.predict(probes) - found.predict(probes)).max() < 1e-7  # trees answer in float32
    assert "d" not in {trees.feature_names[k] for k in np.unique(trees.feature) if k >= 0}


def test_the_penalty_is_chosen_at_stations_left_out():
    """A number that only tells stations apart earns no slope, however well it fits their rows."""
    rng = np.random.default_rng(2)
    station = np.repeat(np.arange(12), 50)
    label, level = rng.normal(size=12), rng.normal(size=12)
    x = np.column_stack([label[station], rng.normal(size=600)]).astype("f4")
    y = level[station] * 0.05 + rng.normal(0, 0.001, 600)
    blind = SteppedRidge().fit(x, y, groups=station)
    fooled = SteppedRidge().fit(x, y, groups=np.arange(600))
    assert blind.penalty_ > 10 * fooled.penalty_
    y = label[station] * 0.05 + rng.normal(0, 0.001, 600)
    assert SteppedRidge().fit(x, y, groups=station).penalty_ == PENALTIES[0]


@pytest.mark.parametrize(
    ("options", "given", "words"),
    [
        ({"penalty": -1.0}, {}, "0 or more"),
        ({"steps": 1}, {}, "at least 2"),
        ({}, {}, "station of every row"),
        ({}, {"groups": np.zeros(60)}, "two or more"),
    ],
)
def test_mistakes_are_one_sentence(options, given, words):
    x, y = _rows(0, 60)
    with pytest.raises(InputError, match=words):
        SteppedRidge(**options).fit(x, y, **given)
    x[3, 1] = np.nan
    with pytest.raises(InputError, match=r"finite|0 or more|at least 2"):
        SteppedRidge(**options).fit(x, y, groups=np.arange(60) // 10)

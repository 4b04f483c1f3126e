"""The strict parser: what it reads, and where it stops with which words."""

from __future__ import annotations

import numpy as np
import pytest

from smgee.errors import InputError
from smgee.trees import TreeEnsemble

RPART = """n= 150

node), split, n, deviance, yval
      * denotes terminal node

 1) root 150 1.0221e+02 5.843333
   2) Petal.Length< 4.25 73 1.313918e+01 5.179452
     4) Petal.Length< 3.4 53 6.108302e+00 5.005660 *
     5) Petal.Length>=3.4 20 1.188000e+00 5.640000 *
   3) Petal.Length>=4.25 77 2.618208e+01 6.472727 *
"""
CLASSES = """n= 81

node), split, n, loss, yval, (yprob)
      * denotes terminal node

1) root 81 17 0 (0.79012346 0.20987654)
  2) Start>=8.5 62 6 0 (0.90322581 0.09677419) *
  3) Start< 8.5 19 8 1 (0.42105263 0.57894737) *
"""


def stop(text: str, words: str, **options: object) -> None:
    with pytest.raises(InputError) as caught:
        TreeEnsemble.from_ee_strings(text, **options)
    assert words in str(caught.value)


def test_rpart_regression() -> None:
    text = RPART.replace("Petal.Length", "PetalLength")
    ensemble = TreeEnsemble.from_ee_strings(text)
    assert (ensemble.comparison, ensemble.feature_names) == ("lt", ("PetalLength",))
    assert ensemble.predict_reference([[3.3], [3.4], [4.25], [4.2]]).tolist() == [
        5.00566,
        5.64,
        6.472727,
        5.64,
    ]


def test_rpart_classes_and_sides_swapped() -> None:
    ensemble = TreeEnsemble.from_ee_strings(CLASSES)
    assert ensemble.predict_reference([[8.5], [8.4]]).tolist() == [0.0, 1.0]


def test_public_forms_of_the_root() -> None:
    for root in (
        "1) root 9999 9999 9999",
        "1) root 0 0 -1.00",
        "1) root 1 1 1 (1)",
        "1) root 55 9999 9999 (147.25)",
    ):
        ensemble = TreeEnsemble.from_ee_strings(
            f"{root}\n2) swir2< 0.0898 9999 9999 1 *\n3) swir2>=0.0898 9999 9999 2 *"
        )
        assert ensemble.predict_reference([[0.0], [0.0898]]).tolist() == [1.0, 2.0]


def test_several_trees_in_one_string_and_several_strings() -> None:
    tree = "1) root 0 0 0\n2) a<=1 0 0 1 *\n3) a>1 0 0 3 *\n"
    ensemble = TreeEnsemble.from_ee_strings([tree + tree, tree, "1) root 0 0 5 *"])
    assert ensemble.n_trees == 4
    assert ensemble.predict_reference([[1.0], [2.0]]).tolist() == [2.0, 3.5]


def test_mixed_comparisons() -> None:
    text = "1) root 0 0 0\n2) a<=1 0 0 1 *\n3) a>1 0 0 0\n6) a<2 0 0 2 *\n7) a>=2 0 0 3 *"
    ensemble = TreeEnsemble.from_ee_strings(text)
    x = np.array([[1.0], [np.nextafter(1, 2)], [np.nextafter(2, 1)], [2.0]])
    assert ensemble.predict_reference(x).tolist() == [1.0, 2.0, 2.0, 3.0]


def test_geemap_forest_reads_as_scikit_learn_predicts() -> None:
    from geemap.ml import rf_to_strings
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 4)).astype(np.float32)
    y = 1 + X[:, 0] * 0.1 + rng.normal(size=400) * 0.01
    forest = RandomForestRegressor(4, max_depth=6, random_state=0).fit(X, y)
    ensemble = TreeEnsemble.from_ee_strings(
        rf_to_strings(forest, list("abcd"), processes=1, output_mode="REGRESSION"), list("abcd")
    )
    far = (
        np.abs(X[:, ensemble.feature[ensemble.feature >= 0]] - ensemble.threshold[ensemble.feature >= 0]).min(
            axis=1
        )
        > 1e-6
    )
    np.testing.assert_allclose(ensemble.predict_reference(X[far]), forest.predict(X[far]), atol=1e-6)


def test_geemap_best_first_is_refused_in_earth_engines_words() -> None:
    """geemap writes best-first forests in the order of growth; Earth Engine's answer to it stands in
    geemap #2106.
    """
    from geemap.ml import rf_to_strings
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 3)), rng.normal(size=300)
    forest = RandomForestRegressor(10, max_leaf_nodes=4, random_state=0).fit(X, y)
    with pytest.raises(InputError, match=r"Error parsing line \d+: expected \d+, got \d+\."):
        TreeEnsemble.from_ee_strings(
            rf_to_strings(forest, list("abc"), processes=1, output_mode="REGRESSION")
        )


def test_errors() -> None:
    stop(
        "1) root 0 0 0\n2) a<1 0 0 0\n4) a<0 0 0 0\n3) a>=1 0 0 0 *",
        "Error parsing line 4: expected 8, got 3.",
    )
    stop("1) root 0 0 0\n2) a<1 0 0 1 *", "Error parsing line 3: unexpected end of input.")
    stop("1) root 0 0 0\n2) a<1 0 0 1\n3) a>=1 0 0 2 *", "Error parsing line 3: expected 4, got 3.")
    stop("", "unexpected end of input.")
    stop("2) a<1 0 0 1 *", "Error parsing line 1: expected 1, got 2.")
    stop("1) root 0 0 0\n2) a<1 0 0 1 *\n3) a>=2 0 0 2 *", "not the opposite")
    stop("1) root 0 0 0\n2) a<1 0 0 1 *\n3) a>1 0 0 2 *", "not the opposite")
    stop("1) root 0 0 0\n2) a<1e-5 0 0 1 *\n3) a>=1e-5 0 0 2 *", "scientific notation")
    stop(RPART, "letters, digits and underscores")
    stop("1) root 0 0 0\n2) b<1 0 0 1 *\n3) b>=1 0 0 2 *", "unknown property 'b'", feature_names=["a"])
    stop("1) root 0 0 0\n2) a<1 0 1 *\n3) a>=1 0 0 2 *", "Error parsing line 2")
    stop("1) root 0 0 0\n2) a<1 0 0 absent *\n3) a>=1 0 0 present *", "Error parsing line 2")
    stop("1) root 0 0 1 *\n2) a<1 0 0 1 *", "Error parsing line 2: expected 1, got 2.")
    stop("1) root 0 0 0\n1) root 0 0 1 *", "Error parsing line 2: expected 2, got 1.")
    with pytest.raises(InputError, match="No tree text"):
        TreeEnsemble.from_ee_strings([])


def test_lenient_reading() -> None:
    ensemble = TreeEnsemble.from_ee_strings(RPART, strict=False)
    assert ensemble.ee_names == {"Petal.Length": "Petal_Length"}
    tiny = TreeEnsemble.from_ee_strings(
        "1) root 0 0 0\n2) a<1e-05 0 0 -3e-05 *\n3) a>=1e-05 0 0 2 *", strict=False
    )
    assert tiny.to_ee_strings() == ["1) root 0 0 0\n2) a<0.00001 0 0 -0.00003 *\n3) a>=0.00001 0 0 2 *"]

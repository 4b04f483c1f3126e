"""The kernel reaches the leaves that the definition and the libraries reach, whichever engine, tiling or
memory order.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from smgee.errors import InputError
from smgee.trees import TreeEnsemble, reference
from smgee.trees.kernel import engine, predict, predict_bands, predict_xarray
from smgee.trees.kernel.forest import compare_dtype, forest_of
from smgee.trees.layout import assemble
from smgee.trees.planted import planted_rows
from tests.trees.families import FAMILIES
from tests.trees.random_trees import ensembles, telling_rows


def allowed(ensemble: TreeEnsemble, X: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Every leaf rounded to fixed point, and the sum to float32."""
    forest = forest_of(ensemble, compare_dtype(ensemble, X.dtype))
    return 0.51 * forest.scale * ensemble.n_trees + np.finfo(np.float32).eps * (np.abs(expected) + 1e-30)


@contextmanager
def nothing_walked() -> Iterator[None]:
    """Let the tournament predict however few rows there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "WALK_ROWS", 0)
        patch.setattr(engine, "WALK_ROWS_PER_NODE", 0)
        yield


def check(ensemble: TreeEnsemble, X: np.ndarray, **options: Any) -> np.ndarray:
    got = predict(ensemble, X, **options)
    with nothing_walked():
        assert np.array_equal(got, predict(ensemble, X, **options), equal_nan=True)
    expected = reference.predict(ensemble, X)
    assert got.dtype == np.float32
    assert got.shape == (len(X),)
    assert (np.abs(got - expected) <= allowed(ensemble, X, expected)).all(), (
        f"max |Δ| {np.abs(got - expected).max():.3g}"
    )
    return got


def grown(
    seed: int, *, trees: int, depth: int, features: int, pool: int, stop: float = 0.1, **settings: Any
) -> TreeEnsemble:
    """Random trees with thresholds from a pool of numbers, odd ones among them; `stop` is the chance of an
    early leaf.
    """
    rng = np.random.default_rng(seed)
    kind = np.dtype(settings.setdefault("threshold_dtype", "float32"))
    numbers = (
        np.concatenate([rng.normal(size=pool), [0.0, -0.0, 1e-45, -1e-45, 1e30]])
        .astype(kind)
        .astype(np.float64)
    )

    def tree() -> dict[str, np.ndarray]:
        left, right = [-1], [-1]
        front = [0]
        for _ in range(depth):
            ahead = []
            for node in front:
                if rng.random() >= stop:
                    left[node], right[node] = len(left), len(left) + 1
                    ahead += [len(left), len(left) + 1]
                    left += [-1, -1]
                    right += [-1, -1]
            front = ahead
        n = len(left)
        return {
            "feature": rng.integers(0, features, n),
            "threshold": rng.choice(numbers, n),
            "left": np.array(left),
            "right": np.array(right),
            "value": rng.normal(0, 0.02, n),
            "missing_left": rng.random(n) < 0.5,
        }

    names = tuple(f"x{i}" for i in range(features))
    return assemble(
        [tree() for _ in range(trees)],
        feature_names=names,
        base_score=0.3,
        **{"comparison": "lt", **settings},
    )


def rows_for(
    ensemble: TreeEnsemble, n: int, *, seed: int = 0, missing: bool = True, dtype: str | None = None
) -> np.ndarray:
    """Rows whose values are thresholds, their neighbours, odd numbers and ordinary ones."""
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype or ensemble.threshold_dtype)
    cuts = np.unique(ensemble.threshold[ensemble.feature >= 0]).astype(kind)
    up, down = kind.type(np.inf), kind.type(-np.inf)
    odd = np.array([0.0, -0.0, np.inf, -np.inf, 1e-45] + [np.nan] * missing, kind)
    pool = np.concatenate(
        [cuts, np.nextafter(cuts, up), np.nextafter(cuts, down), np.repeat(odd, 1 + len(cuts) // 20)]
    )
    X = rng.choice(pool, (n, ensemble.n_features))
    ordinary = rng.random(X.shape) < 0.5
    X[ordinary] = rng.normal(size=ordinary.sum())
    return X


@settings(max_examples=150, deadline=None)
@given(
    ensemble=ensembles(),
    seed=st.integers(0, 9),
    kind=st.sampled_from(["float32", "float64"]),
    order=st.sampled_from(["C", "F"]),
)
def test_equals_the_definition(ensemble: TreeEnsemble, seed: int, kind: str, order: str) -> None:
    with np.errstate(over="ignore"):
        X = np.asarray(telling_rows(ensemble, missing=True, seed=seed).astype(kind), order=order)
    got = check(ensemble, X, n_threads=1)
    # Few rows take the plain walk.
    assert np.array_equal(got[:20], check(ensemble, X[:20], n_threads=1))


SHAPES: dict[str, dict[str, Any]] = {
    "bytes": {"trees": 60, "depth": 6, "features": 5, "pool": 100},
    "bytes, many trees share tables": {"trees": 150, "depth": 2, "features": 3, "pool": 40},
    "words": {"trees": 30, "depth": 8, "features": 4, "pool": 900},
    "words, cut trees, several batches": {"trees": 8, "depth": 12, "features": 3, "pool": 3000, "stop": 0.02},
    "integers": {"trees": 3, "depth": 17, "features": 1, "pool": 200_000, "stop": 0.01},
    "float64": {
        "trees": 20,
        "depth": 8,
        "features": 4,
        "pool": 900,
        "threshold_dtype": "float64",
        "comparison": "le",
    },
    "mean": {"trees": 20, "depth": 8, "features": 4, "pool": 900, "aggregation": "mean", "comparison": "le"},
    "a single leaf each": {"trees": 3, "depth": 0, "features": 2, "pool": 5},
    "unused predictors": {"trees": 2, "depth": 2, "features": 30, "pool": 5},
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("missing", [False, True], ids=["complete", "gaps"])
def test_every_layout_equals_the_definition(
    name: str, missing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensemble = grown(3, **SHAPES[name])
    X = rows_for(ensemble, 6000, missing=missing)
    whole = check(ensemble, X, n_threads=1)
    monkeypatch.setattr(engine, "BLOCK_ROWS", 300)
    blocks = check(ensemble, X, n_threads=2)
    assert np.array_equal(whole, blocks), "a prediction depends on the rows beside it"
    monkeypatch.setattr(engine, "WALK_ROWS", len(X))
    assert np.array_equal(whole, predict(ensemble, X)), "the engines differ"


def test_layouts_are_what_their_names_say() -> None:
    types = {
        name: forest_of(grown(3, **SHAPES[name]), np.dtype(np.float32)).code_type
        for name in SHAPES
        if name != "float64"
    }
    assert types["bytes"] == np.uint8
    assert types["words"] == np.uint16
    assert types["integers"] == np.int32


def test_walks_where_programs_cannot_express_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    # A chain of 1500 nodes over one predictor: the way to its last leaves has more cuts than a byte tells.
    n = 1500
    chain = {
        "feature": np.zeros(2 * n + 1, int),
        "threshold": np.arange(2 * n + 1, dtype=float),
        "left": np.concatenate([np.arange(n, 2 * n), [2 * n], np.full(n, -1)])[: 2 * n + 1],
        "right": np.concatenate([np.arange(1, n + 1), np.full(n + 1, -1)]),
        "value": np.linspace(0, 0.5, 2 * n + 1),
    }
    chain["left"][n:] = -1
    chain["right"][n - 1] = 2 * n
    ensemble = assemble([chain], feature_names=("x",), comparison="lt")
    walked = []
    plain = engine._walk
    monkeypatch.setattr(engine, "_walk", lambda *a: (walked.append(1), plain(*a)))
    check(ensemble, np.linspace(-5, n + 5, 4000, dtype=np.float32)[:, np.newaxis])
    assert walked


def stump(threshold: float, below: float, above: float) -> dict[str, np.ndarray]:
    """A tree of one node."""
    return {
        "feature": np.zeros(3, int),
        "threshold": np.full(3, threshold),
        "left": np.array([1, -1, -1]),
        "right": np.array([2, -1, -1]),
        "value": np.array([0.0, below, above]),
    }


def test_trees_that_cancel_keep_their_difference() -> None:
    """Their range is ten thousand times that of what they predict together, too much for sums of 32 bits."""
    trees = [stump(0, 0.0, 0.5)] * 1000 + [stump(0, 0.5, 0.0)] * 1000 + [stump(0.25, 0.0, 0.125)]
    ensemble = assemble(trees, feature_names=("x",), comparison="lt", base_score=-500.0)
    X = np.linspace(-1, 1, 501, dtype=np.float32)[:, np.newaxis]
    assert np.abs(predict(ensemble, X) - np.where(X[:, 0] < 0.25, 0.0, 0.125)).max() < 1e-7


@pytest.mark.parametrize("name", FAMILIES)
def test_equals_the_library(name: str, trained: Any, table: Any) -> None:
    family, model, ensemble = trained(name)
    X = table[0] if family.missing else np.nan_to_num(table[0], nan=-9999.0)
    X = np.concatenate([X, planted_rows(ensemble, X[:3000], limit=6000, dtype="float32")])
    assert np.abs(predict(ensemble, X) - family.predict(model, X)).max() <= 1e-6
    check(ensemble, X)


def test_few_rows_of_symmetric_trees_are_read_to_the_same_leaves() -> None:
    """One row, some, and as many as make the other engine take over, with gaps and without."""
    from catboost import CatBoostRegressor

    rng = np.random.default_rng(6)
    X = rng.normal(size=(2 * engine.READ_ROWS, 5)).astype("f4")
    X[rng.random(X.shape) < 0.05] = np.nan
    y = np.nan_to_num(X) @ np.arange(5.0) + rng.normal(0, 0.1, len(X))
    model = CatBoostRegressor(iterations=40, depth=6, verbose=0, allow_writing_files=False).fit(X, y)
    ensemble = TreeEnsemble.from_model(model, [f"x{k}" for k in range(5)])
    assert forest_of(ensemble, compare_dtype(ensemble, np.dtype("f4"))).symmetric is not None
    whole = predict(ensemble, X)
    np.testing.assert_allclose(whole, model.predict(X), rtol=0, atol=1e-5)
    for n in (1, 2, 31, 300, engine.READ_ROWS, engine.READ_ROWS + 1):
        np.testing.assert_array_equal(predict(ensemble, X[:n]), whole[:n])


@pytest.mark.parametrize("kind", ["float64", "int16", "uint8", "bool"])
def test_takes_any_real_type(kind: str) -> None:
    ensemble = grown(5, trees=20, depth=5, features=3, pool=50)
    X = (np.random.default_rng(1).normal(size=(500, 3)) * 2).astype(kind)
    check(ensemble, X)


def test_casts_float64_rows_as_the_model_does() -> None:
    """A float64 number that rounds to the threshold in float32 counts as equal to it."""
    cut = float(np.float32(0.3))
    ensemble = assemble([stump(cut, 0.0, 1.0)], feature_names=("x",), comparison="lt")
    X = np.array([[cut - 1e-12], [cut + 1e-12], [cut]] * 100)
    got = check(ensemble, X)
    assert (got == 1.0).all()


def test_columns_of_a_table_are_taken_by_name() -> None:
    ensemble = grown(6, trees=5, depth=4, features=3, pool=20)
    X = rows_for(ensemble, 200)
    frame = pd.DataFrame(X, columns=list(ensemble.feature_names))[["x2", "x0", "x1"]].assign(other=1.0)
    assert np.array_equal(predict(ensemble, frame), predict(ensemble, X))
    with pytest.raises(InputError, match="x1"):
        predict(ensemble, frame.drop(columns="x1"))


def test_refuses_what_does_not_fit() -> None:
    ensemble = grown(6, trees=5, depth=4, features=3, pool=20, allows_missing=False)
    X = rows_for(ensemble, 200, missing=False)
    X[77, 1] = np.nan
    with pytest.raises(InputError, match="NaN"):
        predict(ensemble, X)
    with pytest.raises(InputError, match="3 predictors"):
        predict(ensemble, X[:, :2])
    with pytest.raises(InputError, match="real numbers"):
        predict(ensemble, X.astype(complex))
    with pytest.raises(InputError, match="n_threads"):
        predict(ensemble, X, n_threads=0)
    with pytest.raises(InputError, match="keep_missing"):
        predict_bands(ensemble, X.T.reshape(3, 10, 20), keep_missing=True)
    with pytest.raises(InputError, match="2 bands"):
        predict_bands(ensemble, X.T.reshape(3, 10, 20)[:2])
    with pytest.raises(InputError, match="common shape"):
        predict_bands(ensemble, [X[:100, 0].reshape(10, 10), X[:50, 1].reshape(5, 10), 3.0])
    with pytest.raises(InputError, match="out is float64"):
        predict_bands(ensemble, X.T.reshape(3, 10, 20), out=np.empty((10, 20)))


def test_no_rows_give_no_predictions() -> None:
    ensemble = grown(6, trees=5, depth=4, features=3, pool=20)
    assert predict(ensemble, np.empty((0, 3), np.float32)).shape == (0,)
    assert predict_bands(ensemble, np.empty((3, 0, 7), np.float32)).shape == (0, 7)


@pytest.fixture
def raster() -> tuple[TreeEnsemble, np.ndarray]:
    ensemble = grown(8, trees=40, depth=7, features=4, pool=700, comparison="le")
    bands = rows_for(ensemble, 130 * 170).T.reshape(4, 130, 170)
    bands[3] = 200.0
    return ensemble, np.ascontiguousarray(bands)


def test_bands_equal_rows(raster: tuple[TreeEnsemble, np.ndarray]) -> None:
    ensemble, bands = raster
    expected = predict(ensemble, bands.reshape(4, -1).T).reshape(130, 170)
    before = bands.copy()
    assert np.array_equal(predict_bands(ensemble, bands), expected)
    assert np.array_equal(predict_bands(ensemble, [*bands[:3], 200.0]), expected)
    assert np.array_equal(predict_bands(ensemble, [bands[0], *bands.astype(np.float64)[1:]]), expected)
    assert np.array_equal(bands, before, equal_nan=True), "the input was written to"
    # Views of any stride, into a view of a larger array.
    whole = np.full((260, 170), -1, np.float32)
    returned = predict_bands(ensemble, [b[::-1, ::-1] for b in bands], out=whole[::-2])
    assert np.array_equal(whole[::-2], expected[::-1, ::-1])
    assert np.array_equal(returned, expected[::-1, ::-1])
    assert (whole[::2] == -1).all()


def test_tiles_meet_without_seams(
    raster: tuple[TreeEnsemble, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    from smgee.trees.kernel import api

    ensemble, bands = raster
    expected = predict_bands(ensemble, bands, n_threads=1)
    parts = [
        [predict_bands(ensemble, bands[:, y : y + 37, x : x + 53]) for x in range(0, 170, 53)]
        for y in range(0, 130, 37)
    ]
    assert np.array_equal(np.block(parts), expected)
    for size in (100, 1000, 12_345):
        windows = list(api._windows((130, 170), size))
        covered = np.zeros((130, 170), int)
        for window in windows:
            covered[window] += 1
            assert covered[window].size <= max(size, 170) or size < 170
        assert (covered == 1).all()
        monkeypatch.setattr(api, "_windows", lambda shape, most, windows=windows: iter(windows))
        assert np.array_equal(predict_bands(ensemble, bands, n_threads=3), expected)
        monkeypatch.undo()


@pytest.mark.parametrize("allows", [False, True])
def test_masked_pixels(allows: bool) -> None:
    ensemble = grown(9, trees=30, depth=6, features=3, pool=100, allows_missing=allows)
    bands = rows_for(ensemble, 3000, missing=False).T.reshape(3, 50, 60).copy()
    whole = predict_bands(ensemble, bands)
    holes = np.random.default_rng(2).random(bands.shape) < 0.05
    bands[holes] = np.nan
    any_hole = holes.any(axis=0)
    masked = predict_bands(ensemble, bands, keep_missing=False)
    assert np.array_equal(np.isnan(masked), any_hole)
    assert np.array_equal(masked[~any_hole], whole[~any_hole])
    by_default = predict_bands(ensemble, bands)
    if allows:
        expected = reference.predict(ensemble, bands.reshape(3, -1).T).reshape(50, 60)
        assert np.abs(by_default - expected).max() < 1e-6
    else:
        assert np.array_equal(by_default, masked, equal_nan=True)


def dataset(bands: np.ndarray) -> xr.Dataset:
    coords = {
        "time": pd.date_range("2020-06-01", periods=3),
        "y": np.arange(130) * -30.0,
        "x": np.arange(170) * 30.0,
    }
    ds = xr.Dataset(
        {n: (("time", "y", "x"), np.stack([bands[k]] * 3)) for k, n in enumerate(["x0", "x1"])}, coords
    )
    return ds.assign(
        x2=(("y", "x"), bands[2]),
        x3=("time", np.array([100.0, 200.0, 0.1], np.float32)),
        unused=("y", np.zeros(130)),
    )


@pytest.mark.parametrize("chunks", [None, {"time": 1, "y": 50, "x": 64}], ids=["eager", "lazy"])
def test_xarray(raster: tuple[TreeEnsemble, np.ndarray], chunks: dict[str, int] | None) -> None:
    ensemble, bands = raster
    ds = dataset(bands) if chunks is None else dataset(bands).chunk(chunks)
    result = predict_xarray(ensemble, ds, name="soil_moisture", attrs={"units": "m3 m-3"})
    assert result.dims == ("time", "y", "x")
    assert result.dtype == np.float32
    assert result.name == "soil_moisture"
    assert result.attrs == {"units": "m3 m-3"}
    assert (result.chunks is not None) == (chunks is not None)
    xr.testing.assert_equal(result.coords.to_dataset(), ds.coords.to_dataset())
    for t, day in enumerate([100.0, 200.0, 0.1]):
        assert np.array_equal(result.values[t], predict_bands(ensemble, [*bands[:3], np.float32(day)]))


def test_xarray_refuses_a_dataset_without_a_predictor(raster: tuple[TreeEnsemble, np.ndarray]) -> None:
    with pytest.raises(InputError, match="x1"):
        predict_xarray(raster[0], dataset(raster[1]).drop_vars("x1"))


def test_importing_compiles_and_loads_nothing_heavy() -> None:
    """The face of the package; the kernel behind it is loaded by the first prediction."""
    code = (
        "import sys, smgee.trees; "
        "print([m for m in ('numba', 'xarray', 'dask', 'sklearn', 'xgboost') if m in sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


@pytest.mark.parametrize("rows", [0, 1, 100_000])
def test_trees_of_no_predictors_give_one_number(rows):
    """Such as what is left of the network's mean when the state of the day is folded in."""
    leaf = {"feature": [-1], "threshold": [0.0], "left": [-1], "right": [-1], "value": [0.2]}
    told = assemble([{k: np.array(v) for k, v in leaf.items()}], feature_names=(), comparison="lt")
    np.testing.assert_array_equal(told.predict(np.empty((rows, 0))), np.full(rows, 0.2, np.float32))

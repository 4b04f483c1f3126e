"""Three ways to a prediction: the library's own, the instruction set in plain Python, the compiled kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMRegressor
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor
from xgboost import XGBRegressor

from smgee.trees import TreeEnsemble, reference
from smgee.trees.kernel import block, interpreter, predict
from smgee.trees.kernel.interpreter import NAMES, Instruction, decode
from smgee.trees.kernel.tournament import aligned
from smgee.trees.kernel.tournament import run as compiled_run
from tests.trees.test_kernel import allowed, grown, nothing_walked, rows_for

MODELS: dict[str, Callable[[int], Any]] = {
    "rf": lambda s: RandomForestRegressor(6, max_depth=7, random_state=s),
    "ert": lambda s: ExtraTreesRegressor(5, min_samples_leaf=3, random_state=s),
    "gbdt": lambda s: GradientBoostingRegressor(n_estimators=9, max_depth=4, random_state=s),
    "xgboost": lambda s: XGBRegressor(n_estimators=9, max_depth=5, n_jobs=1, random_state=s),
    "lightgbm": lambda s: LGBMRegressor(n_estimators=9, num_leaves=12, n_jobs=1, verbose=-1, random_state=s),
}


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[np.ndarray, list[Instruction]]]:
    """A function that predicts with the interpreter in the place of the tournament: (result, program)."""

    def by_interpreter(ensemble: TreeEnsemble, X: np.ndarray) -> tuple[np.ndarray, list[Instruction]]:
        seen: list[Instruction] = []

        def run(program: np.ndarray, n: int, *rest: Any) -> None:
            seen.extend(decode(program, n))
            interpreter.run(program, n, *rest)

        with monkeypatch.context() as patch, nothing_walked():
            patch.setattr(block, "run", run)
            return predict(ensemble, X, n_threads=1), seen

    return by_interpreter


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", MODELS)
def test_kernel_interpreter_and_library_agree(
    name: str, seed: int, interpreted: Callable[..., tuple[np.ndarray, list[Instruction]]]
) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, 4)).astype(np.float32)
    y = X[:, 0] * X[:, 1] + np.sin(3 * X[:, 2]) + 0.1 * rng.normal(size=len(X))
    model = MODELS[name](seed).fit(X, y)
    rows = rng.normal(size=(150, 4)).astype(np.float32)
    ensemble = TreeEnsemble.from_model(model, feature_names=["a", "b", "c", "d"])
    slow, program = interpreted(ensemble, rows)
    assert program, "the rows were walked, and no program was run"
    assert np.array_equal(predict(ensemble, rows, n_threads=1), slow)
    with nothing_walked():
        assert np.array_equal(predict(ensemble, rows, n_threads=1), slow)
    expected = reference.predict(ensemble, rows)
    assert (np.abs(slow - expected) <= allowed(ensemble, rows, expected)).all()
    np.testing.assert_allclose(slow, model.predict(rows), rtol=2e-6, atol=2e-6)


def test_every_instruction_is_met_by_random_forests(
    interpreted: Callable[..., tuple[np.ndarray, list[Instruction]]],
) -> None:
    used: set[str] = set()
    for seed, (depth, trees, stop) in enumerate([(4, 12, 0.0), (5, 20, 0.5), (6, 20, 0.4), (7, 6, 0.35)] * 3):
        ensemble = grown(seed, trees=trees, depth=depth, features=5, pool=60, stop=stop)
        X = rows_for(ensemble, 300, seed=seed)
        slow, program = interpreted(ensemble, X)
        used |= {i.name for i in program}
        with nothing_walked():
            assert np.array_equal(predict(ensemble, X, n_threads=1), slow)
    assert used == set(NAMES)


@settings(max_examples=60)
@given(st.data())
def test_any_program_that_keeps_its_stack_runs_alike(data: st.DataObject) -> None:
    """Programs that no tree would make: any operation in any order, while the stack holds what it takes."""
    lanes, rows, strip = 3, 70, 64
    takes = {"ADD": 2, "LOOK1": 1, "LOOK4": 4, "R_R": 2}
    byte = st.integers(0, 255)
    words: list[int] = []
    height = 0
    for _ in range(data.draw(st.integers(1, 30))):
        room = [n for n in NAMES if takes.get(n, int("R" in n.split("_"))) <= height]
        name = data.draw(st.sampled_from(room))
        takes_now = takes.get(name, int("R" in name.split("_")))
        height += -takes_now + (not name.startswith("LOOK"))

        def fields(operation: int, shifts: tuple[int, ...] = (0, 8, 16, 40)) -> int:
            tests = data.draw(st.integers(0, lanes - 1)) << 24 | data.draw(st.integers(0, lanes - 1)) << 48
            return sum(data.draw(byte) << s for s in shifts) | tests

        look = name.startswith("LOOK")
        first = data.draw(st.integers(0, 1)) if look else fields(0)
        lane = data.draw(st.integers(0, lanes - 1)) << 24
        third = sum(data.draw(byte) << s for s in (0, 8, 16)) | lane | NAMES.index(name) << 40
        words += [first, fields(0), third, fields(0)]
    program = np.array(words, np.uint64)
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    step = 128
    codes = aligned(lanes * step)
    codes[:] = rng.integers(0, 256, len(codes))
    tables = rng.integers(-1000, 1000, 5 * 256).astype(np.int32)
    totals = []
    for run in (compiled_run, interpreter.run):
        total = np.zeros(rows, np.int32)
        run(program, len(words) // 4, codes, step, aligned(40 * strip), strip, total, tables)
        totals.append(total)
    assert np.array_equal(*totals)

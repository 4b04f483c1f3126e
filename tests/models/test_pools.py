"""Threads for fits: no false alarm of scikit-learn, and the filters of warnings as they were."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

from smgee.errors import InputError
from smgee.models.pools import fitting_threads

FORESTS = """
import sys, warnings
from functools import partial
import numpy as np
from smgee.models.crossval import run_all
from smgee.estimators import make

rng = np.random.default_rng(0)
x, y = rng.random((60, 4)), rng.random(60)
before = list(warnings.filters)
sys.setswitchinterval(1e-5)
run_all([("a forest", partial(lambda seed: make("rf", seed=seed).fit(x, y), i)) for i in range(30)], n_jobs=4)
print(before == list(warnings.filters))
"""


def test_forests_side_by_side_are_silent() -> None:
    done = subprocess.run([sys.executable, "-c", FORESTS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
    assert done.stderr == ""


def test_other_warnings_are_shown() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with pytest.warns(RuntimeWarning, match="something else"), fitting_threads(2) as pool:
            pool.submit(warnings.warn, "something else", RuntimeWarning).result()


def test_no_threads_are_refused() -> None:
    with pytest.raises(InputError, match="at least 1"), fitting_threads(0):
        pass

"""Tree text against ``geemap.ml.rf_to_strings``, on one forest of 10,000 nodes: seconds, bytes a node, and
whether it reads back.

Run by hand: ``python -m tests.benchmarks.tree_text``.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from geemap.ml import rf_to_strings
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import RandomForestRegressor

from smgee.errors import InputError
from smgee.trees import TreeEnsemble

NAMES = ["B2", "B3", "B4", "B8A", "B11", "B12", "elevation", "doy"]


def forest(nodes: int) -> tuple[RandomForestRegressor, np.ndarray]:
    """Train twenty trees that have about so many nodes together, on rows of the order of reflectance."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 0.5, size=(4000, len(NAMES))).astype(np.float32)
    y = 0.2 + 0.3 * X[:, 3] - 0.2 * X[:, 4] + rng.normal(size=4000) * 0.02
    model = RandomForestRegressor(
        20, max_samples=nodes // 38, min_samples_leaf=1, random_state=0, n_jobs=2
    ).fit(X, y)
    return model, X


def median_seconds(work: Callable[[], Any], times: int) -> tuple[float, Any]:
    """Return the median time of some runs, and the last result."""
    took, result = [], None
    for _ in range(times):
        start = time.perf_counter()
        result = work()
        took.append(time.perf_counter() - start)
    return statistics.median(took), result


def main() -> None:
    """Print the comparison."""
    model, X = forest(10_000)
    nodes = sum(t.tree_.node_count for t in model.estimators_)
    ensemble = TreeEnsemble.from_model(model, NAMES)
    truth = model.predict(X)
    table = Table(
        "writer",
        "seconds",
        "ratio",
        "bytes a node",
        "max |Δ| read back",
        title=f"Tree text of {nodes:,} nodes, depth {ensemble.depth}",
    )

    def row(name: str, seconds: float, strings: list[str], slowest: float) -> None:
        try:
            read = TreeEnsemble.from_ee_strings(strings, NAMES)
            difference = f"{np.abs(read.predict_reference(X) - truth).max():.2g}"
        except InputError as error:
            difference = str(error)[:60]
        table.add_row(
            name,
            f"{seconds:.4f}",
            f"{slowest / seconds:.0f}",
            f"{sum(map(len, strings)) / nodes:.1f}",
            difference,
        )

    theirs, strings = median_seconds(
        lambda: rf_to_strings(model, NAMES, processes=2, output_mode="REGRESSION"), 3
    )
    row("geemap.ml.rf_to_strings, 2 processes", theirs, strings, theirs)
    for digits in ("exact", "short"):
        ours, strings = median_seconds(
            lambda digits=digits: TreeEnsemble.from_model(model, NAMES).to_ee_strings(digits=digits), 9
        )
        row(f"smgee, {digits} digits, from the forest", ours, strings, theirs)
    Console().print(table)


if __name__ == "__main__":
    main()

"""How often the interval of the skill calls a model better that is as good as the mean, beside percentiles.

Run by hand: ``python -m tests.benchmarks.skill_coverage RUN [cases]``, with the folder of a trained run.
Networks are drawn from its stations: each brings its squared errors at stations left out, those of the model
scaled so that over all stations it is just as good as the mean of the others, and both blurred, for no two
stations are alike.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from smgee.models.skill import skill_limits

SIZES = (8, 13, 30, 35)
BLUR, APART = 0.25, 0.1  # standard deviations of logarithms: of a station's errors, and of the model's alone
RESAMPLES = 500


def errors_by_station(run: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of squared errors of the deployed model and of the mean of the others, by station."""
    rows = pd.read_parquet(run / "models" / "cross_validation.parquet")
    rows = rows[rows["design"] == "station"]
    square = (rows["predicted"] - rows["observed"]) ** 2
    sums = square.groupby([rows["model"], rows["station"]]).sum()
    return sums["deployed"].to_numpy(), sums["network mean"].to_numpy()


def main(run: str, cases: int = 1000) -> None:
    """Print one line per size of network: how often a model is called better or worse than it is."""
    model, mean = errors_by_station(Path(run))
    model = model * mean.sum() / (model.sum() * np.exp(APART**2 / 2))
    rng = np.random.default_rng(0)
    print(f"{'stations':>8}  {'better, worse: here':>20}  {'percentiles':>14}  (nominal 2.5 % each)")
    for size in SIZES:
        called = np.zeros(4)
        for _ in range(cases):
            chosen, blur = rng.integers(0, len(mean), size), np.exp(rng.normal(0, BLUR, size))
            a = model[chosen] * blur * np.exp(rng.normal(0, APART, size))
            b = mean[chosen] * blur
            drawn = rng.integers(0, size, (RESAMPLES, size))
            counts = np.stack([np.bincount(d, minlength=size) for d in drawn]).astype(float)
            low, high = skill_limits(a, b, counts)
            first, last = np.quantile(1 - (counts @ a) / (counts @ b), [0.025, 0.975])
            called += (low > 0, high < 0, first > 0, last < 0)
        here, there = (" ".join(f"{v / cases:6.1%}" for v in part) for part in (called[:2], called[2:]))
        print(f"{size:8d}  {here:>20}  {there:>14}")


if __name__ == "__main__":
    main(sys.argv[1], *(int(a) for a in sys.argv[2:]))

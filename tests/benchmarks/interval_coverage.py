"""How often the intervals of `smgee.metrics.assess` hold the truth, beside percentile and
independent ones.

Run by hand: ``python tests/benchmarks/interval_coverage.py [runs]``. Series are first-order autoregressive:
the reference with one lag-1 autocorrelation, the satellite's error with another; the truth is that of the
process.
"""

from __future__ import annotations

import math
import sys
import time

import numpy as np

from smgee.metrics import HEADLINE as NAMES
from smgee.metrics import METRICS, MovingBlocks, assess
from smgee.metrics.assessment import bootstrap

CASES = [(n, a, b) for n in (20, 50, 100, 200) for a, b in ((0.0, 0.0), (0.7, 0.3), (0.9, 0.7))]


def process(n: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    """Return a stationary series of unit variance."""
    noise = rng.standard_normal(n + 60)
    for i in range(1, n + 60):
        noise[i] = rho * noise[i - 1] + math.sqrt(1 - rho**2) * noise[i]
    return noise[60:]


def main(runs: int = 300) -> None:
    """Print one line per case."""
    rng = np.random.default_rng(1)
    truth = {"r": 0.06 / math.hypot(0.06, 0.03), "bias": 0.02, "rmse": math.hypot(0.02, 0.03), "ubrmse": 0.03}
    print(f"{'n':>4} {'rho':>9}  {'here':^24} {'percentile':^24} independent (bias)   block  ms")
    for n, of_reference, of_error in CASES:
        here, percentile, independent, blocks, spent = np.zeros(4), np.zeros(4), 0, 0, 0.0
        for _ in range(runs):
            y = 0.2 + 0.06 * process(n, of_reference, rng)
            x = y + 0.02 + 0.03 * process(n, of_error, rng)
            begin = time.perf_counter()
            result = assess(x, y, resamples=500)
            spent += time.perf_counter() - begin
            here += [result.intervals[k][0] <= truth[k] <= result.intervals[k][1] for k in NAMES]
            draws = MovingBlocks(block=result.block).draw(np.arange(n), [(x, y)], resamples=500, seed=0)
            boot = bootstrap([METRICS[k] for k in NAMES], (x, y), draws)
            for j, k in enumerate(NAMES):
                low, high = np.quantile(boot[k], [0.025, 0.975])
                percentile[j] += low <= truth[k] <= high
            independent += abs(result["bias"] - 0.02) <= 1.96 * np.std(x - y, ddof=1) / math.sqrt(n)
            blocks += result.block

        def show(a: np.ndarray) -> str:
            return " ".join(f"{v / runs:.2f}" for v in a)

        print(f"{n:4d} {of_reference:.1f} {of_error:.1f}   {show(here):^24} {show(percentile):^24}", end=" ")
        print(f"{independent / runs:^18.2f} {blocks / runs:7.1f} {1000 * spent / runs:.1f}")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))

"""Whether the probability that SMAP meets its requirement is one, where the truth is known.

Run by hand: ``python -m tests.benchmarks.verdict_reliability [cases] [first seed]``. In every case a
satellite errs by something between 0.025 and 0.064 m³ m⁻³, all sizes alike on a logarithmic scale, so that
about half of them meet 0.04. Stations err at random around the cell's mean, each by 0.03 in level and in
time, with persistence. Printed are, for the passes of a season and of three and for several numbers of
stations, the probabilities told beside how often the requirement was met, and the share of 95 % intervals
that hold the true figure.
"""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np

from smgee.validation.verdicts import TARGET, verdict
from tests.metrics.series import red

EDGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
SPREAD = 0.05  # of the truth, m³ m⁻³
OF_STATIONS = 0.03


def case(rng: np.random.Generator, passes: int, stations: int) -> tuple[float, bool, bool, bool]:
    """Return the probability told, whether the requirement is met, and whether both intervals hold."""
    size = float(np.exp(rng.uniform(np.log(0.025), np.log(0.064))))
    truth = 0.25 + SPREAD * red(rng, passes, 0.85)
    satellite = truth - 0.02 + size * red(rng, passes, 0.5)
    own = [rng.normal(0, OF_STATIONS) + OF_STATIONS * red(rng, passes, 0.8) for _ in range(stations)]
    found = verdict(satellite, truth[:, None] + np.stack(own, axis=1), draws=4000, seed=0)
    r = SPREAD / np.hypot(SPREAD, size)
    (low, high), (low_r, high_r) = found.intervals["ubrmse"], found.intervals["r"]
    return found.meets, size <= TARGET, low <= size <= high, low_r <= r <= high_r


def main(cases: int = 2000, seed: int = 1) -> None:
    """Print the tables."""
    for passes in (55, 165):
        for stations in (5, 10, 30):
            rng = np.random.default_rng([seed, passes, stations])
            told, met, held, held_r = np.array([case(rng, passes, stations) for _ in range(cases)]).T
            print(
                f"{passes} passes, {stations} stations: met in {met.mean():.0%}, told {told.mean():.0%} on "
                f"average; squared error {np.mean((told - met) ** 2):.3f}; intervals of ubRMSE hold "
                f"{held.mean():.0%}, of R {held_r.mean():.0%}",
                flush=True,
            )
            for low, high in pairwise(EDGES):
                part = (told >= low) & ((told < high) | (high == 1.0))
                if part.any():
                    print(
                        f"    told {low:.1f} to {high:.1f}: {part.sum():4d} cases, "
                        f"told {told[part].mean():.2f}, met {met[part].mean():.2f}"
                    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))

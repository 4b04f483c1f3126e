"""How often the tests for gains are wrong on series like those of a run, and whether they find what is there.

Run by hand: ``python tests/benchmarks/false_alarms.py RUN [data sets] [first seed]``. For every row of the
36 km cells in ``gains.csv``, so many satellites with two equally good references are drawn that have the
persistence, the spread and the number of passes of the row. `smgee.metrics.gain_tests` is made of each as a
run makes it, its own calibration included, and the gains found at 5 % are counted: beside them, those of a
tenth as many data sets in which one reference is truly the better one, by the gain in ubRMSE that the row
says it would find with a probability of 80 %.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from smgee.metrics import gain_tests
from smgee.metrics.alike import Alike
from smgee.metrics.gains import GAINS
from smgee.metrics.persistence import common
from smgee.study import Study
from smgee.validation.claims import judged_twice
from smgee.validation.quality import select_retrievals

LEVEL = 0.05
SIMULATIONS = 499  # of each test; a run takes more


def rows_of(run: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the name of each row, and its passes."""
    study = Study.from_yaml(run / "study.yml")
    smap = pd.read_csv(run / "smap.csv")
    smap = select_retrievals(smap, policy=study.smap.quality, without=study.smap.without)
    references = {
        str(name): table.drop(columns="orbit") if (table["orbit"] == "").all() else table
        for name, table in pd.read_parquet(run / "references.parquet").groupby("reference", sort=False)
    }
    large = smap[smap["cell"].str.startswith("M36")]
    periods = pd.read_csv(run / "unfrozen.csv")
    options = {"common": True, "periods": periods, "recommended_only": False}
    for cell, orbit, name, both in judged_twice(large, references, **options):
        yield f"{cell.name} {orbit} {name}", both


def better(cases: np.ndarray, gain: float) -> np.ndarray:
    """Return cases, shape (k, 3, n), the first reference moved towards the satellite, the second away."""
    middle = (cases[:, 1] + cases[:, 2]) / 2
    error = cases[:, 0] - middle
    error = error - error.mean(axis=-1, keepdims=True)
    variance, own = error.var(), (cases[:, 1] - cases[:, 2]).var(axis=-1).mean() / 4
    moved = gain * np.sqrt(variance + own) / (2 * variance) * error
    return np.stack([cases[:, 0], cases[:, 1] + moved, cases[:, 2] - moved], axis=1)


def tested(cases: np.ndarray, time: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of cases in which each metric finds a gain, and the power told, on average."""
    found = [
        gain_tests(a, b, s, time=time, simulations=SIMULATIONS, seed=seed + k)
        for k, (s, a, b) in enumerate(cases)
    ]
    p, power = (np.array([[getattr(g, part) for g in one] for one in found]) for part in ("p", "power"))
    return (p <= LEVEL).mean(axis=0), power.mean(axis=0)


def main(run: Path, count: int = 1000, seed: int = 1) -> None:
    """Print the rates, row by row."""
    error = np.sqrt(LEVEL * (1 - LEVEL) / count)
    print(f"{count} data sets a row, each rate known to {error:.1%} (one standard error)")
    print(f"{'row':44} " + " ".join(f"{name:>7}" for name in GAINS) + "   planted: ubrmse found, told")
    every = []
    for k, (name, both) in enumerate(rows_of(run)):
        s, a, b, link = common(
            *(both[c] for c in ("smap", "reference", "baseline")), both["filed"].to_numpy()
        )
        cases = Alike.like(np.stack([s, a, b])[None], link).draw(np.random.default_rng([seed, k]), count)
        time = both["filed"].to_numpy()[: len(s)]
        rates, _ = tested(cases, time, seed * 1_000_000 + k * 10_000)
        detectable = gain_tests(a, b, s, metrics=["ubrmse"], time=time, seed=seed)[0].detectable
        planted, told = tested(better(cases[: count // 10], detectable), time, seed)
        at = GAINS.index("ubrmse")
        print(
            f"{name:44} " + " ".join(f"{r:7.1%}" for r in rates) + f"   {planted[at]:.0%}, {told[at]:.0%}",
            flush=True,
        )
        every.append(rates)
    rates = np.array(every)
    print(
        f"all: {rates.min():.1%} to {rates.max():.1%}, means "
        + ", ".join(f"{r:.1%}" for r in rates.mean(axis=0))
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:4]))

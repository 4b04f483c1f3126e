"""How often the tests for gains are wrong on series like those of a run, and whether they find what is there.

Run by hand: ``python tests/benchmarks/false_alarms.py RUN [data sets] [first seed] [words of rows]``. For the
rows of the 36 km cells in ``gains.csv`` the false alarms are counted twice, both with other draws than those
of the run: by `smgee.metrics.gain_tests` itself, on 20,000 cases; and, where data sets are asked for, from
outside: so many satellites with two equally good references are drawn, with the persistence, the spread and
the number of passes of the row, the whole test is made of each, its own calibration included, and the gains
found at 5 % are counted. Beside them stand those of a tenth as many data sets in which one reference is truly
the better one, by the gain in ubRMSE that the row says it would find with a probability of 80 %.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
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
CASES = 19_999
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


def main(run: Path, count: int = 0, seed: int = 1, words: tuple[str, ...] = ()) -> None:
    """Print the rates, row by row."""
    known = f", on {count} data sets to {np.sqrt(LEVEL * (1 - LEVEL) / count):.1%}" if count else ""
    print(f"rates on {CASES} cases are known to 0.2% (one standard error){known}")
    every = []
    for k, (name, both) in enumerate(rows_of(run)):
        if words and not any(word in name for word in words):
            continue
        time = both["filed"].to_numpy()
        s, a, b, link = common(*(both[c] for c in ("smap", "reference", "baseline")), time)
        time = time[: len(s)]
        tests = gain_tests(a, b, s, time=time, simulations=CASES, verify=True, seed=seed * 1000 + k)
        rates = [one.false_alarms for one in tests]
        told = f"{name:42} {len(s):3} passes: " + told_as(rates)
        if count:
            rng = np.random.default_rng([seed, k])
            cases = Alike.like(np.stack([s, a, b])[None], link).draw(rng, count)
            found, _ = tested(cases, time, seed * 1_000_000 + k * 10_000)
            at = GAINS.index("ubrmse")
            planted, power = tested(better(cases[: count // 10], tests[at].detectable), time, seed)
            told += f"   data sets: {told_as(found)}; planted: found {planted[at]:.0%}, told {power[at]:.0%}"
        print(told, flush=True)
        every.append(rates)
    rates = np.array(every)
    print(f"all: {rates.min():.1%} to {rates.max():.1%}, on average {told_as(rates.mean(axis=0))}")


def told_as(rates: Iterable[float]) -> str:
    """Return rates by metric."""
    return ", ".join(f"{name} {rate:.1%}" for name, rate in zip(GAINS, rates, strict=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:4]), words=tuple(sys.argv[4:]))

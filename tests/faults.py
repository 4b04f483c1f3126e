"""A whole small study on a service that fails three requests in ten, against the same on one that does not.

Run by hand: ``python -m tests.faults [--rate 0.3] [--seed 0] [FOLDER]``. The study runs twice undisturbed
(what differs between those two runs is no result: times of writing) and once with faults of every kind:
throttling, errors and outages, cut bodies, memory and time that run out on large requests until they are made
smaller. Every file has to be the same to the last byte. Waiting between attempts is shortened, since here
nobody has to be waited for.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smgee.eelocal.rest.faults import FAULTS, FaultPlan
from smgee.remote import LEDGER, calls
from smgee.session import Session, connect
from smgee.study import Study
from smgee.twin import Basin, TwinSource
from smgee.workflow.connection import embedded_buckets
from smgee.workflow.folder import RunFolder
from smgee.workflow.registry import WHOLE
from smgee.workflow.run import execute

LARGE = 2000
"""Pixels of a request on which memory and time run out."""


def small_study(**reflectance: Any) -> Study:
    """The demo's study, coarse and short; of its composites, what is asked for."""
    content = Study.demo().model_dump(mode="json")
    content |= {"name": "faults", "start": "2021-06-20", "end": "2021-07-20"}
    content["area"] |= {"scale_m": 300}
    content["training"] |= {"models": ["XGBoost"], "folds": 3, "designs": ["station"]}
    content["predictors"] = [
        {"kind": "reflectance", "composite": {"step_days": 20, "fill_days": 16}} | reflectance,
        {"kind": "terrain"},
    ]
    return Study.parse(content)


def run_once(
    folder: Path, study: Study, plan: FaultPlan | None = None, steps: list[str] | None = None
) -> None:
    """Do the steps of a run, or go on with it; the embedded service heeds the plan."""
    folder.mkdir(parents=True, exist_ok=True)
    year = study.years[0]

    def connected(run: RunFolder) -> Session:
        return connect(
            sources=[TwinSource(Basin(year=year), years=study.years)],
            store=folder / "store",
            buckets=embedded_buckets(run),
            faults=plan,
        )

    execute(RunFolder(folder / "run", study), steps or WHOLE, connect=connected)


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path there."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "run").rglob("*"))
        if path.is_file()
    }


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> set[str]:
    """Files that are not in both, or not the same."""
    return {name for name in {*one, *other} if one.get(name) != other.get(name)}


def main() -> None:
    """Run the study three times, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="New folder; a temporary one by default.")
    parser.add_argument("--rate", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    calls.WAIT_S = 0.02
    study = small_study()
    plan = FaultPlan(given.rate, tuple(FAULTS), given.seed, large=LARGE)
    with tempfile.TemporaryDirectory() as scratch:
        base = given.folder or Path(scratch)
        for name, faults in (("once", None), ("twice", None), ("faults", plan)):
            began, before = time.perf_counter(), LEDGER.spent()
            run_once(base / name, study, faults)
            print(
                f"{name}: {time.perf_counter() - began:.0f} s, {(LEDGER.spent() - before).as_dict()}",
                flush=True,
            )
        first, second, disturbed = (hashes(base / name) for name in ("once", "twice", "faults"))
    timed = differing(first, second)
    wrong = differing(first, disturbed) - timed
    print(f"{plan.injected} faults injected; of {len(first)} files {len(timed)} hold times: {sorted(timed)}")
    print(f"files that the faults changed: {sorted(wrong) or 'none'}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    main()

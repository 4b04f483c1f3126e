"""One trial of the experiment: a network, a season and a seed, judged as a run would, beside the truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import InputError, MissingDataError
from smgee.experiment.networks import SCENARIOS, Draw
from smgee.experiment.truth import compare_with_truth, true_means
from smgee.experiment.upscaling import cell_place, station_place, upscaled_means
from smgee.io import atomic_path
from smgee.twin import Basin
from smgee.validation import gain_table, station_references, verdict_table
from smgee.validation.pairs import PLAIN, UPSCALED

__all__ = ["COLUMNS", "Trial", "run_trials", "trials"]

LAYOUT = 2
"""Raised when a trial gives something else than before: trials that are stored are then done again."""

SEASON = ("05-15", "10-05")
"""Days of every year that are judged; the soil is unfrozen."""

REFERENCES = (PLAIN, "insitu_equal", "insitu_voronoi", "insitu_inverse_distance", "insitu_stability")
VERDICT_HELD = {m: f"verdict_{m}_held" for m in ("r", "bias", "ubrmse")}
"""Whether the interval of a verdict, which heeds the stations' sampling error, holds what is true of SMAP."""

COLUMNS = ("scenario", "year", "seed", "stations")
"""Columns of a trial, before those of `compare_with_truth`."""


@dataclass(frozen=True, order=True)
class Trial:
    """What is tried.

    Attributes
    ----------
    year : int
        Season of the basin.
    seed : int
        Of the stations' places, the probes and SMAP's errors.
    scenario : str
        Of `SCENARIOS`.
    """

    year: int
    seed: int
    scenario: str

    def file(self, folder: Path, basin_seed: int) -> Path:
        """Return where the result of the trial is stored."""
        key = json.dumps({**asdict(self), "layout": LAYOUT, "basin": basin_seed}, sort_keys=True)
        digest = hashlib.sha256(key.encode()).hexdigest()[:10]
        return folder / "trials" / f"{self.year}-{self.scenario}-{self.seed:04d}-{digest}.parquet"


def trials(
    *, years: Iterable[int], seeds: int, scenarios: Iterable[str] = tuple(SCENARIOS), first_seed: int = 1
) -> list[Trial]:
    """Return all trials of some seasons, seeds and networks."""
    chosen = list(scenarios)
    unknown = [s for s in chosen if s not in SCENARIOS]
    if unknown:
        raise InputError(f"The network {unknown[0]!r} is not known; choose from {', '.join(SCENARIOS)}.")
    if seeds < 1:
        raise InputError(f"seeds={seeds} leaves nothing to try; give at least 1.")
    every = range(first_seed, first_seed + seeds)
    return sorted(Trial(int(y), s, scenario) for y in years for s in every for scenario in chosen)


def run_trials(
    wanted: Iterable[Trial],
    folder: Path,
    *,
    basin: Basin | None = None,
    progress: Callable[[float], Any] = lambda share: None,
) -> pd.DataFrame:
    """Run the trials that are not stored yet, and return all.

    Parameters
    ----------
    wanted : iterable of Trial
    folder : Path
        Each result is stored in it at once, so what was interrupted goes on where it stopped.
    basin : Basin, optional
        The land; the usual one by default.
    progress : callable
        Told the share done.

    Returns
    -------
    pandas.DataFrame
        One row per trial, overpass and reference: `COLUMNS`, those of `compare_with_truth`, and for the
        upscaled reference gain_r, gain_rmse with their p-values and power; for the plain mean the probability
        ``meets`` and `VERDICT_HELD`.
    """
    todo = sorted(wanted)
    if not todo:
        raise MissingDataError("No trial was asked for; give years, seeds and networks.")
    land = basin or Basin(year=todo[0].year)
    parts = []
    done = 0
    for draw, group in _by_draw(todo, land):
        context: dict[str, Any] = {}
        for trial in group:
            path = trial.file(folder, land.seed)
            if path.exists():
                found = pd.read_parquet(path)
            else:
                found = _try(trial, draw, context)
                with atomic_path(path) as scratch:
                    found.to_parquet(scratch, index=False)
            parts.append(found)
            done += 1
            progress(done / len(todo))
    return pd.concat(parts, ignore_index=True)


def _by_draw(todo: list[Trial], land: Basin) -> Iterator[tuple[Draw, list[Trial]]]:
    """Yield the trials of one season and seed together: they share SMAP and the truth."""
    for year, seed in dict.fromkeys((t.year, t.seed) for t in todo):
        yield (
            Draw(land.of_year(year), seed),
            [t for t in todo if (t.year, t.seed) == (year, seed)],
        )


def _try(trial: Trial, draw: Any, context: dict[str, Any]) -> pd.DataFrame:
    """Return the rows of a trial; `context` keeps what trials of one season and seed share."""
    cell = draw.cell
    if not context:
        context["smap"] = draw.smap()
        context["truth"] = true_means(draw, [cell])
        context["place"] = cell_place(draw)
    smap, (mean, spread) = context["smap"], context["place"]
    at = draw.at_overpass(trial.scenario)
    tables = {n: t for n, t in station_references(at, [cell]).items() if n in REFERENCES}
    up = upscaled_means(at, station_place(draw, draw.network(trial.scenario)), mean, spread, cell=cell.name)
    if up is not None:
        tables[UPSCALED] = up
    start, end = (f"{trial.year}-{day}" for day in SEASON)
    periods = pd.DataFrame({"start": [start], "end": [end]})
    rows = compare_with_truth(smap, tables, context["truth"], periods=periods, seed=trial.seed)
    further = ("gain_r", "p_r", "power_r", "gain_rmse", "p_rmse", "meets", *VERDICT_HELD.values())
    rows = rows.assign(**dict.fromkeys(further, np.nan))
    options: dict[str, Any] = {"periods": periods, "seed": trial.seed}
    if UPSCALED in tables:
        pair = {n: tables[n] for n in (PLAIN, UPSCALED)}
        gains = gain_table(smap, pair, metrics=("r", "rmse"), simulations=999, **options)
        for _, gain in gains.iterrows():
            row = (rows["orbit"] == gain["orbit"]) & (rows["reference"] == UPSCALED)
            metric = gain["metric"]
            rows.loc[row, [f"gain_{metric}", f"p_{metric}"]] = gain["gain"], gain["p"]
            if metric == "r":
                rows.loc[row, "power_r"] = gain["power"]
    for _, verdict in verdict_table(smap, at, **options).iterrows():
        if verdict["cell"] == cell.name:
            row = (rows["orbit"] == verdict["orbit"]) & (rows["reference"] == PLAIN)
            rows.loc[row, "meets"] = verdict["meets"]
            for metric, column in VERDICT_HELD.items():
                low, high = verdict[f"{metric}_low"], verdict[f"{metric}_high"]
                true = rows.loc[row, f"smap_{metric}_true"].iloc[0]
                rows.loc[row, column] = np.nan if np.isnan(low) else float(low <= true <= high)
    named: dict[str, Any] = {"scenario": trial.scenario, "year": trial.year, "seed": trial.seed}
    return rows.assign(**named, stations=at.sizes["station"], synthetic=1)

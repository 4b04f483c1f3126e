"""One trial of the experiment: a network, a season and a seed, judged as a run would, beside the truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import InputError, MissingDataError
from smgee.experiment.networks import SCENARIOS, Draw
from smgee.experiment.truth import compare_with_truth, true_means
from smgee.experiment.upscaling import Places, season_places, upscale
from smgee.insitu import daily_means
from smgee.io import atomic_path
from smgee.twin import Basin
from smgee.validation import gain_table, gather, verdict_table
from smgee.validation.pairs import PLAIN, UPSCALED

LAYOUT = 6
"""Raised when a trial gives something else than before: trials that are stored are then done again."""

SEASON = ("05-15", "10-05")
"""Days of every year that are judged; the soil is unfrozen."""

MAP_DAYS = 12
"""Days of the season on which the maps are compared with the truth, evenly spread."""

VERDICT = {m: (f"verdict_{m}_low", f"verdict_{m}_high") for m in ("r", "bias", "ubrmse")}
"""Ends of the intervals of a verdict, which heed the stations' sampling error."""

MAP = ("map_skill", "map_spatial_r")
"""How good the maps are at pixels without a station: skill over the network's mean, and R in space."""

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
        upscaled reference gain_r, gain_rmse with their p-values and power, and `MAP`; for the plain mean the
        probability ``meets`` and those of `VERDICT`; ``deployed``, what was chosen to map with.
    """
    todo = sorted(wanted)
    if not todo:
        raise MissingDataError("No trial was asked for; give years, seeds and networks.")
    land = basin or Basin(year=todo[0].year)
    parts = []
    for year, of_year in groupby(todo, key=lambda t: t.year):
        season = _Season(land.of_year(year))
        for seed, group in groupby(of_year, key=lambda t: t.seed):
            made = _Shared(season, seed)
            for trial in group:
                path = trial.file(folder, land.seed)
                if path.exists():
                    found = pd.read_parquet(path)
                else:
                    found = _try(trial, made)
                    with atomic_path(path) as scratch:
                        found.to_parquet(scratch, index=False)
                parts.append(found)
                progress(len(parts) / len(todo))
    return pd.concat(parts, ignore_index=True)


class _Season:
    """What all trials of a season share; made when the first of them is to be done."""

    def __init__(self, basin: Basin) -> None:
        self.basin = basin
        self.start, self.end = (f"{basin.year}-{day}" for day in SEASON)

    @cached_property
    def places(self) -> Places:
        return season_places(self.basin)

    @cached_property
    def truth(self) -> pd.DataFrame:
        """Of the cell, at the overpasses."""
        return true_means(self.basin, [self.basin.cell])

    @cached_property
    def map_days(self) -> list[Any]:
        return [d.date() for d in pd.date_range(self.start, self.end, periods=MAP_DAYS).normalize()]

    @cached_property
    def map_truth(self) -> np.ndarray:
        """Of the pixels that are mapped, (days, pixels)."""
        row, col = self.places.of_lattice(self.basin)
        return np.stack([self.basin.truth(day)[row, col] for day in self.map_days])


class _Shared:
    """What the trials of a season and seed share."""

    def __init__(self, season: _Season, seed: int) -> None:
        self.season = season
        self.draw = Draw(season.basin, seed)

    @cached_property
    def smap(self) -> pd.DataFrame:
        return self.draw.smap()


def _try(trial: Trial, made: _Shared) -> pd.DataFrame:
    """Return the rows of a trial."""
    season, draw, smap = made.season, made.draw, made.smap
    cell = season.basin.cell
    records = draw.records(trial.scenario)
    daily = daily_means(records).sel(time=slice(season.start, season.end))
    up = upscale(daily, season.places, seed=trial.seed)
    zonal = None if up is None else up.means(cell.name)
    judges = gather(smap, [cell], daily=daily, records=records, zonal=zonal)
    periods = pd.DataFrame({"start": [season.start], "end": [season.end]})
    rows = compare_with_truth(smap, judges.tables, season.truth, periods=periods, seed=trial.seed)
    further = ("gain_r", "p_r", "power_r", "gain_rmse", "p_rmse", "meets", *MAP, *chain(*VERDICT.values()))
    rows = rows.assign(**dict.fromkeys(further, np.nan))
    options: dict[str, Any] = {"periods": periods, "seed": trial.seed}
    if up is not None:
        mapped = rows["reference"] == UPSCALED
        for name, value in up.judged(season.map_truth, season.map_days).items():
            rows.loc[mapped, name] = value
        pair = {n: judges.tables[n] for n in (PLAIN, UPSCALED)}
        gains = gain_table(smap, pair, metrics=("r", "rmse"), simulations=999, **options)
        for _, gain in gains.iterrows():
            row = mapped & (rows["orbit"] == gain["orbit"])
            metric = gain["metric"]
            rows.loc[row, [f"gain_{metric}", f"p_{metric}"]] = gain["gain"], gain["p"]
            if metric == "r":
                rows.loc[row, "power_r"] = gain["power"]
    assert judges.stations is not None  # every network stands in the cell
    for _, verdict in verdict_table(smap, judges.stations, **options).iterrows():
        if verdict["cell"] == cell.name:
            row = (rows["orbit"] == verdict["orbit"]) & (rows["reference"] == PLAIN)
            rows.loc[row, "meets"] = verdict["meets"]
            for metric, ends in VERDICT.items():
                rows.loc[row, list(ends)] = verdict[f"{metric}_low"], verdict[f"{metric}_high"]
    named: dict[str, Any] = {"scenario": trial.scenario, "year": trial.year, "seed": trial.seed}
    named |= {"stations": records.sizes["station"], "deployed": "" if up is None else up.deployed}
    return rows.assign(**named, synthetic=1)

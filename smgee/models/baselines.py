"""Baselines: what soil moisture at a new place is worth guessing at without a model.

A model is worth something only where it beats these. They have the same face as a model, see the same fold
under the same permissions, and stand in every score table under their names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from smgee.errors import InputError
from smgee.models.knndm import station_distances
from smgee.models.kriging import fit_variogram, kriging_weights
from smgee.models.problem import Problem

_WINDOW = 15  # days to either side of a day of the year


@dataclass(frozen=True)
class NamedBaseline:
    """A baseline made of one function.

    Parameters
    ----------
    name : str
        As in tables.
    predict : callable
        ``(problem) -> (k,) array``: soil moisture at the rows `problem.test`, m³ m⁻³.
    spatial : bool
        Whether it needs coordinates.
    """

    name: str
    predict: Callable[[Problem], np.ndarray]
    spatial: bool = False


def _learned(problem: Problem) -> np.ndarray:
    return np.where(problem.fold.usable, problem.table.grid(problem.table.y), np.nan)


def _shown(problem: Problem) -> np.ndarray:
    return np.where(problem.fold.present, problem.table.grid(problem.table.y), np.nan)


def _climatology(problem: Problem) -> np.ndarray:
    """The station's own mean where it was seen in training, else the mean of the stations' means."""
    learned = _learned(problem)
    known = np.isfinite(learned)
    count = known.sum(axis=1)
    mean = np.where(known, learned, 0.0).sum(axis=1) / np.maximum(count, 1)
    out = np.where(count > 0, mean, mean[count > 0].mean())
    return out[problem.table.station[problem.test]]


def _day_of_year(problem: Problem) -> np.ndarray:
    """Mean of the training stations within 15 days of the day of the year, whatever the year."""
    table = problem.table
    days = table.times.astype("datetime64[D]")
    doy = (days - days.astype("datetime64[Y]")).astype(int)
    learned = _learned(problem)
    known = np.isfinite(learned)
    count, total = np.zeros(366), np.zeros(366)
    np.add.at(count, doy, known.sum(axis=0))
    np.add.at(total, doy, np.where(known, learned, 0.0).sum(axis=0))
    around = (np.arange(-_WINDOW, _WINDOW + 1)[None, :] + np.arange(366)[:, None]) % 366
    count, total = count[around].sum(axis=1), total[around].sum(axis=1)
    overall = float(learned[known].mean())
    course = np.divide(total, count, out=np.full(366, overall), where=count > 0)
    return course[doy[table.step[problem.test]]]


def _network_mean(problem: Problem) -> np.ndarray:
    """Plain mean of the other stations of the step; the state where there is none."""
    table, shown = problem.table, _shown(problem)
    out = problem.state[problem.test].copy()
    station, step = table.station[problem.test], table.step[problem.test]
    for i in np.unique(station):
        mine = station == i
        others = np.delete(shown[:, step[mine]], i, axis=0)  # nothing of the station, not even rounding
        count = np.isfinite(others).sum(axis=0)
        total = np.where(np.isfinite(others), others, 0.0).sum(axis=0)
        out[mine] = np.divide(total, count, out=out[mine], where=count > 0)
    return out


def _state(problem: Problem) -> np.ndarray:
    """The same, made proof against gaps."""
    return problem.state[problem.test]


def _by_pattern(problem: Problem, weigh: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    """Weighted means of the other stations of a step.

    ``weigh(sources, target)`` gives the weights of stations for one station; it is asked once per station and
    set of stations that report.
    """
    table, shown = problem.table, _shown(problem)
    known = np.isfinite(shown)
    out = problem.state[problem.test].copy()
    station, step = table.station[problem.test], table.step[problem.test]
    for i in np.unique(station):
        mine = np.flatnonzero(station == i)
        there = known[:, step[mine]]
        there[i] = False
        patterns, which = np.unique(there, axis=1, return_inverse=True)
        for k in range(patterns.shape[1]):
            sources = np.flatnonzero(patterns[:, k])
            if len(sources):
                rows = mine[which.reshape(-1) == k]
                out[rows] = weigh(sources, i) @ shown[np.ix_(sources, step[rows])]
    return out


def _nearest(problem: Problem) -> np.ndarray:
    """The nearest other station."""
    distance = station_distances(problem.table)

    def weigh(sources: np.ndarray, target: int) -> np.ndarray:
        return np.eye(len(sources))[distance[sources, target].argmin()]

    return _by_pattern(problem, weigh)


def _inverse_distance(problem: Problem) -> np.ndarray:
    """Shepard (1968), power 2."""
    distance = np.maximum(station_distances(problem.table), 1.0)

    def weigh(sources: np.ndarray, target: int) -> np.ndarray:
        weight = 1.0 / distance[sources, target] ** 2
        return np.asarray(weight / weight.sum())

    return _by_pattern(problem, weigh)


def _kriging(problem: Problem) -> np.ndarray:
    """Ordinary kriging of the other stations of the step."""
    distance = station_distances(problem.table)
    learned = _learned(problem)
    variogram = fit_variogram(learned, distance)

    def weigh(sources: np.ndarray, target: int) -> np.ndarray:
        between = distance[np.ix_(sources, sources)]
        return kriging_weights(variogram, between, distance[sources, [target]][:, None])[:, 0]

    return _by_pattern(problem, weigh)


def _ridge(problem: Problem) -> np.ndarray:
    """Linear in state and place: the anomaly on standardised features, penalty by stations left out."""
    columns = [j for j, n in enumerate(problem.names) if not n.startswith("doy_")]
    train, test = problem.train, problem.test
    x = problem.x[:, columns].astype("f8")
    centre, scale = x[train].mean(axis=0), x[train].std(axis=0)
    x = (x - centre) / np.where(scale > 0, scale, 1.0)
    y = problem.anomaly
    station = problem.table.station
    names = np.unique(station[train])
    fold = np.zeros(len(problem.table.names), int)
    fold[names] = np.arange(len(names)) % 5
    penalties = np.logspace(-1.0, 4.0, 11) * len(train)
    error = np.zeros(len(penalties))
    for k in np.unique(fold[names]):
        kept, out = train[fold[station[train]] != k], train[fold[station[train]] == k]
        if len(kept) and len(out):
            for p, beta in enumerate(_ridge_path(x[kept], y[kept], penalties)):
                error[p] += float(((y[out] - x[out] @ beta) ** 2).sum())
    beta = _ridge_path(x[train], y[train], penalties[[int(error.argmin())]])[0]
    return problem.state[test] + x[test] @ beta


def _ridge_path(x: np.ndarray, y: np.ndarray, penalties: np.ndarray) -> list[np.ndarray]:
    values, vectors = np.linalg.eigh(x.T @ x)
    right = vectors.T @ (x.T @ y)
    return [vectors @ (right / (np.maximum(values, 0.0) + p)) for p in penalties]


NETWORK_MEAN = "network mean"
"""Name of the baseline that skill is told against."""

NETWORK_STATE = "network state"
"""Name of the same, made proof against gaps: what models of an anomaly add to."""

BASELINES: Mapping[str, NamedBaseline] = MappingProxyType(
    {
        baseline.name: baseline
        for baseline in (
            NamedBaseline("climatology", _climatology),
            NamedBaseline("day of year", _day_of_year),
            NamedBaseline(NETWORK_MEAN, _network_mean),
            NamedBaseline(NETWORK_STATE, _state),
            NamedBaseline("nearest station", _nearest, spatial=True),
            NamedBaseline("inverse distance", _inverse_distance, spatial=True),
            NamedBaseline("kriging", _kriging, spatial=True),
            NamedBaseline("ridge", _ridge),
        )
    }
)
"""The baselines by name."""


def predict_baselines(problem: Problem) -> dict[str, np.ndarray]:
    """Predictions of every baseline that the table allows, by name; `InputError` if a baseline gives no
    finite value for a row.
    """
    located = problem.table.lon is not None
    out = {}
    for name, baseline in BASELINES.items():
        if baseline.spatial and not located:
            continue
        values = baseline.predict(problem)
        if not np.isfinite(values).all():
            raise InputError(
                f"The baseline {name!r} has no value for {int((~np.isfinite(values)).sum())} rows; no other "
                "station tells anything there. Choose rows of a time in which stations overlap."
            )
        out[name] = values
    return out

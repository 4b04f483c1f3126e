"""What a model sees of one fold: features with the state of the network, and targets freed of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smgee.models.features import STATE, Features, build_features
from smgee.models.holdout import Fold
from smgee.models.network import NetworkTable
from smgee.models.state import network_state, recent_change

PARTS = ("whole", "dynamics", "absolute")
"""What a member learns: the anomaly from the state; the same minus each station's own mean, so that levels
cannot be mistaken for dynamics; or soil moisture itself.
"""

_MOST_ROWS = 4000


@dataclass(frozen=True, eq=False)
class Problem:
    """One fold, ready to fit and predict.

    Parameters
    ----------
    names : tuple of str
        Columns of `x`.
    x : (n, p) float32
        Features of all rows of the table, the state among them.
    state : (n,) float64
        m(t) of the other stations, m³ m⁻³.
    train, test : (k,) int
        Rows to learn from (thinned evenly in time to `most_rows`), and rows to predict.
    """

    table: NetworkTable
    fold: Fold
    names: tuple[str, ...]
    x: np.ndarray
    state: np.ndarray
    train: np.ndarray
    test: np.ndarray

    @cached_property
    def anomaly(self) -> np.ndarray:
        """Soil moisture minus the state, all rows, m³ m⁻³."""
        return self.table.y - self.state

    def columns(self, names: Sequence[str]) -> np.ndarray:
        """Positions of features."""
        where = {name: j for j, name in enumerate(self.names)}
        return np.array([where[name] for name in names], dtype=int)

    def target(self, part: str, rows: np.ndarray) -> np.ndarray:
        """What a member of that part learns on some rows."""
        if part == "absolute":
            return self.table.y[rows]
        if part == "whole":
            return self.anomaly[rows]
        return centred(self.anomaly[rows], self.table.station[rows])

    @cached_property
    def station_rows(self) -> float:
        """Rows of a usual station among the training rows."""
        counts = np.bincount(self.table.station[self.train])
        return float(np.median(counts[counts > 0]))


def centred(values: np.ndarray, station: np.ndarray) -> np.ndarray:
    """Values minus the mean of their station."""
    count = np.bincount(station)
    mean = np.bincount(station, values) / np.maximum(count, 1)
    left = values - mean[station]
    # what rounding leaves of a constant is no dynamics
    tiny = 1e-12 * max(float(np.abs(values).max(initial=0.0)), 1e-30)
    return np.where(np.abs(left) > tiny, left, 0.0)


def make_problem(
    table: NetworkTable,
    fold: Fold,
    features: Features | None = None,
    *,
    most_rows: int = _MOST_ROWS,
    most_tests: int | None = None,
) -> Problem:
    """Prepare a fold.

    Parameters
    ----------
    features : Features, optional
        Those of the table, where the fold lets long-term means be told from all steps; made anew otherwise.
    most_rows : int
        Training rows beyond this number are thinned: the steps of a station resemble their neighbours.
    most_tests : int, optional
        The same for rows to predict, where they only serve a choice; by default all are kept.
    """
    if features is None or fold.allowed is not None:
        features = build_features(table, allowed=fold.allowed)
    grid, test = table.grid(table.y), fold.test
    m, change = _state_of_rows(table, grid, fold.usable, fold.usable)
    if not np.array_equal(fold.present, fold.usable):
        # Only rows that are predicted see the day as the network shows it: a value held out must not shape
        # what is learned, not even by way of its neighbours.
        seen = _state_of_rows(table, grid, fold.usable, fold.present)
        m, change = np.where(test, seen[0], m), np.where(test, seen[1], change)
    x = np.column_stack([features.x, m, change]).astype("f4")
    return Problem(
        table=table,
        fold=fold,
        names=(*features.names, *STATE),
        x=np.ascontiguousarray(x),
        state=m,
        train=thin(table, fold.train, most_rows),
        test=thin(table, fold.test, most_tests or len(table)),
    )


def _state_of_rows(
    table: NetworkTable, grid: np.ndarray, usable: np.ndarray, present: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    state = network_state(grid, days=table.days, usable=usable, present=present)
    return table.rows(state), table.rows(recent_change(state, table.days))


def thin(table: NetworkTable, rows: np.ndarray, most: int) -> np.ndarray:
    """Positions of at most about `most` of the rows: every k-th step of each station, stations offset."""
    every = int(np.ceil(rows.sum() / most))
    if every <= 1:
        return np.flatnonzero(rows)
    return np.flatnonzero(rows & ((table.step + table.station) % every == 0))

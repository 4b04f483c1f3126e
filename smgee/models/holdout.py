"""What is held out, and what may still be seen: the folds of a network's table.

A fold says more than which rows are trained on. It says whose soil moisture the state of the network may be
made of, on which steps, and which steps the long-term means may be told from; every part of a model that
touches data takes its permission from here.

Roberts et al. (2017), Ecography 40, 913-929.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from smgee.errors import InputError
from smgee.models.designs import DateKFold, StationKFold
from smgee.models.knndm import knndm_folds, map_points, station_distances, station_xy
from smgee.models.network import NetworkTable

BUFFER_DAYS = 16.0
"""Days around a stretch of time held out that are not trained on: more than a composite's window reaches by
default. The wider one that fills its gaps reaches farther, so filled pixels on either side may share scenes;
soil moisture of the stretch is in none of them.
"""

LEAST_TRAINING = 3
"""A fold with fewer stations to learn from is no fold."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One split of a `NetworkTable`.

    Parameters
    ----------
    train, test : (n,) bool
        Rows to learn from, and rows to predict.
    usable : (s, t) bool
        Soil moisture that may be learned from.
    present : (s, t) bool
        Soil moisture that the network shows on a step. A row is predicted from the state of the *other*
        stations, so its own value is never used even where it is present.
    allowed : (t,) bool, optional
        Steps that long-term means are told from; all where nothing is given.
    """

    train: np.ndarray
    test: np.ndarray
    usable: np.ndarray
    present: np.ndarray
    allowed: np.ndarray | None = None

    def inside(self, table: NetworkTable, *, folds: int, seed: int) -> list[Fold]:
        """Folds of the training stations, for choices that must not see `test`."""
        rows = np.flatnonzero(self.train)
        inner = []
        for held in _dealt(table, rows, table.station[rows], folds, seed):
            out = held[table.station]
            learned = self.usable & ~held[:, None]
            inner.append(Fold(self.train & ~out, self.train & out, learned, learned, self.allowed))
        return inner


@dataclass(frozen=True)
class Holdout:
    """A named way to hold rows of a network out.

    Parameters
    ----------
    name, title : str
        Key in `HOLDOUTS`, and the words for tables.
    transfers : bool
        Whether whole stations are held out, so that the score tells of land without one.
    split : callable
        ``(table, folds, seed) -> list of Fold``; raises `InputError` where the table cannot be split so.
    """

    name: str
    title: str
    transfers: bool
    split: Callable[[NetworkTable, int, int], list[Fold]]


def all_rows(table: NetworkTable) -> Fold:
    """The fold of the model that is deployed: everything is learned from, nothing is held out."""
    known = np.isfinite(table.grid(table.y))
    return Fold(table.scored, np.zeros(len(table), bool), known, known)


def station_folds(table: NetworkTable, held: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, Fold]]:
    """A fold for each set of stations (bool per station), with the set beside it."""
    known = np.isfinite(table.grid(table.y))
    for out in held:
        row = out[table.station]
        learned = known & ~out[:, None]
        yield out, Fold(table.scored & ~row, table.scored & row, learned, learned)


def _dealt(
    table: NetworkTable, rows: np.ndarray, groups: np.ndarray, folds: int, seed: int
) -> Iterator[np.ndarray]:
    """Deal the groups of rows to folds; which stations each holds out, bool per station."""
    count = max(2, min(folds, len(np.unique(groups))))
    for _, test in StationKFold(count, seed=seed).split(rows, groups=groups):
        out = np.zeros(len(table.names), bool)
        out[table.station[rows[test]]] = True
        yield out


def time_fold(table: NetworkTable, out: np.ndarray) -> Fold:
    """Steps `out` held out; those within `BUFFER_DAYS` of them are neither trained on nor scored."""
    known = np.isfinite(table.grid(table.y))
    low, high = table.days[out].min(), table.days[out].max()
    near = (table.days > low - BUFFER_DAYS) & (table.days < high + BUFFER_DAYS) & ~out
    test, hidden = out[table.step], (out | near)[table.step]
    return Fold(
        table.scored & ~hidden, table.scored & test, known & ~(out | near), known, allowed=~(out | near)
    )


def rows_fold(table: NetworkTable, train: np.ndarray, test: np.ndarray, *, transfers: bool) -> Fold:
    """The fold of a split by rows, as `smgee.models.designs` makes them.

    Parameters
    ----------
    train, test : (k,) int
        Positions of rows. Those in neither are not trained on, but told where training reaches: at its
        stations where whole ones are held out, else on its steps.
    transfers : bool
        Whether whole stations are held out; otherwise the network shows its other stations on every step.
    """
    learned = np.zeros(table.shape, bool)
    learned[table.station[train], table.step[train]] = True
    beside = np.setdiff1d(np.arange(len(table)), np.concatenate([train, test]))
    reached = np.asarray(learned.any(axis=1 if transfers else 0))
    beside = beside[reached[(table.station if transfers else table.step)[beside]]]
    learned[table.station[beside], table.step[beside]] = True
    learned &= np.isfinite(table.grid(table.y))
    row = np.zeros((2, len(table)), bool)
    row[0, train], row[1, test] = True, True
    told = np.asarray(learned.any(axis=0))
    return Fold(
        row[0],
        row[1],
        learned,
        learned if transfers else np.isfinite(table.grid(table.y)),
        allowed=None if transfers or bool(told.all()) else told,
    )


def _stations(table: NetworkTable, folds: int, seed: int) -> list[Fold]:
    rows = np.flatnonzero(table.scored)
    held = list(_dealt(table, rows, table.station[rows], folds, seed))
    return _whole([fold for _, fold in station_folds(table, held)], table)


def _random(table: NetworkTable, folds: int, seed: int) -> list[Fold]:
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(table.scored))
    known = np.isfinite(table.grid(table.y))
    out = []
    for part in np.array_split(rows, max(folds, 2)):
        test = np.zeros(len(table), bool)
        test[part] = True
        learned = known.copy()
        learned[table.station[part], table.step[part]] = False
        out.append(Fold(table.scored & ~test, test, learned, known))
    return out


def _period(table: NetworkTable, folds: int, seed: int) -> list[Fold]:
    rows = np.flatnonzero(table.scored)
    steps = table.step[rows]
    count = min(folds, len(np.unique(steps)))
    if count < 2:
        raise InputError("The table has one step in time, so no stretch of time can be held out.")
    out = []
    for _, test in DateKFold(count, seed=seed, contiguous=True).split(rows, groups=steps):
        held = np.zeros(len(table.times), bool)
        held[steps[test].min() : steps[test].max() + 1] = True
        out.append(time_fold(table, held))
    return _whole(out, table)


def _year(table: NetworkTable, folds: int, seed: int) -> list[Fold]:
    years = table.times.astype("datetime64[Y]").astype(int)
    rows = np.bincount(years[table.step[table.scored]] - years.min())
    chosen = np.flatnonzero(rows >= 0.05 * rows.sum()) + years.min()
    if len(chosen) < 2:
        raise InputError("The table covers one year, so no year can be held out.")
    return _whole([time_fold(table, years == year) for year in chosen], table)


def _block(table: NetworkTable, folds: int, seed: int) -> list[Fold]:
    """Squares of a quarter of the network's side; stations within half a square of a test station are out."""
    xy = station_xy(table)
    side = float(np.ptp(xy, axis=0).max()) / 4.0
    if not side > 0:
        raise InputError("All stations stand on one spot, so no block of land can be held out.")
    label = np.floor((xy - xy.min(axis=0)) / side).astype(int)
    _, block = np.unique(label, axis=0, return_inverse=True)
    rows = np.flatnonzero(table.scored)
    groups = block.reshape(-1)[table.station[rows]]
    if len(np.unique(groups)) < 2:
        raise InputError("The stations lie in one block of land, so none can be held out.")
    held = list(_dealt(table, rows, groups, folds, seed))
    distance = station_distances(table)
    folds_made = []
    for out, fold in station_folds(table, held):
        close = (distance[:, out] < side / 2.0).any(axis=1) & ~out
        learned = fold.usable & ~close[:, None]
        folds_made.append(Fold(fold.train & ~close[table.station], fold.test, learned, learned))
    return _whole(folds_made, table)


def _knndm(table: NetworkTable, folds: int, seed: int) -> list[Fold]:
    xy, points = station_xy(table), map_points(table)
    label = knndm_folds(station_distances(table), xy, points, folds=folds, seed=seed)
    held = [label == k for k in np.unique(label)]
    return _whole([fold for _, fold in station_folds(table, held)], table)


def _whole(folds: list[Fold], table: NetworkTable) -> list[Fold]:
    """Folds that can be learned from; refused if a row would never be predicted for want of them."""
    for fold in folds:
        if len(np.unique(table.station[fold.train])) < LEAST_TRAINING or not fold.test.any():
            raise InputError(
                f"A fold would leave fewer than {LEAST_TRAINING} stations to learn from; ask for other "
                "designs, or give more stations or a longer time."
            )
    return folds


HOLDOUTS: Mapping[str, Holdout] = MappingProxyType(
    {
        design.name: design
        for design in (
            Holdout("random", "random rows", False, _random),
            Holdout("station", "leave stations out", True, _stations),
            Holdout("block", "leave blocks of land out, with a buffer", True, _block),
            Holdout("knndm", "stations as far as the map's pixels (kNNDM)", True, _knndm),
            Holdout("period", "leave stretches of time out, with a buffer", False, _period),
            Holdout("year", "leave years out", False, _year),
        )
    }
)
"""The designs by name: ``random``, ``station``, ``block``, ``knndm``, ``period``, ``year``."""


def find_holdout(name: str) -> Holdout:
    """The design of that name; `InputError` if there is none."""
    if name not in HOLDOUTS:
        raise InputError(f"There is no design named {name!r}; choose from {', '.join(HOLDOUTS)}.")
    return HOLDOUTS[name]

"""Designs of cross-validation: what is held out decides what the score means.

A random split holds out pairs whose neighbours in time and whose station stay in the training set, so it
measures how well a model fills gaps in a series it knows. A map needs skill where there is no station: that
is what holding out whole stations (or whole blocks of land) measures. Roberts et al. (2017), Ecography 40,
913-929.

The splitters follow scikit-learn's interface and can be used with its own functions; what only reads models
does not import it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from smgee.errors import InputError
from smgee.models.table import TrainingTable


class Splitter(Protocol):
    """A cross-validator as scikit-learn knows them."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows ``(train, test)`` of every fold."""


class GroupedKFold:
    """K-fold over whole groups: every group is held out exactly once, with all of its rows.

    Groups are dealt to folds in a seeded random order, each to the fold with the fewest rows so far: every
    seed deals anew, however unequal the groups, and no two folds differ by more rows than the largest group
    has. Larger ones first would balance better, and deal unequal groups alike for every seed.

    Parameters
    ----------
    n_splits : int, optional
        Number of folds, at least 2; None for one fold per group.
    seed : int
        Seed of the order in which groups are dealt.

    Raises
    ------
    InputError
        On splitting, if there are fewer groups than folds or only one group.
    """

    noun = "group"

    def __init__(self, n_splits: int | None = 10, *, seed: int = 0) -> None:
        if n_splits is not None and n_splits < 2:
            raise InputError(f"{n_splits} folds were asked for; a cross-validation needs at least 2.")
        self.n_splits = n_splits
        self.seed = seed

    def _labels(self, groups: Any) -> np.ndarray:
        if groups is None:
            raise InputError(f"{type(self).__name__} needs the {self.noun} of every row.")
        return np.asarray(groups)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of folds; `groups` is needed only when there is one fold per group."""
        return len(np.unique(self._labels(groups))) if self.n_splits is None else self.n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows ``(train, test)`` of every fold, each ascending."""
        labels = self._labels(groups)
        n = X.shape[0] if hasattr(X, "shape") else len(X)
        if len(labels) != n:
            raise InputError(f"{n} rows were given with {len(labels)} {self.noun}s; give one for each row.")
        for test in self._tests(labels):
            yield np.setdiff1d(np.arange(n), test, assume_unique=True), test

    def _tests(self, labels: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the rows that each fold holds out, ascending."""
        names, index, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        folds = len(names) if self.n_splits is None else self.n_splits
        if len(names) < max(folds, 2):
            raise InputError(
                f"The table has {len(names)} {self.noun}(s), too few for {max(folds, 2)} folds that each "
                "hold out whole ones; "
                f"ask for fewer folds or give more {self.noun}s."
            )
        load, fold_of = np.zeros(folds, dtype=int), np.empty(len(names), dtype=int)
        for group in np.random.default_rng(self.seed).permutation(len(names)):
            fold_of[group] = np.argmin(load)
            load[fold_of[group]] += sizes[group]
        fold = fold_of[index]
        for k in range(folds):
            yield np.flatnonzero(fold == k)


class StationKFold(GroupedKFold):
    """Leave stations out; `groups` holds each row's station. ``n_splits=None`` leaves out one station at a
    time.
    """

    noun = "station"


class DateKFold(GroupedKFold):
    """Leave dates out: a date goes with all of its stations, so the weather of the day is never seen in
    training.

    Parameters
    ----------
    n_splits : int
        Number of folds.
    seed : int
        Seed of the order in which dates are dealt.
    contiguous : bool
        Hold out unbroken stretches of time instead of scattered dates, so that the days before and after do
        not help either.
    """

    noun = "date"

    def __init__(self, n_splits: int = 10, *, seed: int = 0, contiguous: bool = False) -> None:
        super().__init__(n_splits, seed=seed)
        self.contiguous = contiguous

    def _tests(self, labels: np.ndarray) -> Iterator[np.ndarray]:
        if not self.contiguous:
            yield from super()._tests(labels)
            return
        names, index, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        folds = int(self.n_splits or 2)
        if len(names) < folds:
            raise InputError(
                f"The table has {len(names)} dates, too few for {folds} folds of whole dates; ask for fewer "
                "folds."
            )
        # cut where the running number of rows passes k/folds of all, but give every fold at least one date
        middle = (np.cumsum(sizes) - sizes / 2) / sizes.sum()
        fold_of = np.minimum((middle * folds).astype(int), folds - 1)
        if len(np.unique(fold_of)) < folds:
            fold_of = np.arange(len(names)) * folds // len(names)
        for k in range(folds):
            yield np.flatnonzero(fold_of[index] == k)


class SpatialBlockKFold(GroupedKFold):
    """Leave blocks of land out; `groups` holds each row's block, see `spatial_blocks`."""

    noun = "spatial block"


def spatial_blocks(lon: np.ndarray, lat: np.ndarray, *, size_km: float = 9.0) -> np.ndarray:
    """Label of the square block that each point lies in.

    Blocks are squares of equal area on the global EASE-Grid 2.0 projection (EPSG:6933), aligned to its
    origin.

    Parameters
    ----------
    lon, lat : (n,) array
        Degrees, WGS 84.
    size_km : float
        Side of a block; it should exceed the distance over which soil moisture is correlated.

    Returns
    -------
    (n,) array of str
        Labels such as ``"-1032_455"``.
    """
    from pyproj import Transformer

    if not size_km > 0:
        raise InputError(f"A block size of {size_km} km was asked for; it must be positive.")
    x, y = Transformer.from_crs(4326, 6933, always_xy=True).transform(
        np.asarray(lon, "f8"), np.asarray(lat, "f8")
    )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError(
            "Some longitudes or latitudes are missing or beyond the globe, so their spatial block is unknown."
        )
    column, row = (np.floor(np.asarray(v) / (size_km * 1000.0)).astype(int) for v in (x, y))
    return np.array([f"{c}_{r}" for c, r in zip(column, row, strict=True)])


@dataclass(frozen=True)
class Design:
    """A named way to hold rows out of a `TrainingTable`.

    Parameters
    ----------
    name, title : str
        Key in `DESIGNS`, and the words for tables.
    groups : callable
        Takes the table, gives the group of every row (None for a random split).
    splitter : callable
        Takes the number of folds and the seed, gives the scikit-learn splitter.
    transfers : bool
        Whether the score says anything about land without a station.
    """

    name: str
    title: str
    groups: Callable[[TrainingTable], np.ndarray | None]
    splitter: Callable[[int, int], Splitter]
    transfers: bool

    def split(
        self, table: TrainingTable, *, folds: int = 10, seed: int = 0
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Row indices ``(train, test)`` of every fold; the test sets partition the table.

        With fewer groups than folds there is one fold per group.

        Raises
        ------
        InputError
            If the table has fewer than two groups, or lacks the coordinates that the design needs.
        """
        groups = self.groups(table)
        available = len(table.y) if groups is None else len(np.unique(groups))
        splitter = self.splitter(max(min(folds, available), 2) if folds >= 2 else folds, seed)
        return list(splitter.split(table.x, table.y, groups))


def _random(folds: int, seed: int) -> Splitter:
    from sklearn.model_selection import KFold

    if folds < 2:
        raise InputError(f"{folds} folds were asked for; a cross-validation needs at least 2.")
    return KFold(folds, shuffle=True, random_state=seed)


def _dates(table: TrainingTable) -> np.ndarray:
    return table.time.astype("datetime64[D]")


def _blocks(table: TrainingTable) -> np.ndarray:
    if table.lon is None or table.lat is None:
        raise InputError("Spatial blocks need the columns 'lon' and 'lat', which the table lacks.")
    return spatial_blocks(table.lon, table.lat)


DESIGNS: Mapping[str, Design] = MappingProxyType(
    {
        design.name: design
        for design in (
            Design("random", "random", lambda table: None, _random, transfers=False),
            Design(
                "station",
                "leave stations out",
                lambda t: t.station,
                lambda k, s: StationKFold(k, seed=s),
                transfers=True,
            ),
            Design(
                "loso",
                "leave one station out",
                lambda t: t.station,
                lambda k, s: StationKFold(None, seed=s),
                transfers=True,
            ),
            Design("date", "leave dates out", _dates, lambda k, s: DateKFold(k, seed=s), transfers=False),
            Design(
                "season",
                "leave stretches of time out",
                _dates,
                lambda k, s: DateKFold(k, seed=s, contiguous=True),
                transfers=False,
            ),
            Design(
                "block",
                "leave 9 km blocks out",
                _blocks,
                lambda k, s: SpatialBlockKFold(k, seed=s),
                transfers=True,
            ),
        )
    }
)
"""The designs by name: ``random``, ``station``, ``loso``, ``date``, ``season``, ``block``."""


def find_design(name: str) -> Design:
    """The design of that name; `InputError` if there is none."""
    if name not in DESIGNS:
        raise InputError(
            f"There is no cross-validation design named {name!r}; choose from {', '.join(DESIGNS)}."
        )
    return DESIGNS[name]


def require_station_design(names: list[str]) -> None:
    """Refuse a choice of designs that would show a random split without one that leaves stations out;
    `InputError` if `names` is empty, or holds ``random`` but neither ``station`` nor ``loso``.
    """
    if not names:
        raise InputError(f"No cross-validation design was given; choose from {', '.join(DESIGNS)}.")
    if "random" in names and not {"station", "loso"} & set(names):
        raise InputError(
            f"Scores for {', '.join(names)} were asked for; a random split flatters the model, so its scores "
            "are only made "
            "beside those of whole stations left out: add the design 'station' or 'loso'."
        )

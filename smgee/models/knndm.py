"""Folds whose held-out stations are as far from the others as the map's pixels are from the stations.

k-fold nearest neighbour distance matching, Linnenbrink, Milà, Ludwig & Meyer (2024), Geosci. Model Dev. 17,
5897-5912. Where stations are clustered, a random station has a neighbour next door while most pixels have
none, and a random fold flatters. Stations are clustered into q groups, groups are merged into k folds, and
the q is kept whose distances between folds are nearest (Wasserstein-1) to those of the map.
"""

from __future__ import annotations

import numpy as np

from smgee.errors import InputError
from smgee.models.network import NetworkTable

LARGEST_FOLD = 0.5
"""A fold holds less than this share of the stations."""

_GRID = 40  # points a side of the area that stands for the map where no map was named


def station_xy(table: NetworkTable) -> np.ndarray:
    """Stations on a plane, shape (s, 2), metres (equal area about their middle).

    Coordinates that cannot be degrees are taken for metres on a plane.

    Raises
    ------
    InputError
        If the table has no coordinates.
    """
    if table.lon is None or table.lat is None:
        raise InputError(
            "Distances between stations need their coordinates; name the columns with --lon and --lat."
        )
    return _on_plane(table, table.lon, table.lat)


def _on_plane(table: NetworkTable, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Places on the plane of a table's stations, shape (n, 2), metres."""
    from pyproj import Transformer

    assert table.lon is not None
    assert table.lat is not None
    if np.abs(table.lon).max() > 360.0 or np.abs(table.lat).max() > 90.0:
        return np.stack([lon, lat], axis=1)
    middle = float(np.mean(table.lat)), float(np.mean(table.lon))
    plane = f"+proj=laea +lat_0={middle[0]} +lon_0={middle[1]} +units=m"
    x, y = Transformer.from_crs(4326, plane, always_xy=True).transform(lon, lat)
    return np.stack([x, y], axis=1)


def station_distances(table: NetworkTable) -> np.ndarray:
    """Distances between stations, shape (s, s), metres."""
    from scipy.spatial.distance import cdist

    xy = station_xy(table)
    return np.asarray(cdist(xy, xy))


def map_points(table: NetworkTable) -> np.ndarray:
    """Where the map is wanted, on the plane of `station_xy`, shape (p, 2): the table's places, or
    `area_points` where it has none.
    """
    if table.places is None or len(table.places) == 0:
        return area_points(station_xy(table))
    return _on_plane(table, table.places[:, 0], table.places[:, 1])


def area_points(xy: np.ndarray, *, count: int = _GRID) -> np.ndarray:
    """Points that stand for the map where none is given: a grid over the box of the stations, widened by
    half of their usual spacing.
    """
    low, high = xy.min(axis=0), xy.max(axis=0)
    margin = 0.5 * np.sqrt(np.prod(np.maximum(high - low, 1e-9)) / len(xy))
    axes = [np.linspace(a - margin, b + margin, count) for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)


def map_distances(xy: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance of every point of the map to its nearest station, sorted."""
    from scipy.spatial import cKDTree

    return np.sort(cKDTree(xy).query(points)[0])


def fold_distances(distance: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Distance of every station to the nearest one of another fold, sorted."""
    other = fold[:, None] != fold[None, :]
    return np.sort(np.where(other, distance, np.inf).min(axis=1))


def knndm_folds(
    distance: np.ndarray,
    xy: np.ndarray,
    points: np.ndarray,
    *,
    folds: int = 5,
    seed: int = 0,
) -> np.ndarray:
    """Fold of every station.

    Parameters
    ----------
    distance : (s, s) array
        Between stations, metres.
    xy : (s, 2) array
        Stations on a plane, metres.
    points : (p, 2) array
        Where the map is wanted, on the same plane.
    folds : int
        k.
    seed : int
        Of the random folds that stations get which are not clustered.

    Returns
    -------
    (s,) int
        0 … k-1.

    Raises
    ------
    InputError
        If there are fewer than two folds, or fewer stations than folds.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform
    from scipy.stats import ks_2samp, wasserstein_distance

    size = len(distance)
    if not 2 <= folds <= size:
        raise InputError(f"{folds} folds of {size} stations were asked for; it takes 2 to {size}.")
    wanted = map_distances(xy, points)
    own = fold_distances(distance, np.arange(size))
    rng = np.random.default_rng(seed)
    shuffled = np.empty(size, int)
    shuffled[rng.permutation(size)] = np.arange(size) % folds
    # Stations that are not closer to each other than the map is to them need no clustering.
    if ks_2samp(own, wanted, alternative="greater").pvalue >= 0.05:
        return shuffled
    tree = linkage(squareform(distance, checks=False), method="average")
    along = _first_component(xy)
    best, least = shuffled, float(wasserstein_distance(fold_distances(distance, shuffled), wanted))
    numbers = np.unique(np.round(np.exp(np.linspace(np.log(folds), np.log(max(size - 2, folds)), 100))))
    for number in numbers.astype(int):
        label = fcluster(tree, number, criterion="maxclust")
        fold = _merge(label, along, folds)
        shares = np.bincount(fold, minlength=folds) / size
        if shares.max() >= LARGEST_FOLD or (shares == 0).any():
            continue
        gap = float(wasserstein_distance(fold_distances(distance, fold), wanted))
        if gap < least - 1e-12:
            best, least = fold, gap
    return best


def _first_component(xy: np.ndarray) -> np.ndarray:
    """Coordinate of the points along their longest axis."""
    centred = xy - xy.mean(axis=0)
    return np.asarray(centred @ np.linalg.svd(centred, full_matrices=False)[2][0])


def _merge(label: np.ndarray, along: np.ndarray, folds: int) -> np.ndarray:
    """Merge clusters into folds: large ones keep a fold of their own, the others are dealt in turn along the
    longest axis.
    """
    names, index, sizes = np.unique(label, return_inverse=True, return_counts=True)
    middle = np.bincount(index, along) / sizes
    order = np.argsort(middle, kind="stable")
    fold = np.full(len(names), -1)
    large = [c for c in order if sizes[c] >= len(label) / folds]
    for k, cluster in enumerate(large[:folds]):
        fold[cluster] = k
    free = list(range(min(len(large), folds), folds)) or list(range(folds))
    rest = [c for c in order if fold[c] < 0]
    for position, cluster in enumerate(rest):
        fold[cluster] = free[position % len(free)]
    return fold[index]

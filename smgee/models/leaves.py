"""The same trees with other leaf values: what stood behind a prediction, told where trees are all there is.

A leaf knows more than its mean. Filled with the number of stations that were trained on in it, the trees
map how many stations a prediction rests on; filled with quantiles of the errors at stations left out, they
map the ends of an interval (after quantile regression forests; Meinshausen 2006, J. Mach. Learn. Res. 7,
983-999). On Earth Engine either is one more classifier.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smgee.trees import TreeEnsemble
from smgee.trees.reference import leaves


def leaf_stations(ensemble: TreeEnsemble, x: np.ndarray, station: np.ndarray) -> TreeEnsemble:
    """Return trees that give the number of training stations behind a prediction, mean over the trees.

    Parameters
    ----------
    x : (n, p) array
        Training rows.
    station : (n,) array
        Labels.
    """
    number = np.unique(station, return_inverse=True)[1]
    count = np.zeros(ensemble.n_nodes)
    for reached in leaves(ensemble, x).T:
        pairs = np.unique(np.column_stack([reached, number]), axis=0)
        nodes, stations = np.unique(pairs[:, 0], return_counts=True)
        count[nodes] = stations
    return replace(ensemble, value=count, aggregation="mean", base_score=0.0)


def leaf_quantile(
    ensemble: TreeEnsemble, x: np.ndarray, error: np.ndarray, station: np.ndarray, share: float
) -> TreeEnsemble:
    """Return trees that give the prediction plus a quantile of the errors in its leaves, mean over the trees.

    Parameters
    ----------
    x : (n, p) array
        Rows whose errors are known.
    error : (n,) array
        Observed minus predicted while the station was left out.
    station : (n,) array
        Labels; every station in a leaf weighs alike.
    share : float
        Which quantile, 0 to 1. A leaf that none of the rows reaches takes that of all rows.
    """
    number = np.unique(station, return_inverse=True)[1]
    everywhere = _quantile(np.zeros(len(error), int), number, error, share)[1][0]
    found = np.full(ensemble.n_nodes, everywhere)
    for reached in leaves(ensemble, x).T:
        nodes, values = _quantile(reached, number, error, share)
        found[nodes] = values
    part = found if ensemble.aggregation == "mean" else found / ensemble.n_trees
    return replace(ensemble, value=ensemble.value + part)


def _quantile(
    leaf: np.ndarray, station: np.ndarray, error: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the leaves that are reached, and in each the smallest error that at least a share of its mass
    does not exceed, every station of equal mass.
    """
    nodes, at = np.unique(leaf, return_inverse=True)
    pair = at * (int(station.max()) + 1) + station
    rows = np.bincount(pair)
    there = np.bincount(np.flatnonzero(rows) // (int(station.max()) + 1), minlength=len(nodes))
    weight = 1.0 / (rows[pair] * there[at])
    order = np.lexsort((error, at))
    mass = np.cumsum(weight[order])
    ends = np.searchsorted(at[order], np.arange(len(nodes)), side="right")
    before = np.concatenate([[0.0], mass[ends[:-1] - 1]])
    # sums of shares in floats may miss the quantile by a rounding error
    position = np.searchsorted(mass, before + share - 1e-9)
    return nodes, error[order][np.clip(position, np.concatenate([[0], ends[:-1]]), ends - 1)]

"""Ordinary kriging of one step's stations, with one variogram for all steps.

A variogram of thirty stations on one day is noise, so the semivariances of all training days are pooled after
each day's mean is taken off; the model (exponential with nugget) is fitted to them once. Cressie (1993),
Statistics for Spatial Data, §2.4, §3.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_BINS = 10
_LEAST_PAIRS = 30  # pairs of values a bin needs to be fitted


@dataclass(frozen=True)
class Variogram:
    """Exponential semivariogram, ``nugget + sill (1 - exp(-h / length))``.

    Parameters
    ----------
    nugget, sill : float
        (m³ m⁻³)².
    length : float
        Metres.
    """

    nugget: float
    sill: float
    length: float

    def __call__(self, h: np.ndarray) -> np.ndarray:
        """Semivariance at distances; 0 at distance 0."""
        value = self.nugget + self.sill * (1.0 - np.exp(-h / self.length))
        return np.where(h > 0.0, value, 0.0)


def fit_variogram(values: np.ndarray, distance: np.ndarray) -> Variogram:
    """Pooled variogram of stations × steps.

    Parameters
    ----------
    values : (s, t) array
        NaN where unknown.
    distance : (s, s) array
        Metres.

    Returns
    -------
    Variogram
        Without structure (all nugget) where pairs do not suffice for a fit.
    """
    import gstools

    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    seen = known.astype("f8")
    # sum over steps of (a - b)^2 for every pair of stations, from three products
    square = (filled**2) @ seen.T
    total = square + square.T - 2.0 * filled @ filled.T
    count = seen @ seen.T
    i, j = np.triu_indices(len(values), 1)
    h, pairs, half = distance[i, j], count[i, j], 0.5 * total[i, j]
    used = (pairs > 0) & (h > 0)
    overall = float(half[used].sum() / max(pairs[used].sum(), 1.0)) if used.any() else 0.0
    flat = Variogram(max(overall, 1e-12), 0.0, 1.0)
    if used.sum() < _BINS:
        return flat
    edges = np.unique(np.quantile(h[used], np.linspace(0.0, 0.8, _BINS + 1)))
    bin_of = np.digitize(h, edges[1:-1], right=True)
    middle, gamma = [], []
    for b in range(len(edges) - 1):
        inside = used & (bin_of == b) & (h <= edges[-1])
        if pairs[inside].sum() >= _LEAST_PAIRS:
            middle.append(float(np.average(h[inside], weights=pairs[inside])))
            gamma.append(float(half[inside].sum() / pairs[inside].sum()))
    if len(middle) < 4:
        return flat
    model = gstools.Exponential(dim=2)
    try:
        model.fit_variogram(np.array(middle), np.array(gamma), nugget=True)
    except (RuntimeError, ValueError):  # the fit did not converge: no structure to use
        return flat
    return Variogram(
        float(max(model.nugget, 1e-12)), float(max(model.var, 0.0)), float(max(model.len_scale, 1e-9))
    )


def kriging_weights(variogram: Variogram, between: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Weights of stations for targets; they sum to 1.

    Parameters
    ----------
    between : (k, k) array
        Distances between stations, metres.
    towards : (k, m) array
        Distances from stations to targets, metres.

    Returns
    -------
    (k, m) float64
    """
    size = len(between)
    left = np.ones((size + 1, size + 1))
    left[:size, :size], left[size, size] = variogram(between), 0.0
    right = np.ones((size + 1, towards.shape[1]))
    # A target is a place, not a probe: at distance 0 its semivariance is the nugget of the probe.
    right[:size] = np.where(towards > 0, variogram(towards), variogram.nugget)
    return np.asarray(np.linalg.lstsq(left, right, rcond=None)[0][:size])

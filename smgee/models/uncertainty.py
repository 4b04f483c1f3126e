"""Prediction intervals calibrated on stations that the model had not seen.

A map is asked for soil moisture where there is no station, so its interval must hold at a station left out,
not at another day of a station it knows. Out-of-fold residuals are pooled with equal weight per station,
after Dunn, Wasserman & Ramdas (2023), J. Am. Stat. Assoc. 118, 2491-2502: a station with ten times the rows
tells no more about the next station.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from smgee.errors import InputError
from smgee.models.designs import DESIGNS


@dataclass(frozen=True)
class Interval:
    """A symmetric prediction interval for places without a station.

    Parameters
    ----------
    half_width : float
        Prediction ± this, in m³ m⁻³; infinite when there are too few stations to promise `level`.
    level : float
        Share of days, at a new station like those of the network, that the interval is to cover.
    coverage : float
        Share really covered when each station in turn is judged by the residuals of all the others; NaN if
        that cannot be told.
    stations : int
        Stations behind it.
    """

    half_width: float
    level: float
    coverage: float
    stations: int


def conformal_interval(predictions: pd.DataFrame, model: str, *, level: float = 0.9) -> Interval:
    """The interval of a model from its errors at stations left out.

    The half width is the smallest h such that a share of at least `level` of the residual mass lies within
    it, where every station carries mass 1/(k+1) and one more such mass lies at infinity for the station not
    yet seen. That makes the promise hold for k stations and one new one drawn alike.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `smgee.models.cross_validate` gives it, with a design that leaves stations out.
    model : str
        Title of the model.
    level : float
        Between 0 and 1.

    Returns
    -------
    Interval
        With an infinite half width when there are fewer than ``level / (1 - level)`` stations.

    Raises
    ------
    InputError
        If `level` lies outside 0..1, or `predictions` has no rows of that model with stations left out.
    """
    if not 0.0 < level < 1.0:
        raise InputError(f"A level of {level} was asked for; it lies between 0 and 1, such as 0.9.")
    for design in ("loso", "station", "block"):
        part = predictions[(predictions["model"] == model) & (predictions["design"] == design)]
        if len(part):
            break
    else:
        known = ", ".join(d.name for d in DESIGNS.values() if d.transfers)
        raise InputError(
            f"There are no predictions of {model} at stations left out; cross-validate it with one of the "
            f"designs {known}."
        )
    residual = np.abs(part["predicted"].to_numpy() - part["observed"].to_numpy())
    names, station = np.unique(part["station"].to_numpy(), return_inverse=True)
    half_width = _weighted_quantile(residual, station, len(names), level)
    covered = []
    for k in range(len(names)):
        others = station != k
        if len(names) > 1:
            bound = _weighted_quantile(
                residual[others], station[others], len(names), level, count=len(names) - 1
            )
            covered.append(float(np.mean(residual[~others] <= bound)))
    finite = np.isfinite(half_width) and len(names) > 1
    return Interval(half_width, level, float(np.mean(covered)) if finite else float("nan"), len(names))


def _weighted_quantile(
    residual: np.ndarray, station: np.ndarray, size: int, level: float, count: int | None = None
) -> float:
    """Quantile of residuals in which each of `count` stations has mass 1/(count + 1); infinite beyond
    their whole mass.
    """
    rows = np.bincount(station, minlength=size)
    weight = 1.0 / (rows[station] * ((count or size) + 1))
    order = np.argsort(residual, kind="stable")
    mass = np.cumsum(weight[order])
    # the sum of k/(k+1) in floats may miss the level by a rounding error
    reached = np.searchsorted(mass, level - 1e-12)
    return float(residual[order][reached]) if reached < len(order) else float("inf")

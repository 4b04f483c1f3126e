"""How much of a member is believed: weights from stations left out, shrunk by what they are uncertain by."""

from __future__ import annotations

import numpy as np

PRIOR = 0.5
"""What is thought of a member's factor before any station has judged it, if the member holds at all: half."""

WHETHER, HOW_MUCH = 0.5, 0.25
"""Standard deviations around `PRIOR`. Whether a member holds is asked with the wide one, which says little
more than that its factor lies between nothing and all; how much of it is believed, with the narrow one, since
the few dozen stations that judge a member from within mistake its factor by a quarter or more.
"""

_TWICE = 2.0
"""The stations that judge a member have trained the others' members, so their errors hang together; the
variance over stations, which takes them for independent, is taken twice.
"""


def believed_weight(target: np.ndarray, predicted: np.ndarray, station: np.ndarray) -> float:
    """Factor for predictions at stations left out.

    The least-squares factor w of ``target ≈ w · predicted`` with its variance over stations (sandwich, whole
    stations; see `_TWICE`) is joined with what was thought before, both taken as normal. A factor whose mean
    is not above its own standard deviation is not told from nothing: then it is 0, the simpler model.

    Parameters
    ----------
    target, predicted : (n,) array
        m³ m⁻³, both relative to what is used without the member.
    station : (n,) int

    Returns
    -------
    float
        0 … 1.
    """
    size = float(predicted @ predicted)
    if size <= 0.0:
        return 0.0
    w = float(predicted @ target) / size
    scores = np.bincount(station, predicted * (target - w * predicted))
    count = len(np.unique(station))
    variance = _TWICE * float((scores**2).sum()) / size**2 * count / max(count - 1, 1)
    mean, deviation = _joined(w, variance, WHETHER)
    if not mean > deviation:
        return 0.0
    return float(np.clip(_joined(w, variance, HOW_MUCH)[0], 0.0, 1.0))


def _joined(w: float, variance: float, spread: float) -> tuple[float, float]:
    """Mean and standard deviation of a factor, from what stations say and what was thought before."""
    told, prior = 1.0 / max(variance, 1e-12), 1.0 / spread**2
    return (w * told + PRIOR * prior) / (told + prior), float((told + prior) ** -0.5)


def best_factor(target: np.ndarray, predicted: np.ndarray) -> float:
    """The least-squares factor between 0 and 1."""
    size = float(predicted @ predicted)
    return float(np.clip(predicted @ target / size, 0.0, 1.0)) if size > 0.0 else 0.0


def paired_gain(
    target: np.ndarray, first: np.ndarray, second: np.ndarray, station: np.ndarray
) -> tuple[float, float]:
    """How much smaller the mean square error of `second` is than that of `first`, and its standard error
    over stations, (m³ m⁻³)².
    """
    difference = (target - first) ** 2 - (target - second) ** 2
    _, index, count = np.unique(station, return_inverse=True, return_counts=True)
    sums = np.bincount(index, difference)
    mean = float(difference.mean())
    spread = sums - mean * count
    size = len(count)
    error = float(np.sqrt((spread**2).sum() * size / max(size - 1, 1))) / len(difference)
    return mean, error

"""How much of a member is believed: weights from stations left out, shrunk by what they are uncertain by."""

from __future__ import annotations

import numpy as np

MOST_OF_PLACE = 0.5
"""No place term is believed more than by half: a few dozen stations rarely tell the best factor, and half of
the term gains whatever that factor is, as long as it lies above a quarter.
"""

_TWICE = 2.0
"""The stations that judge a member have trained the others' members, so their errors hang together; the
variance over stations, which takes them for independent, is taken twice.
"""


def shrunk_weight(
    target: np.ndarray, predicted: np.ndarray, station: np.ndarray, *, most: float = 1.0
) -> float:
    """Factor for predictions at stations left out.

    The least-squares factor w of ``target ≈ w · predicted`` with its variance over stations (sandwich, whole
    stations; see `_TWICE`), shrunk as James & Stein (1961) do: ``w (1 - var / w²)``, never below 0, never
    above `most`. A member that helps only by the chance of which stations happened to be there gets 0.

    Parameters
    ----------
    target, predicted : (n,) array
        m³ m⁻³, both relative to what is used without the member.
    station : (n,) int
    most : float

    Returns
    -------
    float
        0 … `most`.
    """
    size = float(predicted @ predicted)
    if size <= 0.0:
        return 0.0
    w = float(predicted @ target) / size
    if w <= 0.0:
        return 0.0
    scores = np.bincount(station, predicted * (target - w * predicted))
    count = len(np.unique(station))
    variance = _TWICE * float((scores**2).sum()) / size**2 * count / max(count - 1, 1)
    return float(np.clip(w * (1.0 - variance / w**2), 0.0, most))


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

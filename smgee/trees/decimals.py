"""Thresholds as numbers: the float32 that a comparison amounts to, and plain decimals to write it with.

Earth Engine's tree text is parsed as decimal numbers and is known to break on scientific notation, so
decimals have no exponent, and as few digits as the purpose allows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

SIGNIFICANT = 9  # decimal digits that identify any float32


def floor_float32(threshold: np.ndarray) -> np.ndarray:
    """Return the largest float32 that is not above each float64, as float64.

    For float32 values ``x``, ``x <= threshold`` holds exactly when ``x <= floor_float32(threshold)``, so a
    library that compares a float32 value with a float64 threshold compares, in effect, two float32.
    """
    threshold = np.asarray(threshold, dtype=np.float64)
    with np.errstate(over="ignore"):
        low = threshold.astype(np.float32)
        above = low.astype(np.float64) > threshold
        low[above] = np.nextafter(low[above], np.float32(-np.inf))
    return low.astype(np.float64)


def _tidy(text: str) -> str:
    """Write what `repr` gave for a float without exponent and without needless zeros."""
    if "e" in text:
        text = format(Decimal(text), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def exact(values: Iterable[float]) -> list[str]:
    """Return, for finite float64 numbers, the shortest plain decimals that parse back to exactly the same
    numbers.
    """
    texts = map(repr, values)
    return [t if t[-2:] != ".0" and "e" not in t else _tidy(t) for t in texts]


def rounded(values: Iterable[float]) -> list[str]:
    """Return plain decimals of nine significant digits."""
    texts = [f"{v:.{SIGNIFICANT}g}" for v in values]
    return [t if "." in t and "e" not in t else _tidy(t) for t in texts]


def short_thresholds(values: np.ndarray, *, upward: bool) -> list[str]:
    """Return the shortest plain decimals that cut float32 numbers where the given float32 thresholds do.

    Parameters
    ----------
    values : (n,) float64
        Thresholds that are float32 numbers, finite.
    upward : bool
        True for the test ``x <= t``: the decimal lies in [t, t + half a step to the next float32). False for
        ``x < t``: it lies in (t - half a step, t]. So both a parser that keeps float64 and one that rounds to
        float32 test float32 pixels alike.

    Returns
    -------
    list of str
    """
    distinct, position = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True)
    single = distinct.astype(np.float32)
    with np.errstate(over="ignore"):
        neighbour = np.nextafter(single, np.float32(np.inf if upward else -np.inf)).astype(np.float64)
    limit = np.where(np.isfinite(neighbour), (distinct + neighbour) / 2, distinct)
    texts = np.full(len(distinct), "", dtype=object)
    texts[distinct == 0] = "0"
    with np.errstate(divide="ignore"):
        exponent = np.floor(np.log10(np.abs(distinct)))
    # Powers of ten are exact up to 10**22, so number / power is the very float64 that the decimal parses to.
    open_ = np.flatnonzero((distinct != 0) & (np.abs(exponent) <= 12))
    for digits in range(1, SIGNIFICANT + 1):
        t, end, places = distinct[open_], limit[open_], digits - 1 - exponent[open_]
        up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
        number = (np.ceil if upward else np.floor)(t * up / down)
        candidate = number * down / up
        fits = (t <= candidate) & (candidate < end) if upward else (end < candidate) & (candidate <= t)
        chosen = zip(candidate[fits].tolist(), np.maximum(places[fits], 0).astype(int).tolist(), strict=True)
        # Rounding up to the next power of ten leaves a zero at the end.
        texts[open_[fits]] = [t if t[-1] != "0" else _tidy(t) for t in (f"{c:.{n}f}" for c, n in chosen)]
        open_ = open_[~fits]
    rest = np.flatnonzero(texts == "")
    texts[rest] = [
        _shortest(t, end, upward)
        for t, end in zip(distinct[rest].tolist(), limit[rest].tolist(), strict=True)
    ]
    return texts[position].tolist()


def _shortest(start: float, end: float, upward: bool) -> str:
    """Return the shortest decimal from `start` (included) towards `end` (not included), for any magnitude."""
    number = Decimal(start)
    exponent = math.floor(math.log10(abs(start)))
    for digits in range(1, SIGNIFICANT + 1):
        quantum = Decimal(1).scaleb(exponent - digits + 1)
        candidate = float(number.quantize(quantum, rounding=ROUND_CEILING if upward else ROUND_FLOOR))
        if (start <= candidate < end) if upward else (end < candidate <= start):
            return _tidy(repr(candidate))
    return _tidy(repr(start))

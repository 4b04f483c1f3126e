"""Plain decimal numbers: no exponent, as few digits as the purpose allows.

Earth Engine's tree text is parsed as decimal numbers and is known to break on scientific notation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

__all__ = ["exact", "rounded", "short_thresholds"]

SIGNIFICANT = 9  # decimal digits that identify any float32


def _tidy(text: str) -> str:
    """Write what `repr` gave for a float without exponent and without needless zeros."""
    if "e" in text:
        text = format(Decimal(text), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def exact(values: Iterable[float]) -> list[str]:
    """Return, for finite float64 numbers, the shortest plain decimals that parse back to exactly the same numbers."""
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
        True for the test ``x <= t``: the decimal lies in [t, t + half a step to the next float32). False for ``x < t``: it lies in
        (t - half a step, t]. So both a parser that keeps float64 and one that rounds to float32 test float32 pixels alike.

    Returns
    -------
    list of str
    """
    distinct, position = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True)
    single = distinct.astype(np.float32)
    with np.errstate(over="ignore"):
        neighbour = np.nextafter(single, np.float32(np.inf if upward else -np.inf)).astype(np.float64)
    limit = np.where(np.isfinite(neighbour), (distinct + neighbour) / 2, distinct)
    texts = [_shortest(t, end, upward) for t, end in zip(distinct.tolist(), limit.tolist(), strict=True)]
    return [texts[i] for i in position.tolist()]


def _shortest(start: float, end: float, upward: bool) -> str:
    """Return the shortest decimal from `start` (included) towards `end` (not included)."""
    if start == 0:
        return "0"
    number = Decimal(start)
    exponent = math.floor(math.log10(abs(start)))
    for digits in range(1, SIGNIFICANT + 1):
        quantum = Decimal(1).scaleb(exponent - digits + 1)
        candidate = float(number.quantize(quantum, rounding=ROUND_CEILING if upward else ROUND_FLOOR))
        if (start <= candidate < end) if upward else (end < candidate <= start):
            return _tidy(repr(candidate))
    return _tidy(repr(start))

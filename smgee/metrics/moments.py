"""What most metrics are made of: weighted sums of few numbers per pair.

A bootstrap redraws pairs, that is, it weights them by whole numbers. So all its resamples of all such metrics
are one matrix product, whatever the number of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Moments:
    """Moments of pairs (x, y) and of their differences d = x − y; every field has the shape of the resamples.

    Attributes
    ----------
    n : number of pairs
    mean_x, mean_y, mean_d : means, in the unit of the data
    var_x, var_y, var_d, cov : variances and covariance with divisor n, in its square
    absolute : mean of abs(d)
    flat : whether a series is constant, up to the noise of rounding
    """

    n: np.ndarray
    mean_x: np.ndarray
    mean_y: np.ndarray
    mean_d: np.ndarray
    var_x: np.ndarray
    var_y: np.ndarray
    var_d: np.ndarray
    cov: np.ndarray
    absolute: np.ndarray
    flat: np.ndarray

    @property
    def square(self) -> np.ndarray:
        """Mean of d²."""
        return self.mean_d**2 + self.var_d


@dataclass(frozen=True)
class Terms:
    """Columns (1, x, y, d, x², y², d², xy, abs(d)) per pair, or summed per unit.

    They are taken about the mean of the whole series: such sums keep their digits, however far from zero the
    series lie.
    """

    values: np.ndarray
    origin: tuple[float, float, float]

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray) -> Terms:
        """Return the terms of every pair, shape (n, 9)."""
        d = x - y
        origin = (_origin(x), _origin(y), _origin(d))
        a, b, c = x - origin[0], y - origin[1], d - origin[2]
        values = np.stack([np.ones_like(a), a, b, c, a * a, b * b, c * c, a * b, np.abs(d)], axis=1)
        return cls(values, origin)

    def grouped(self, unit: np.ndarray, units: int) -> Terms:
        """Return the sums of the terms over the pairs of every unit, shape (units, 9)."""
        sums = [np.bincount(unit, weights=column, minlength=units) for column in self.values.T]
        return Terms(np.stack(sums, axis=1), self.origin)

    def moments(self, counts: np.ndarray | None = None) -> Moments:
        """Return the moments of all units, or of each resample of them.

        Parameters
        ----------
        counts : array, shape (resamples, units), optional
            How often each resample holds each unit.
        """
        sums = self.values.sum(axis=0) if counts is None else counts @ self.values
        n, x, y, d, xx, yy, dd, xy, absolute = np.moveaxis(sums, -1, 0)
        x0, y0, d0 = self.origin
        x, y, d = x / n, y / n, d / n
        var_x, var_y = np.maximum(xx / n - x * x, 0.0), np.maximum(yy / n - y * y, 0.0)
        return Moments(
            n=n,
            mean_x=x0 + x,
            mean_y=y0 + y,
            mean_d=d0 + d,
            var_x=var_x,
            var_y=var_y,
            var_d=np.maximum(dd / n - d * d, 0.0),
            cov=xy / n - x * y,
            absolute=absolute / n,
            flat=_flat(var_x, xx / n, x0) | _flat(var_y, yy / n, y0),
        )


def _origin(values: np.ndarray) -> float:
    """Return the mean, but of one repeated number that number: its mean may differ from it in the last digit,
    and its variance must be exactly 0.
    """
    if not len(values):
        return 0.0
    return float(values[0] if np.ptp(values) == 0 else values.mean())


def _flat(variance: np.ndarray, square: np.ndarray, origin: float) -> np.ndarray:
    """Rounding leaves about 1e-16 of the second moment, and 1e-32 of the squared origin, where the true
    variance is zero.
    """
    return (variance <= 1e-14 * square) | (variance <= 1e-24 * origin**2)

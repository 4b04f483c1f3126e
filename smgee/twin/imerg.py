"""Rain by the half hour, as GPM IMERG has it: right by the month, doubtful by the day, rough by the hour.

The final run is scaled by gauges to monthly sums that are nearly right. Its days err, more than those of a
gauge-based product, and light rain over cold high ground is often missed; within a day the true storm is met,
but an hour or two off. On plateaus of the kind daily correlations with gauges of 0.4 to 0.7 are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter

from smgee.datasets import IMERG
from smgee.grid import PixelGrid
from smgee.twin.basin import Basin
from smgee.twin.noise import stream
from smgee.twin.products import Products, window_of

HALF_HOURS = 48
"""Images of a day."""

_MISSED = 1.0  # mm of a day below which half of the rain is not seen


class Imerg:
    """Half-hourly rain of one year of the basin.

    Parameters
    ----------
    products : Products
        Of the same year.
    """

    def __init__(self, basin: Basin, products: Products) -> None:
        self.basin = basin
        self._products = products

    @cached_property
    def grid(self) -> PixelGrid:
        """The pixels of IMERG around the basin."""
        assert IMERG.grid is not None
        return window_of(self.basin, IMERG.grid, margin=0.2)

    @cached_property
    def daily(self) -> np.ndarray:
        """Rain by the day, (day, height, width) float64 mm."""
        rng = stream(self.basin.seed, "imerg", self.basin.year)
        rain, _ = self._products.rain(self.grid)
        error = gaussian_filter(rng.standard_normal(rain.shape), (0.0, 1.0, 1.0))
        # each day's error is of the basin's size, for the satellites pass rarely
        whole = rng.standard_normal((len(rain), 1, 1))
        factor = np.exp(0.9 * whole + 0.6 * error / error.std() - 0.58)
        seen = rng.random(rain.shape) < np.where(rain < _MISSED, 0.5, 0.97)
        ghost = np.where(rng.random((len(rain), 1, 1)) < 0.08, rng.gamma(1.0, 1.2, rain.shape), 0.0)
        found = rain * factor * seen + ghost
        for days in _months(self.basin.days):  # gauges correct the month, by 5 to 10 %
            total, true = found[days].sum(), rain[days].sum()
            found[days] *= true / total * rng.normal(1.0, 0.07) if total > 0 else 1.0
        return np.maximum(found, 0.0)

    @cached_property
    def shares(self) -> np.ndarray:
        """Share of a day's rain that falls in each half hour (UTC), (day, 48); they sum to 1.

        Convection over high ground peaks in the afternoon and evening of the sun's time, here 18:00.
        """
        rng = stream(self.basin.seed, "imerg hours", self.basin.year)
        days = len(self.basin.days)
        lon = self.grid.transform[2]
        hour = (np.arange(HALF_HOURS) + 0.5) / 2
        shares = np.zeros((days, HALF_HOURS))
        for weight, spread in ((0.7, 3.0), (0.3, 6.0)):  # a storm, and what follows it
            at = (18.0 - lon / 15.0 + rng.normal(0.0, spread, (days, 1))) % 24.0
            width = rng.uniform(0.8, 2.5, (days, 1))
            apart = (hour - at + 12.0) % 24.0 - 12.0
            shares += weight * np.exp(-0.5 * (apart / width) ** 2) / width
        shares[shares < 0.02 * shares.max(axis=1, keepdims=True)] = 0.0
        return shares / shares.sum(axis=1, keepdims=True)

    def rate(self, day: int, half_hour: int) -> np.ndarray:
        """Return the rate of rain, (height, width) float32 mm h⁻¹; day and half hour count from 0."""
        return (self.daily[day] * self.shares[day, half_hour] * 2.0).astype(np.float32)


def _months(days: Sequence[date]) -> list[slice]:
    """Return where each month of a year lies among its days."""
    month = np.array([d.month for d in days])
    starts = np.flatnonzero(np.diff(month, prepend=0))
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], len(days)])]

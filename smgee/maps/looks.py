"""Colours of what is mapped: the same on tiles, stations, cells and legends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

# Palettes that colour-blind readers can tell apart: ColorBrewer's YlGnBu and RdBu (its ends dry and wet),
# matplotlib's viridis and magma, cividis for shares.
MOISTURE = ("ffffd9", "edf8b1", "c7e9b4", "7fcdbb", "41b6c4", "1d91c0", "225ea8", "253494", "081d58")
DIFFERENCE = ("8c510a", "bf812d", "dfc27d", "f6e8c3", "f5f5f5", "c7eae5", "80cdc1", "35978f", "01665e")
ERROR = ("fcfdbf", "fec98d", "fd9567", "f1605d", "cd3f70", "9f2f7f", "721f81", "440f76", "180f3d")
SHARE = ("00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369", "e1cc55", "fee838")
VIRIDIS = ("440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725")


@dataclass(frozen=True)
class Look:
    """How values become colours: a palette, evenly spaced between two ends, straight lines between.

    Parameters
    ----------
    low, high : float
        Values of the first and the last colour; beyond them colours stay.
    palette : tuple of str
        Colours as six hexadecimal digits.
    units : str
        Of the values, as people write them.
    """

    low: float
    high: float
    palette: tuple[str, ...] = MOISTURE
    units: str = "m³ m⁻³"

    def colours(self, values: np.ndarray) -> np.ndarray:
        """Return the colours of values, (…, 4) uint8; transparent where a value is NaN."""
        table = np.array([[int(c[k : k + 2], 16) for k in (0, 2, 4)] for c in self.palette], float)
        known = np.isfinite(values)
        span = self.high - self.low or 1.0
        place = np.clip((np.where(known, values, self.low) - self.low) / span, 0, 1) * (len(table) - 1)
        lower = np.minimum(place.astype(np.intp), len(table) - 2)
        share = (place - lower)[..., None]
        mixed = table[lower] * (1 - share) + table[lower + 1] * share
        alpha = np.where(known, 255, 0)[..., None]
        return np.concatenate([np.rint(mixed), alpha], axis=-1).astype(np.uint8)

    def vis(self) -> dict[str, Any]:
        """Return the same as parameters of Earth Engine's maps."""
        return {"min": self.low, "max": self.high, "palette": list(self.palette)}

    def told(self) -> dict[str, Any]:
        """Return it for the page."""
        return asdict(self)


def limits(values: np.ndarray, *, within: tuple[float, float] = (2, 98)) -> tuple[float, float]:
    """Return percentiles of the known values, rounded outward to two digits; (0, 1) where none is known."""
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(known, within))
    if high <= low:
        low, high = low - 0.5 * (abs(low) or 1.0), low + 0.5 * (abs(low) or 1.0)
    step = 10.0 ** math.floor(math.log10(high - low) - 1)
    return round(math.floor(low / step) * step, 12), round(math.ceil(high / step) * step, 12)


def symmetric(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Return ends of the same size about zero for differences."""
    _, high = limits(np.abs(np.asarray(values, float)), within=(0, 98))
    return -high, high

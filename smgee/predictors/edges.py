"""The edges of OPTRAM's trapezoid, fitted to samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from smgee.errors import InputError
from smgee.options import Options

BIN = 0.05
LEAST_SAMPLES = 20
LEAST_BINS = 3


class Edges(Options):
    """Lines that bound the transformed reflectance STR of dry and of wet ground over NDVI.

    Attributes
    ----------
    dry_intercept, dry_slope, wet_intercept, wet_slope : float
        STR = intercept + slope × NDVI.
    """

    dry_intercept: float
    dry_slope: float
    wet_intercept: float
    wet_slope: float

    @model_validator(mode="after")
    def _open(self) -> Edges:
        if min(self.wet_intercept - self.dry_intercept, self._width(1.0)) <= 0:
            raise ValueError("the wet edge does not lie above the dry one for every NDVI from 0 to 1")
        return self

    def _width(self, ndvi: float) -> float:
        return self.wet_intercept - self.dry_intercept + (self.wet_slope - self.dry_slope) * ndvi

    def constants(self) -> dict[str, float]:
        """Return the numbers by name."""
        return {k: float(v) for k, v in self.model_dump().items()}


def fit_edges(ndvi: npt.ArrayLike, transformed: npt.ArrayLike, *, share: float = 0.05) -> Edges:
    """Fit the edges to samples of the training stations, or of the area.

    In every class of NDVI, 0.05 wide and with 20 samples at least, the `share` and 1 − `share` quantiles of
    STR are its dry and its wet end; each edge is the least-squares line through its ends (Sadeghi et al.
    2017, Remote Sens. Environ. 198:52). Soil moisture itself is not looked at.

    Parameters
    ----------
    ndvi, transformed : (n,) array_like
        NDVI and STR of the same samples; pairs that lack one are left out.
    share : float
        Share of samples that each edge leaves outside.

    Raises
    ------
    InputError
        For samples of fewer than three classes, or edges that meet.
    """
    x, y = np.asarray(ndvi, "f8").ravel(), np.asarray(transformed, "f8").ravel()
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    where = np.floor(x / BIN)
    classes = [k for k in np.unique(where) if (where == k).sum() >= LEAST_SAMPLES]
    if len(classes) < LEAST_BINS:
        raise InputError(
            f"The {len(x)} samples fill {len(classes)} classes of NDVI ({BIN} wide) with {LEAST_SAMPLES} at "
            f"least; {LEAST_BINS} are needed to tell how the edges run. Give more samples, of other seasons "
            "or places."
        )
    middle = [x[where == k].mean() for k in classes]
    lines = [
        np.polyfit(middle, [np.quantile(y[where == k], q) for k in classes], 1) for q in (share, 1 - share)
    ]
    (dry_slope, dry), (wet_slope, wet) = lines
    try:
        return Edges(
            dry_intercept=float(dry),
            dry_slope=float(dry_slope),
            wet_intercept=float(wet),
            wet_slope=float(wet_slope),
        )
    except ValueError as error:
        raise InputError(
            f"The edges meet between NDVI 0 and 1: samples of NDVI {middle[0]:.2f}–{middle[-1]:.2f} do not "
            "tell how they run. Give samples of more seasons or places: barer and greener, wetter and drier."
        ) from error

"""The one table of metrics.

Tables, report columns and cards take names, units and ranges from `METRICS`; a metric more is one entry here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from smgee.errors import InputError
from smgee.metrics.moments import Moments, Terms
from smgee.metrics.pairing import paired


class Scale(Enum):
    """The scale on which a metric's sampling error is nearly normal."""

    PLAIN = "plain"
    POSITIVE = "logarithm"
    CORRELATION = "Fisher's z"


@dataclass(frozen=True)
class Metric:
    """One figure of agreement between x (estimate) and y (reference).

    Attributes
    ----------
    name : str
        Column name.
    label, long_name : str
        As in a figure, and in words.
    power : int
        Its unit is that of the data to this power; 0 for a plain number.
    range : (float, float)
        Least and greatest value it can have.
    best : float
        Its value where x equals y.
    least_pairs : int
        Below this many pairs it is not defined, that is NaN.
    scale : Scale
        On which its intervals are made.
    function : callable
        Of `Moments`, or, where `by_pairs`, of x and y of shape (..., n), reduced over the last axis.
    by_pairs : bool
        Whether it needs the pairs themselves; its bootstrap is then slower.
    source : str
        Of the formula.
    """

    name: str
    label: str
    long_name: str
    power: int
    range: tuple[float, float]
    best: float
    least_pairs: int
    scale: Scale
    function: Callable[..., np.ndarray]
    by_pairs: bool = False
    source: str = ""

    def unit(self, of_data: str = "m3 m-3") -> str:
        """Return the unit for data in the unit `of_data`."""
        return "1" if self.power == 0 else of_data if self.power == 1 else f"({of_data}){self.power}"


def _correlation(m: Moments) -> np.ndarray:
    spread = np.where(m.flat, 1.0, np.sqrt(m.var_x) * np.sqrt(m.var_y))
    return np.where(m.flat, np.nan, np.clip(m.cov / spread, -1.0, 1.0))


def _rank_correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    a, b = rankdata(x, axis=-1), rankdata(y, axis=-1)
    a, b = a - a.mean(axis=-1, keepdims=True), b - b.mean(axis=-1, keepdims=True)
    spread = np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
    flat = spread == 0
    return np.where(flat, np.nan, np.clip((a * b).sum(axis=-1) / np.where(flat, 1.0, spread), -1.0, 1.0))


def _efficiency(m: Moments) -> np.ndarray:
    return np.where(m.var_y > 0, 1.0 - m.square / np.where(m.var_y > 0, m.var_y, 1.0), np.nan)


def _kling_gupta(m: Moments) -> np.ndarray:
    level = np.where(m.mean_y == 0, np.nan, m.mean_x / np.where(m.mean_y == 0, 1.0, m.mean_y))
    spread = np.sqrt(m.var_x / np.where(m.var_y > 0, m.var_y, np.nan))
    return 1.0 - np.sqrt((_correlation(m) - 1) ** 2 + (spread - 1) ** 2 + (level - 1) ** 2)


def _normalised(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    span = np.maximum(x.max(axis=-1), y.max(axis=-1)) - np.minimum(x.min(axis=-1), y.min(axis=-1))
    rmse = np.sqrt(((x - y) ** 2).mean(axis=-1))
    return np.where(span > 0, rmse / np.where(span > 0, span, 1.0), np.nan)


_ENTEKHABI = "Entekhabi et al. 2010, J. Hydrometeorol. 11:832-840"
_GUPTA = "Gupta et al. 2009, J. Hydrol. 377:80-91"
_ANY, _POSITIVE = (-math.inf, math.inf), (0.0, math.inf)
_UNIT, _SKILL = (-1.0, 1.0), (-math.inf, 1.0)
_Z, _LOG, _PLAIN = Scale.CORRELATION, Scale.POSITIVE, Scale.PLAIN

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            # With two pairs a correlation is +1 or -1 whatever was measured, so three are asked for.
            Metric("r", "R", "Pearson correlation", 0, _UNIT, 1, 3, _Z, _correlation, source=_ENTEKHABI),
            Metric("bias", "bias", "mean difference", 1, _ANY, 0, 1, _PLAIN, lambda m: m.mean_d),
            Metric(
                "rmse",
                "RMSE",
                "root mean square difference",
                1,
                _POSITIVE,
                0,
                1,
                _LOG,
                lambda m: np.sqrt(m.square),
                source=_ENTEKHABI,
            ),
            Metric(
                "ubrmse",
                "ubRMSE",
                "standard deviation of the differences (divisor n)",
                1,
                _POSITIVE,
                0,
                2,
                _LOG,
                lambda m: np.sqrt(m.var_d),
                source=_ENTEKHABI,
            ),
            Metric(
                "rho",
                "ρ",
                "Spearman rank correlation, mean ranks for ties",
                0,
                _UNIT,
                1,
                3,
                _Z,
                _rank_correlation,
                by_pairs=True,
            ),
            Metric(
                "r2",
                "R²",
                "coefficient of determination, 1 - mse / variance of y",
                0,
                _SKILL,
                1,
                3,
                _PLAIN,
                _efficiency,
                source="Nash & Sutcliffe 1970, J. Hydrol. 10:282-290",
            ),
            Metric("mae", "MAE", "mean absolute difference", 1, _POSITIVE, 0, 1, _LOG, lambda m: m.absolute),
            Metric("mse", "MSE", "mean square difference", 2, _POSITIVE, 0, 1, _LOG, lambda m: m.square),
            Metric(
                "mse_bias",
                "MSE of the bias",
                "part of the mse that the means make",
                2,
                _POSITIVE,
                0,
                1,
                _LOG,
                lambda m: m.mean_d**2,
                source=_GUPTA,
            ),
            Metric(
                "mse_corr",
                "MSE of the correlation",
                "part of the mse that imperfect correlation makes",
                2,
                _POSITIVE,
                0,
                2,
                _LOG,
                lambda m: np.maximum(2 * (np.sqrt(m.var_x) * np.sqrt(m.var_y) - m.cov), 0.0),
                source=_GUPTA,
            ),
            Metric(
                "mse_var",
                "MSE of the variance",
                "part of the mse that unequal standard deviations make",
                2,
                _POSITIVE,
                0,
                2,
                _LOG,
                lambda m: (np.sqrt(m.var_x) - np.sqrt(m.var_y)) ** 2,
                source=_GUPTA,
            ),
            Metric(
                "kge", "KGE", "Kling-Gupta efficiency", 0, _SKILL, 1, 3, _PLAIN, _kling_gupta, source=_GUPTA
            ),
            Metric(
                "nrmse",
                "nRMSE",
                "rmse by the range of both series",
                0,
                _POSITIVE,
                0,
                2,
                _LOG,
                _normalised,
                by_pairs=True,
            ),
        )
    }
)
"""Every metric by name."""

HEADLINE = ("r", "bias", "rmse", "ubrmse")
"""The four figures of soil moisture validation, in the order in which tables show them."""


def metric(name: str) -> Metric:
    """Return a metric by name; `InputError` if there is none of that name."""
    try:
        return METRICS[name]
    except KeyError:
        raise InputError(f"The metric {name!r} is not known; choose from {', '.join(METRICS)}.") from None


def columns(names: Iterable[str] = HEADLINE) -> tuple[str, ...]:
    """Return the columns of a table of these metrics, each followed by the limits of its interval."""
    return tuple(f"{metric(name).name}{end}" for name in names for end in ("", "_low", "_high"))


def score(name: str, x: ArrayLike, y: ArrayLike) -> float:
    """Return one metric of x against y.

    Parameters
    ----------
    name : str
        Of `METRICS`.
    x, y : array-like, shape (n,)
        Estimate and reference, of one unit; pairs with a NaN are left out.

    Returns
    -------
    float
        In the unit the table names; NaN below the metric's least number of pairs, and where a constant series
        leaves it undefined.
    """
    return scores((name,), x, y)[name]


def scores(names: Iterable[str], x: ArrayLike, y: ArrayLike) -> dict[str, float]:
    """Return several metrics of x against y, as `score` does."""
    return of_pairs([metric(name) for name in names], *paired(x, y))


def of_pairs(chosen: Iterable[Metric], x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return metrics of pairs that are complete."""
    moments = Terms.of(x, y).moments() if len(x) else None
    found = {}
    for one in chosen:
        if moments is None or len(x) < one.least_pairs:
            found[one.name] = math.nan
        else:
            found[one.name] = float(one.function(x, y) if one.by_pairs else one.function(moments))
    return found

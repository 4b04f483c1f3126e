"""The one table of metrics.

Tables, report columns and cards take names, units and ranges from `METRICS`; a metric more is one entry here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

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
    function : callable
        Of `Moments`, or, where `by_pairs`, of x and y of shape (..., n), reduced over the last axis.
    least_pairs : int
        Below this many pairs it is not defined, that is NaN.
    range : (float, float)
        Least and greatest value it can have.
    best : float
        Its value where x equals y.
    scale : Scale
        On which its intervals are made.
    by_pairs : bool
        Whether it needs the pairs themselves; its bootstrap is then slower.
    source : str
        Of the formula.
    """

    name: str
    label: str
    long_name: str
    power: int
    function: Callable[..., np.ndarray]
    least_pairs: int = 1
    range: tuple[float, float] = (0.0, math.inf)
    best: float = 0
    scale: Scale = Scale.POSITIVE
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
_CORRELATION: dict[str, Any] = {"range": (-1.0, 1.0), "best": 1, "scale": Scale.CORRELATION}
_SKILL: dict[str, Any] = {"range": (-math.inf, 1.0), "best": 1, "scale": Scale.PLAIN}
_SIGNED: dict[str, Any] = {"range": (-math.inf, math.inf), "scale": Scale.PLAIN}
_RANKED = "Spearman rank correlation, mean ranks for ties"
_EXPLAINED = "coefficient of determination, 1 - mse / variance of y"
_NASH = "Nash & Sutcliffe 1970, J. Hydrol. 10:282-290"
_UNBIASED = "standard deviation of the differences (divisor n)"


def _rmse(m: Moments) -> np.ndarray:
    return np.sqrt(m.square)


def _parts_of_mse() -> Iterator[Metric]:
    """Yield the three parts that the mse falls into, as Gupta et al. divide it."""
    for name, of, makes, least, function in (
        ("bias", "bias", "the means make", 1, lambda m: m.mean_d**2),
        (
            *("corr", "correlation", "imperfect correlation makes", 2),
            lambda m: np.maximum(2 * (np.sqrt(m.var_x) * np.sqrt(m.var_y) - m.cov), 0.0),
        ),
        (
            *("var", "variance", "unequal standard deviations make", 2),
            lambda m: (np.sqrt(m.var_x) - np.sqrt(m.var_y)) ** 2,
        ),
    ):
        said = f"part of the mse that {makes}"
        yield Metric(f"mse_{name}", f"MSE of the {of}", said, 2, function, least, source=_GUPTA)


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            # With two pairs a correlation is +1 or -1 whatever was measured, so three are asked for.
            Metric("r", "R", "Pearson correlation", 0, _correlation, 3, **_CORRELATION, source=_ENTEKHABI),
            Metric("bias", "bias", "mean difference", 1, lambda m: m.mean_d, **_SIGNED),
            Metric("rmse", "RMSE", "root mean square difference", 1, _rmse, source=_ENTEKHABI),
            Metric("ubrmse", "ubRMSE", _UNBIASED, 1, lambda m: np.sqrt(m.var_d), 2, source=_ENTEKHABI),
            Metric("rho", "ρ", _RANKED, 0, _rank_correlation, 3, **_CORRELATION, by_pairs=True),
            Metric("r2", "R²", _EXPLAINED, 0, _efficiency, 3, **_SKILL, source=_NASH),
            Metric("mae", "MAE", "mean absolute difference", 1, lambda m: m.absolute),
            Metric("mse", "MSE", "mean square difference", 2, lambda m: m.square),
            *_parts_of_mse(),
            Metric("kge", "KGE", "Kling-Gupta efficiency", 0, _kling_gupta, 3, **_SKILL, source=_GUPTA),
            Metric("nrmse", "nRMSE", "rmse by the range of both series", 0, _normalised, 2, by_pairs=True),
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

"""Metrics with intervals, and the difference between two estimates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from smgee.errors import InputError
from smgee.metrics.moments import Terms
from smgee.metrics.pairing import vectors
from smgee.metrics.resamplers import Clusters, Draws, MovingBlocks, Pair, Resampler
from smgee.metrics.table import HEADLINE, Metric, Scale, metric, of_pairs


@dataclass(frozen=True)
class Assessment:
    """Metrics of one comparison, or their differences between two, with intervals.

    Attributes
    ----------
    values : mapping of str to float
        By name of metric; NaN where not defined (see `reason`).
    intervals : mapping of str to (float, float)
        Lower and upper limit of each; NaN where not given.
    n : int
        Pairs used.
    n_eff : float
        Independent pairs that would tell as much; see the resampler.
    block : int
        Pairs per block of the bootstrap; 0 where none were drawn.
    level : float
        Coverage of the intervals.
    reason : str
        Why something is NaN; empty when nothing is.
    """

    values: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    n: int
    n_eff: float
    block: int
    level: float
    reason: str

    def __getitem__(self, name: str) -> float:
        """Return the value of a metric."""
        return self.values[name]

    def as_row(self, prefix: str = "") -> dict[str, float]:
        """Return a flat dict for a table, as `smgee.metrics.columns` names it: r, r_low, r_high, bias, …"""
        row: dict[str, float] = {}
        for name, value in self.values.items():
            low, high = self.intervals[name]
            row |= {f"{prefix}{name}": value, f"{prefix}{name}_low": low, f"{prefix}{name}_high": high}
        return row


def assess(
    x: ArrayLike,
    y: ArrayLike,
    *,
    metrics: Iterable[str] = HEADLINE,
    time: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    resampler: Resampler | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Assessment:
    """Compare x (estimate, satellite) with y (reference).

    Parameters
    ----------
    x, y : array-like, shape (n,)
        Of one unit; pairs in which either is NaN (or masked) are left out.
    metrics : iterable of str
        Names of `METRICS`.
    time, clusters : array-like, shape (n,), optional
        Short for ``MovingBlocks(time)`` (of one long series) and ``Clusters(clusters)`` (of many stations).
        Without both, the rows are taken for consecutive.
    resampler : Resampler, optional
        What the intervals redraw, instead of these.
    level : float
        Coverage of the intervals, 0…1.
    resamples : int
        Of the bootstrap.
    seed : int
        The same input gives the same intervals.

    Raises
    ------
    InputError
        Series, labels or times that do not fit together, or a metric that is not known.
    """
    chosen = [metric(name) for name in metrics]
    resampler = _resampler(time, clusters, resampler, level, resamples)
    whole = vectors(x, y)
    rows = resampler.arrange(~np.isnan(np.stack(whole)).any(axis=0))
    pair = whole[0][rows], whole[1][rows]
    n = len(rows)
    values = of_pairs(chosen, *pair)
    if n == 0:
        return Assessment(values, _none(chosen), 0, math.nan, 0, level, "no pair of values")
    draws = resampler.draw(rows, [pair], resamples=resamples, seed=seed)
    reasons = _undefined(chosen, values, n)
    if isinstance(draws, str):
        intervals, block = _none(chosen), 0
        reasons.append(draws)
    else:
        boot = bootstrap(chosen, pair, draws)
        intervals = {
            one.name: _limits(draws, values[one.name], boot[one.name], one.scale, level) for one in chosen
        }
        block = draws.block
    size = resampler.effective_size(rows, pair)
    return Assessment(values, intervals, n, size, block, level, "; ".join(reasons))


def contrast(
    a: ArrayLike,
    b: ArrayLike,
    reference: ArrayLike,
    *,
    metrics: Iterable[str] = HEADLINE,
    time: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    resampler: Resampler | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Assessment:
    """Return metric of a minus metric of b: how much better (or worse) `a` agrees with the reference.

    Two separate intervals cannot tell this, because both see the same errors of the reference. Here the same
    resamples serve both, so what they share cancels. Only rows at which all three have values are used.
    Metrics that do not change when x and y are swapped (all but bias, r2 and kge) also tell which of two
    references a satellite agrees with better; give the satellite as `reference`.

    Parameters are those of `assess`; `n_eff` is that of `a`.
    """
    chosen = [metric(name) for name in metrics]
    resampler = _resampler(time, clusters, resampler, level, resamples)
    whole = vectors(a, b, reference)
    rows = resampler.arrange(~np.isnan(np.stack(whole)).any(axis=0))
    first, second, common = (series[rows] for series in whole)
    one, two = (first, common), (second, common)
    n = len(rows)
    draws = resampler.draw(rows, [one, two], resamples=resamples, seed=seed) if n else "no pair of values"
    if isinstance(draws, str):
        nothing = {item.name: math.nan for item in chosen}
        return Assessment(nothing, _none(chosen), n, float(n), 0, level, draws)
    of_a, of_b = of_pairs(chosen, *one), of_pairs(chosen, *two)
    values = {name: of_a[name] - of_b[name] for name in of_a}
    boot_a, boot_b = bootstrap(chosen, one, draws), bootstrap(chosen, two, draws)
    intervals = {
        name: _limits(draws, value, boot_a[name] - boot_b[name], Scale.PLAIN, level)
        for name, value in values.items()
    }
    reason = "; ".join(_undefined(chosen, values, n))
    return Assessment(values, intervals, n, resampler.effective_size(rows, one), draws.block, level, reason)


def bootstrap(chosen: Sequence[Metric], pair: Pair, draws: Draws) -> dict[str, np.ndarray]:
    """Return every metric of every resample, each of shape (resamples,)."""
    found: dict[str, list[np.ndarray]] = {one.name: [] for one in chosen}
    summed = [one for one in chosen if not one.by_pairs]
    if summed:
        terms = Terms.of(*pair)
        if draws.units < len(pair[0]):
            terms = terms.grouped(draws.unit, draws.units)
        for counts in draws.counts():
            moments = terms.moments(counts)
            for one in summed:
                found[one.name].append(one.function(moments))
    direct = [one for one in chosen if one.by_pairs]
    if direct:
        for rows in draws.rows():
            x, y = pair[0][rows], pair[1][rows]
            for one in direct:
                found[one.name].append(one.function(x, y))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _resampler(
    time: ArrayLike | None,
    clusters: ArrayLike | None,
    resampler: Resampler | None,
    level: float,
    resamples: int,
) -> Resampler:
    if not 0 < level < 1:
        raise InputError(f"level={level} is not between 0 and 1; give 0.95 for 95 % intervals.")
    if resamples < 100:
        raise InputError(
            f"resamples={resamples} is too few for an interval; give 100 or more (2000 is the default)."
        )
    if sum(option is not None for option in (time, clusters, resampler)) > 1:
        raise InputError("Both times, clusters or a resampler were given; what is redrawn is one of them.")
    if resampler is not None:
        return resampler
    return Clusters(clusters) if clusters is not None else MovingBlocks(time)


def _limits(draws: Draws, value: float, boot: np.ndarray, scale: Scale, level: float) -> tuple[float, float]:
    return (math.nan, math.nan) if math.isnan(value) else draws.limits(value, boot, scale=scale, level=level)


def _none(chosen: Sequence[Metric]) -> dict[str, tuple[float, float]]:
    return {one.name: (math.nan, math.nan) for one in chosen}


def _undefined(chosen: Sequence[Metric], values: Mapping[str, float], n: int) -> list[str]:
    """Say, for the first metric without a value, why."""
    for one in chosen:
        if n < one.least_pairs:
            return [f"n = {n}: {one.label} needs {one.least_pairs} pairs"]
        if math.isnan(values[one.name]):
            return ["a constant series has no correlation"]
    return []

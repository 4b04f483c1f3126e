"""Does a satellite agree better with one reference than with another? Tests that heed persistence.

The satellite's errors are the same in both comparisons, and the references differ by something that may
persist for weeks, or for good. A test that does not heed this finds gains where there are none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from smgee.errors import InputError
from smgee.metrics.alike import Alike
from smgee.metrics.persistence import common, inflation, lag1s
from smgee.metrics.resamplers import MIN_PAIRS

GAINS = ("r", "ubrmse", "rmse")
"""Metrics whose gain can be tested."""

ALIKE = 100
"""Simulated cases that share their level, as persistence costs them alike."""


@dataclass(frozen=True)
class Gain:
    """The gain of a over b in one metric, against what chance makes of two equally good estimates.

    Attributes
    ----------
    value : float
        Metric of a minus metric of b.
    p : float
        Of equally good estimates making such a gain, either way.
    low, high : float
        Between these lie, at the level asked for, the gains that chance makes of equally good estimates.
    power : float
        Probability that a true gain of this size would be found at that level.
    detectable : float
        Size of gain that would be found with a probability of 80 %.
    persistence : float
        Lag-1 autocorrelation of the difference of a and b.
    n : int
        Common times.
    false_alarms : float
        Of the whole test on equally good estimates like these; NaN where they were not counted.
    """

    metric: str
    value: float
    p: float
    low: float
    high: float
    power: float
    detectable: float
    persistence: float
    n: int
    false_alarms: float = math.nan


def gain_tests(
    a: ArrayLike,
    b: ArrayLike,
    reference: ArrayLike,
    *,
    metrics: Iterable[str] = GAINS,
    time: ArrayLike | None = None,
    level: float = 0.95,
    simulations: int = 1999,
    verify: bool = False,
    seed: int = 0,
) -> list[Gain]:
    """Test whether `a` agrees better with a common series than `b` does.

    Parameters
    ----------
    a, b : array-like, shape (n,)
        The two estimates, or the two references of a satellite.
    reference : array-like, shape (n,)
        What both are compared with (the satellite).
    metrics : iterable of str
        Of `GAINS`.
    time : array-like of datetime64, shape (n,), optional
        The rows are sorted by it, and autocorrelation does not reach across gaps.
    level : float
        One minus the rate of false alarms.
    simulations : int
        Cases of equally good estimates.
    verify : bool
        Count the false alarms of the whole test, on other cases than those that settled its level.

    Returns
    -------
    list of Gain
        All NaN below `MIN_PAIRS` common times.

    Notes
    -----
    With c the mean and δ the difference of a and b, the gain in mean square error is −2 mean(δ (s − c)), and
    that in R is mean(δ s) of the standardised series: it exists if and only if δ goes with what c leaves of
    s. Its standard error is that of an autoregressive δ of the persistence found beside the s − c observed;
    in RMSE, where the levels count, also that of either mean. The gain over its error, T, is compared with
    that of simulated cases, `smgee.metrics.alike.Alike`: a bootstrap-t (Davison & Hinkley 1997, Bootstrap
    Methods and their Application, §5.2), whose error of the error heeds that the persistence itself was
    estimated from these few times.

    The level is calibrated by a double bootstrap (Beran 1987, Biometrika 74:457-468; Loh 1987, J. Am. Stat.
    Assoc. 82:155-162): every simulated case is tested with the persistence found in that case, and p is the
    share of them in which as much is found. One case of each such model is enough, those of cases in which
    persistence costs as much are taken together (after Giacomini, Politis & White 2013, Econom. Theory
    29:567-589).
    """
    chosen = list(metrics)
    unknown = [name for name in chosen if name not in GAINS]
    if unknown:
        raise InputError(f"A gain in {unknown[0]!r} cannot be tested; choose from {', '.join(GAINS)}.")
    s, first, second, link = common(reference, a, b, time)
    n = len(s)
    if n < MIN_PAIRS:
        nan = math.nan
        return [Gain(name, nan, nan, nan, nan, nan, nan, nan, n) for name in chosen]
    found = np.stack([s, first, second])[None]
    rng = np.random.default_rng(seed)
    drawn = _drawn(found, link, simulations, rng)
    others = _drawn(found, link, simulations, rng) if verify else None
    return [_tested(name, found, link, drawn, others, level) for name in chosen]


def false_alarms(
    a: ArrayLike,
    b: ArrayLike,
    reference: ArrayLike,
    test: Callable[[np.ndarray, np.ndarray, np.ndarray], bool],
    *,
    time: ArrayLike | None = None,
    runs: int = 400,
    seed: int = 0,
) -> float:
    """Return how often a test finds a gain between two estimates that are equally good.

    The cases it is tried on have the persistence, the spread and the common part of the series given
    (`smgee.metrics.alike.Alike`). A test that promises 5 % should find 3 to 7 %; one that does not is to be
    taken at the level found here.

    Parameters
    ----------
    a, b, reference : array-like, shape (n,)
        As `gain_tests`.
    test : callable
        Takes simulated (a, b, reference) and says whether it sees a gain.
    """
    s, first, second, link = common(reference, a, b, time)
    model = Alike.like(np.stack([s, first, second])[None], link)
    cases = model.draw(np.random.default_rng(seed), runs)
    return sum(bool(test(one, other, satellite)) for satellite, one, other in cases) / runs


def p_values(name: str, cases: np.ndarray, link: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the p-values of many cases at once, not yet calibrated.

    Parameters
    ----------
    name : str
        Of `GAINS`.
    cases : array, shape (k, 3, n)
        Satellite, first and second estimate: some hundreds of cases, alike in kind.
    link : array of bool, shape (n - 1,)
        See `smgee.metrics.persistence.links`.
    """
    return _judged(name, (cases, Alike.like(cases, link).draw(rng)), link)[1]


def _drawn(
    found: np.ndarray, link: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return cases of the model of a case, and one case of each of their own models."""
    cases = Alike.like(found, link).draw(rng, count)
    return cases, Alike.like(cases, link).draw(rng)


def _tested(
    name: str,
    found: np.ndarray,
    link: np.ndarray,
    drawn: tuple[np.ndarray, np.ndarray],
    others: tuple[np.ndarray, np.ndarray] | None,
    level: float,
) -> Gain:
    n = found.shape[-1]
    (value,), (error,), _, (rho,) = _gains(name, found, link)
    if math.isnan(value):
        return Gain(name, value, *(math.nan,) * 5, float(rho), n)
    if not error > 0:  # the two differ by nothing, or by a constant that does not count
        return Gain(name, float(value), 1.0, 0.0, 0.0, 0.0, 0.0, float(rho), n)
    ratios, shares = _judged(name, drawn, link)
    chance, count = np.sort(np.abs(ratios)), len(ratios)
    # the share of cases with a larger gain, and in how many of the cases, each tested so, it is as small
    plain = float(_shares_above(chance, np.array([abs(value) / error]))[0])
    levels, number = np.unique(shares, return_counts=True)
    found_so = np.append(0, np.cumsum(number)) / count
    p = max(float(np.interp(plain, np.append(0.0, levels), found_so)), 1 / (count + 1))
    kept = float(np.quantile(shares, 1 - level))
    least = float(np.quantile(chance, 1 - kept))
    alarms = math.nan if others is None else float((_judged(name, others, link)[1] < kept).mean())
    power = float((np.abs(ratios + value / error) > least).mean())
    detectable = float(error * (least - np.quantile(ratios, 0.2)))
    width = float(error * least)
    return Gain(name, float(value), p, -width, width, power, detectable, float(rho), n, alarms)


def _judged(
    name: str, drawn: tuple[np.ndarray, np.ndarray], link: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gains of cases over their standard errors, and the p-value that each would be given.

    Of the model of each case there is one simulated case only; those of a hundred cases whose persistence
    costs them alike tell the p-value of each of these.
    """
    (value, error, cost, _), (others, errors, *_) = (_gains(name, part, link) for part in drawn)
    ratios, own = (v / np.where(e > 0, e, np.inf) for v, e in ((value, error), (others, errors)))
    shares = np.empty(len(ratios))
    for alike in np.array_split(np.argsort(cost), max(len(cost) // ALIKE, 1)):
        shares[alike] = _shares_above(np.sort(np.abs(own[alike])), np.abs(ratios[alike]))
    return ratios, shares


def _shares_above(rising: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return, for some sizes, the share of values above, in between them too; of the largest 1 / (n + 1)."""
    n = len(rising)
    return np.interp(sizes, rising, np.arange(n, 0, -1) / (n + 1))


def _gains(
    name: str, cases: np.ndarray, link: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the gains of cases, shape (k, 3, n), their standard errors, by how much persistence raises their
    variance, and the persistence of the references' difference.
    """
    s, a, b = (cases[:, k] for k in range(3))
    n = cases.shape[-1]
    if name == "r":
        s, a, b = _standard(s), _standard(a), _standard(b)
        middle = a + b
        size = (middle**2).sum(axis=-1)
        along = (s * middle).sum(axis=-1) / np.where(size > 0, size, 1.0)
        left, scale = s - along[:, None] * middle, np.ones(len(cases))
    else:
        left = s - (a + b) / 2
        measure = np.std if name == "ubrmse" else _root_mean_square
        size = measure(s - a, axis=-1) + measure(s - b, axis=-1)
        scale = -2 / np.where(size > 0, size, 1.0)  # of a difference of squares, that of their roots
    apart = a - b
    level, bias = apart.mean(axis=-1), left.mean(axis=-1)
    apart, left = _centred(apart), _centred(left)
    rho = np.maximum(lag1s(apart, link), 0.0)
    variance, rest = (apart**2).mean(axis=-1), (left**2).mean(axis=-1)
    variance[variance <= 1e-24 * (a**2).mean(axis=-1)] = 0.0  # rounding of what is the same
    product = (apart * left).mean(axis=-1)
    square, free = variance * _variance_along(left, rho) / n**2, variance * rest / n
    if name == "rmse":
        lasting = np.maximum(lag1s(left, link), 0.0)
        product += level * bias
        square += (level**2 * rest * inflation(lasting) + bias**2 * variance * inflation(rho)) / n
        free += (level**2 * rest + bias**2 * variance) / n
    cost = square / np.where(free > 0, free, 1.0)
    return scale * product, np.abs(scale) * np.sqrt(square), cost, rho


def _variance_along(x: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """Return, for rows of x, shape (k, n), the variance of their products' sum with a first-order series.

    That is x' T x for a series of variance 1, T having ρ to the power of the lag: twice the products of x
    with what it leaves behind, ρ times that of the time before and itself.
    """
    behind = np.zeros(len(x))
    total = np.zeros(len(x))
    for now in x.T:
        behind = rho * behind + now
        total += now * (2 * behind - now)
    return np.maximum(total, 0.0)


def _centred(x: np.ndarray) -> np.ndarray:
    return x - x.mean(axis=-1, keepdims=True)


def _standard(x: np.ndarray) -> np.ndarray:
    spread = x.std(axis=-1, keepdims=True)
    return _centred(x) / np.where(spread > 0, spread, np.nan)


def _root_mean_square(x: np.ndarray, axis: int) -> np.ndarray:
    return np.sqrt((x * x).mean(axis=axis))

"""Two correlations with one series in common, and what a reference without error would give."""

from __future__ import annotations

import math
from typing import NamedTuple

from numpy.typing import ArrayLike

from smgee.errors import InputError
from smgee.metrics.persistence import common, lag1, reduced
from smgee.metrics.table import score


class Test(NamedTuple):
    """Statistic and two-sided p-value."""

    statistic: float
    p: float


def williams(r_a: float, r_b: float, r_ab: float, n: float) -> Test:
    """Return Williams' t for two correlations with one variable in common, n − 3 degrees of freedom.

    Williams 1959 (J. R. Stat. Soc. B 21:396-399), as Steiger 1980 (Psychol. Bull. 87:245-251, eq. 7)
    recommends it. It takes the n times for independent: give `effective` times, not days.

    Parameters
    ----------
    r_a, r_b : float
        Correlations of a and of b with the common series.
    r_ab : float
        Correlation of a with b.
    n : float
        Number of independent times, more than 3.
    """
    from scipy.stats import t as student

    if n <= 3:
        return Test(math.nan, math.nan)
    determinant = 1 - r_a**2 - r_b**2 - r_ab**2 + 2 * r_a * r_b * r_ab
    mean = (r_a + r_b) / 2
    below = 2 * (n - 1) / (n - 3) * determinant + mean**2 * (1 - r_ab) ** 3
    if below <= 0:
        return Test(math.nan, math.nan)
    t = (r_a - r_b) * math.sqrt((n - 1) * (1 + r_ab) / below)
    return Test(t, float(2 * student.sf(abs(t), n - 3)))


def steiger(r_a: float, r_b: float, r_ab: float, n: float) -> Test:
    """Return Steiger's z for two correlations with one variable in common, on Fisher's scale.

    Steiger 1980 (Psychol. Bull. 87:245-251, eq. 14), with the covariance at the mean correlation. Parameters
    as `williams`.
    """
    from scipy.stats import norm

    if n <= 3:
        return Test(math.nan, math.nan)
    mean = (r_a + r_b) / 2
    if abs(mean) >= 1:
        return Test(math.nan, math.nan)
    psi = r_ab * (1 - 2 * mean**2) - mean**2 * (1 - 2 * mean**2 - r_ab**2) / 2
    shared = psi / (1 - mean**2) ** 2
    if shared >= 1:
        return Test(math.nan, math.nan)
    edge = 1 - 1e-15
    z = [math.atanh(min(max(r, -edge), edge)) for r in (r_a, r_b)]
    statistic = (z[0] - z[1]) * math.sqrt((n - 3) / (2 - 2 * shared))
    return Test(statistic, float(2 * norm.sf(abs(statistic))))


def dependent_correlations(
    a: ArrayLike, b: ArrayLike, reference: ArrayLike, *, time: ArrayLike | None = None
) -> dict[str, Test]:
    """Return `williams` and `steiger` of two series with a common one, on their effective number of times.

    That is the smallest of a with the reference, of b with it, and of the difference of a and b with it
    (Bretherton et al. 1999).
    """
    s, first, second, link = common(reference, a, b, time)
    rho = lag1(s, link)
    n = min(reduced(len(s), rho * lag1(x, link)) for x in (first, second, first - second))
    r = score("r", first, s), score("r", second, s), score("r", first, second)
    return {"williams": williams(*r, n), "steiger": steiger(*r, n)}


def perfect_reference(x: ArrayLike, reference: ArrayLike, *, error: float) -> dict[str, float]:
    """Return what R and ubRMSE would be with a reference that has no error, and what that would gain.

    The error of a reference lowers R and raises ubRMSE, whatever the satellite does: R = R₀ √(1 − σ² / var)
    and ubRMSE² = ubRMSE₀² + σ², for an error that goes with nothing.

    Parameters
    ----------
    x, reference : array-like, shape (n,)
    error : float
        Standard deviation σ of the reference's error that changes in time, in its unit.

    Returns
    -------
    dict
        ``r``, ``ubrmse``, and ``gain_r``, ``gain_ubrmse`` over those with the reference given; NaN where the
        error is said to be larger than the reference's own variation, or than the differences.
    """
    if error < 0:
        raise InputError(f"error={error} is negative; give the standard deviation of the reference's error.")
    s, y, _, _ = common(x, reference, reference, None)
    r, ubrmse = score("r", s, y), score("ubrmse", s, y)
    signal = 1 - error**2 / y.var() if len(y) and y.var() > 0 else math.nan
    best_r = min(r / math.sqrt(signal), 1.0) if signal > 0 else math.nan
    left = ubrmse**2 - error**2
    best = math.sqrt(left) if left >= 0 else math.nan
    return {"r": best_r, "ubrmse": best, "gain_r": best_r - r, "gain_ubrmse": best - ubrmse}

"""What the error of the reference does to the verdict on the satellite.

A mean of few stations is not the mean of the cell. Its error raises the ubRMSE of a satellite that may be
better than it looks, and makes the bias uncertain by the level of whichever stations happen to be there. Here
it is estimated by leaving out one station after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from smgee.errors import InputError
from smgee.metrics import MovingBlocks, assess, scores
from smgee.validation.references import additive_mean

MIN_STATIONS = 3
"""Fewer stations say nothing of how the mean would differ with others."""

TARGET = 0.04
"""SMAP's requirement on the ubRMSE, m³ m⁻³. ESA's FRM4SM calls such a figure not justifiable on scientific
grounds; it is what the mission promised, and not for mountainous topography, open water, cities, snow, frozen
ground and vegetation of more than 5 kg m⁻² (O'Neill et al. 2019, JPL D-66480)."""

FIGURES = ("r", "bias", "ubrmse")
_FORWARD: dict[str, Callable[[float], float]] = {
    "r": lambda v: math.atanh(min(max(v, -1 + 1e-9), 1 - 1e-9)),
    "bias": float,
    "ubrmse": lambda v: math.log(max(v, 1e-9)),
}
_BACK: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "r": np.tanh,
    "bias": np.asarray,
    "ubrmse": np.exp,
}
_NORMAL = 1.959963984540054  # quantile of 95 %


@dataclass(frozen=True)
class SamplingError:
    """Error of a mean of stations as an estimate of the area's mean, one standard deviation.

    Attributes
    ----------
    level : float
        Of its mean over time.
    dynamics : float
        Of its departures from that, root mean square over time.
    """

    level: float
    dynamics: float
    stations: int


@dataclass(frozen=True)
class Verdict:
    """A satellite against a reference that has an error of its own.

    Attributes
    ----------
    values : dict of str to float
        ``r``, ``bias`` and ``ubrmse`` against the reference as it is.
    corrected : dict of str to float
        The same against a reference without error, as far as that error is known; ``ubrmse`` is that of the
        long run, which few and persistent passes do not show whole.
    intervals : dict of str to (float, float)
        95 % intervals of `corrected`: the times that were sampled, and the stations.
    meets : float
        Probability that the ubRMSE without the reference's error is at most `target`.
    reason : str
        Why something is NaN; empty when nothing is.
    """

    values: dict[str, float]
    corrected: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    error: SamplingError
    meets: float
    target: float
    n: int
    reason: str

    def sentence(self) -> str:
        """Say it."""
        if math.isnan(self.meets):
            return f"Whether SMAP meets {self.target:g} m³/m³ cannot be told: {self.reason}."
        low, high = self.intervals["ubrmse"]
        return (
            f"Without the sampling error of the {self.error.stations} stations "
            f"({self.error.dynamics:.3f} m³/m³ in time) the ubRMSE of the long run would be "
            f"{self.corrected['ubrmse']:.3f} [{low:.3f}, {high:.3f}] m³/m³; the probability that it is at "
            f"most {self.target:g} is {self.meets:.2f}."
        )


def sampling_error(values: np.ndarray, share: np.ndarray | None = None) -> SamplingError:
    """Estimate the error of the mean of stations by the jackknife.

    The stations are taken for a random sample of the area. Placed well they are better than that, clustered
    worse; the jackknife cannot tell.

    Parameters
    ----------
    values : array, shape (time, stations)
    share : array, shape (stations,), optional
        Weights; equal by default.

    Returns
    -------
    SamplingError
        NaN below `MIN_STATIONS`.
    """
    return jackknife_error(_leaving_out(values, share))


def jackknife_error(means: np.ndarray) -> SamplingError:
    """Estimate the error of a reference from what it would be without each station.

    Parameters
    ----------
    means : array, shape (stations, time)
        The reference without each of the stations, m³ m⁻³.

    Returns
    -------
    SamplingError
        NaN below `MIN_STATIONS`.
    """
    count = len(means)
    if count < MIN_STATIONS:
        return SamplingError(math.nan, math.nan, count)
    factor = (count - 1) / count
    known = np.isfinite(means).all(axis=0)
    if not known.any():
        return SamplingError(math.nan, math.nan, 0)
    means = means[:, known]
    levels = means.mean(axis=1, keepdims=True)
    departures = means - levels
    spread = ((departures - departures.mean(axis=0)) ** 2).sum(axis=0)
    return SamplingError(
        float(math.sqrt(factor * ((levels - levels.mean()) ** 2).sum())),
        float(math.sqrt(factor * spread.mean())),
        count,
    )


def verdict(
    satellite: ArrayLike,
    values: np.ndarray,
    *,
    share: np.ndarray | None = None,
    time: ArrayLike | None = None,
    target: float = TARGET,
    draws: int = 20000,
    seed: int = 0,
) -> Verdict:
    """Judge a satellite by stations whose mean has an error.

    Parameters
    ----------
    satellite : array-like, shape (time,)
        m³ m⁻³, NaN where missing.
    values : array, shape (time, stations)
        The stations in its cell at the same times, NaN where missing.
    share : array, shape (stations,), optional
        Weights of the stations; equal by default. Their mean is `additive_mean`.
    time : array-like of datetime64, shape (time,), optional
        For the block bootstrap.
    target : float
        Largest ubRMSE allowed, m³ m⁻³.
    draws, seed : int
        Of the probability.

    Notes
    -----
    On its own scale (Fisher's z, none, logarithm) each figure has two independent errors: of the times, from
    the block bootstrap, and of the stations, from the jackknife. The ubRMSE is then freed of the reference's
    own error, u² − σ², and R raised to R / √(1 − σ² / var). σ² is itself known with few degrees of freedom,
    the stations less one, so every draw takes its own.

    The ubRMSE leaves out the mean of the differences, which errs as well: of few and persistent differences
    its square is too small by the variance of that mean (Bayley & Hammersley 1946, Suppl. J. R.
    Stat. Soc. 8, 184–197), which the block bootstrap of the bias tells and which is added.
    """
    values, satellite = np.asarray(values, float), np.asarray(satellite, float)
    if values.ndim != 2 or len(values) != len(satellite):
        raise InputError(
            f"The stations have the shape {values.shape} for {len(satellite)} satellite values; give one row "
            "per time and one column per station."
        )
    share = np.ones(values.shape[1]) if share is None else np.asarray(share, float)
    reference, means = additive_mean(values, share), _leaving_out(values, share)
    seen = np.isfinite(satellite) & np.isfinite(reference)
    error = sampling_error(values[seen], share)
    options: dict[str, Any] = {"time": time, "target": target, "draws": draws, "seed": seed}
    return verdict_by(satellite, reference, means, error=error, **options)


def verdict_by(
    satellite: ArrayLike,
    reference: np.ndarray,
    means: np.ndarray,
    *,
    error: SamplingError | None = None,
    time: ArrayLike | None = None,
    target: float = TARGET,
    draws: int = 20000,
    seed: int = 0,
) -> Verdict:
    """Judge a satellite by any reference that rests on stations, such as a map trained on them.

    Parameters
    ----------
    satellite, reference : array-like, shape (time,)
        m³ m⁻³, NaN where missing.
    means : array, shape (stations, time)
        The reference without each of the stations.
    error : SamplingError, optional
        Of the reference at the times that the satellite has too; that of `means` by default.
    time, target, draws, seed
        See `verdict`.
    """
    satellite, reference = np.asarray(satellite, float), np.asarray(reference, float)
    if not target > 0:
        raise InputError(f"target={target} is no size of an error; give it in m3 m-3.")
    found = assess(satellite, reference, metrics=FIGURES, resampler=MovingBlocks(time), seed=seed)
    if error is None:
        error = jackknife_error(means[:, np.isfinite(satellite) & np.isfinite(reference)])
    plain = dict(found.values)
    if found.n == 0 or found.block == 0 or error.stations < MIN_STATIONS:
        nothing = dict.fromkeys(FIGURES, math.nan)
        few = f"stations with values: {error.stations}, needed: {MIN_STATIONS}"
        reason = found.reason or few
        return Verdict(
            plain,
            nothing,
            dict.fromkeys(FIGURES, (math.nan, math.nan)),
            error,
            math.nan,
            target,
            found.n,
            reason,
        )
    by_stations = [scores(FIGURES, satellite, mean) for mean in means]
    rng = np.random.default_rng(seed)
    free = error.stations - 1
    variance = error.dynamics**2 * free / rng.chisquare(free, draws)
    spread = float(np.var(reference[np.isfinite(satellite) & np.isfinite(reference)]))
    drawn: dict[str, np.ndarray] = {}
    best: dict[str, float] = {}
    of_times: dict[str, float] = {}
    for name in FIGURES:
        forward, back = _FORWARD[name], _BACK[name]
        low, high = found.intervals[name]
        of_times[name] = (forward(high) - forward(low)) / (2 * _NORMAL)
        jack = np.array([forward(s[name]) for s in by_stations])
        of_stations = math.sqrt(free / error.stations * ((jack - jack.mean()) ** 2).sum())
        noise = rng.standard_normal(draws) * math.hypot(of_times[name], of_stations)
        missed = of_times["bias"] ** 2 if name == "ubrmse" else 0.0
        drawn[name] = _freed(name, back(forward(plain[name]) + noise), variance - missed, spread)
        own = np.array([error.dynamics**2 - missed])
        best[name] = float(_freed(name, np.array([plain[name]]), own, spread)[0])
    intervals = {name: _middle(drawn[name]) for name in FIGURES}
    meets = float((drawn["ubrmse"] <= target).mean())
    return Verdict(plain, best, intervals, error, meets, target, found.n, "")


def _freed(name: str, value: np.ndarray, variance: np.ndarray, spread: float) -> np.ndarray:
    """Return a figure without a variance, such as that of the reference's error."""
    if name == "ubrmse":
        return np.sqrt(np.maximum(value**2 - variance, 0.0))
    if name == "r":
        return np.clip(value / np.sqrt(np.maximum(1 - variance / spread, 1e-6)), -1.0, 1.0)
    return value


def _middle(drawn: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _leaving_out(values: np.ndarray, share: np.ndarray | None) -> np.ndarray:
    """Return the mean without each station that has any values, shape (stations, time)."""
    share = np.ones(values.shape[1]) if share is None else share
    there = np.flatnonzero(np.isfinite(values).any(axis=0) & (share > 0))
    if len(there) < 2:
        return np.empty((len(there), len(values)))
    return np.stack([additive_mean(np.delete(values, j, axis=1), np.delete(share, j)) for j in there])

"""Simulated satellites with two references that are equally good: what chance makes of series like these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smgee.metrics.persistence import inflation, lag1s


@dataclass(frozen=True)
class Alike:
    """Models of a satellite and two equally good references, one for each of k cases.

    The satellite and the mean of the references are a first-order vector autoregression, the references'
    difference is an autoregression of its own and goes with neither. Two references of different level are
    equally good only for a satellite without bias, so either that level or the bias is left out: the one that
    the series tell less surely from nothing.

    Attributes
    ----------
    times : int
        Values of each series, n.
    mean : array, shape (k, 2)
        Of the satellite and of the references' mean.
    spread, step, left : array, shape (k, 2, 2)
        Covariance of the two, how they follow from the values before, and the covariance of what is new.
    level, size, persistence : array, shape (k,)
        Mean, standard deviation and lag-1 autocorrelation (0 or more) of the references' difference.
    """

    times: int
    mean: np.ndarray
    spread: np.ndarray
    step: np.ndarray
    left: np.ndarray
    level: np.ndarray
    size: np.ndarray
    persistence: np.ndarray

    @classmethod
    def like(cls, cases: np.ndarray, link: np.ndarray) -> Alike:
        """Return the models of cases, shape (k, 3, n): satellite, first and second reference.

        Parameters
        ----------
        cases : array, shape (k, 3, n)
        link : array of bool, shape (n - 1,)
            See `smgee.metrics.persistence.links`.
        """
        satellite, apart = cases[:, 0], cases[:, 1] - cases[:, 2]
        middle = (cases[:, 1] + cases[:, 2]) / 2
        n = cases.shape[-1]
        mean = np.stack([satellite.mean(axis=-1), middle.mean(axis=-1)], axis=-1)
        spread, step, left = _vector_autoregressions(np.stack([satellite, middle], axis=1), link)
        persistence = np.maximum(lag1s(apart, link), 0.0)
        level, size = apart.mean(axis=-1), apart.std(axis=-1)
        error = satellite - middle
        bias, lasting = error.mean(axis=-1), np.maximum(lag1s(error, link), 0.0)
        # each over the error of its mean, multiplied out as either may have none
        surer = np.abs(level) * np.sqrt(inflation(lasting) / n) * error.std(axis=-1)
        flat = surer < np.abs(bias) * np.sqrt(inflation(persistence) / n) * size
        mean[:, 0] = mean[:, 1] + np.where(flat, bias, 0.0)
        return cls(n, mean, spread, step, left, np.where(flat, 0.0, level), size, persistence)

    def draw(self, rng: np.random.Generator, count: int | None = None) -> np.ndarray:
        """Return a case of each model, shape (k, 3, n), or so many of the only one."""
        cases = len(self.size) if count is None else count
        noise = rng.standard_normal((self.times, 3, cases))
        first, new, step = _triangle(self.spread), _triangle(self.left), self.step
        fresh = np.sqrt(1 - self.persistence**2)
        out = np.empty((self.times, 3, cases))
        for k, (e, f, h) in enumerate(noise):
            a, b, c = first if k == 0 else new
            x, y = a * e, b * e + c * f
            if k:
                p, q = out[k - 1, 0], out[k - 1, 1]
                x, y = x + step[:, 0, 0] * p + step[:, 0, 1] * q, y + step[:, 1, 0] * p + step[:, 1, 1] * q
                h = fresh * h + self.persistence * out[k - 1, 2]
            out[k] = x, y, h
        series = out.transpose(2, 1, 0)
        satellite, middle = series[:, 0] + self.mean[:, :1], series[:, 1] + self.mean[:, 1:]
        half = (series[:, 2] * self.size[:, None] + self.level[:, None]) / 2
        return np.stack([satellite, middle + half, middle - half], axis=1)


def _vector_autoregressions(series: np.ndarray, link: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return spread, step and left of series, shape (k, 2, n)."""
    n = series.shape[-1]
    d = series - series.mean(axis=-1, keepdims=True)
    spread = d @ d.swapaxes(1, 2) / n
    late, early = d[..., 1:][..., link], d[..., :-1][..., link]
    step = late @ early.swapaxes(1, 2) / max(late.shape[-1], 1) @ np.linalg.pinv(spread, hermitian=True)
    step += (np.eye(2) + 3 * step) / n  # as for one series: estimates of persistence run low
    left = spread - step @ spread @ step.swapaxes(1, 2)
    wild = np.arange(len(step))
    while True:  # a step that is shrunk often enough stays
        grows = np.abs(np.linalg.eigvals(step[wild])).max(axis=-1) >= 0.99
        wild = wild[grows | (np.linalg.eigvalsh(left[wild]).min(axis=-1) < -1e-12)]
        if not wild.size:
            return spread, step, left
        step[wild] *= 0.98
        left[wild] = spread[wild] - step[wild] @ spread[wild] @ step[wild].swapaxes(1, 2)


def _triangle(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the entries 11, 21 and 22 of Cholesky's factors, also where nothing is left."""
    a = np.sqrt(np.maximum(matrix[:, 0, 0], 0.0))
    b = matrix[:, 1, 0] / np.where(a > 0, a, 1.0)
    return a, b, np.sqrt(np.maximum(matrix[:, 1, 1] - b**2, 0.0))

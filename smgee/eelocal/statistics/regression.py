"""Least-squares fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.reducer import Collecting, Column, Reduced, Reducer

# tuning constant of 95 % efficiency for normal errors, Holland & Welsch (1977), doi:10.1080/03610927708827533
TALWAR = 2.795
MAD_TO_SIGMA = 0.6745  # median absolute deviation of the standard normal distribution


class LinearFit(Reducer):
    """Slope and offset of a weighted linear fit of y on x; null with fewer than two elements or a constant
    x.
    """

    def __init__(self) -> None:
        super().__init__("linearFit", ("scale", "offset"), inputs=2, weighted=True)

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return tuple(np.zeros(trailing) for _ in range(5))

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        x, y = columns
        weight = np.where(x.present & y.present, np.minimum(x.weight, y.weight), 0.0)
        here = weight > 0
        xs, ys = (np.where(here, c.values, 0).astype("f8") for c in (x, y))
        total = weight.sum(axis=0)
        safe = np.where(total > 0, total, 1.0)
        mx, my = (weight * xs).sum(axis=0) / safe, (weight * ys).sum(axis=0) / safe
        dx = np.where(here, xs - mx, 0.0)
        chunk = (total, mx, my, (weight * dx * dx).sum(axis=0), (weight * dx * (ys - my)).sum(axis=0))
        return self.merge(state, chunk)

    def merge(self, first: Any, second: Any) -> Any:
        wa, wb = first[0], second[0]
        total = wa + wb
        safe = np.where(total > 0, total, 1.0)
        dx, dy = second[1] - first[1], second[2] - first[2]
        share = wb / safe
        cross = wa * share
        return (
            total,
            first[1] + dx * share,
            first[2] + dy * share,
            first[3] + second[3] + dx * dx * cross,
            first[4] + second[4] + dx * dy * cross,
        )

    def finish(self, state: Any) -> list[Reduced]:
        _, mx, my, sxx, sxy = state
        valid = np.asarray(sxx > 0)
        slope = np.divide(sxy, sxx, out=np.zeros(np.shape(sxx)), where=valid)
        return [Reduced(slope, valid), Reduced(np.where(valid, my - slope * mx, 0.0), valid)]


class _Regression(Collecting):
    def __init__(self, name: str, outputs: Sequence[str], x: int, y: int):
        if x < 1 or y < 1:
            raise EEError(
                f"A regression needs at least one independent and one dependent variable, got numX={x}, "
                f"numY={y}."
            )
        super().__init__(name, outputs, inputs=x + y)
        self.x = x
        self.y = y

    def compute(self, columns: list[Column]) -> list[Reduced]:
        trailing = columns[0].trailing
        present = np.logical_and.reduce([c.present for c in columns])
        # (positions, n, variables): every position is its own system; absent rows are zero and add nothing.
        flat = present.reshape(present.shape[0], -1).T
        data = np.stack(
            [np.where(present, c.values, 0).astype("f8").reshape(present.shape[0], -1).T for c in columns],
            axis=-1,
        )
        coefficients, residuals, valid = self.solve(data[..., : self.x], data[..., self.x :], flat)
        ok = valid.reshape(trailing)
        return [
            Reduced(coefficients.reshape(*trailing, *coefficients.shape[1:]), ok, 2),
            Reduced(residuals.reshape(*trailing, self.y), ok, 1),
        ]

    def solve(
        self, x: np.ndarray, y: np.ndarray, present: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Solve (p, n, numX) against (p, n, numY): coefficients (p, numX, numY), residuals (p, numY),
        validity (p,).
        """
        raise NotImplementedError


class LinearRegression(_Regression):
    """Ordinary least squares; null unless there are more elements than independent variables."""

    def __init__(self, x: int, y: int = 1):
        super().__init__("linearRegression", ("coefficients", "residuals"), x, y)

    def solve(
        self, x: np.ndarray, y: np.ndarray, present: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        beta = least_squares(x, y)
        return beta, _rms(y - x @ beta, present), present.sum(axis=1) > self.x


class RobustRegression(_Regression):
    """Iteratively reweighted least squares with the Talwar cost: elements beyond the margin are left out
    until the set is stable.

    The margin is `beta`; by default 2.795 × MAD / 0.6745 of the first fit's residuals, as is usual for this
    cost. Earth Engine's own default is not documented.
    """

    def __init__(self, x: int, y: int = 1, beta: float | None = None):
        super().__init__("robustLinearRegression", ("coefficients", "residuals"), x, y)
        self.beta = beta

    def solve(
        self, x: np.ndarray, y: np.ndarray, present: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        keep = present.copy()
        beta = least_squares(x, y)
        margin: np.ndarray | None = None if self.beta is None else np.full(len(x), float(self.beta))
        for _ in range(50):
            size = np.sqrt(((y - x @ beta) ** 2).mean(axis=2))
            if margin is None:
                deviation = np.nanmedian(
                    np.where(present & present.any(axis=1, keepdims=True), size, np.nan), axis=1
                )
                margin = TALWAR * np.nan_to_num(deviation) / MAD_TO_SIGMA
            inside = present & (size <= margin[:, None] * (1 + 1e-12) + 1e-12)
            # A set too small to determine the fit is not adopted.
            inside = np.where((inside.sum(axis=1) > self.x)[:, None], inside, keep)
            if (inside == keep).all():
                break
            keep = inside
            beta = least_squares(x * keep[..., None], y * keep[..., None])
        return beta, _rms((y - x @ beta) * keep[..., None], keep), present.sum(axis=1) > self.x


class RidgeRegression(_Regression):
    """Least squares with a penalty λ on the squared slopes; the unpenalised intercept is the last row.

    The third output, the p-values, is null: their definition is not documented.
    """

    def __init__(self, x: int, y: int = 1, penalty: float = 0.1):
        super().__init__("ridgeRegression", ("coefficients", "residuals", "pValue"), x, y)
        self.penalty = penalty

    def compute(self, columns: list[Column]) -> list[Reduced]:
        results = super().compute(columns)
        return [*results, Reduced(np.zeros_like(results[1].values), np.zeros_like(results[1].valid), 1)]

    def solve(
        self, x: np.ndarray, y: np.ndarray, present: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        count = present.sum(axis=1)
        safe = np.maximum(count, 1)[:, None]
        mx, my = x.sum(axis=1) / safe, y.sum(axis=1) / safe
        here = present[..., None]
        xc, yc = np.where(here, x - mx[:, None], 0.0), np.where(here, y - my[:, None], 0.0)
        gram = xc.transpose(0, 2, 1) @ xc + self.penalty * np.eye(self.x)
        slopes = np.linalg.pinv(gram, hermitian=True) @ (xc.transpose(0, 2, 1) @ yc)
        intercept = my[:, None] - mx[:, None] @ slopes
        residual = np.where(here, y - x @ slopes - intercept, 0.0)
        return np.concatenate([slopes, intercept], axis=1), _rms(residual, present), count > self.x


def least_squares(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Solve a stack of systems, (p, n, k) against (p, n, m); the minimum-norm solution where one is
    rank-deficient.

    Columns are scaled to unit length, and the normal equations are used where they are well conditioned after
    that (the usual case for many small systems), a singular-value decomposition otherwise.
    """
    scale = np.sqrt((x * x).sum(axis=1))
    scale[scale == 0] = 1.0
    unit = x / scale[:, None]
    gram = unit.transpose(0, 2, 1) @ unit
    right = unit.transpose(0, 2, 1) @ y
    spectrum = np.linalg.eigvalsh(gram)
    sound = spectrum[:, 0] > 1e-5 * spectrum[:, -1]
    out = np.empty((len(x), x.shape[2], y.shape[2]))
    if sound.any():
        good = np.linalg.solve(gram[sound], right[sound])
        # One step of refinement wins back what squaring the condition number lost.
        good += np.linalg.solve(gram[sound], unit[sound].transpose(0, 2, 1) @ (y[sound] - unit[sound] @ good))
        out[sound] = good
    for i in np.flatnonzero(~sound):
        out[i] = np.linalg.lstsq(unit[i], y[i], rcond=None)[0]
    return out / scale[:, :, None]


def _rms(residual: np.ndarray, present: np.ndarray) -> np.ndarray:
    return np.sqrt((residual**2).sum(axis=1) / np.maximum(present.sum(axis=1), 1)[:, None])

"""Correlations, trends and covariances."""

from __future__ import annotations

import numpy as np

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.reducer import Collecting, Column, Reduced


class _Paired(Collecting):
    """Statistics of the pairs that are wholly there, position by position."""

    def compute(self, columns: list[Column]) -> list[Reduced]:
        trailing = columns[0].trailing
        present = np.logical_and.reduce([c.present for c in columns])
        outputs = [np.zeros(trailing) for _ in self.outputs]
        valid = [np.zeros(trailing, bool) for _ in self.outputs]
        for index in np.ndindex(trailing):
            here = (slice(None), *index)
            keep = present[here]
            for i, value in enumerate(self.statistic(*(c.values[here][keep].astype("f8") for c in columns))):
                if value is not None:
                    outputs[i][index] = value
                    valid[i][index] = True
        return [Reduced(o, v) for o, v in zip(outputs, valid, strict=True)]

    def statistic(self, *columns: np.ndarray) -> tuple[float | None, ...]:
        raise NotImplementedError


class Pearson(_Paired):
    """Product-moment correlation and its two-sided p-value from Student's t with n − 2 degrees of freedom."""

    def __init__(self) -> None:
        super().__init__("pearsonsCorrelation", ("correlation", "p-value"), inputs=2)

    def statistic(self, *columns: np.ndarray) -> tuple[float | None, ...]:
        return _correlation(*columns)


class Spearman(_Paired):
    """Pearson's correlation of the average ranks, with the same p-value."""

    def __init__(self) -> None:
        super().__init__("spearmansCorrelation", ("correlation", "p-value"), inputs=2)

    def statistic(self, *columns: np.ndarray) -> tuple[float | None, ...]:
        from scipy.stats import rankdata

        return _correlation(*(rankdata(c) for c in columns))


class Kendall(_Paired):
    """Kendall's τ-b and its two-sided p-value (normal approximation); with one input, against the order of
    the elements.
    """

    def __init__(self, inputs: int = 1):
        if inputs not in (1, 2):
            raise EEError(f"numInputs must be 1 or 2, got {inputs}.")
        super().__init__("kendallsCorrelation", ("tau", "p-value"), inputs=inputs)

    def statistic(self, *columns: np.ndarray) -> tuple[float | None, ...]:
        from scipy.stats import kendalltau

        x, y = columns if len(columns) == 2 else (np.arange(columns[0].size, dtype="f8"), columns[0])
        if x.size < 2:
            return None, None
        result = kendalltau(x, y, method="asymptotic")
        return (None, None) if np.isnan(result.statistic) else (float(result.statistic), float(result.pvalue))


class SensSlope(_Paired):
    """Median slope between all pairs of different x, and the median of y − slope · x.

    Sen (1968), doi:10.1080/01621459.1968.10480934.
    """

    def __init__(self) -> None:
        super().__init__("sensSlope", ("slope", "offset"), inputs=2)

    def statistic(self, *columns: np.ndarray) -> tuple[float | None, ...]:
        x, y = columns
        i, j = np.triu_indices(x.size, 1)
        gap = x[j] - x[i]
        apart = gap != 0
        if not apart.any():
            return None, None
        slope = float(np.median((y[j] - y[i])[apart] / gap[apart]))
        return slope, float(np.median(y - slope * x))


class Covariance(Collecting):
    """Population covariance matrix of 1-D arrays of one length; of already centred ones if `centered`."""

    numeric = False

    def __init__(self, name: str, *, centered: bool):
        super().__init__(name, (name,))
        self.centered = centered

    def compute(self, columns: list[Column]) -> list[Reduced]:
        (column,) = columns
        values, present = _vectors(self.name, column)
        count = present.sum(axis=0).astype("f8")
        safe = np.maximum(count, 1.0)[..., None]
        data = np.where(present[..., None], values, 0.0)
        if not self.centered:
            data = np.where(present[..., None], data - data.sum(axis=0) / safe, 0.0)
        matrix = np.einsum("n...i,n...j->...ij", data, data) / safe[..., None]
        return [Reduced(matrix, count > 0, 2)]


class GeometricMedian(Collecting):
    """The point of least total distance to the elements.

    Weiszfeld's iteration, run to convergence, with the step of Vardi and Zhang (2000),
    doi:10.1073/pnas.97.4.1423.
    """

    def __init__(self, inputs: int, eta: float):
        if inputs < 1:
            raise EEError(f"numX must be at least 1, got {inputs}.")
        super().__init__("geometricMedian", tuple(f"median_{i}" for i in range(inputs)), inputs=inputs)
        self.eta = eta

    def compute(self, columns: list[Column]) -> list[Reduced]:
        present = np.logical_and.reduce([c.present for c in columns])
        points = np.stack([np.where(present, c.values, 0).astype("f8") for c in columns], axis=-1)
        weight = present.astype("f8")[..., None]
        total = np.maximum(weight.sum(axis=0), 1.0)
        here = (points * weight).sum(axis=0) / total
        for _ in range(1000):
            off = points - here
            distance = np.sqrt((off**2).sum(axis=-1, keepdims=True))
            on = (distance < 1e-12) & (weight > 0)
            pull = np.where(on | (weight == 0), 0.0, 1.0 / np.where(distance > 0, distance, 1.0))
            force = (off * pull).sum(axis=0)
            strength = pull.sum(axis=0)
            size = np.sqrt((force**2).sum(axis=-1, keepdims=True))
            brake = np.where(
                size > 0, np.maximum(0.0, 1.0 - on.sum(axis=0) / np.where(size > 0, size, 1.0)), 0.0
            )
            step = np.where(strength > 0, brake * force / np.where(strength > 0, strength, 1.0), 0.0)
            here = here + step
            if not step.size or np.abs(step).max() <= 1e-10 * max(1.0, float(np.abs(here).max())):
                break
        valid = present.any(axis=0)
        return [Reduced(here[..., i], valid) for i in range(self.inputs)]


def _correlation(x: np.ndarray, y: np.ndarray) -> tuple[float | None, float | None]:
    from scipy.stats import t

    if x.size < 2:
        return None, None
    dx, dy = x - x.mean(), y - y.mean()
    scale = np.sqrt((dx @ dx) * (dy @ dy))
    if scale == 0:
        return None, None
    r = float(np.clip((dx @ dy) / scale, -1.0, 1.0))
    if x.size == 2:
        return r, None
    if abs(r) == 1.0:
        return r, 0.0
    freedom = x.size - 2
    return r, float(2 * t.sf(abs(r) * np.sqrt(freedom / (1 - r * r)), freedom))


def _vectors(name: str, column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Return elements that are 1-D arrays as a block of shape (n, *trailing, length)."""
    if column.rank == 1:
        return column.values.astype("f8"), column.present
    if column.values.dtype != object:
        raise EEError(f"Reducer.{name} takes 1-D arrays.")
    present = column.present
    rows = [_vector(name, v) for v in column.values[present]]
    if any(r.size != rows[0].size for r in rows):
        raise EEError(f"Reducer.{name} takes 1-D arrays of equal length.")
    block = np.zeros((len(present), rows[0].size if rows else 0))
    if rows:
        block[present] = np.stack(rows)
    return block, present


def _vector(name: str, value: object) -> np.ndarray:
    if isinstance(value, list):
        value = Array(value)
    if not isinstance(value, Array) or value.values.ndim != 1:
        raise EEError(f"Reducer.{name} takes 1-D arrays.")
    return value.values

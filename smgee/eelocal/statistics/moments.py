"""Streaming statistics: counts, sums, extremes, moments. Their states merge, so regions may be reduced
tile by tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from smgee.eelocal.values.reducer import Column, Reduced, Reducer


class Count(Reducer):
    """Number of non-null elements (``count``), or of all (``countEvery``)."""

    numeric = False

    def __init__(self, name: str, *, every: bool = False):
        super().__init__(name, ("count",))
        self.every = every

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return (np.zeros(trailing, "i8"),)

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        (column,) = columns
        whole = self.every or column.weights is None
        return (state[0] + (column.shape[0] if whole else np.count_nonzero(column.present, axis=0)),)

    def finish(self, state: Any) -> list[Reduced]:
        return [Reduced(np.asarray(state[0]), np.ones(np.shape(state[0]), bool))]


class Sum(Reducer):
    """Weighted sum; 0 for no element of a list, table or region, and masked for a pixel without any."""

    def __init__(self) -> None:
        super().__init__("sum", ("sum",), weighted=True)

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return np.zeros(trailing), np.full(trailing, not trailing)

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        (column,) = columns
        found = column.weights is None or column.present.any(axis=0)
        return state[0] + _weighted_sum(column), state[1] | found

    def finish(self, state: Any) -> list[Reduced]:
        return [Reduced(np.asarray(state[0]), np.asarray(state[1], bool))]


class Mean(Reducer):
    """Weighted arithmetic mean."""

    def __init__(self) -> None:
        super().__init__("mean", ("mean",), weighted=True)

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return np.zeros(trailing), np.zeros(trailing)

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        (column,) = columns
        total = float(column.shape[0]) if column.weights is None else column.weights.sum(axis=0, dtype="f8")
        return state[0] + total, state[1] + _weighted_sum(column)

    def finish(self, state: Any) -> list[Reduced]:
        weight, total = state
        return [
            Reduced(
                np.divide(total, weight, out=np.zeros(np.shape(total)), where=weight > 0),
                np.asarray(weight > 0),
            )
        ]


class Product(Reducer):
    """Product of the elements; null for none."""

    def __init__(self) -> None:
        super().__init__("product", ("product",))

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return np.zeros(trailing, bool), np.ones(trailing)

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        (column,) = columns
        present = column.present
        return state[0] | present.any(axis=0), state[1] * np.prod(
            np.where(present, column.values.astype("f8"), 1.0), axis=0
        )

    def merge(self, first: Any, second: Any) -> Any:
        return first[0] | second[0], first[1] * second[1]

    def finish(self, state: Any) -> list[Reduced]:
        return [Reduced(np.asarray(state[1]), np.asarray(state[0]))]


class Extreme(Reducer):
    """Least or greatest first input, with the other inputs of the same element; the first of equals."""

    def __init__(self, name: str, count: int = 1):
        outputs = (name,) if count == 1 else (name, *(f"{name}{i}" for i in range(1, count)))
        super().__init__(name, outputs, inputs=count)
        self.sign = 1.0 if name == "min" else -1.0

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return None, trailing

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        if columns[0].shape[0] == 0:
            return state
        present = columns[0].present
        for other in columns[1:]:
            present = present & other.present
        key = columns[0].values
        extreme = _limit(key.dtype, high=self.sign > 0)
        pick = np.where(present, key, extreme)
        # A present element may itself be the limit: take the first present one among the equals.
        best = pick.min(axis=0) if self.sign > 0 else pick.max(axis=0)
        where = np.argmax((pick == best) & present, axis=0)
        chosen = [np.take_along_axis(c.values, where[None], axis=0)[0] for c in columns]
        return self.merge(state, ((present.any(axis=0), chosen), state[1]))

    def merge(self, first: Any, second: Any) -> Any:
        if first[0] is None or second[0] is None:
            return second if first[0] is None else first
        (valid1, values1), (valid2, values2) = first[0], second[0]
        better = (values2[0] < values1[0]) if self.sign > 0 else (values2[0] > values1[0])
        take = valid2 & (~valid1 | better)
        return (
            valid1 | valid2,
            [np.where(take, b, a) for a, b in zip(values1, values2, strict=True)],
        ), first[1]

    def finish(self, state: Any) -> list[Reduced]:
        if state[0] is None:
            return [Reduced(np.zeros(state[1]), np.zeros(state[1], bool)) for _ in self.outputs]
        valid, values = state[0]
        return [Reduced(np.asarray(v), np.asarray(valid)) for v in values]


class Moments(Reducer):
    """A function of the central moments up to the fourth.

    States are merged with the pairwise formulas of Pébay (2008), Sandia report SAND2008-6212.
    """

    def __init__(self, name: str, output: str, *, order: int, least: int, formula: Callable[..., np.ndarray]):
        super().__init__(name, (output,))
        self.order = order
        self.least = least
        self.formula = formula

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return tuple(np.zeros(trailing) for _ in range(self.order + 1))

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        (column,) = columns
        present = column.present
        values = np.where(present, column.values, 0).astype("f8")
        n = present.sum(axis=0, dtype="f8")
        mean = np.divide(values.sum(axis=0), n, out=np.zeros(n.shape), where=n > 0)
        off = np.where(present, values - mean, 0.0)
        chunk = [n, mean]
        power = off
        for _ in range(2, self.order + 1):
            power = power * off
            chunk.append(power.sum(axis=0))
        return self.merge(state, tuple(chunk))

    def merge(self, first: Any, second: Any) -> Any:
        na, nb = first[0], second[0]
        n = na + nb
        safe = np.where(n > 0, n, 1.0)
        delta = second[1] - first[1]
        delta = np.where((na > 0) & (nb > 0), delta, 0.0)
        mean = np.where(na > 0, first[1] + delta * nb / safe, second[1])
        out = [n, mean]
        if self.order >= 2:
            out.append(first[2] + second[2] + delta**2 * na * nb / safe)
        if self.order >= 3:
            cubic = delta**3 * na * nb * (na - nb) / safe**2
            out.append(first[3] + second[3] + cubic + 3 * delta * (na * second[2] - nb * first[2]) / safe)
        if self.order >= 4:
            quartic = delta**4 * na * nb * (na**2 - na * nb + nb**2) / safe**3
            square = 6 * delta**2 * (na**2 * second[2] + nb**2 * first[2]) / safe**2
            out.append(
                first[4] + second[4] + quartic + square + 4 * delta * (na * second[3] - nb * first[3]) / safe
            )
        return tuple(out)

    def finish(self, state: Any) -> list[Reduced]:
        valid = np.asarray(state[0] >= self.least)
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.asarray(self.formula(*state))
        valid = valid & np.isfinite(values)  # skewness and kurtosis of a constant
        return [Reduced(np.where(valid, values, 0.0), valid)]


class Bitwise(Reducer):
    """Bitwise or / and of integers."""

    def __init__(self, name: str, ufunc: np.ufunc, identity: int):
        super().__init__(name, (name,))
        self.ufunc = ufunc
        self.identity = identity

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return np.zeros(trailing, bool), np.full(trailing, self.identity, "i8")

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        (column,) = columns
        present = column.present
        values = np.where(present, column.values.astype("i8"), self.identity)
        return state[0] | present.any(axis=0), self.ufunc(state[1], self.ufunc.reduce(values, axis=0))

    def merge(self, first: Any, second: Any) -> Any:
        return first[0] | second[0], self.ufunc(first[1], second[1])

    def finish(self, state: Any) -> list[Reduced]:
        return [Reduced(np.asarray(state[1]), np.asarray(state[0]))]


class Logical(Reducer):
    """Whether all, or any, of the elements are non-zero: 1 or 0; null for no element."""

    def __init__(self, name: str, output: str):
        super().__init__(name, (output,))

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return np.zeros(trailing, bool), np.full(trailing, self.outputs[0] == "all")

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        (column,) = columns
        present, nonzero = column.present, column.values != 0
        value = (
            (nonzero | ~present).all(axis=0) if self.outputs[0] == "all" else (nonzero & present).any(axis=0)
        )
        return self.merge(state, (present.any(axis=0), value))

    def merge(self, first: Any, second: Any) -> Any:
        both = first[1] & second[1] if self.outputs[0] == "all" else first[1] | second[1]
        return first[0] | second[0], both

    def finish(self, state: Any) -> list[Reduced]:
        return [Reduced(np.asarray(state[1]).astype("i8"), np.asarray(state[0]))]


class Circular(Reducer):
    """Weighted circular mean, variance or standard deviation of angles in radians.

    The mean lies in −π…π; the variance is 1 − R and the standard deviation √(−2 ln R), R the resultant
    length.
    """

    def __init__(self, name: str, output: str):
        super().__init__(name, (output,), weighted=True)

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return tuple(np.zeros(trailing) for _ in range(3))

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        (column,) = columns
        weight = column.weight
        angle = np.where(weight > 0, column.values, 0).astype("f8")
        parts = (
            weight.sum(axis=0),
            (weight * np.cos(angle)).sum(axis=0),
            (weight * np.sin(angle)).sum(axis=0),
        )
        return self.merge(state, parts)

    def finish(self, state: Any) -> list[Reduced]:
        weight, cosine, sine = state
        valid = np.asarray(weight > 0)
        safe = np.where(valid, weight, 1.0)
        length = np.minimum(np.hypot(cosine, sine) / safe, 1.0)
        with np.errstate(divide="ignore"):
            value = {
                "circularMean": lambda: np.arctan2(sine, cosine),
                "circularVariance": lambda: 1.0 - length,
                "circularStdDev": lambda: np.sqrt(-2.0 * np.log(length)),
            }[self.outputs[0]]()
        return [Reduced(np.where(valid, value, 0.0), valid)]


def _weighted_sum(column: Column) -> np.ndarray:
    if column.weights is None:
        return column.values.sum(axis=0, dtype="f8")
    if column.weights.dtype == bool:
        return column.values.sum(axis=0, dtype="f8", where=column.weights)
    return np.where(column.weights > 0, column.values * column.weights.astype("f8", copy=False), 0.0).sum(
        axis=0, dtype="f8"
    )


def _limit(dtype: np.dtype, *, high: bool) -> Any:
    if dtype.kind == "f":
        return np.inf if high else -np.inf
    if dtype.kind == "b":
        return high
    info = np.iinfo(dtype)
    return dtype.type(info.max if high else info.min)

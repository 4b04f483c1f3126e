"""Statistics of order and identity: percentiles, mode, first and last, distinct values and runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.reducer import Collecting, Column, Reduced


class Percentile(Collecting):
    """Percentiles of the elements.

    Computed directly from all the elements, with linear interpolation between order statistics, whatever
    their number; Earth Engine goes over to a histogram beyond an undocumented number. With weights, element i
    stands at the midpoint of its share of the cumulative weight, scaled so that the least element is
    percentile 0 and the greatest 100; equal weights give the usual ranks.
    """

    def __init__(self, name: str, percentiles: Sequence[float], outputs: Sequence[str]):
        super().__init__(name, outputs, weighted=True)
        for p in percentiles:
            if not 0 <= p <= 100:
                raise EEError(f"Percentiles must be between 0 and 100, got {p:g}.")
        self.fractions = [p / 100.0 for p in percentiles]

    def compute(self, columns: list[Column]) -> list[Reduced]:
        (column,) = columns
        if column.shape[0] == 0:
            return [Reduced(np.zeros(column.trailing), np.zeros(column.trailing, bool)) for _ in self.outputs]
        if column.weights is None or _equal_weights(column.weights):
            return self._unweighted(column)
        return self._weighted(column)

    def _unweighted(self, column: Column) -> list[Reduced]:
        values = column.values
        n = values.shape[0]
        if column.weights is None:
            count: np.ndarray = np.full(column.trailing, n)
            ordered = np.sort(values, axis=0)
        else:
            present = column.present
            count = present.sum(axis=0)
            high = (
                np.inf
                if values.dtype.kind == "f"
                else np.iinfo(values.dtype).max
                if values.dtype.kind in "iu"
                else True
            )
            ordered = np.moveaxis(
                np.sort(np.ascontiguousarray(np.moveaxis(np.where(present, values, high), 0, -1)), axis=-1),
                -1,
                0,
            )
        valid = count > 0
        last = np.maximum(count - 1, 0)
        results = []
        for fraction in self.fractions:
            position = fraction * last
            below = np.floor(position).astype(np.intp)
            share = position - below
            low = np.take_along_axis(ordered, below[None], axis=0)[0].astype("f8")
            top = np.take_along_axis(ordered, np.minimum(below + 1, last)[None], axis=0)[0].astype("f8")
            # An infinite neighbour of zero share must not turn the value into NaN.
            with np.errstate(invalid="ignore"):
                value = np.where(share > 0, low + np.where(share > 0, top - low, 0.0) * share, low)
            results.append(Reduced(np.where(valid, value, 0.0), valid))
        return results

    def _weighted(self, column: Column) -> list[Reduced]:
        weight = column.weight
        values = np.where(weight > 0, column.values.astype("f8"), np.inf)
        order = np.argsort(values, axis=0, kind="stable")
        values = np.take_along_axis(values, order, axis=0)
        weight = np.take_along_axis(weight, order, axis=0)
        count = (weight > 0).sum(axis=0)
        valid = count > 0
        middle = np.cumsum(weight, axis=0) - weight / 2
        last = np.maximum(count - 1, 0)[None]
        start = middle[0]
        span = np.take_along_axis(middle, last, axis=0)[0] - start
        results = []
        for fraction in self.fractions:
            target = start + fraction * span
            below = np.clip((middle <= target).sum(axis=0) - 1, 0, last[0])
            above = np.minimum(below + 1, last[0])
            m0, m1 = (np.take_along_axis(middle, i[None], axis=0)[0] for i in (below, above))
            v0, v1 = (np.take_along_axis(values, i[None], axis=0)[0] for i in (below, above))
            v0, v1 = np.where(valid, v0, 0.0), np.where(valid, v1, 0.0)
            gap = m1 - m0
            share = np.divide(target - m0, gap, out=np.zeros(gap.shape), where=gap > 0)
            with np.errstate(invalid="ignore"):
                results.append(Reduced(np.where(share > 0, v0 + (v1 - v0) * share, v0), valid))
        return results


class IntervalMean(Collecting):
    """Weighted mean of the elements between two percentiles, both included."""

    def __init__(self, low: float, high: float):
        if not 0 <= low <= high <= 100:
            raise EEError(
                f"The percentile range must be within 0…100 and increasing, got {low:g} to {high:g}."
            )
        super().__init__("intervalMean", ("mean",), weighted=True)
        self.bounds = Percentile("percentile", (low, high), ("low", "high"))

    def compute(self, columns: list[Column]) -> list[Reduced]:
        (column,) = columns
        low, high = self.bounds.compute(columns)
        weight = np.where((column.values >= low.values) & (column.values <= high.values), column.weight, 0.0)
        total = weight.sum(axis=0)
        values = np.where(weight > 0, column.values, 0).astype("f8")
        mean = np.divide((values * weight).sum(axis=0), total, out=np.zeros(total.shape), where=total > 0)
        return [Reduced(mean, np.asarray(total > 0))]


class Mode(Collecting):
    """The value of the greatest total weight; the least of several."""

    def __init__(self) -> None:
        super().__init__("mode", ("mode",), weighted=True)

    def compute(self, columns: list[Column]) -> list[Reduced]:
        (column,) = columns
        n = column.shape[0]
        if n == 0:
            return [Reduced(np.zeros(column.trailing), np.zeros(column.trailing, bool))]
        weight = column.weight
        present = weight > 0
        order = np.lexsort((column.values, ~present), axis=0)
        values = np.take_along_axis(column.values, order, axis=0)
        weight = np.take_along_axis(weight, order, axis=0)
        # Total weight of each run of equal values, held at the run's last element.
        total = np.cumsum(weight, axis=0)
        ends = np.ones(values.shape, bool)
        ends[:-1] = (values[1:] != values[:-1]) | ((weight[1:] > 0) != (weight[:-1] > 0))
        before = np.zeros(total.shape)
        np.maximum.accumulate(np.where(ends, total, 0.0)[:-1], axis=0, out=before[1:])
        # Equal totals differ by rounding of the cumulative sums; the first within that rounding wins.
        runs = np.where(ends & (weight > 0), total - before, -1.0)
        best = np.argmax(runs >= runs.max(axis=0) * (1 - 1e-12), axis=0)
        value = np.take_along_axis(values, best[None], axis=0)[0]
        return [Reduced(value, np.asarray(present.any(axis=0)))]


class End(Collecting):
    """The first or last element, null included or skipped."""

    numeric = False

    def __init__(self, name: str, output: str, *, last: bool, skip: bool):
        super().__init__(name, (output,))
        self.last = last
        self.skip = skip

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        # Only the candidate of each chunk is kept.
        (column,) = columns
        if column.shape[0] == 0:
            return state
        return (state[0], (*state[1], (self._pick(column),)))

    def _pick(self, column: Column) -> Column:
        n = column.shape[0]
        present = column.present
        if self.skip:
            index = n - 1 - np.argmax(present[::-1], axis=0) if self.last else np.argmax(present, axis=0)
        else:
            index = np.full(column.trailing, n - 1 if self.last else 0)
        spread = index.reshape((1, *column.trailing) + (1,) * column.rank)
        values = np.take_along_axis(
            column.values, np.broadcast_to(spread, (1, *column.values.shape[1:])), axis=0
        )
        return Column(values, np.take_along_axis(column.weight, index[None], axis=0), column.rank)

    def compute(self, columns: list[Column]) -> list[Reduced]:
        (column,) = columns
        if column.shape[0] == 0:
            return [Reduced(np.zeros(column.trailing), np.zeros(column.trailing, bool))]
        chosen = self._pick(column)
        return [
            Reduced(
                chosen.values[0] if chosen.values.ndim > 1 else chosen.values[0:1].reshape(()),
                chosen.present[0],
                column.rank,
            )
        ]


class CountDistinct(Collecting):
    """Number of distinct values; a null is one more value unless `nulls` is False."""

    numeric = False

    def __init__(self, name: str, *, nulls: bool):
        super().__init__(name, ("count",))
        self.nulls = nulls

    def compute(self, columns: list[Column]) -> list[Reduced]:
        (column,) = columns
        if column.values.dtype == object:
            keys = {_key(v) for v, p in zip(column.values, column.present, strict=True) if p}
            count = np.asarray(len(keys))
        else:
            count = _changes(column, lambda c: np.lexsort((c.values, ~c.present), axis=0))
        if self.nulls:
            count = count + (~column.present).any(axis=0)
        return [Reduced(np.asarray(count), np.ones(column.trailing, bool))]


class CountRuns(Collecting):
    """Number of runs of equal consecutive non-null values."""

    numeric = False

    def __init__(self) -> None:
        super().__init__("countRuns", ("count",))

    def compute(self, columns: list[Column]) -> list[Reduced]:
        (column,) = columns
        if column.values.dtype == object:
            keys = [_key(v) for v, p in zip(column.values, column.present, strict=True) if p]
            count = np.asarray(sum(1 for i, k in enumerate(keys) if i == 0 or k != keys[i - 1]))
        else:
            count = _changes(column, lambda c: np.argsort(~c.present, axis=0, kind="stable"))
        return [Reduced(np.asarray(count), np.ones(column.trailing, bool))]


def _changes(column: Column, order_of: Callable[[Column], np.ndarray]) -> np.ndarray:
    """Count the runs of equal values after putting the absent ones last."""
    if column.shape[0] == 0:
        return np.zeros(column.trailing, "i8")
    order = order_of(column)
    values = np.take_along_axis(column.values, order, axis=0)
    present = np.take_along_axis(column.present, order, axis=0)
    return present[0] + ((values[1:] != values[:-1]) & present[1:]).sum(axis=0)


def _equal_weights(weights: np.ndarray) -> bool:
    if weights.dtype == bool:
        return True
    present = weights[weights > 0]
    return present.size == 0 or bool((present == present.flat[0]).all())


def _key(value: Any) -> Any:
    if isinstance(value, list):
        return ("list", *map(_key, value))
    if isinstance(value, dict):
        return ("dict", *((k, _key(v)) for k, v in sorted(value.items())))
    return value

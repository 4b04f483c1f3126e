"""Histograms, and frequency tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.common import to_text
from smgee.eelocal.values.reducer import Collecting, Column, Reduced, Reducer

DEFAULT_BUCKETS = (
    256  # the bucket count of the Code Editor's histogram charts; the reducers' own default is not documented
)


class _Buckets:
    """Buckets whose width is a power of two and whose edges are multiples of it, at most `limit` of them.

    Whole numbers get whole widths.
    """

    def __init__(self, values: np.ndarray, weights: np.ndarray, limit: int, least: float | None):
        low, high = float(values.min()), float(values.max())
        spread = high - low
        exponent = math.floor(math.log2(spread / limit)) if spread > 0 else 0
        width = 2.0**exponent
        if least is not None and width < least:
            width = 2.0 ** math.ceil(math.log2(least))
        if (values == np.floor(values)).all():
            width = max(width, 1.0)
        while math.floor(high / width) - math.floor(low / width) + 1 > limit:
            width *= 2.0
        first = math.floor(low / width)
        index = np.floor(values / width).astype("i8") - first
        size = int(index.max()) + 1
        self.width = width
        self.low = first * width
        self.counts = np.bincount(index, weights, size)
        sums = np.bincount(index, weights * values, size)
        middle = self.low + (np.arange(size) + 0.5) * width
        self.means = np.divide(sums, self.counts, out=middle, where=self.counts > 0)


class _Adaptive(Collecting):
    def __init__(self, name: str, limit: int | None, least: float | None):
        super().__init__(name, ("histogram",), weighted=True)
        limit = DEFAULT_BUCKETS if limit is None else limit
        if limit < 1:
            raise EEError(f"maxBuckets must be at least 1, got {limit}.")
        self.limit = 2 ** math.ceil(math.log2(limit))
        if least is not None and least <= 0:
            raise EEError(f"minBucketWidth must be positive, got {least:g}.")
        self.least = least

    def compute(self, columns: list[Column]) -> list[Reduced]:
        (column,) = columns
        out = np.empty(column.trailing, object)
        valid = np.zeros(column.trailing, bool)
        weight = column.weight
        for index in np.ndindex(column.trailing):
            here = (slice(None), *index)
            keep = weight[here] > 0
            if keep.any():
                buckets = _Buckets(
                    column.values[here][keep].astype("f8"), weight[here][keep], self.limit, self.least
                )
                out[index] = self.express(buckets)
                valid[index] = True
        return [Reduced(out, valid)]

    def express(self, buckets: _Buckets) -> Any:
        raise NotImplementedError


class Histogram(_Adaptive):
    """A dictionary of bucketMeans, bucketMin, bucketWidth and histogram; the mean of an empty bucket is
    its middle.
    """

    def express(self, buckets: _Buckets) -> Any:
        return {
            "bucketMeans": buckets.means.tolist(),
            "bucketMin": buckets.low,
            "bucketWidth": buckets.width,
            "histogram": buckets.counts.tolist(),
        }


class AutoHistogram(_Adaptive):
    """An N×2 array of lower bucket edges and (cumulative) counts."""

    def __init__(self, limit: int | None, least: float | None, cumulative: bool):
        super().__init__("autoHistogram", limit, least)
        self.cumulative = cumulative

    def express(self, buckets: _Buckets) -> Any:
        counts = np.cumsum(buckets.counts) if self.cumulative else buckets.counts
        return Array(np.stack([buckets.low + np.arange(counts.size) * buckets.width, counts], axis=1))


class FixedHistogram(Reducer):
    """A steps×2 array of lower bucket edges and (cumulative) weights; values outside [min, max) are
    ignored.
    """

    def __init__(self, low: float, high: float, steps: int, cumulative: bool):
        super().__init__("fixedHistogram", ("histogram",), weighted=True)
        if steps < 1 or not low < high:
            raise EEError(
                f"A histogram needs min < max and at least one step, got min {low:g}, max {high:g}, {steps} "
                "steps."
            )
        self.low, self.high, self.steps, self.cumulative = low, high, steps, cumulative

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return np.zeros(trailing, bool), np.zeros((*trailing, self.steps))

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        (column,) = columns
        index = _bucket(column.values, self.low, self.high, self.steps)
        weight = np.where(index >= 0, column.weight, 0.0)
        counts = np.stack([np.where(index == i, weight, 0.0).sum(axis=0) for i in range(self.steps)], axis=-1)
        return state[0] | column.present.any(axis=0), state[1] + counts

    def finish(self, state: Any) -> list[Reduced]:
        valid, counts = state
        if self.cumulative:
            counts = np.cumsum(counts, axis=-1)
        edges = self.low + np.arange(self.steps) * (self.high - self.low) / self.steps
        return [
            Reduced(np.stack([np.broadcast_to(edges, counts.shape), counts], axis=-1), np.asarray(valid), 2)
        ]


class FixedHistogram2D(Reducer):
    """Counts (x, y) and the lower edges along x and y; unweighted."""

    def __init__(self, x: tuple[float, float, int], y: tuple[float, float, int]):
        super().__init__("fixed2DHistogram", ("histogram", "xAxis", "yAxis"), inputs=2)
        for low, high, steps in (x, y):
            if steps < 1 or not low < high:
                raise EEError(
                    f"A histogram needs min < max and at least one step, got min {low:g}, max {high:g}, "
                    f"{steps} steps."
                )
        self.axes = (x, y)

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return np.zeros(trailing, bool), np.zeros((*trailing, self.axes[0][2], self.axes[1][2]))

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        present = columns[0].present & columns[1].present
        (ix, iy) = (_bucket(c.values, *axis) for c, axis in zip(columns, self.axes, strict=True))
        steps_x, steps_y = self.axes[0][2], self.axes[1][2]
        cell = np.where(present & (ix >= 0) & (iy >= 0), ix * steps_y + iy, -1)
        counts = np.stack([(cell == i).sum(axis=0) for i in range(steps_x * steps_y)], axis=-1)
        return state[0] | present.any(axis=0), state[1] + counts.reshape(state[1].shape)

    def finish(self, state: Any) -> list[Reduced]:
        valid, counts = state
        results = [Reduced(counts, np.asarray(valid), 2)]
        for low, high, steps in self.axes:
            edges = low + np.arange(steps) * (high - low) / steps
            results.append(
                Reduced(np.broadcast_to(edges, (*np.shape(valid), steps)).copy(), np.asarray(valid), 1)
            )
        return results


class FrequencyHistogram(Collecting):
    """A dictionary from each value, as text, to its total weight."""

    numeric = False

    def __init__(self) -> None:
        super().__init__("frequencyHistogram", ("histogram",), weighted=True)

    def compute(self, columns: list[Column]) -> list[Reduced]:
        (column,) = columns
        out = np.empty(column.trailing, object)
        weight = column.weight
        for index in np.ndindex(column.trailing):
            here = (slice(None), *index)
            out[index] = self._table(column.values[here], weight[here])
        return [Reduced(out, np.ones(column.trailing, bool))]

    def _table(self, values: np.ndarray, weights: np.ndarray) -> dict[str, float]:
        keep = weights > 0
        if values.dtype == object:
            table: dict[str, float] = {}
            for value, weight in zip(values[keep], weights[keep], strict=True):
                key = format_key(value)
                table[key] = table.get(key, 0.0) + float(weight)
            return dict(sorted(table.items()))
        distinct, where = np.unique(values[keep], return_inverse=True)
        totals = np.bincount(where, weights[keep], distinct.size)
        return {format_key(v): float(t) for v, t in zip(distinct.tolist(), totals, strict=True)}


def format_key(value: Any) -> str:
    """Return a value as a key of a dictionary, as strings are made of it; dates and the like by Python."""
    return to_text(value) if isinstance(value, (bool, int, float, str)) else str(value)


def _bucket(values: np.ndarray, low: float, high: float, steps: int) -> np.ndarray:
    inside = (values >= low) & (values < high)
    index = np.floor((np.where(inside, values, low) - low) * (steps / (high - low))).astype("i8")
    return np.where(inside, np.minimum(index, steps - 1), -1)

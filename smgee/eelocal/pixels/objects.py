"""Connected pixels of equal value, and distances to pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from smgee.eelocal.pixels.labels import connected_labels
from smgee.eelocal.values.lazy import Node, Pixels, both
from smgee.eelocal.values.pixeltype import PixelType
from smgee.eelocal.values.projection import lattice_origin
from smgee.eelocal.values.reducer import Column, Reducer
from smgee.grid import PixelGrid


class _Padded(Node):
    """A node that reads others some pixels beyond its grid."""

    __slots__ = ("nodes", "reach")

    def __init__(self, nodes: Sequence[Node], reach: int):
        self.nodes = tuple(nodes)
        self.reach = int(reach)

    def needs(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        return [(n, grid.pad(self.reach)) for n in self.nodes]

    def centre(self, array: np.ndarray, grid: PixelGrid) -> np.ndarray:
        """Return the part of an array that lies on the grid itself."""
        return array[self.reach : self.reach + grid.height, self.reach : self.reach + grid.width]


class PixelCount(_Padded):
    """The number of pixels of the object that a pixel belongs to, at most a maximum."""

    __slots__ = ("eight",)

    def __init__(self, node: Node, most: int, eight: bool):
        super().__init__([node], most)
        self.eight = eight

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        (pixels,) = inputs
        # An object that reaches beyond the margin has at least as many pixels as the margin is wide.
        labels = connected_labels(pixels.values, pixels.valid, self.eight)
        counts = np.bincount(labels[labels >= 0].ravel(), minlength=labels.size)
        here = self.centre(labels, grid)
        return Pixels(
            np.minimum(counts[np.maximum(here, 0)], self.reach).astype("i4"), self.centre(pixels.mask, grid)
        )


def _absolute(labels: np.ndarray, grid: PixelGrid) -> np.ndarray:
    """Turn flat indices in a window into numbers that are the same in every window: column and row of the
    lattice, 32 bits each.
    """
    col, row = lattice_origin(grid)
    rows, cols = labels // grid.width + row, labels % grid.width + col
    return ((rows & 0xFFFFFFFF) << 32) | (cols & 0xFFFFFFFF)


class Components(_Padded):
    """Objects of at most a number of pixels, by a label of their own that is the same in every tile;
    larger ones are masked.
    """

    __slots__ = ("eight", "most")

    def __init__(self, node: Node, most: int, eight: bool):
        super().__init__([node], most + 1)
        self.eight = eight
        self.most = most

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        (pixels,) = inputs
        wide = grid.pad(self.reach)
        labels = connected_labels(pixels.values, pixels.valid, self.eight)
        counts = np.bincount(labels[labels >= 0].ravel(), minlength=labels.size)
        here = self.centre(labels, grid)
        small = (here >= 0) & (counts[np.maximum(here, 0)] <= self.most)
        return Pixels(
            np.where(small, _absolute(np.maximum(here, 0), wide), 0),
            both(self.centre(pixels.mask, grid), small),
        )


class ObjectReduction(_Padded):
    """A reducer over the pixels of each object (the label node first); objects wider or higher than a
    maximum are masked; for `Pick`.
    """

    __slots__ = ("kinds", "most", "reducer")

    def __init__(self, label: Node, node: Node, reducer: Reducer, kinds: Sequence[PixelType], most: int):
        super().__init__([label, node], most + 1)
        self.reducer = reducer
        self.kinds = list(kinds)
        self.most = most

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> list[Pixels]:
        label, pixels = inputs
        labels = connected_labels(label.values, label.valid, True)
        here = self.centre(labels, grid)
        ids = np.unique(here[here >= 0])
        values = np.zeros((len(self.kinds), *grid.shape), "f8")
        found = np.zeros((len(self.kinds), *grid.shape), bool)
        order = np.argsort(labels.ravel(), kind="stable")
        sorted_labels = labels.ravel()[order]
        for identifier in ids:
            at = order[
                np.searchsorted(sorted_labels, identifier) : np.searchsorted(
                    sorted_labels, identifier, side="right"
                )
            ]
            rows, cols = at // labels.shape[1], at % labels.shape[1]
            if np.ptp(rows) >= self.most or np.ptp(cols) >= self.most:
                continue
            take = pixels.valid[rows, cols]
            column = Column(
                pixels.values[rows[take], cols[take]], pixels.mask[rows[take], cols[take]].astype("f8")
            )
            inside = here == identifier
            for k, result in enumerate(self.reducer.reduce([column])):
                if bool(result.valid):
                    values[k][inside] = float(result.values)
                    found[k][inside] = True
        return [Pixels(k.cast(v), f) for k, v, f in zip(self.kinds, values, found, strict=True)]


# How far one row or column is, and how the two make a distance.
MEASURES: Mapping[str, Callable[[Any, Any], Any]] = {
    "euclidean": np.hypot,
    "squared_euclidean": lambda dr, dc: dr**2 + dc**2,
    "manhattan": np.add,
    "chebyshev": np.maximum,
}


def nearest(targets: np.ndarray, reach: int, measure: str) -> np.ndarray:
    """Return how far the nearest target is, of those at most `reach` rows and columns away; infinite where
    there is none.

    Parameters
    ----------
    targets : bool array, shape (height + 2 reach, width + 2 reach)
        Those around the pixels too.
    reach : int
        How far to look, pixels along rows and columns.
    measure : str
        One of `MEASURES`.

    Returns
    -------
    array, shape (height, width), in pixels
    """
    height, width = (n - 2 * reach for n in targets.shape)
    best = np.full((height, width), np.inf)
    if not targets.any():
        return best
    column = np.arange(targets.shape[1], dtype="f8")
    before = np.maximum.accumulate(np.where(targets, column, -np.inf), axis=1)
    after = np.minimum.accumulate(np.where(targets, column, np.inf)[:, ::-1], axis=1)[:, ::-1]
    across = np.minimum(column - before, after - column)[:, reach : reach + width]
    across[across > reach] = np.inf
    for dr in range(reach + 1):
        if best.max() <= MEASURES[measure](dr, 0):
            break
        for row in {reach - dr, reach + dr}:
            np.minimum(best, MEASURES[measure](dr, across[row : row + height]), out=best)
    return best


class Distance(Node):
    """Distance to the nearest pixel that is not 0, within some pixels; masked where there is none.

    Parameters
    ----------
    node : Node
        What is not 0 (and unmasked) there is a target.
    measure : str
        One of `MEASURES`.
    reach : callable
        Returns, for a grid, how far to look, pixels along rows and columns, and what is a pixel's length.
    skip_masked : bool
        Whether masked pixels stay masked.
    """

    __slots__ = ("measure", "node", "reach", "skip_masked")

    def __init__(
        self,
        node: Node,
        measure: str,
        reach: Callable[[PixelGrid], tuple[int, float]],
        *,
        skip_masked: bool = False,
    ):
        self.node = node
        self.measure = measure
        self.reach = reach
        self.skip_masked = skip_masked

    def needs(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        return [(self.node, grid.pad(self.reach(grid)[0]))]

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        (pixels,) = inputs
        reach, unit = self.reach(grid)
        distance = nearest((pixels.values != 0) & pixels.valid, reach, self.measure)
        found = np.isfinite(distance)
        here = pixels.mask[reach : reach + grid.height, reach : reach + grid.width]
        values = np.where(found, distance, 0) * unit
        return Pixels(values.astype("f4"), both(found, here) if self.skip_masked else found)

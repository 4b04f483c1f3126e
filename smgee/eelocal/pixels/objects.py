"""Connected pixels of equal value, and distances to pixels."""

from __future__ import annotations

from collections.abc import Sequence
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


class Distance(_Padded):
    """Distance to the nearest pixel that is not 0, within some pixels; masked where there is none.

    Parameters
    ----------
    node : Node
        What is not 0 (and unmasked) there is a target.
    reach : int
        How far to look, pixels along rows and columns.
    metric : {"euclidean", "squared_euclidean", "manhattan", "chebyshev"}
        The measure, in pixels.
    skip_masked : bool
        Whether masked pixels stay masked.
    """

    __slots__ = ("metric", "skip_masked")

    def __init__(self, node: Node, reach: int, metric: str, *, skip_masked: bool = False):
        super().__init__([node], reach)
        self.metric = metric
        self.skip_masked = skip_masked

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        from scipy import ndimage

        (pixels,) = inputs
        empty = ~((pixels.values != 0) & pixels.valid)
        if empty.all():
            return Pixels(np.zeros(grid.shape, "f4"), np.zeros(grid.shape, bool))
        if self.metric.endswith("euclidean"):
            nearest = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
        else:
            nearest = ndimage.distance_transform_cdt(
                empty,
                "chessboard" if self.metric == "chebyshev" else "taxicab",
                return_distances=False,
                return_indices=True,
            )
        rows, cols = np.indices(empty.shape)
        dr = self.centre(np.abs(nearest[0] - rows), grid)
        dc = self.centre(np.abs(nearest[1] - cols), grid)
        if self.metric == "manhattan":
            distance = (dr + dc).astype("f8")
        elif self.metric == "chebyshev":
            distance = np.maximum(dr, dc).astype("f8")
        else:
            distance = dr.astype("f8") ** 2 + dc.astype("f8") ** 2
            if self.metric == "euclidean":
                distance = np.sqrt(distance)
        within = (dr <= self.reach) & (dc <= self.reach)
        mask = both(within, self.centre(pixels.mask, grid)) if self.skip_masked else within
        return Pixels(distance.astype("f4"), mask)

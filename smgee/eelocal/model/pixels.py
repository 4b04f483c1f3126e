"""Pixels, the nodes that make them, and how they are pulled.

Nothing is computed until an output grid asks for it. A `Node` says which grids it needs of which other nodes (`needs`) and turns their
pixels into its own (`compute`); `pull` walks that graph with an explicit stack, computes each (node, grid) once and frees it after its last use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smgee.grid import PixelGrid

__all__ = ["Node", "Pick", "Pixels", "both", "is_thin", "pull", "thin"]


@dataclass(frozen=True)
class Pixels:
    """Values and mask on a grid.

    Parameters
    ----------
    values : (height, width) or, for array bands, (height, width, …) ndarray
        Values under a zero mask are arbitrary.
    mask : (height, width) ndarray of bool or float32
        0 absent … 1 present; bool where no pixel is fractional.
    """

    values: np.ndarray
    mask: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """Where the mask is not zero, (height, width) bool."""
        return self.mask if self.mask.dtype == bool else self.mask > 0

    @property
    def weight(self) -> np.ndarray:
        """The mask as float64."""
        return self.mask.astype("f8")


def is_thin(array: np.ndarray) -> bool:
    """Whether an array repeats one element along both spatial axes, as constants do."""
    return array.strides[:2] == (0, 0) and array.shape[0] * array.shape[1] > 1


def thin(array: np.ndarray) -> np.ndarray:
    """Return a constant array as its (1, 1, …) element, so that arithmetic costs nothing per pixel; other arrays as they are."""
    return array[:1, :1] if is_thin(array) else array


def both(*masks: np.ndarray) -> np.ndarray:
    """Return the least of several masks: a result exists only where all its inputs do."""
    full = [m for m in masks if not (is_thin(m) and m[0, 0] == 1)]
    if not full:
        return masks[0]
    result = full[0]
    for mask in full[1:]:
        if mask is result:
            continue
        if result.dtype == bool and mask.dtype == bool:
            result = result & mask
        else:
            result = np.minimum(result.astype("f4", copy=False), mask.astype("f4", copy=False))
    return result


class Node:
    """A lazily computed quantity on any grid. Subclasses implement `compute`, and `needs` when they read other nodes."""

    __slots__ = ()

    def key(self) -> Any:
        """Identify the computation: nodes with equal keys are computed once. The node itself by default."""
        return self

    def needs(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        """Return the (node, grid) pairs that `compute` reads, in order."""
        return ()

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Any:
        """Compute the node on `grid`: `Pixels`, or for a node behind `Pick` a sequence of them."""
        raise NotImplementedError


class Pick(Node):
    """One output of a node that computes several."""

    __slots__ = ("index", "node")

    def __init__(self, node: Node, index: int):
        self.node = node
        self.index = index

    def key(self) -> Any:
        return ("pick", self.node.key(), self.index)

    def needs(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        return ((self.node, grid),)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        return inputs[0][self.index]


def pull(targets: Iterable[tuple[Node, PixelGrid]]) -> list[Any]:
    """Compute nodes on grids.

    Parameters
    ----------
    targets : iterable of (Node, PixelGrid)
        What is wanted.

    Returns
    -------
    list
        One result per target, in order.
    """
    targets = list(targets)
    # Pass 1: the graph of needs, and how often each result is used.
    needs: dict[Any, tuple[Node, PixelGrid, list[Any]]] = {}
    uses: dict[Any, int] = {}
    stack = list(reversed(targets))
    wanted = [(node.key(), grid) for node, grid in targets]
    while stack:
        node, grid = stack.pop()
        key = (node.key(), grid)
        if key in needs:
            continue
        below = list(node.needs(grid))
        keys = [(n.key(), g) for n, g in below]
        needs[key] = (node, grid, keys)
        for k in keys:
            uses[k] = uses.get(k, 0) + 1
        stack.extend(reversed(below))
    for key in wanted:
        uses[key] = uses.get(key, 0) + 1
    # Pass 2: depth first, so that a result is freed as soon as its last user is done.
    done: dict[Any, Any] = {}
    order = list(reversed(wanted))
    while order:
        key = order[-1]
        if key in done or uses[key] == 0:
            order.pop()
            continue
        node, grid, keys = needs[key]
        missing = [k for k in keys if k not in done]
        if missing:
            order.extend(reversed(missing))
            continue
        order.pop()
        done[key] = node.compute(grid, [done[k] for k in keys])
        for k in keys:
            uses[k] -= 1
            if uses[k] == 0:
                del done[k]
    return [done[key] for key in wanted]

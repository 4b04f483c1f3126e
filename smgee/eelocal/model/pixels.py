"""Pixels, the nodes that make them, and how they are pulled.

Nothing is computed until an output grid asks for it. A `Node` says which grids it needs of which other nodes (`needs`) and turns their
pixels into its own (`compute`); `pull` walks that graph with an explicit stack, computes each (node, grid) once and frees it after its last use.
A node with a `company` says what more it needs when it has seen the first (`later`): what fills gaps is computed where there are gaps.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
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

    def company(self) -> Hashable | None:
        """Identify the nodes that are asked for `later` needs together, so that these are shared; None for a node that has none."""
        return None

    def later(self, grid: PixelGrid, inputs: list[Any]) -> Sequence[tuple[Node, PixelGrid]]:
        """Return the (node, grid) pairs that `compute` reads besides `needs`, whose results are `inputs`."""
        return ()

    def reads(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        """Return all that `compute` may read, at most."""
        return self.needs(grid)

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
    work = _Work()
    wanted = work.require(targets)
    order = list(reversed(wanted))
    # Depth first, so that a result is freed as soon as its last user is done.
    while order:
        key = order[-1]
        if key in work.done or not work.uses[key]:
            order.pop()
            continue
        missing = work.missing(key)
        if missing:
            order.extend(reversed(missing))
            continue
        order.pop()
        work.compute(key)
    return [work.done[key] for key in wanted]


_Key = tuple[Any, PixelGrid]


class _Work:
    """What one `pull` has planned and done: the graph of needs, how often each result is still to be used, and the results."""

    def __init__(self) -> None:
        self.needs: dict[_Key, tuple[Node, list[_Key]]] = {}
        self.uses: dict[_Key, int] = {}
        self.done: dict[_Key, Any] = {}
        # The nodes with later needs that have not been asked for them, by company and grid.
        self.unasked: dict[_Key, tuple[Hashable, PixelGrid]] = {}
        self.companies: dict[tuple[Hashable, PixelGrid], list[_Key]] = {}

    def require(self, targets: Sequence[tuple[Node, PixelGrid]]) -> list[_Key]:
        """Plan one more use of each target, and all that those need which are not planned yet; return the targets' keys."""
        wanted = [(node.key(), grid) for node, grid in targets]
        for key in wanted:
            self.uses[key] = self.uses.get(key, 0) + 1
        stack = [(key, node) for key, (node, _) in zip(wanted, targets, strict=True)]
        stack.reverse()
        while stack:
            key, node = stack.pop()
            if key in self.needs:
                continue
            grid = key[1]
            below = node.needs(grid)
            keys = [(n.key(), g) for n, g in below]
            self.needs[key] = (node, keys)
            for k in keys:
                self.uses[k] = self.uses.get(k, 0) + 1
            stack.extend((k, n) for k, (n, _) in zip(reversed(keys), reversed(below), strict=True))
            company = node.company()
            if company is not None:
                self.unasked[key] = (company, grid)
                self.companies.setdefault((company, grid), []).append(key)
        return wanted

    def missing(self, key: _Key) -> list[_Key]:
        """Return what must be computed before a node can be."""
        node, keys = self.needs[key]
        missing = [k for k in keys if k not in self.done]
        if missing or key not in self.unasked:
            return missing
        members = self.companies[self.unasked[key]]
        missing = [k for member in members for k in self.needs[member][1] if k not in self.done]
        if missing:
            return missing
        del self.companies[self.unasked[key]]
        for member in members:
            del self.unasked[member]
            node, keys = self.needs[member]
            more = self.require(node.later(member[1], [self.done[k] for k in keys]))
            self.needs[member] = (node, keys + more)
        return [k for k in self.needs[key][1] if k not in self.done]

    def compute(self, key: _Key) -> None:
        """Compute a node whose needs are all done, and free what nobody else uses."""
        node, keys = self.needs[key]
        self.done[key] = node.compute(key[1], [self.done[k] for k in keys])
        for k in keys:
            self.uses[k] -= 1
            if not self.uses[k]:
                del self.done[k]
                del self.needs[k]  # a later need may ask for it again

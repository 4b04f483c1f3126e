"""Pixels, the nodes that make them, and how they are pulled.

Nothing is computed until an output grid asks for it. A `Node` says which grids it needs of which other nodes
(`needs`) and turns their pixels into its own (`compute`); `pull` walks that graph with an explicit stack,
computes each (node, grid) once and frees it after its last use. A node with a `company` says what more it
needs when it has seen the first (`later`): what fills gaps is computed where there are gaps.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smgee.grid import PixelGrid


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
    """Return a constant array as its (1, 1, …) element, so that arithmetic costs nothing per pixel; other
    arrays as they are.
    """
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
    """A lazily computed quantity on any grid. Subclasses implement `compute`, and `needs` when they read
    other nodes.

    Attributes
    ----------
    kept_bytes : int
        Of each pixel, kept in `smgee.cache.KEPT` by whoever made it, since more is read beside it.
    """

    __slots__ = ()
    kept_bytes = 0

    def key(self) -> Any:
        """Identify the computation: nodes with equal keys are computed once. The node itself by default."""
        return self

    def needs(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        """Return the (node, grid) pairs that `compute` reads, in order."""
        return ()

    def company(self) -> Hashable | None:
        """Identify the nodes that are asked for `later` needs together, so that these are shared; None for
        a node that has none.
        """
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
    work = _Work()
    wanted = work.require(targets)
    order = list(reversed(wanted))
    # Depth first, so that a result is freed as soon as its last user is done.
    while order:
        task = order[-1]
        if task.done or not task.uses:
            order.pop()
            continue
        missing = work.missing(task)
        if missing:
            order.extend(reversed(missing))
            continue
        order.pop()
        task.compute()
    return [task.result for task in wanted]


class _Task:
    """One node on one grid: what it needs (None until that is planned), how often its result is still to
    be used, and the result.
    """

    __slots__ = ("company", "done", "grid", "needs", "node", "result", "uses")

    def __init__(self, node: Node, grid: PixelGrid):
        self.node = node
        self.grid = grid
        self.needs: list[_Task] | None = None
        self.company: list[_Task] | None = (
            None  # tasks to be asked for later needs together; None when there are none to ask for
        )
        self.uses = 0
        self.done = False
        self.result: Any = None

    def compute(self) -> None:
        """Compute the result from those of the needs, and free what nobody else uses."""
        needs = self.needs or ()
        self.result = self.node.compute(self.grid, [t.result for t in needs])
        self.done = True
        for task in needs:
            task.uses -= 1
            if not task.uses:
                task.result, task.done, task.needs = (
                    None,
                    False,
                    None,
                )  # planned anew if a later need asks for it


class _Work:
    """The tasks of one `pull`, each (node, grid) once."""

    def __init__(self) -> None:
        self._tasks: dict[tuple[Any, int], _Task] = {}
        self._grids: dict[PixelGrid, int] = {}
        self._companies: dict[tuple[Hashable, int], list[_Task]] = {}
        self._last: tuple[PixelGrid | None, int] = (None, 0)

    def _number(self, grid: PixelGrid) -> int:
        """Number the grids: neighbours in the graph mostly share theirs, so that few need hashing."""
        if grid is not self._last[0]:
            self._last = grid, self._grids.setdefault(grid, len(self._grids))
        return self._last[1]

    def _task(self, node: Node, grid: PixelGrid) -> _Task:
        key = (node.key(), self._number(grid))
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = _Task(node, grid)
        return task

    def require(self, targets: Iterable[tuple[Node, PixelGrid]]) -> list[_Task]:
        """Plan one more use of each target, and all that those need which is not planned yet; return the
        targets' tasks.
        """
        wanted = [self._task(node, grid) for node, grid in targets]
        for task in wanted:
            task.uses += 1
        stack = wanted[::-1]
        while stack:
            task = stack.pop()
            if task.needs is not None:
                continue
            task.needs = [self._task(node, grid) for node, grid in task.node.needs(task.grid)]
            for below in task.needs:
                below.uses += 1
            stack.extend(reversed(task.needs))
            company = task.node.company()
            if company is not None:
                task.company = self._companies.setdefault((company, self._number(task.grid)), [])
                task.company.append(task)
        return wanted

    def missing(self, task: _Task) -> list[_Task]:
        """Return what must be computed before a task can be; a company whose first needs are done is asked
        for its later ones.
        """
        missing = [t for t in task.needs or () if not t.done]
        if missing or task.company is None:
            return missing
        company = task.company
        missing = [t for member in company for t in member.needs or () if not t.done]
        if missing:
            return missing
        for member in company:
            member.company = None
            first = member.needs or []
            member.needs = first + self.require(member.node.later(member.grid, [t.result for t in first]))
        self._companies = {key: members for key, members in self._companies.items() if members is not company}
        return [t for t in task.needs or () if not t.done]

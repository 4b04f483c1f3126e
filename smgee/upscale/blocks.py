"""The unit of work of a map: a window of its lattice, and some days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np

from smgee.area import Area
from smgee.errors import InputError
from smgee.grid import PixelGrid

Maps = dict[str, np.ndarray]
"""Variable name → (days, height, width) float32."""

BLOCK_ALIGNMENT = 256
"""Sides of blocks are multiples of this many pixels, so that files can be chunked alike for all of them."""

# What all blocks under way may hold in memory. Of every band there are at most two copies: the answer, and
# its masks resolved. Larger blocks are fewer requests, each of which costs something beside its pixels.
_MEMORY_BYTES = 128 * 1024 * 1024
_COPIES = 2
_LARGEST_BLOCK = 512


@dataclass(frozen=True, order=True)
class Block:
    """A window of a map's lattice, in pixels.

    Parameters
    ----------
    row, col : int
        Of its upper left pixel.
    height, width : int
        Its size.
    """

    row: int
    col: int
    height: int
    width: int

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """(rows, columns), to index a whole map with."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)

    def on(self, lattice: PixelGrid) -> PixelGrid:
        """Return the block's own lattice."""
        return lattice.window(self.row, self.col, self.height, self.width)

    def contains(self, other: Block) -> bool:
        """Whether the other block lies wholly inside."""
        return (
            self.row <= other.row
            and self.col <= other.col
            and other.row + other.height <= self.row + self.height
            and other.col + other.width <= self.col + self.width
        )

    def within(self, outer: Block) -> tuple[slice, slice]:
        """Return (rows, columns), to index the pixels of an outer block with."""
        row, col = self.row - outer.row, self.col - outer.col
        return slice(row, row + self.height), slice(col, col + self.width)

    def quarters(self) -> tuple[Block, ...]:
        """Return the block in four, or in two where it is one pixel wide or high; itself if one pixel."""
        rows = _halves(self.row, self.height)
        cols = _halves(self.col, self.width)
        return tuple(Block(r, c, h, w) for r, h in rows for c, w in cols)


def _halves(start: int, length: int) -> list[tuple[int, int]]:
    middle = length // 2
    return [(start, length)] if middle == 0 else [(start, middle), (start + middle, length - middle)]


@dataclass(frozen=True)
class MapJob:
    """Some days of a block.

    Parameters
    ----------
    days : tuple of date
        Ascending.
    """

    block: Block
    days: tuple[date, ...]

    def split(self) -> tuple[MapJob, ...]:
        """Return the job in parts: half the days each, or quarters of the block of a single day; itself
        where nothing is left to cut.
        """
        if len(self.days) > 1:
            middle = len(self.days) // 2
            return MapJob(self.block, self.days[:middle]), MapJob(self.block, self.days[middle:])
        return tuple(MapJob(block, self.days) for block in self.block.quarters())


def assemble(job: MapJob, parts: Sequence[tuple[MapJob, Maps]]) -> Maps:
    """Put the maps of a job's parts together; the result does not depend on how it was cut.

    Parameters
    ----------
    job : MapJob
        The whole.
    parts : sequence of (MapJob, maps)
        Parts that cover it, in any order.
    """
    if len(parts) == 1 and parts[0][0] == job:
        return parts[0][1]
    shape = (len(job.days), job.block.height, job.block.width)
    whole = {name: np.full(shape, np.nan, np.float32) for name in parts[0][1]}
    for part, maps in parts:
        at = [job.days.index(day) for day in part.days]
        rows, cols = part.block.within(job.block)
        for name, values in maps.items():
            whole[name][np.ix_(at, range(rows.start, rows.stop), range(cols.start, cols.stop))] = values
    return whole


def block_size(n_bands: int, in_flight: int = 1) -> int:
    """Return the side of blocks, in pixels, that keeps the work on them within memory.

    Parameters
    ----------
    n_bands : int
        Float32 bands that are pulled for a block.
    in_flight : int
        Blocks under way at once.
    """
    pixels = _MEMORY_BYTES / (_COPIES * 4 * max(n_bands, 1) * max(in_flight, 1))
    side = int(pixels**0.5) // BLOCK_ALIGNMENT * BLOCK_ALIGNMENT
    return min(max(side, BLOCK_ALIGNMENT), _LARGEST_BLOCK)


def tiling(grid: PixelGrid, size: int, *, area: Area | None = None) -> tuple[Block, ...]:
    """Return the blocks of a lattice, row by row, those that the area touches if there is one; at the right
    and lower edges they take what is left, which a quarter of a block or less makes no block of its own.

    Parameters
    ----------
    grid : PixelGrid
        The lattice.
    size : int
        Side of the blocks, pixels.
    """
    if size < 1:
        raise InputError(f"Blocks of {size} pixels hold nothing; give a side of 1 or more.")
    rows, cols = _spans(grid.height, size), _spans(grid.width, size)
    blocks = (Block(row, col, height, width) for row, height in rows for col, width in cols)
    return tuple(b for b in blocks if area is None or area.touches(b.on(grid)))


def _spans(length: int, size: int) -> list[tuple[int, int]]:
    """Return (start, size) of the pieces of a side."""
    starts = list(range(0, length, size))
    if len(starts) > 1 and 4 * (length - starts[-1]) <= size:
        starts.pop()
    return [(start, stop - start) for start, stop in pairwise([*starts, length])]


def day_groups(days: Iterable[date], changes: Sequence[Sequence[date]], most: int) -> list[tuple[date, ...]]:
    """Group days that one set of pulled pixels serves.

    Parameters
    ----------
    days : iterable of date
        All days, any order.
    changes : sequence of sequence of date
        Sets of days, each served by one pull; days that are in the same sets belong together.
    most : int
        Most days of a group.
    """
    served = [frozenset(group) for group in changes]
    groups: list[list[date]] = []
    last: tuple[bool, ...] | None = None
    for day in sorted(set(days)):
        signature = tuple(day in group for group in served)
        if signature != last or len(groups[-1]) >= most:
            groups.append([])
        groups[-1].append(day)
        last = signature
    return [tuple(group) for group in groups]

"""Images turned into pixels: tile by tile, in a few threads, memory bounded by the tiles."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from smgee.cache import KEPT
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.lazy import Node, Pixels, pull
from smgee.grid import PixelGrid
from smgee.machine import usable_cores

_TILE = 640
_LEAST_TILE = 32
# What the inputs of the widest node of one tile may take together, bytes.
_STACK_BYTES = 192 * 2**20
_LEAST_KEPT_TILE = 192

# Tiles are computed one per core at a time, whichever requests they are of: more would be no faster, and what
# each needs in memory and in `KEPT` would add up.
_turns = threading.BoundedSemaphore(usable_cores())
_here = threading.local()


def tile_size(nodes: list[Node], grid: PixelGrid) -> int:
    """Return the edge of the tiles in which nodes should be computed: smaller where many images meet in one
    pixel, and where their sources keep what they make until it is read.

    Parameters
    ----------
    nodes : list of Node
        What is wanted.
    grid : PixelGrid
        On which grid; one pixel of it serves to look at the graph.
    """
    if grid.width * grid.height <= _LEAST_TILE**2:
        return _TILE
    probe = grid.window(grid.height // 2, grid.width // 2, 1, 1)
    widest, kept, seen, stack = 1, 0, set(), [(n, probe) for n in nodes]
    while stack:
        node, at = stack.pop()
        key = (node.key(), at)
        if key in seen:
            continue
        seen.add(key)
        kept += node.kept_bytes
        below = list(node.reads(at))
        # An input on a larger grid (a neighbourhood, a finer pinned projection) counts for as much as it is
        # larger.
        widest = max(
            widest, sum(min(g.width * g.height, 64) if g.width * g.height > 9 else 1 for _, g in below)
        )
        stack.extend(below)
    edge = math.isqrt(_STACK_BYTES // (10 * widest))
    if kept:
        # What the tiles under way need must fit, or the least recently used is always what is needed next:
        # then everything is made again for every band. Half is for what lies beside the tiles.
        share = KEPT.budget // (2 * usable_cores())
        edge = min(edge, max(_LEAST_KEPT_TILE, math.isqrt(share // kept)))
    return max(_LEAST_TILE, min(_TILE, edge // 32 * 32))


def _pulled(nodes: list[Node], tile: PixelGrid) -> list[Pixels]:
    """Return the nodes on a tile, when it is its turn; what a tile itself asks for does not wait."""
    if getattr(_here, "at_work", False):
        return pull([(n, tile) for n in nodes])
    with _turns:
        _here.at_work = True
        try:
            return pull([(n, tile) for n in nodes])
        finally:
            _here.at_work = False


def pull_tiles(
    nodes: list[Node], grid: PixelGrid, receive: Callable[[int, int, PixelGrid, list[Pixels]], None]
) -> None:
    """Compute nodes on a grid tile by tile and hand each tile's pixels over, in order of completion.

    Parameters
    ----------
    nodes : list of Node
        What is wanted.
    grid : PixelGrid
        The whole.
    receive : callable
        Takes (row, column, tile, pixels of each node); called from several threads, for disjoint tiles.
    """
    size = tile_size(nodes, grid)
    tiles = list(grid.tiles(size))

    def work(entry: tuple[int, int, PixelGrid]) -> None:
        row, col, tile = entry
        receive(row, col, tile, _pulled(nodes, tile))

    if len(tiles) == 1 or getattr(_here, "at_work", False):
        for entry in tiles:
            work(entry)
        return
    with ThreadPoolExecutor(max_workers=min(len(tiles), usable_cores())) as pool:
        futures = [pool.submit(work, entry) for entry in tiles]
        try:
            for future in futures:
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def compute_pixels(image: Image, grid: PixelGrid) -> list[tuple[Band, np.ndarray, np.ndarray]]:
    """Compute an image on a grid.

    Parameters
    ----------
    image : Image
        What to compute.
    grid : PixelGrid
        Where.

    Returns
    -------
    list of (Band, values, mask)
        Per band: (height, width) values in the band's dtype, followed by the array axes of array bands, and
        the (height, width) mask, bool or float32. Values under a zero mask are arbitrary.
    """
    nodes = [b.node for b in image.bands]
    if not nodes:
        return []
    if grid.width <= 0 or grid.height <= 0:
        raise EEError(f"Pixel grid dimensions ({grid.width}x{grid.height}) must be positive.")
    size = tile_size(nodes, grid)
    if grid.width <= size and grid.height <= size:
        results = _pulled(nodes, grid)
        return [(b, p.values, p.mask) for b, p in zip(image.bands, results, strict=True)]
    values: list[np.ndarray | None] = [None] * len(nodes)
    masks: list[np.ndarray] = [np.zeros(grid.shape, bool) for _ in nodes]

    def receive(row: int, col: int, tile: PixelGrid, pixels: list[Pixels]) -> None:
        where = np.s_[row : row + tile.height, col : col + tile.width]
        for index, (band, part) in enumerate(zip(image.bands, pixels, strict=True)):
            _place(values, masks, index, band, where, part, grid)

    lock = threading.Lock()

    def guarded(row: int, col: int, tile: PixelGrid, pixels: list[Pixels]) -> None:
        with lock:
            receive(row, col, tile, pixels)

    pull_tiles(nodes, grid, guarded)
    return [(b, v, m) for b, v, m in zip(image.bands, values, masks, strict=True)]  # type: ignore[misc]


def _place(
    values: list[np.ndarray | None],
    masks: list[np.ndarray],
    index: int,
    band: Band,
    where: tuple[slice, slice],
    part: Pixels,
    grid: PixelGrid,
) -> None:
    target = values[index]
    trailing = part.values.shape[2:]
    if target is None:
        target = values[index] = np.zeros(grid.shape + trailing, part.values.dtype)
    if target.shape[2:] != trailing or target.dtype != part.values.dtype:
        if not part.valid.any():
            return
        if not masks[index].any():
            target = values[index] = np.zeros(grid.shape + trailing, part.values.dtype)
        else:
            raise EEError(
                f"Band '{band.name}' holds arrays of different shapes in different places, which cannot be "
                "put into one answer."
            )
    target[where] = part.values
    if masks[index].dtype != part.mask.dtype and part.mask.dtype != bool:
        masks[index] = masks[index].astype("f4")
    masks[index][where] = part.mask

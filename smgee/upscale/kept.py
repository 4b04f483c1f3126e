"""Pixels of static predictors on disk, kept from one step of a run to the next.

A composite of a whole season costs the service far more than the maps that follow from it, and several steps
want the same one. Bands are kept each by itself, in tiles, under a hash of what the service was asked for; a
file holds a digest of its pixels before them, and one that does not hold it is as if it were not there.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np

from smgee.grid import PixelGrid
from smgee.io import atomic_path
from smgee.upscale.blocks import BLOCK_ALIGNMENT, Block

BUDGET = 512 * 2**20
"""Bytes that are kept, at most; what comes later is pulled again where it is wanted again."""

_TILE = BLOCK_ALIGNMENT  # blocks begin and end at its multiples, or at the edge of the lattice
_DIGEST = 16


class KeptBands:
    """Bands of one lattice in a folder.

    Parameters
    ----------
    folder : path-like
        Made when something is kept.
    grid : PixelGrid
        The lattice.
    identity : str
        Hash of the inputs that the pixels depend on; what another left in the folder is deleted.
    budget : int
        Bytes that are kept, at most.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, grid: PixelGrid, identity: str, budget: int = BUDGET
    ):
        self.folder = Path(folder)
        self.grid = grid
        self.budget = budget
        self._own = self.folder / identity
        if self.folder.is_dir():
            for other in self.folder.iterdir():
                if other != self._own:
                    shutil.rmtree(other, ignore_errors=True)
        self._used = sum(p.stat().st_size for p in self._own.rglob("*") if p.is_file())
        self._lock = threading.Lock()

    def read(self, key: str, block: Block) -> np.ndarray | None:
        """Return a band in a block, (height, width) float32; None where not all of it is kept."""
        found = np.empty((block.height, block.width), np.float32)
        for tile in self._tiles(block):
            pixels = self._tile(key, tile)
            if pixels is None:
                return None
            top, left = max(tile.row, block.row), max(tile.col, block.col)
            height = min(tile.row + tile.height, block.row + block.height) - top
            width = min(tile.col + tile.width, block.col + block.width) - left
            common = Block(top, left, height, width)
            found[common.within(block)] = pixels[common.within(tile)]
        return found

    def write(self, key: str, block: Block, pixels: np.ndarray) -> None:
        """Keep a band in a block, (height, width) float32, as far as whole tiles and the budget go."""
        for tile in self._tiles(block):
            path = self._path(key, tile)
            if not block.contains(tile) or path.exists():
                continue
            content = np.ascontiguousarray(pixels[tile.within(block)], "<f4").tobytes()
            with self._lock:
                if self._used + _DIGEST + len(content) > self.budget:
                    return
                self._used += _DIGEST + len(content)
            with atomic_path(path) as scratch:
                scratch.write_bytes(_digest(content) + content)

    def clear(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._used = 0

    def _tiles(self, block: Block) -> Iterator[Block]:
        """Return the tiles that a block touches."""
        for row in range(block.row // _TILE * _TILE, block.row + block.height, _TILE):
            for col in range(block.col // _TILE * _TILE, block.col + block.width, _TILE):
                height, width = min(_TILE, self.grid.height - row), min(_TILE, self.grid.width - col)
                yield Block(row, col, height, width)

    def _path(self, key: str, tile: Block) -> Path:
        return self._own / key / f"{tile.row}-{tile.col}"

    def _tile(self, key: str, tile: Block) -> np.ndarray | None:
        path = self._path(key, tile)
        try:
            held = path.read_bytes()
        except OSError:
            return None
        digest, content = held[:_DIGEST], held[_DIGEST:]
        if len(content) != 4 * tile.size or digest != _digest(content):
            path.unlink(missing_ok=True)  # so that it is written again
            return None
        return np.frombuffer(content, "<f4").reshape(tile.height, tile.width)


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=_DIGEST).digest()

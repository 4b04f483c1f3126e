"""Routes of plain arithmetic: what their maps must be is known without any service."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from smgee.grid import PixelGrid
from smgee.remote import TooBig
from smgee.session import current_session
from smgee.upscale import Cost, MapJob
from smgee.upscale.blocks import Maps

GRID = PixelGrid("EPSG:32647", (30.0, 0.0, 562620.0, 0.0, -30.0, 4162830.0), 75, 50)


def moisture(day: date, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """A map in which every pixel of every day has its own value; some are masked."""
    values = (rows * 1000 + cols + day.toordinal() % 97 * 0.01).astype("float32")
    return np.where((rows + cols) % 11 == 0, np.float32(np.nan), values)


def whole(day: date, grid: PixelGrid = GRID) -> np.ndarray:
    return moisture(day, *np.mgrid[0 : grid.height, 0 : grid.width])


@dataclass(frozen=True)
class Arithmetic:
    """Refuses jobs of more than `limit` pixel-days."""

    limit: int = 10**9
    together: int = 4
    name = "arithmetic"

    def groups(self, days: Sequence[date]) -> list[tuple[date, ...]]:
        return [tuple(days[k : k + self.together]) for k in range(0, len(days), self.together)]

    def run(self, job: MapJob) -> Maps:
        if len(job.days) * job.block.size > self.limit:
            raise TooBig("User memory limit exceeded.")
        rows, cols = job.block.slices
        at = np.mgrid[rows, cols]
        return {"soil_moisture": np.stack([moisture(day, *at) for day in job.days])}

    def cost(self, job: MapJob) -> Cost:
        return Cost({("maps", job.block): 4 * job.block.size})


@dataclass(frozen=True)
class Noted(Arithmetic):
    """Leaves a file for every job that is begun, named after worker and block; may kill its worker once."""

    folder: str = ""
    killing: bool = False
    session: bool = False
    together: int = 2

    def run(self, job: MapJob) -> Maps:
        folder = Path(self.folder)
        (folder / f"{os.getpid()}-{job.block.row}-{job.block.col}-{job.days[0]}").touch()
        if self.session:
            assert current_session() is not None
        if self.killing:
            try:
                (folder / "killed").touch(exist_ok=False)
            except FileExistsError:
                return super().run(job)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(job)


@dataclass(frozen=True)
class Deadly(Arithmetic):
    def run(self, job: MapJob) -> Maps:
        os.kill(os.getpid(), signal.SIGKILL)
        return {}


@dataclass(frozen=True)
class Asking(Arithmetic):
    """Asks the service one thing for every job."""

    def run(self, job: MapJob) -> Maps:
        import ee

        assert ee.Number(2).add(3).getInfo() == 5
        return super().run(job)

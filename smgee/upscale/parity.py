"""Do both routes give the same map?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np

from smgee.area import Area
from smgee.errors import ParityError
from smgee.upscale.blocks import Block, MapJob
from smgee.upscale.jobs import results
from smgee.upscale.route import Route
from smgee.upscale.store import MapStore

TOLERANCE = 1e-6  # m³ m⁻³


@dataclass(frozen=True)
class Parity:
    """How far two maps of the same day lie apart, over every pixel."""

    day: str
    pixels: int
    valid: int
    mask_differs: int
    max_abs_difference: float

    @property
    def agrees(self) -> bool:
        """Whether every pixel agrees to `TOLERANCE` and both maps are masked alike."""
        return self.mask_differs == 0 and self.valid > 0 and self.max_abs_difference <= TOLERANCE

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        return {**asdict(self), "tolerance": TOLERANCE, "agrees": self.agrees}

    def sentence(self) -> str:
        """Say it in one line."""
        return (
            f"Both routes on {self.day}: {self.valid:,} of {self.pixels:,} pixels compared, largest "
            "difference "
            f"{self.max_abs_difference:.2g} m³/m³ (tolerance {TOLERANCE:g}), masks differ on "
            f"{self.mask_differs:,} pixels."
        )

    def checked(self) -> Parity:
        """Return the comparison, if the maps agree.

        Raises
        ------
        ParityError
            When they disagree anywhere by more than `TOLERANCE`, or are masked differently.
        """
        if self.agrees:
            return self
        raise ParityError(
            f"{self.sentence()} The routes disagree; run `smgee parity MODEL` to find out why, and "
            "do not use the maps."
        )

    def __add__(self, other: Parity) -> Parity:
        """Return the comparison over the pixels of both."""
        return Parity(
            self.day,
            self.pixels + other.pixels,
            self.valid + other.valid,
            self.mask_differs + other.mask_differs,
            max(self.max_abs_difference, other.max_abs_difference),
        )


def compare_maps(day: date, first: np.ndarray, second: np.ndarray) -> Parity:
    """Compare two maps of one day, or windows of them, pixel by pixel."""
    a, b = np.isfinite(first), np.isfinite(second)
    common = a & b
    difference = (
        np.abs(first.astype("f8") - second.astype("f8"), where=common, out=np.zeros(first.shape))
        if common.any()
        else np.zeros(1)
    )
    return Parity(str(day), first.size, int(common.sum()), int((a ^ b).sum()), float(difference.max()))


def compare_routes(first: Route, second: Route, day: date, blocks: Iterable[Block]) -> Parity:
    """Make the map of a day by two routes and compare every pixel, block by block.

    Parameters
    ----------
    first, second : Route
        For example the xee and the classifier route of one model.
    day : date
        A day of the study's period.
    blocks : iterable of Block
        Where; `smgee.upscale.tiling` cuts the whole lattice.

    Raises
    ------
    ParityError
        When the maps disagree anywhere by more than `TOLERANCE`, or are masked differently.
    """
    total = Parity(str(day), 0, 0, 0, 0.0)
    for block in blocks:
        job = MapJob(block, (day,))
        here, there = (next(results([job], route)).maps for route in (first, second))
        for name in here:
            total += compare_maps(day, here[name][0], there[name][0])
    return total.checked()


def compare_store(store: MapStore, route: Route, day: date, *, area: Area | None = None) -> Parity:
    """Compare a day's stored map with what another route makes of it, block by block.

    Parameters
    ----------
    store : MapStore
        Holds the map of the day.
    route : Route
        The other route.
    day : date
        One of the store's days.
    area : Area, optional
        The outline outside which the stored maps are masked.

    Raises
    ------
    ParityError
        As in `compare_routes`.
    """
    total = Parity(str(day), 0, 0, 0, 0.0)
    blocks = [b for b in store.blocks if area is None or area.touches(b.on(store.grid))]
    for done in results([MapJob(block, (day,)) for block in blocks], route):
        block = done.job.block
        inside = None if area is None else area.inside(block.on(store.grid))
        for name, stored in store.read_block(block, [day]).items():
            made = done.maps[name][0]
            total += compare_maps(day, stored[0], made if inside is None else np.where(inside, made, np.nan))
    return total.checked()

"""Do both routes give the same map?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np

from smgee.errors import ParityError
from smgee.study import Study
from smgee.trees import TreeEnsemble
from smgee.upscale.routes import map_day

__all__ = ["TOLERANCE", "Parity", "compare_routes"]

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


def compare_maps(day: date, first: np.ndarray, second: np.ndarray) -> Parity:
    """Compare two maps of one day pixel by pixel."""
    a, b = np.isfinite(first), np.isfinite(second)
    common = a & b
    difference = (
        np.abs(first.astype("f8") - second.astype("f8"), where=common, out=np.zeros(first.shape))
        if common.any()
        else np.zeros(1)
    )
    return Parity(str(day), first.size, int(common.sum()), int((a ^ b).sum()), float(difference.max()))


def compare_routes(
    study: Study, model: TreeEnsemble, day: date, *, xee_map: np.ndarray | None = None
) -> tuple[Parity, np.ndarray]:
    """Make the map of a day by both routes and compare every pixel.

    Parameters
    ----------
    study, model, day
        As in `smgee.upscale.map_day`.
    xee_map : (y, x) float32, optional
        The map of the xee route, if it is there already.

    Returns
    -------
    parity : Parity
    classifier_map : (y, x) float32

    Raises
    ------
    ParityError
        When the maps disagree anywhere by more than `TOLERANCE`, or are masked differently.
    """
    local = map_day(study, model, day, route="xee") if xee_map is None else xee_map
    remote = map_day(study, model, day, route="classifier")
    parity = compare_maps(day, local, remote)
    if not parity.agrees:
        raise ParityError(
            f"{parity.sentence()} The routes disagree; run `smgee parity` on the model to find out why, and "
            "do not use the maps."
        )
    return parity, remote

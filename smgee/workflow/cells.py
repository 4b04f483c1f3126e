"""The EASE-Grid cells that a study judges."""

from __future__ import annotations

from smgee.grid import EaseCell
from smgee.study import Study


def judged_cells(study: Study) -> list[EaseCell]:
    """Return the 36 km cells of a study, each followed by its sixteen 9 km cells."""
    return [cell for large in study.cells for cell in (large, *large.children("M09"))]

"""The pixels of coarse products around a site."""

from __future__ import annotations

import math

from smgee.datasets import Dataset
from smgee.grid import PixelGrid
from smgee.predictors.base import Site

__all__ = ["lattice_of"]

MARGIN = 1  # pixels beyond the outline


def lattice_of(dataset: Dataset, site: Site) -> PixelGrid:
    """Return the part of a product's own lattice, in degrees, that holds a site.

    Parameters
    ----------
    dataset : Dataset
        With a grid that all its images share.
    site : Site
        Its outline and a pixel around it are covered.
    """
    whole = dataset.grid
    assert whole is not None
    step, _, left, _, _, top = whole.transform
    west, south, east, north = site.outline
    col, row = math.floor((west - left) / step) - MARGIN, math.floor((top - north) / step) - MARGIN
    end_col, end_row = math.ceil((east - left) / step) + MARGIN, math.ceil((top - south) / step) + MARGIN
    corner = (step, 0.0, left + col * step, 0.0, -step, top - row * step)
    return PixelGrid(whole.crs, corner, end_col - col, end_row - row)

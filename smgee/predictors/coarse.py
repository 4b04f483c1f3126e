"""The pixels of coarse products around a site."""

from __future__ import annotations

import math

from smgee.grid import PixelGrid, transformer
from smgee.predictors.base import Site

MARGIN = 1  # pixels beyond the outline


def lattice_around(site: Site, whole: PixelGrid) -> PixelGrid:
    """Return the part of a lattice that holds a site and a pixel around it.

    Parameters
    ----------
    site : Site
        Its outline is covered.
    whole : PixelGrid
        Of a product, in degrees or a cylindrical projection, north up.
    """
    left, bottom, right, top = site.outline
    if whole.crs != "EPSG:4326":
        to_plane = transformer("EPSG:4326", whole.crs)
        left, bottom, right, top = to_plane.transform_bounds(left, bottom, right, top, densify_pts=21)
    size, _, x0, _, _, y0 = whole.transform
    col, row = math.floor((left - x0) / size) - MARGIN, math.floor((y0 - top) / size) - MARGIN
    end_col, end_row = math.ceil((right - x0) / size) + MARGIN, math.ceil((y0 - bottom) / size) + MARGIN
    corner = (size, 0.0, x0 + col * size, 0.0, -size, y0 - row * size)
    return PixelGrid(whole.crs, corner, end_col - col, end_row - row)

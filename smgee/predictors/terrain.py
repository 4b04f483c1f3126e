"""Terrain predictors on a real, projected pixel grid."""

from __future__ import annotations

import math
from collections.abc import Sequence

import ee

from smgee.datasets import DEMS
from smgee.grid import PixelGrid

__all__ = ["terrain"]


def terrain(dem_id: str, names: Sequence[str], *, grid: PixelGrid) -> ee.Image:
    """Return terrain bands computed in the map's projection.

    Slope on a mosaic's 1° default projection, or on degrees, is wrong; so the elevation is brought bilinearly
    onto the map's lattice first, and the four-neighbour gradient of ``ee.Terrain`` is taken there, whatever
    grid is asked for: Earth Engine would take it on the asked-for grid, and a map zoomed in would show the
    flat tops and the edges of the lattice's pixels instead of slopes.

    Parameters
    ----------
    dem_id : str
        One of `smgee.datasets.DEMS`.
    names : sequence of {"elevation", "slope", "aspect", "northness", "eastness"}
        elevation in m; slope and aspect in degrees (aspect clockwise from north); northness and eastness are
        cosine and sine of the aspect.
    grid : PixelGrid
        The projected map lattice.

    Returns
    -------
    ee.Image
        Float bands in the order of `names`.
    """
    dem = DEMS[dem_id]
    if dem.collection:
        tiles = ee.ImageCollection(dem.id).select(dem.band)
        source = tiles.mosaic().setDefaultProjection(tiles.first().projection())
    else:
        source = ee.Image(dem.id).select(dem.band)
    lattice = {"crs": grid.crs, "crsTransform": list(grid.transform)}
    elevation = source.resample("bilinear").reproject(**lattice).rename("elevation").toFloat()
    aspect = ee.Terrain.aspect(elevation)
    radians = aspect.multiply(math.pi / 180)
    bands = {
        "elevation": elevation,
        "slope": ee.Terrain.slope(elevation),
        "aspect": aspect,
        "northness": radians.cos(),
        "eastness": radians.sin(),
    }
    return ee.Image.cat([bands[n].rename(n) for n in names]).toFloat().reproject(**lattice)

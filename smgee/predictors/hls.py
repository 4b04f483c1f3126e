"""HLS v2.0 surface reflectance, harmonised by role before the sensors are merged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from smgee.datasets import HLS, fmask_bits
from smgee.late import ee


def clear_reflectance(
    start: date,
    end: date,
    *,
    sensors: Sequence[str],
    roles: Sequence[str],
    mask: Sequence[str],
    region: Any = None,
) -> ee.ImageCollection:
    """Return clear-sky reflectance of both sensors, bands named by role.

    Parameters
    ----------
    start, end : date
        Acquisition days, end exclusive.
    sensors : sequence of {"L30", "S30"}
        Which HLS products.
    roles : sequence of str
        Bands by role, e.g. ``("red", "nir")``.
    mask : sequence of str
        Fmask classes to remove (`smgee.datasets.FMASK_BITS`); none leaves every pixel.
    region : ee.Geometry, optional
        Keep only scenes that touch it.

    Returns
    -------
    ee.ImageCollection
        Unit reflectance, float; one image per scene, with its ``system:time_start``.
    """
    bits = fmask_bits(tuple(mask))
    merged: ee.ImageCollection | None = None
    for sensor in sensors:
        spec = HLS[sensor]

        def prepare(image: ee.Image, spec: Any = spec) -> ee.Image:
            bands = image.select([spec.roles[r] for r in roles], list(roles)).toFloat()
            if bits:  # without classes to remove, a scene needs no quality band
                bands = bands.updateMask(image.select(spec.roles["quality"]).bitwiseAnd(bits).eq(0))
            return ee.Image(bands.copyProperties(image, ["system:time_start"]))

        scenes = ee.ImageCollection(spec.id).filterDate(str(start), str(end))
        if region is not None:
            scenes = scenes.filterBounds(region)
        scenes = scenes.map(prepare)
        merged = scenes if merged is None else merged.merge(scenes)
    if merged is None:
        raise ValueError("at least one sensor is needed")
    return merged

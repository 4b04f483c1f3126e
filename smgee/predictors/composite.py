"""Windowed median composites with their gaps filled from a wider window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import ee

from smgee.predictors.hls import clear_reflectance

__all__ = ["composite", "window"]


def window(center: date, days: int) -> tuple[date, date]:
    """Return [start, end) of `days` days centred on a day; an even window has its extra day before the
    centre.
    """
    start = center - timedelta(days=days // 2)
    return start, start + timedelta(days=days)


def composite(
    center: date,
    *,
    window_days: int,
    fill_days: int,
    sensors: Sequence[str],
    roles: Sequence[str],
    mask: Sequence[str],
    region: Any = None,
) -> ee.Image:
    """Return the median clear reflectance around a day.

    A pixel without a clear observation within `window_days` takes the median of `fill_days`; one without any
    stays masked.

    Parameters
    ----------
    center : date
        The day.
    window_days, fill_days : int
        Widths of the window and of the wider one that fills its gaps.
    sensors, roles, mask, region
        As in `clear_reflectance`.

    Returns
    -------
    ee.Image
        One float band per role; Earth Engine's 1° default projection until a grid is asked for.
    """
    # A fully masked image keeps the bands known where a window holds no scene at all.
    nothing = ee.ImageCollection(
        [ee.Image.constant([0.0] * len(roles)).rename(list(roles)).toFloat().updateMask(0)]
    )

    def median(days: int) -> ee.Image:
        start, end = window(center, days)
        scenes = clear_reflectance(start, end, sensors=sensors, roles=roles, mask=mask, region=region)
        return scenes.merge(nothing).median().toFloat()

    narrow = median(window_days)
    return narrow if fill_days == window_days else narrow.unmask(median(fill_days), sameFootprint=False)

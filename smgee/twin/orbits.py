"""When the optical satellites pass over the basin, and where the sun stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np


@dataclass(frozen=True)
class Scene:
    """One acquisition over the tile.

    `product` is L30 or S30; `edge` describes the side of the swath as (column share at the top, column share
    at the bottom) of the basin's width up to which pixels exist, or None where the swath covers all of it.
    """

    product: str
    platform: str
    time: datetime
    tile: str
    edge: tuple[float, float] | None
    view_azimuth: float
    view_zenith: float
    sun_zenith: float
    sun_azimuth: float

    @property
    def index(self) -> str:
        """The ``system:index``: T, tile, underscore, time of acquisition in UTC."""
        return f"T{self.tile}_{self.time:%Y%m%dT%H%M%S}"


def sun_position(time: datetime, lon: float, lat: float) -> tuple[float, float]:
    """Return solar zenith and azimuth (clockwise from north), degrees.

    Declination and equation of time by Spencer 1971 (Fourier series), good to some 0.05°.
    """
    day = time.timetuple().tm_yday
    hour = time.hour + time.minute / 60 + time.second / 3600
    g = 2 * np.pi * (day - 1 + hour / 24) / 365
    declination = (
        0.006918
        - 0.399912 * np.cos(g)
        + 0.070257 * np.sin(g)
        - 0.006758 * np.cos(2 * g)
        + 0.000907 * np.sin(2 * g)
        - 0.002697 * np.cos(3 * g)
        + 0.00148 * np.sin(3 * g)
    )
    equation = 229.18 * (
        0.000075
        + 0.001868 * np.cos(g)
        - 0.032077 * np.sin(g)
        - 0.014615 * np.cos(2 * g)
        - 0.040849 * np.sin(2 * g)
    )
    angle = np.radians((hour * 60 + equation + 4 * lon) / 4 - 180)
    phi = np.radians(lat)
    up = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(angle)
    east = -np.cos(declination) * np.sin(angle)
    north = np.cos(phi) * np.sin(declination) - np.sin(phi) * np.cos(declination) * np.cos(angle)
    return float(np.degrees(np.arccos(np.clip(up, -1, 1)))), float(np.degrees(np.arctan2(east, north)) % 360)


def _repeat(anchor: datetime, period: int, year: int) -> list[datetime]:
    """Return every `period` days from an anchor, both ways, within a year."""
    first = datetime(year, 1, 1, tzinfo=UTC)
    k = -((anchor - first) // timedelta(period))
    start = anchor + timedelta(period) * k
    times = []
    while start.year <= year:
        if start.year == year:
            times.append(start)
        start += timedelta(period)
    return times


def scenes_of_year(year: int, tile: str, lon: float, lat: float) -> list[Scene]:
    """Return the HLS acquisitions of a year over the basin, ordered by time.

    Landsat: path 133 covers the basin and path 134, seven days later, its western part, every 16 days for
    Landsat 8 and eight days off for Landsat 9, which delivers since 31 October 2021. The cycle is anchored at
    scene LC80440342014077LGN00 (path 44, 18 March 2014), from which path 133 is nine orbits back, on the same
    UTC day. Sentinel-2: relative orbit 4 covers the basin and orbit 47, three days later, its western part,
    every five days with two satellites (anchored at 1 July 2021, 03:55:39 UTC).
    """
    found: list[tuple[str, str, datetime, tuple[float, float] | None, float, float]] = []
    landsat8 = datetime(2014, 3, 18, 3, 51, 20, tzinfo=UTC)
    for platform, shift, since in (("Landsat-8", 0, date(2013, 4, 11)), ("Landsat-9", 8, date(2021, 10, 31))):
        for t in _repeat(landsat8 + timedelta(shift), 16, year):
            found.append(("L30", platform, t, None, 104.0, 4.0))
        for t in _repeat(landsat8 + timedelta(shift + 7, 371), 16, year):
            found.append(("L30", platform, t, (0.58, 0.42), 284.0, 6.5))
        found = [f for f in found if f[1] != platform or f[2].date() >= since]
    sentinel = datetime(2021, 7, 1, 3, 55, 39, tzinfo=UTC)
    for k, t in enumerate(_repeat(sentinel, 5, year)):
        found.append(("S30", "Sentinel-2A" if k % 2 else "Sentinel-2B", t, None, 285.0, 7.0))
    for k, t in enumerate(_repeat(sentinel + timedelta(3, 600), 5, year)):
        found.append(("S30", "Sentinel-2B" if k % 2 else "Sentinel-2A", t, (0.66, 0.45), 104.0, 10.0))
    scenes = []
    for product, platform, t, edge, azimuth, zenith in found:
        sun = sun_position(t, lon, lat)
        scenes.append(Scene(product, platform, t, tile, edge, azimuth, zenith, *sun))
    return sorted(scenes, key=lambda s: (s.time, s.product))

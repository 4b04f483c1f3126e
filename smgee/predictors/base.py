"""What a predictor is, what makes it, and where and when it is made.

A study lists *families* of predictors. A family is one section of the study file and one file of this
package: its options, the columns it gives, and the image that holds them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import ClassVar, Self

import numpy as np

from smgee.grid import PixelGrid, transformer
from smgee.late import ee
from smgee.options import Options

STEP_DAYS = 8


class Cadence(StrEnum):
    """How often a predictor changes: never, once per step of several days, or every day."""

    STATIC = "static"
    STEP = "step"
    DAY = "day"


@dataclass(frozen=True)
class Predictor:
    """One column of the models.

    Parameters
    ----------
    name : str
        Column name, unique within a study.
    units : str
        As CF writes them; ``"1"`` for ratios.
    long_name : str
        What it is, in a few words.
    cadence : Cadence
        How often it changes.
    source : str
        What it is made from: a data set, or "calendar".
    """

    name: str
    units: str
    long_name: str
    cadence: Cadence
    source: str


@dataclass(frozen=True)
class Site:
    """Where predictors are made.

    Parameters
    ----------
    grid : PixelGrid
        The projected lattice of the maps.
    outline : tuple of 4 float
        West, south, east and north of a box that holds the grid, degrees; scenes outside it are not read.
        East is beyond 180 where the box lies across the antimeridian.
    """

    grid: PixelGrid
    outline: tuple[float, float, float, float]

    @classmethod
    def of(cls, grid: PixelGrid) -> Site:
        """Return the site of a lattice."""
        to_degrees = transformer(grid.crs, "EPSG:4326")
        west, south, east, north = to_degrees.transform_bounds(*grid.bounds, densify_pts=21)
        return cls(grid, (west, south, east + 360 if east < west else east, north))

    @property
    def region(self) -> ee.Geometry:
        """The outline as a geometry of Earth Engine, with edges along parallels and meridians."""
        return ee.Geometry.Rectangle(list(self.outline), None, False)


@dataclass(frozen=True)
class When:
    """The days [start, end) that an image serves, and the day it is made for."""

    start: date
    end: date
    center: date

    @property
    def days(self) -> list[date]:
        """Every day the image serves."""
        return [self.start + timedelta(days=i) for i in range((self.end - self.start).days)]


@dataclass(frozen=True)
class Integers:
    """Bands of whole numbers, from which predictors follow on this machine: fewer bytes to pull, same values.

    Parameters
    ----------
    names : tuple of str
        The predictors.
    bands : tuple of str
        What is pulled for them, 16-bit integers.
    per_unit : int
        What the integers are divided by, in single precision, to give the bands.
    source : hashable
        Equal ones take their bands from one image.
    build : callable
        Makes the image of some bands.
    derive : callable
        Takes the bands, float32 arrays by name that are NaN where masked; returns the predictors alike.
    """

    names: tuple[str, ...]
    bands: tuple[str, ...]
    per_unit: int
    source: Hashable
    build: Callable[[Sequence[str]], ee.Image]
    derive: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]

    def __add__(self, other: Integers) -> Integers:
        """Return both, where they take their bands from one image."""
        return replace(
            self,
            names=self.names + other.names,
            bands=tuple(dict.fromkeys(self.bands + other.bands)),
            derive=lambda bands: self.derive(bands) | other.derive(bands),
        )


def no_pixels(names: Sequence[str]) -> ee.ImageCollection:
    """Return one image without any pixel, which keeps the bands known where a period holds no scene."""
    masked = ee.Image.constant([0.0] * len(names)).rename(list(names)).toFloat().updateMask(0)
    return ee.ImageCollection([masked])


def dated(name: str, day: date) -> str:
    """Return the name of a predictor's band where an image holds several days."""
    return f"{name}_{day:%Y%m%d}"


class Family(Options, ABC):
    """Predictors that are made together, with their options.

    A subclass sets `cadence`, narrows `kind` to a literal of its own, and is listed in
    `smgee.predictors.registry`.

    Attributes
    ----------
    kind : str
        Which family it is.
    """

    cadence: ClassVar[Cadence]
    kind: str

    @abstractmethod
    def predictors(self) -> tuple[Predictor, ...]:
        """Return the columns the family gives, in model order."""

    def datasets(self, start: date, end: date) -> tuple[str, ...]:
        """Return the ids of the assets read for the days [start, end)."""
        return ()

    def conditions(self) -> tuple[str, ...]:
        """Return the predictors that a cell is described by where SMAP's errors are asked about: those that
        never change, unless the family knows fewer to say as much.
        """
        return tuple(p.name for p in self.predictors() if p.cadence is Cadence.STATIC)

    def period(self, start: date, end: date) -> tuple[date, date]:
        """Return the days [start, end) of which images are read for the days [start, end)."""
        return start, end

    def bands_of(self, dataset: str) -> tuple[str, ...]:
        """Return the bands read of a data set, so that one without them is noticed at the start."""
        return ()

    def image(self, site: Site, when: When, names: Sequence[str]) -> ee.Image:
        """Return the predictors `names` as float bands in that order; those of `images` where a family makes
        these.

        Families whose predictors are all `local` need none.
        """
        day = when.center
        return self.images(site, [day], names).select([dated(n, day) for n in names], list(names))

    def lattice(self, site: Site) -> PixelGrid | None:
        """Return the coarser pixels over each of which the family's images are constant.

        None where they change from pixel to pixel of the map. A family of cadence `DAY` that has them gives
        many days of them in one image, `images`, so that a season takes a few small requests.
        """
        return None

    def images(self, site: Site, days: Sequence[date], names: Sequence[str]) -> ee.Image:
        """Return the predictors `names` of several days on `lattice`, float bands called by `dated`, day
        after day.
        """
        raise NotImplementedError(f"the family {self.kind} makes no image")

    def integers(self, site: Site, when: When, names: Sequence[str]) -> Integers | None:
        """Return how the predictors `names` follow from whole numbers, with the very values of `image`.

        None where Earth Engine has to compute them.
        """
        return None

    def local(self, when: When) -> dict[str, float] | None:
        """Return the values by name where they are constant over an image, such as the day of the year.

        None says that the family makes an image.
        """
        return None

    def properties(self) -> dict[str, str]:
        """Return what a published map says of the family, by the names of the asset's properties."""
        return {}

    def step(self) -> int:
        """Return how many days an image of a family of cadence `STEP` serves."""
        return STEP_DAYS

    def within(self, start: date, end: date) -> Self:
        """Return the family as it is in a study of the days [start, end).

        For families that look at the whole period for every image; the rest stay as they are.
        """
        return self

    def needs_network(self) -> bool:
        """Whether the predictors compare with a network whose places the study does not name."""
        return False

    def at_stations(self, places: Sequence[tuple[float, float]]) -> Self:
        """Return the family as it is with a network at these places, (longitude, latitude) each.

        For families that compare with the network; the rest stay as they are.
        """
        return self

    def among(self, families: Sequence[Family]) -> Self:
        """Return the family as it is beside these others of the study.

        For families that share a source or leave options to others; the rest stay as they are.
        """
        return self

"""A study's predictors on a site and a period, cut into what one request pulls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.late import ee
from smgee.predictors.base import Cadence, Family, Integers, Predictor, Site, When, dated

SPAN = 32
"""Days whose coarse pixels are pulled together."""


@dataclass(frozen=True)
class Piece:
    """One request's worth of pixels: predictors that change together, and the days they serve.

    Parameters
    ----------
    names : tuple of str
        The predictors, in model order.
    days : tuple of date
        The days asked for that these pixels serve, ascending.
    cadence : Cadence
        How often the predictors change.
    when : When
        What the image is made for.
    grid : PixelGrid
        The lattice it is made for.
    build : callable
        Makes the image.
    lattice : PixelGrid, optional
        Coarser pixels over each of which the image is constant; then it holds every day of `when`.
    integers : tuple of Integers
        How some of the predictors follow on this machine from fewer bytes than the image has.
    """

    names: tuple[str, ...]
    days: tuple[date, ...]
    cadence: Cadence
    when: When
    grid: PixelGrid
    build: Callable[[], ee.Image]
    lattice: PixelGrid | None = None
    integers: tuple[Integers, ...] = ()

    @cached_property
    def others(self) -> tuple[str, ...]:
        """The predictors that do not follow from `integers`."""
        follow = {name for part in self.integers for name in part.names}
        return tuple(name for name in self.names if name not in follow)

    @cached_property
    def bands(self) -> tuple[str, ...]:
        """The bands of the image: `names`, or those of each day where it holds several."""
        if self.lattice is None:
            return self.names
        return tuple(dated(name, day) for day in self.when.days for name in self.names)

    def by_day(self, values: Sequence[Any]) -> Mapping[tuple[date, str], Any]:
        """Return what was pulled of each band by day and predictor."""
        if self.lattice is None:
            return {(day, name): v for day in self.days for name, v in zip(self.names, values, strict=True)}
        found = dict(zip(self.bands, values, strict=True))
        return {(day, name): found[dated(name, day)] for day in self.days for name in self.names}

    @cached_property
    def image(self) -> ee.Image:
        """The predictors as float bands, in the order of `bands`; needs a connection."""
        return self.build().select(list(self.bands))

    @cached_property
    def key(self) -> str:
        """SHA-256 of what Earth Engine is asked for: equal keys mean the same pixels."""
        g = self.grid
        asked = [self.image.serialize(), g.crs, g.transform, g.width, g.height]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


@dataclass(frozen=True)
class PredictorSet:
    """Families of predictors on a site, for the days [start, end).

    Build it by `smgee.predictors.Predictors.on`, or take `smgee.Study.predictor_set`.
    """

    families: tuple[Family, ...]
    site: Site
    start: date
    end: date

    @property
    def needs_network(self) -> bool:
        """Whether a predictor compares with a network whose places the study does not name."""
        return any(f.needs_network() for f in self.families)

    def at_stations(self, lon: Iterable[float], lat: Iterable[float]) -> PredictorSet:
        """Return the predictors with a network at these places, for those that are relative to it."""
        places = [(float(x), float(y)) for x, y in zip(lon, lat, strict=True)]
        return replace(self, families=tuple(f.at_stations(places) for f in self.families))

    @cached_property
    def predictors(self) -> tuple[Predictor, ...]:
        """Every predictor, in model order."""
        return tuple(p for family in self.families for p in family.predictors())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the predictors, in model order."""
        return tuple(p.name for p in self.predictors)

    @property
    def conditions(self) -> tuple[str, ...]:
        """What the land of a cell is described by, see `Family.conditions`."""
        return tuple(name for family in self.families for name in family.conditions())

    def datasets(self, start: date | None = None, end: date | None = None) -> tuple[str, ...]:
        """Return the ids of the assets read for the days [start, end), by default for all; each once."""
        start, end = start or self.start, end or self.end
        return tuple(dict.fromkeys(d for family in self.families for d in family.datasets(start, end)))

    def period_of(self, dataset: str) -> tuple[date, date]:
        """Return the days [start, end) of which images of a data set are read."""
        readers = [f for f in self.families if dataset in f.datasets(self.start, self.end)]
        starts, ends = zip(*(f.period(self.start, self.end) for f in readers))
        return min(starts), max(ends)

    def bands_of(self, dataset: str) -> tuple[str, ...]:
        """Return the bands read of a data set, each once."""
        return tuple(dict.fromkeys(b for family in self.families for b in family.bands_of(dataset)))

    def properties(self) -> dict[str, str]:
        """Return what a published map says of its predictors; the first family to name a property wins."""
        found: dict[str, str] = {}
        for family in self.families:
            found = family.properties() | found
        return found

    def constants(self, day: date) -> dict[str, float]:
        """Return the predictors that are one number for the whole site on a day, by name."""
        found: dict[str, float] = {}
        for family in self.families:
            found |= family.local(self._when(family, day)) or {}
        return found

    def pieces(self, days: Iterable[date], *, names: Sequence[str] | None = None) -> list[Piece]:
        """Return what must be pulled for these days: never the same pixels twice.

        Predictors that change together come in one piece. Static ones come first and once, those of a step
        once for all its days, those of coarse pixels once for `SPAN` days; `constants` are in no piece.

        Parameters
        ----------
        days : iterable of date
            Days of the period, in any order.
        names : sequence of str, optional
            Only these predictors, by default all.

        Returns
        -------
        list of Piece
            Static pieces, then the others in order of time.

        Raises
        ------
        InputError
            For a day outside the period, or a name that is not among the predictors.
        """
        asked = sorted(set(days))
        wanted = self._checked(names)
        found = []
        for families in self._together():
            picked = [p.name for f in families for p in f.predictors() if p.name in wanted]
            if not picked:
                continue
            whens: dict[When, list[date]] = {}
            coarse = families[0].lattice(self.site) if families[0].cadence is Cadence.DAY else None
            for day in asked:
                when = self._when(families[0], day)
                whens.setdefault(when if coarse is None else self._span(day), []).append(day)
            found += [self._piece(families, picked, when, served, coarse) for when, served in whens.items()]
        return sorted(found, key=lambda p: (p.cadence is not Cadence.STATIC, p.when.start))

    def image(self, day: date) -> ee.Image:
        """Return every predictor of a day as float bands in model order."""
        layers = [self._of_day(families, day) for families in self._together()]
        layers += [ee.Image.constant(v).toFloat().rename(name) for name, v in self.constants(day).items()]
        return _stacked(layers).select(list(self.names))

    def steps(self) -> list[When]:
        """Return the steps of the period in time order: the shortest that any family is made for.

        A set without families of cadence `STEP` has one step, the whole period.
        """
        widths = [f.step() for f in self.families if f.cadence is Cadence.STEP]
        if not widths:
            return [_whole(self.start, self.end)]
        width = min(widths)
        count = -(-(self.end - self.start).days // width)
        return [self._step(k * width, width) for k in range(count)]

    def _checked(self, names: Sequence[str] | None) -> set[str]:
        if names is None:
            return set(self.names)
        missing = [n for n in names if n not in self.names]
        if missing:
            raise InputError(
                f"The predictors {missing} are not among those of the study: {', '.join(self.names)}."
            )
        return set(names)

    def _together(self) -> list[list[Family]]:
        """Return the families that make images, those that change together in one list."""
        groups: dict[tuple[Cadence, int, PixelGrid | None], list[Family]] = {}
        for family in self.families:
            if family.local(self._when(family, self.start)) is None:
                width = family.step() if family.cadence is Cadence.STEP else 0
                coarse = family.lattice(self.site) if family.cadence is Cadence.DAY else None
                groups.setdefault((family.cadence, width, coarse), []).append(family)
        return list(groups.values())

    def _of_day(self, families: list[Family], day: date) -> ee.Image:
        """Return the images of a day, also of families that give several days at once."""
        own = [(f, [p.name for p in f.predictors()]) for f in families]
        return _stacked([f.image(self.site, self._when(f, day), names) for f, names in own])

    def _piece(
        self,
        families: list[Family],
        names: list[str],
        when: When,
        days: list[date],
        coarse: PixelGrid | None,
    ) -> Piece:
        def build() -> ee.Image:
            own = [(f, [p.name for p in f.predictors() if p.name in names]) for f in families]
            if coarse is None:
                return _stacked([f.image(self.site, when, some) for f, some in own if some])
            return _stacked([f.images(self.site, when.days, some) for f, some in own if some])

        found = []
        for family in families if coarse is None else ():
            some = [p.name for p in family.predictors() if p.name in names]
            found.append(family.integers(self.site, when, some) if some else None)
        return Piece(
            tuple(names),
            tuple(days),
            families[0].cadence,
            when,
            self.site.grid,
            build,
            coarse,
            _joined([part for part in found if part is not None]),
        )

    def _span(self, day: date) -> When:
        """Return the days that are pulled together with a day, where pixels are coarse."""
        offset = (day - self.start).days // SPAN * SPAN
        return self._step(offset, SPAN)

    def _when(self, family: Family, day: date) -> When:
        """Return what a family's image of a day is made for."""
        if not self.start <= day < self.end:
            raise InputError(
                f"The day {day} lies outside the study's period {self.start} to {self.end} (end exclusive)."
            )
        if family.cadence is Cadence.STATIC:
            return _whole(self.start, self.end)
        if family.cadence is Cadence.DAY:
            return When(day, day + timedelta(days=1), day)
        width = family.step()
        return self._step((day - self.start).days // width * width, width)

    def _step(self, offset: int, width: int) -> When:
        """Return the step that begins `offset` days after the start; the last one may be cut short."""
        start = self.start + timedelta(days=offset)
        end = min(start + timedelta(days=width), self.end)
        return When(start, end, start + timedelta(days=width // 2))


def cells(lattice: PixelGrid) -> ee.Image:
    """Return the position of each coarse pixel, row by row, as an image of one band, ``cell``.

    Asked for on a finer grid, it says which coarse pixel Earth Engine takes there, by the same way as that of
    the coarse values.
    """
    transform = list(lattice.transform)
    at = ee.Image.pixelCoordinates(ee.Projection(lattice.crs, transform)).floor()
    position = at.select("y").multiply(lattice.width).add(at.select("x")).rename("cell").toFloat()
    return position.reproject(crs=lattice.crs, crsTransform=transform)


def _joined(parts: Sequence[Integers]) -> tuple[Integers, ...]:
    """Return parts with those of one image put together, each band once."""
    found: dict[Hashable, Integers] = {}
    for part in parts:
        found[part.source] = part if part.source not in found else found[part.source] + part
    return tuple(found.values())


def _stacked(layers: Sequence[ee.Image]) -> ee.Image:
    image = layers[0]
    for layer in layers[1:]:
        image = image.addBands(layer)
    return image


def _whole(start: date, end: date) -> When:
    return When(start, end, start + (end - start) // 2)

"""The family ``weather``: rain and what is left of it, temperature, and what the air asks for, by the day.

Soil moisture remembers rain for days to months. All columns are sums over the days before, with weights, of
one band of a reanalysis or a rain product; they are constant over its pixels of some 5 to 11 km.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from smgee.datasets import CHIRPS, ERA5_LAND, IMERG, Dataset
from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.late import ee
from smgee.options import from_study_file
from smgee.predictors.base import Cadence, Family, Predictor, Site, dated
from smgee.predictors.coarse import lattice_around

PRODUCTS = {"era5": ERA5_LAND, "chirps": CHIRPS, "imerg": IMERG}
RELATIVE = "_relative"
DAY_MS = 86_400_000
LEAST_KNOWN = 0.5  # of a column's days


@dataclass(frozen=True)
class Quantity:
    """What a column is made of: role of the band, unit and words, and the way there from the band's unit."""

    role: str
    units: str
    words: str
    scale: Mapping[str, float]
    offset: float = 0.0


RAIN = Quantity("precipitation", "mm d-1", "rain", {"m": 1000.0, "mm d-1": 1.0, "mm h-1": 24.0})
QUANTITIES = {
    "rain": RAIN,
    "air_temperature": Quantity("air_temperature", "degC", "air temperature at 2 m", {"K": 1.0}, -273.15),
    "soil_temperature": Quantity(
        "soil_temperature", "degC", "modelled soil temperature, 0-7 cm", {"K": 1.0}, -273.15
    ),
    # Downward fluxes are positive in the model.
    "potential_evaporation": Quantity(
        "potential_evaporation", "mm d-1", "potential evaporation", {"m": -1000.0}
    ),
}
_NAME = re.compile(
    rf"({'|'.join(PRODUCTS)})_(?:({'|'.join(QUANTITIES)})|api(\d\d)|rain_(\d{{1,3}})d)({RELATIVE})?"
)
_CHOICES = (
    f"one of {', '.join(PRODUCTS)}, then _{', _'.join(QUANTITIES)}, _api90 (antecedent precipitation of "
    f"which 90 % is left after a day; any two digits), or _rain_10d (a sum), and {RELATIVE} for the "
    "difference from the network's mean of the day"
)


@dataclass(frozen=True)
class Column:
    """What the name of a predictor says: a product's quantity summed over `days`, each day before weighing
    `decay` times the one after; with or without the network's mean.
    """

    product: str
    quantity: str
    days: int
    decay: float | None
    relative: bool

    @classmethod
    def read(cls, name: str, memory_days: int) -> Column:
        """Return what a name says; ValueError where it says nothing."""
        found = _NAME.fullmatch(name)
        if found is None:
            raise ValueError(f"the weather {name!r} is not known; give {_CHOICES}")
        product, quantity, left, window, relative = found.groups()
        decay = None if left is None else int(left) / 100
        if decay == 0 or window == "0":
            raise ValueError(f"the weather {name!r} remembers nothing; give _rain, the rain of the day")
        days = memory_days if left else int(window or 1)
        return cls(product, quantity or "rain", days, decay, relative is not None)

    @property
    def total(self) -> float:
        """Sum of the weights of all days, those before the first included."""
        return self.days if self.decay is None else 1 / (1 - self.decay)

    def told(self) -> tuple[str, str]:
        """Return unit and meaning."""
        quantity = QUANTITIES[self.quantity]
        words, units = f"{quantity.words} of the day", quantity.units
        if self.decay is not None:
            words, units = f"antecedent precipitation, {self.decay:.0%} left after a day", "mm"
        elif self.days > 1:
            words, units = f"rain of the last {self.days} days", "mm"
        return units, f"{words}, minus the network's mean of the day" if self.relative else words


class Weather(Family):
    """Rain, antecedent precipitation, temperature and potential evaporation of one product.

    Antecedent precipitation is the index of Kohler & Linsley (1951), US Weather Bureau Research Paper 34:
    A(t) = k A(t - 1) + P(t), from the last `memory_days` days; before them, and on days without an image, it
    rained as on the mean of the others. What is known of less than half of its days is masked.

    Attributes
    ----------
    names : tuple of str
        era5_, chirps_ or imerg_, all of one product, and then rain (of the day), rain_10d (a sum of days),
        api90 (antecedent precipitation of which 90 % is left after a day) or, of era5, air_temperature,
        soil_temperature, potential_evaporation; with _relative at the end, minus the network's mean.
    """

    cadence: ClassVar[Cadence] = Cadence.DAY
    kind: Literal["weather"] = "weather"
    names: Annotated[tuple[str, ...], Field(min_length=1)] = (
        *("era5_rain", "era5_api80", "era5_api90", "era5_api95", "era5_api98"),
        *("era5_air_temperature", "era5_potential_evaporation"),
    )
    memory_days: Annotated[int, Field(ge=10, le=366)] = Field(
        90, description="days that antecedent precipitation is summed over"
    )
    stations: tuple[tuple[float, float], ...] | None = Field(
        None,
        description=f"for {RELATIVE}: [lon, lat] of the network's stations, or a CSV file with columns lon "
        "and lat; left out, those of the run",
    )
    _network: tuple[tuple[float, float], ...] = PrivateAttr(())

    @field_validator("stations", mode="before")
    @classmethod
    def _from_file(cls, value: Any, info: ValidationInfo) -> Any:
        return _places(from_study_file(value, info)) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _known(self) -> Weather:
        columns = [Column.read(n, self.memory_days) for n in self.names]
        products = sorted({c.product for c in columns})
        if len(products) > 1:
            raise ValueError(f"weather mixes {', '.join(products)}; list one family of weather for each")
        for name, column in zip(self.names, columns, strict=True):
            if QUANTITIES[column.quantity].role not in self.product.roles:
                raise ValueError(f"{name} is not to be had: {self.product.title} holds rain only")
        return self

    @property
    def product(self) -> Dataset:
        """Where the weather is from."""
        return PRODUCTS[Column.read(self.names[0], self.memory_days).product]

    def predictors(self) -> tuple[Predictor, ...]:
        """Return one predictor per name."""
        told = [(n, *Column.read(n, self.memory_days).told()) for n in self.names]
        return tuple(Predictor(*t, self.cadence, self.product.id) for t in told)

    def datasets(self, start: date, end: date) -> tuple[str, ...]:
        """Return the product."""
        return (self.product.id,)

    def period(self, start: date, end: date) -> tuple[date, date]:
        """Return the days, and those before that the columns look back on."""
        back = max(Column.read(n, self.memory_days).days for n in self.names)
        return start - timedelta(days=back - 1), end

    def bands_of(self, dataset: str) -> tuple[str, ...]:
        """Return the bands of the columns."""
        if dataset != self.product.id:
            return ()
        of = {Column.read(n, self.memory_days).quantity for n in self.names}
        return tuple(self.product.roles[q.role] for key, q in QUANTITIES.items() if key in of)

    def at_stations(self, places: Sequence[tuple[float, float]]) -> Self:
        """Return the family with the places of the network, unless the study names them."""
        settled = self.model_copy()
        settled._network = tuple(places)
        return settled

    def needs_network(self) -> bool:
        """Whether a column is relative to a network that is not known."""
        relative = any(Column.read(n, self.memory_days).relative for n in self.names)
        return relative and not self.stations

    def lattice(self, site: Site) -> PixelGrid:
        """Return the product's pixels around the site."""
        assert self.product.grid is not None
        return lattice_around(site, self.product.grid)

    def images(self, site: Site, days: Sequence[date], names: Sequence[str]) -> ee.Image:
        """Return the weather of several days, each image of the product read once; `InputError` for columns
        relative to a network whose stations are not known.
        """
        columns = {n: Column.read(n, self.memory_days) for n in names}
        lattice = self.lattice(site)
        absolute = {n.removesuffix(RELATIVE): c for n, c in columns.items()}
        layers = []
        for quantity in dict.fromkeys(c.quantity for c in absolute.values()):
            own = {n: c for n, c in absolute.items() if c.quantity == quantity}
            layers.append(self._summed(quantity, own, days))
        values = ee.Image.cat(layers).reproject(crs=lattice.crs, crsTransform=list(lattice.transform))
        wanted = [(n, day) for day in days for n in names]
        plain = values.select([dated(n.removesuffix(RELATIVE), d) for n, d in wanted], _bands(wanted))
        compared = [(n, d) for n, d in wanted if columns[n].relative]
        if compared:
            ours = plain.select(_bands(compared))
            minus = ours.subtract(self._network_mean(ours, len(compared), site)).rename(_bands(compared))
            plain = plain.addBands(minus, None, True)
        return plain.select(_bands(wanted)).toFloat()

    def _summed(self, quantity: str, columns: Mapping[str, Column], days: Sequence[date]) -> ee.Image:
        """Return columns of one quantity: a matrix of weights, (column and day, image), times the images."""
        reach = max(c.days for c in columns.values())
        scenes = self._scenes(quantity, min(days) - timedelta(days=reach - 1), max(days) + timedelta(days=1))
        times = ee.List(scenes.aggregate_array("system:time_start"))
        begins = ee.Array([[_milliseconds(day)] for day in days])
        behind = begins.repeat(1, times.size()).subtract(
            ee.Array.cat([ee.Array(times)], 1).transpose().repeat(0, len(days))
        )
        age = behind.divide(DAY_MS).ceil()  # an image of 12 h of the day has the age 0
        weights, known = zip(*(_weights(age, c, times.size()) for c in columns.values()), strict=True)
        series = scenes.toBands().toArray().toArray(1)
        about = QUANTITIES[quantity]
        unit = next(b.units for b in self.product.bands if b.role == about.role)
        bands = [dated(n, day) for n in columns for day in days]
        total = ee.Image(ee.Array.cat(weights, 0)).matrixMultiply(series).arrayProject([0])
        summed = total.arrayFlatten([bands]).multiply(about.scale[unit]).add(about.offset)
        return summed.updateMask(ee.Image.constant(ee.Array.cat(known, 0).toList())).rename(bands)

    def _scenes(self, quantity: str, start: date, end: date) -> ee.ImageCollection:
        """Return one image for each day [start, end) that the product has, and one of the year 1970 that no
        day weighs: so there always is one.
        """
        band = self.product.roles[QUANTITIES[quantity].role]
        scenes = ee.ImageCollection(self.product.id).filterDate(str(start), str(end)).select([band], ["v"])
        if self.product is IMERG:
            scenes = _day_means(scenes, start, (end - start).days)
        never = ee.Image.constant(0).rename("v").toFloat().set("system:time_start", 0)
        return scenes.merge(ee.ImageCollection([never]))

    def _network_mean(self, values: ee.Image, count: int, site: Site) -> ee.Image:
        """Return the mean over the stations of each of `count` bands, an image of constants."""
        places = self.stations or self._network
        if not places:
            raise InputError(
                f"Weather columns that end with {RELATIVE} need the network: give stations, a list of "
                "[lon, lat] or a CSV file with columns lon and lat."
            )
        points = ee.FeatureCollection([ee.Feature(ee.Geometry.Point(list(p)), {}) for p in places])
        # Masked ones count neither in the sum nor in the number.
        both = ee.Image.cat([values.unmask(0, False), values.mask()])
        names = [f"b{k}" for k in range(2 * count)]
        found = both.rename(names).reduceRegions(
            collection=points,
            reducer=ee.Reducer.first().forEach(names) if count else ee.Reducer.first(),
            crs=site.grid.crs,
            crsTransform=list(site.grid.transform),
        )
        sums = ee.Array(found.reduceColumns(ee.Reducer.sum().repeat(2 * count), names).get("sum"))
        mean = sums.slice(0, 0, count).divide(sums.slice(0, count).max(ee.Array(1).repeat(0, count)))
        return ee.Image.constant(mean.toList())


def _weights(age: ee.Array, column: Column, images: ee.Number) -> tuple[ee.Array, ee.Array]:
    """Return the weights of a column, (day, image), and whether enough of its days are known, (day,)."""
    inside = age.gte(0).And(age.lt(column.days))
    decayed = age.multiply(0).add(column.decay or 1).pow(age.max(age.multiply(0))).multiply(inside)

    def in_row(values: ee.Array) -> ee.Array:
        return values.reduce(ee.Reducer.sum(), [1])

    count = in_row(inside)
    rest = in_row(decayed).multiply(-1).add(column.total).divide(count.max(count.multiply(0).add(1)))
    weights = decayed.add(inside.multiply(rest.repeat(1, images)))
    return weights, count.gte(LEAST_KNOWN * column.days).project([0])


def _day_means(scenes: ee.ImageCollection, start: date, days: int) -> ee.ImageCollection:
    """Return the mean rate of each day that has images."""

    def of(offset: ee.Number) -> ee.Image:
        day = ee.Date(str(start)).advance(offset, "day")
        part = scenes.filterDate(day, day.advance(1, "day"))
        return part.mean().set({"system:time_start": day.millis(), "images": part.size()})

    found = ee.ImageCollection.fromImages(ee.List.sequence(0, days - 1).map(of))
    return found.filter(ee.Filter.gt("images", 0))


def _bands(wanted: Sequence[tuple[str, date]]) -> list[str]:
    return [dated(name, day) for name, day in wanted]


def _milliseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _places(path: str) -> list[tuple[float, float]]:
    """Return longitude and latitude of the rows of a CSV file."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return [(float(row["lon"]), float(row["lat"])) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"the file {path} gives no stations ({error}); it needs columns lon and lat, in degrees"
        ) from error

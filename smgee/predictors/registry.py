"""The families there are, and the study's section that lists some of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Union

from pydantic import (
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    RootModel,
    SerializeAsAny,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue

from smgee.predictors.base import Family, Site
from smgee.predictors.calendar import Calendar
from smgee.predictors.flat import from_flat
from smgee.predictors.indices import Indices
from smgee.predictors.insolation import Insolation
from smgee.predictors.pieces import PredictorSet
from smgee.predictors.place import Place
from smgee.predictors.radar import Radar
from smgee.predictors.reflectance import Reflectance
from smgee.predictors.smap import SmapMoisture
from smgee.predictors.soil import Soil
from smgee.predictors.terrain import Terrain
from smgee.predictors.thermal import Thermal
from smgee.predictors.unmixing import Unmixing
from smgee.predictors.weather import Weather

_FAMILIES: dict[str, type[Family]] = {}


def register(family: type[Family]) -> type[Family]:
    """Make a family known to study files by its `kind`; also a class decorator."""
    _FAMILIES[family.model_fields["kind"].default] = family
    return family


for _family in (
    Reflectance,
    Indices,
    Terrain,
    Calendar,
    Place,
    Insolation,
    Unmixing,
    Soil,
    Weather,
    Radar,
    Thermal,
    SmapMoisture,
):
    register(_family)


def families() -> dict[str, type[Family]]:
    """Return the registered families by kind."""
    return dict(_FAMILIES)


def _union() -> Any:
    """Return the type of a list of families, told apart by their kind."""
    known: Any = Union[tuple(_FAMILIES.values())]  # noqa: UP007
    return tuple[Annotated[known, Field(discriminator="kind")], ...]


STATE_AND_PLACE: tuple[Family, ...] = (Place(), Terrain())
"""What models of an anomaly see where a study lists nothing: what persists at a place. The network's state is
added in training.
"""

OF_THE_MOMENT: tuple[Family, ...] = (Reflectance(), Indices(), Terrain(), Calendar())
"""What models of soil moisture itself see then, as those of Qin et al. 2025 (Land 14, 2098)."""


class Predictors(RootModel[tuple[SerializeAsAny[Family], ...]]):
    """What the models see: families of predictors, in the order of the models' columns."""

    model_config = ConfigDict(frozen=True)
    root: tuple[SerializeAsAny[Family], ...] = STATE_AND_PLACE

    @field_validator("root", mode="wrap")
    @classmethod
    def _by_kind(cls, value: Any, _: Any, info: ValidationInfo) -> tuple[Family, ...]:
        # The union is made here and not in the annotation, so that a family can be registered at any time.
        value = from_flat(value) if isinstance(value, dict) else value
        found: tuple[Family, ...] = TypeAdapter(_union()).validate_python(value, context=info.context)
        return found

    @model_validator(mode="after")
    def _each_once(self) -> Predictors:
        names = self.names
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"the predictors {twice} are named twice; name each once")
        if not names:
            raise ValueError(f"no predictor is left; list some of the families {', '.join(_FAMILIES)}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(TypeAdapter(_union()).core_schema)
        return found | {"title": "Predictors", "description": cls.__doc__}

    def __iter__(self) -> Iterator[Family]:  # type: ignore[override]
        return iter(self.root)

    @property
    def names(self) -> tuple[str, ...]:
        """All predictor names, in model column order."""
        return tuple(p.name for family in self.root for p in family.predictors())

    @classmethod
    def usual(cls, target: str) -> Predictors:
        """Return what is taken for a target, ``anomaly`` or ``absolute``, where a study lists nothing."""
        return cls(STATE_AND_PLACE if target == "anomaly" else OF_THE_MOMENT)

    def without(self, kind: str) -> Predictors:
        """Return the predictors but for the families of a kind."""
        return Predictors(tuple(f for f in self.root if f.kind != kind))

    @property
    def of_smap(self) -> tuple[str, ...]:
        """The predictors that are made of SMAP's measurements, which no validation of SMAP may rest on."""
        return tuple(p.name for f in self.root if isinstance(f, SmapMoisture) for p in f.predictors())

    @property
    def dependence_allowed(self) -> bool:
        """Whether every family that is made of SMAP's measurements says that it may be."""
        return all(f.allow_dependence for f in self.root if isinstance(f, SmapMoisture))

    def on(self, site: Site, start: date, end: date) -> PredictorSet:
        """Return the predictors on a site, for the days [start, end)."""
        families = tuple(f.among(self.root).within(start, end) for f in self.root)
        return PredictorSet(families, site, start, end)

"""The Study: one pydantic model of one YAML file, and the only configuration there is."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from smgee.area import Area
from smgee.datasets import SMAP_36KM_TWIN
from smgee.errors import InputError
from smgee.grid import EaseCell, PixelGrid
from smgee.insitu.settings import QualityRules, UnfrozenRule
from smgee.io import atomic_path
from smgee.predictors import Predictors, PredictorSet, Site

__all__ = ["Study"]

ModelName = Literal["RF", "ERT", "GBDT", "XGBoost", "CatBoost"]
MODELS: tuple[ModelName, ...] = get_args(ModelName)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Backend(_Section):
    """Where Earth Engine calls go."""

    kind: Literal["embedded", "earthengine"] = "embedded"
    catalog: str | None = Field(
        None, description="folder of the user's own files; None serves the synthetic basin"
    )
    project: str | None = Field(None, description="Google Cloud project, for the real service")


class StationTable(_Section):
    """How a table of stations is laid out; the settings are those of `smgee.insitu.read_table`."""

    time: str = "time"
    time_format: str | None = Field(
        None, description="strptime format, where times are not written as 2021-05-31 13:30"
    )
    station: str | None = Field(
        None, description="long table: column of station names; None means one column per station"
    )
    soil_moisture: str | None = Field(None, description="long table: column of soil moisture")
    soil_temperature: str | None = Field(None, description="long table: column of soil temperature, °C")
    flag: str | None = Field(
        None, description="long table: column of quality flags; stations.flags are the good ones"
    )
    columns: tuple[str, ...] | dict[str, str] | None = Field(
        None, description="wide table: columns, or {station: column}"
    )
    places: str | None = Field(None, description="table of stations with lon, lat and, if known, elevation")
    lon: str | None = Field(None, description="long table: column of longitude, degrees")
    lat: str | None = Field(None, description="long table: column of latitude, degrees")
    elevation: str | None = Field(None, description="long table: column of elevation, m")
    unit: Literal["m3 m-3", "%"] = "m3 m-3"
    temperature_unit: Literal["degC", "K"] = "degC"
    utc_offset_hours: Annotated[float, Field(ge=-14, le=14)] = 0.0
    network: str = ""
    duplicates: Literal["error", "first", "mean"] = "error"


class Stations(_Section):
    """Where in situ soil moisture comes from and how it becomes daily."""

    source: str = Field("twin", description="'twin', a folder or archive of ISMN files, or a table")
    format: Literal["ismn", "table"] = "ismn"
    table: StationTable = Field(StationTable(), description="layout of the table, for format 'table'")
    depth_m: tuple[float, float] = (0.0, 0.05)
    flags: Annotated[tuple[str, ...], Field(min_length=1)] = ("G",)
    min_hours: Annotated[int, Field(ge=1, le=24)] = 18
    quality: QualityRules = Field(
        QualityRules(), description="checks beyond the flags, and which of them take records out"
    )
    unfrozen: UnfrozenRule = Field(
        UnfrozenRule(), description="how frozen days are told; a season where no soil temperature tells it"
    )

    @model_validator(mode="before")
    @classmethod
    def _season_of_its_own(cls, given: Any) -> Any:
        """Read the former spelling, ``stations.season``, which is now ``stations.unfrozen.season``."""
        if isinstance(given, dict) and "season" in given:
            given = dict(given)
            season = given.pop("season")
            if season is not None:
                given["unfrozen"] = dict(given.get("unfrozen") or {}) | {"season": season}
        return given

    @field_validator("depth_m")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] <= value[1] <= 2:
            raise ValueError(f"depths {value} are not (upper, lower) in metres within 0–2")
        return value

    @model_validator(mode="after")
    def _table_of_a_table(self) -> Stations:
        if self.format != "table" and self.table != StationTable():
            raise ValueError(
                "stations.table describes a table, but stations.format is 'ismn'; set format: table, or "
                "leave it out"
            )
        if self.format == "table" and self.source == "twin":
            raise ValueError(
                "the stations of the synthetic basin are ISMN files; leave stations.format at 'ismn', or "
                "name a table as source"
            )
        return self


class Training(_Section):
    """Which models, and how they are scored."""

    models: Annotated[tuple[ModelName, ...], Field(min_length=1)] = MODELS
    folds: Annotated[int, Field(ge=2, le=50)] = 10
    seed: int = 0
    deploy: Literal["best", ModelName] = Field(
        "best", description="the model that draws the maps: 'best' by leave-station-out RMSE, or a name"
    )

    @model_validator(mode="after")
    def _trained(self) -> Training:
        if len(set(self.models)) < len(self.models):
            raise ValueError(f"models {list(self.models)} repeat; name each once")
        if self.deploy != "best" and self.deploy not in self.models:
            raise ValueError(
                f"deploy {self.deploy!r} is not trained; choose best or one of {', '.join(self.models)}"
            )
        return self


class Upscale(_Section):
    """How maps are made."""

    route: Literal["xee", "classifier"] = "xee"
    days: Literal["smap", "daily"] = Field(
        "smap", description="'smap': the days with a retrieval; 'daily': every day of the period"
    )


class Smap(_Section):
    """The SMAP products to validate."""

    collection_36km: str | None = SMAP_36KM_TWIN
    nine_km: bool = True
    min_coverage: Annotated[float, Field(gt=0, le=1)] = Field(
        0.8, description="least share of a cell that a map must cover to count"
    )


class Study(_Section):
    """A whole study: everything a run depends on.

    Parameters
    ----------
    name : str
        Label of the run.
    area, stations, predictors, training, upscale, smap, backend
        The sections documented by their own classes.
    start, end : date
        The period, end exclusive; cut to the unfrozen period where stations tell it.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    start: date
    end: date
    area: Area
    backend: Backend = Backend()
    stations: Stations = Stations()
    predictors: Predictors = Predictors()
    training: Training = Training()
    upscale: Upscale = Upscale()
    smap: Smap = Smap()

    @model_validator(mode="after")
    def _period(self) -> Study:
        if self.end <= self.start:
            raise ValueError(
                f"the period {self.start} to {self.end} holds no day; end must be later than start"
            )
        if self.stations.source == "twin" and (self.backend.kind != "embedded" or self.backend.catalog):
            raise ValueError(
                "stations.source 'twin' belongs to the synthetic basin; give your own stations with your own "
                "catalog or the real service"
            )
        return self

    @classmethod
    def from_yaml(cls, path: str | Path) -> Study:
        """Read a study file.

        Raises
        ------
        InputError
            When the file is missing, is no YAML, or a field is unknown or out of range.
        """
        try:
            with Path(path).open(encoding="utf-8") as file:
                content = yaml.safe_load(file)
        except OSError as error:
            raise InputError(
                f"The study file {path} cannot be read ({error.strerror}); give the path of a YAML file."
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(f"The study file {path} is not text; give the path of a YAML file.") from error
        except yaml.YAMLError as error:
            raise InputError(
                f"The study file {path} is not YAML ({' '.join(str(error).split())})."
            ) from error
        if not isinstance(content, dict):
            raise InputError(
                f"The study file {path} holds no settings; it needs at least name, start, end and area."
            )
        return cls.parse(content, origin=str(path), folder=Path(path).parent)

    @classmethod
    def parse(cls, content: dict[str, Any], *, origin: str = "the study", folder: str | Path = ".") -> Study:
        """Build a study from plain values, with one sentence for everything that is wrong.

        Paths of outlines are relative to `folder`.
        """
        try:
            return cls.model_validate(content, context={"folder": folder})
        except ValidationError as error:
            # A section's own check says in its message what it received; its input is the section as a whole.
            faults = "; ".join(
                ".".join(map(str, e["loc"]))
                + ": " * bool(e["loc"])
                + e["msg"].removeprefix("Value error, ").rstrip(".")
                + ("" if isinstance(e["input"], dict) else f" (got {e['input']!r:.80})")
                for e in error.errors()
            )
            raise InputError(f"{origin} cannot be used: {faults}.") from error

    @classmethod
    def demo(cls) -> Study:
        """Return the study of the synthetic basin: one 36 km SMAP cell near Qinghai Lake, one unfrozen
        season.
        """
        return cls(
            name="demo",
            start=date(2021, 4, 1),
            end=date(2021, 11, 1),
            area=Area(lon=99.8, lat=37.5, crs="EPSG:32647"),
        )

    def to_yaml(self, path: str | Path) -> None:
        """Write the study, every default spelled out."""
        with atomic_path(path) as scratch:
            scratch.write_text(
                yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
                encoding="utf-8",
            )

    @property
    def cells(self) -> tuple[EaseCell, ...]:
        """The 36 km EASE-Grid 2.0 cells that the area fills well enough to judge SMAP in them."""
        return self.area.covered(self.smap.min_coverage)

    @property
    def cell(self) -> EaseCell:
        """The 36 km EASE-Grid 2.0 cell of a study of one cell."""
        cells = self.cells
        if len(cells) != 1:
            raise InputError(
                f"The study's area fills {len(cells)} cells of 36 km, where one is needed; give lon and lat "
                "of a point in the cell."
            )
        return cells[0]

    @property
    def grid(self) -> PixelGrid:
        """The map lattice: pixels of `area.scale_m` covering the area, edges at multiples of the scale."""
        return self.area.grid

    @property
    def predictor_set(self) -> PredictorSet:
        """The predictors on the map lattice, for the study's period."""
        return self.predictors.on(Site.of(self.grid), self.start, self.end)

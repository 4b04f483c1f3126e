"""The sections of a study file that have no package of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from smgee.datasets import DATASETS, ERA5_LAND, LAND_COVER, SPL4
from smgee.datasets.smap import ALGORITHMS, SURFACE_BITS
from smgee.estimators import ESTIMATORS
from smgee.insitu.settings import QualityRules, UnfrozenRule
from smgee.options import Options, from_study_file

TWIN = "twin"
"""The source of the synthetic basin's stations, where a path would stand."""


MODELS: tuple[str, ...] = tuple(spec.title for spec in ESTIMATORS.values())


def _spelled(value: Any) -> Any:
    """Return the one spelling of a model's name, whatever its case."""
    return (
        {m.casefold(): m for m in MODELS}.get(value.strip().casefold(), value)
        if isinstance(value, str)
        else value
    )


# made from the table: pydantic reads the names when it runs, and a type checker sees a text
Model = Annotated[Literal[MODELS], BeforeValidator(_spelled)]  # type: ignore[valid-type]
Surface = Literal[SURFACE_BITS]  # type: ignore[valid-type]
Deployed = Annotated[Literal["best", *MODELS], BeforeValidator(_spelled)]  # type: ignore[valid-type]


Layer = Literal["interval", "standard_error", "applicability", "density", "leaf_interval", "leaf_stations"]


class Backend(Options):
    """Where Earth Engine calls go.

    Attributes
    ----------
    kind : str
        `embedded`: smgee's own Earth Engine on local data, without an account. `earthengine`: the real
        service.
    """

    kind: Literal["embedded", "earthengine"] = "embedded"
    catalog: str | None = Field(
        None, description="folder of the user's own files; left out, the synthetic basin is served"
    )
    project: str | None = Field(None, description="Google Cloud project, for the real service")

    @field_validator("catalog")
    @classmethod
    def _path(cls, value: str | None, info: ValidationInfo) -> str | None:
        return None if value is None else from_study_file(value, info)


class StationTable(Options):
    """How a table of stations is laid out; the settings are those of `smgee.insitu.read_table`.

    Attributes
    ----------
    time : str
        Column of dates and times.
    unit : str
        Unit of soil moisture; never guessed when a study is run.
    temperature_unit : str
        Unit of soil temperature.
    utc_offset_hours : float
        Hours by which the table's clock is ahead of UTC; 8 for China Standard Time.
    network : str
        Name of the network.
    duplicates : str
        What to do with repeated times of one station.
    """

    time: str = "time"
    time_format: str | None = Field(
        None, description="strptime format, where times are not written as 2021-05-31 13:30"
    )
    station: str | None = Field(
        None, description="long table: column of station names; left out, every column is a station"
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

    @field_validator("places")
    @classmethod
    def _path(cls, value: str | None, info: ValidationInfo) -> str | None:
        return None if value is None else from_study_file(value, info)


class Stations(Options):
    """Where in situ soil moisture comes from and how it becomes daily.

    Attributes
    ----------
    format : str
        How `source` is read.
    depth_m : tuple of float
        Layer, upper and lower bound, m below the surface. ISMN: the sensors to read; tables: where they
        are.
    flags : tuple of str
        Quality flags of good records; those with others are left out.
    min_hours : int
        Hours of a day that must be measured for a daily mean.
    """

    source: str = Field(TWIN, description="'twin', a folder or archive of ISMN files, or a table")
    format: Literal["ismn", "table"] = "ismn"
    table: StationTable = Field(StationTable(), description="layout of the table, for format 'table'")
    network: Literal["stratified", "random", "valley", "roadside", "clustered"] = Field(
        "stratified", description="which network of the synthetic basin, for source 'twin'"
    )
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

    @field_validator("source")
    @classmethod
    def _path(cls, value: str, info: ValidationInfo) -> str:
        return value if value == TWIN else from_study_file(value, info)

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
        if self.source != TWIN and self.network != "stratified":
            raise ValueError(
                f"stations.network {self.network!r} is one of the synthetic basin, but stations.source names "
                "your own stations; leave network out"
            )
        if self.format == "table" and self.source == TWIN:
            raise ValueError(
                "the stations of the synthetic basin are ISMN files; leave stations.format at 'ismn', or "
                "name a table as source"
            )
        return self


class Training(Options):
    """Which models, what they learn, and how they are scored.

    With target ``anomaly`` they learn how a place differs from the network's state of the day, which the maps
    add again; features, settings and how much of it is believed are chosen by stations left out inside the
    training stations. With ``absolute``, that of Qin et al. (2025), they learn soil moisture itself.

    Attributes
    ----------
    models : tuple of str
        Families of trees that are trained.
    candidates : tuple of str
        For an anomaly: models with settings of their own beside those that are searched, several of one
        family if need be, as 'NAME=FAMILY:setting=number,…'.
    folds : int
        Parts of each design of cross-validation.
    seed : int
        Seed of everything random.
    target : str
        What is learned: the 'anomaly' from the network's state of the day, or 'absolute' soil moisture.
    designs : tuple of str
        For an anomaly: what is held out for scores beside stations, which always are.
    trials : int
        For an anomaly: settings tried per model in every fold; 0 takes the usual ones.
    minutes : float, optional
        For an anomaly: time to keep to, searches end early when it is up; null takes what it takes.
    """

    models: Annotated[tuple[Model, ...], Field(min_length=1)] = MODELS
    candidates: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*=\w+(:.+)?$")], ...] = ()
    folds: Annotated[int, Field(ge=2, le=50)] = 5
    seed: int = 0
    target: Literal["anomaly", "absolute"] = "anomaly"
    designs: tuple[Literal["station", "random", "block", "knndm", "period", "year"], ...] = (
        *("station", "random", "block"),
        *("knndm", "period", "year"),
    )
    trials: Annotated[int, Field(ge=0, le=1000)] = 40
    minutes: Annotated[float, Field(gt=0)] | None = 12.0
    deploy: Deployed = Field(
        "best", description="the model that draws the maps: 'best' at stations left out, or a name"
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


class Upscale(Options):
    """How maps are made.

    Attributes
    ----------
    route : str
        `xee`: predictors are pulled in tiles and predicted here. `classifier`: the trees run on Earth
        Engine. Both give the same numbers. `auto`: the one that `smgee plan` finds faster.
    maps : str
        `here`: daily maps come into the run folder. `earth_engine`: they stay on Earth Engine, where they are
        averaged over cells and over the season by the classifier route; only the means come. `smgee export`
        writes the maps there.
    """

    route: Literal["xee", "classifier", "auto"] = "xee"
    maps: Literal["here", "earth_engine"] = "here"
    days: Literal["smap", "daily"] = Field(
        "smap", description="'smap': the days with a retrieval; 'daily': every day of the period"
    )
    layers: tuple[Layer, ...] = Field(
        ("interval", "standard_error", "applicability", "density"),
        description="what is mapped beside soil moisture: its 'interval' and 'standard_error', the area of "
        "'applicability', the 'density' of stations in like conditions, and by other leaf values of the same "
        "trees 'leaf_interval' and 'leaf_stations'; [] for nothing",
    )
    layer_days: Annotated[int, Field(ge=1)] | None = Field(
        1, description="on how many of the mapped days, evenly spread; null for all of them"
    )
    level: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.9, description="share of days at new places that the interval is to hold"
    )

    workers: str = Field(
        "threads",
        pattern=r"^(threads(:[1-9]\d*)?|processes(:[1-9]\d*)?|dask:.+)$",
        description="where blocks are mapped: threads, threads:4, processes:2, dask:local:2 or "
        "dask:tcp://HOST:PORT; the maps are the same",
    )

    @field_validator("layers")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"layers {list(value)} repeat; name each once")
        return value

    @model_validator(mode="after")
    def _stays_by_classifier(self) -> Upscale:
        if self.maps == "earth_engine" and self.route == "xee":
            raise ValueError(
                "maps that stay on Earth Engine are made there, by route classifier; set route: classifier"
            )
        return self

    @property
    def stays(self) -> bool:
        """Whether the maps stay on Earth Engine."""
        return self.maps == "earth_engine"


class OtherProduct(Options):
    """Soil moisture of another product, compared with SMAP and, where its errors are its own, the third
    source of collocation.

    Attributes
    ----------
    id : str
        A collection on Earth Engine: ERA5-Land, SMAP level 4, or your own copy of ASCAT or another.
    factor, offset : float
        What makes m³ m⁻³ of its values. A degree of saturation may stay one (0 to 1): collocation and R do
        not heed the scale, bias and RMSE then mean nothing.
    """

    id: Annotated[str, Field(min_length=1)]
    band: str | None = Field(None, description="its band of surface soil moisture; known of products known")
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")] | None = Field(
        None, description="short name in tables; left out, the product's own"
    )
    factor: float = 1.0
    offset: float = 0.0
    of_smap: bool | None = Field(
        None,
        description="whether SMAP's measurements are in it, so that its errors go with SMAP's; left out, "
        "of SMAP level 4 only",
    )

    @model_validator(mode="after")
    def _band_is_known(self) -> OtherProduct:
        if self.band is None and not self._roles:
            raise ValueError(f"the band of {self.id} is not known; name its band of surface soil moisture")
        return self

    @property
    def _roles(self) -> list[str]:
        roles = DATASETS[self.id].roles if self.id in DATASETS else {}
        return [roles[r] for r in ("surface", "soil_moisture") if r in roles]

    @property
    def source_band(self) -> str:
        """The band that is read."""
        return self.band or self._roles[0]

    @property
    def title(self) -> str:
        """Its name in tables."""
        if self.name is not None:
            return self.name
        known = OTHER_PRODUCTS.get(self.id)
        return known or re.sub(r"[^a-z0-9]+", "_", self.id.rsplit("/", 1)[-1].lower()).strip("_")

    @property
    def shares_smap(self) -> bool:
        """Whether SMAP's measurements are in it."""
        return self.id == SPL4.id if self.of_smap is None else self.of_smap


OTHER_PRODUCTS: Mapping[str, str] = MappingProxyType({ERA5_LAND.id: "era5_land", SPL4.id: "smap_l4"})
"""Names of products of the catalog that SMAP may be compared with."""


class Smap(Options):
    """The SMAP products to validate, and which of their retrievals count."""

    collection_36km: str | None = Field(
        None, description="your copy of SPL3SMP on the exact EASE-Grid, as `smgee smap ingest` makes it"
    )
    collection_9km: str | None = Field(
        None,
        description="your copy of SPL3SMP_E on the exact EASE-Grid; left out, that of Earth Engine, which "
        "keeps one bit of the flags and no time",
    )
    nine_km: bool = Field(True, description="whether SPL3SMP_E is judged")
    algorithm: Literal["baseline", "sca_h", "sca_v", "dca"] = Field(
        "baseline", description="retrieval algorithm; all but the baseline need copies of your own"
    )
    quality: Literal["recommended", "successful", "all"] = Field(
        "recommended",
        description="which retrievals count: those the product recommends, those that succeeded, or all",
    )
    without: tuple[Surface, ...] = Field(
        (), description="surface conditions under which retrievals do not count, such as snow_or_ice"
    )
    overpass_hours: Annotated[float, Field(gt=0, le=12)] = Field(
        3.0, description="half width of the window around the overpass in which stations are averaged"
    )
    others: tuple[OtherProduct, ...] = Field(
        (), description="other products of soil moisture to compare and collocate SMAP with"
    )
    land_cover: str | None = Field(
        None,
        description="classes of land cover on Earth Engine, whose variety in a cell is told: "
        + " or ".join(LAND_COVER)
        + ", or an image or collection of your own with one band of classes",
    )
    core_site: bool = Field(
        False, description="whether the network helped to calibrate SMAP (core validation sites)"
    )
    min_coverage: Annotated[float, Field(gt=0, le=1)] = Field(
        0.8, description="least share of a cell that a map must cover to count"
    )

    @property
    def band_suffix(self) -> str:
        """Suffix of the bands of the algorithm."""
        return ALGORITHMS[self.algorithm]

    @property
    def products(self) -> dict[str, str]:
        """The products named, 36 km and 9 km, and where each comes from."""
        found = {"36 km": self.collection_36km, "9 km": self.collection_9km}
        if found["9 km"] is None and self.nine_km:
            found["9 km"] = "Earth Engine"
        return {product: source for product, source in found.items() if source}

    @model_validator(mode="after")
    def _others_by_name(self) -> Smap:
        names = [o.title for o in self.others]
        if len(set(names)) < len(names):
            raise ValueError(f"other products share a name ({', '.join(names)}); give each its own name")
        return self

    @model_validator(mode="after")
    def _algorithm_of_its_own(self) -> Smap:
        if self.algorithm != "baseline" and self.nine_km and self.collection_9km is None:
            raise ValueError(
                f"algorithm {self.algorithm} is not in Earth Engine's copy of SPL3SMP_E; name a copy of your "
                "own as collection_9km, or set nine_km: false"
            )
        return self


class Publish(Options):
    """Whether and where results become Earth Engine assets."""

    enabled: bool | None = Field(
        None, description="left out, on the embedded backend only, where it costs nothing and needs no bucket"
    )
    folder: str | None = Field(None, description="projects/…/assets/…; named like the study if not given")
    bucket: str | None = Field(None, description="Cloud Storage bucket for the upload, on the real service")
    overwrite: bool = Field(
        False, description="whether assets in `folder` that are not of this study may be replaced"
    )
    maps: bool = Field(False, description="whether every daily map is published too, as a collection")
    readers: tuple[str, ...] | None = Field(
        None,
        description="who may read the assets: allUsers, user:…, group:…, domain:…, serviceAccount:…; left "
        "out, nothing is changed",
    )

    @field_validator("readers")
    @classmethod
    def _readable(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for reader in value or ():
            kind, _, name = reader.partition(":")
            named = kind in ("user", "group", "domain", "serviceAccount") and name
            if reader != "allUsers" and not named:
                raise ValueError(
                    f"{reader!r} is no reader; give allUsers, or user:NAME@HOST, group:NAME@HOST, "
                    "domain:HOST or serviceAccount:NAME@HOST"
                )
        return value

"""The Study: one pydantic model of one YAML file, and the only configuration there is."""

from __future__ import annotations

import os
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from smgee.area import Area
from smgee.datasets import ERA5_LAND, ROLES, SMAP_36KM_TWIN, SPL4, WORLDCOVER
from smgee.errors import InputError
from smgee.grid import EaseCell, PixelGrid
from smgee.io import atomic_path
from smgee.options import Options
from smgee.predictors import Predictors, PredictorSet, Site, is_alias, refuse_alias
from smgee.predictors.place import Place
from smgee.predictors.terrain import Terrain
from smgee.study.faults import faults
from smgee.study.files import Lines, read_yaml
from smgee.study.sections import TWIN, Backend, OtherProduct, Publish, Smap, Stations, Training, Upscale


class Study(Options):
    """A whole study: everything a run depends on.

    Attributes
    ----------
    name : str
        Label of the run, and of its folder and assets.
    start : date
        First day of the period, which is cut to the unfrozen period where stations tell it.
    end : date
        End of the period, exclusive.
    area : Area
        The place, and the lattice of its maps.
    backend : Backend
        Where Earth Engine calls go.
    stations : Stations
        Where in situ soil moisture comes from and how it becomes daily.
    predictors : Predictors
        What the models see, a list of families, in the order of the models' columns.
    training : Training
        Which models, and how they are scored.
    upscale : Upscale
        How maps are made.
    smap : Smap
        The SMAP products to validate.
    publish : Publish
        Whether and where results become Earth Engine assets.
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
    publish: Publish = Publish()
    _relative: frozenset[str] = PrivateAttr(frozenset())

    @field_validator("start", "end", mode="before")
    @classmethod
    def _written_as_a_day(cls, value: Any) -> Any:
        """Refuse numbers, which pydantic takes for seconds since 1970."""
        if isinstance(value, int | float) or re.fullmatch(r"\s*[-+]?\d+(\.\d+)?\s*", str(value)):
            raise ValueError("a day such as 2021-05-31 is needed, not a number")
        return value

    @model_validator(mode="after")
    def _period(self) -> Study:
        if self.end <= self.start:
            raise ValueError(
                f"the period {self.start} to {self.end} holds no day; end must be later than start"
            )
        if self.stations.source == TWIN and (self.backend.kind != "embedded" or self.backend.catalog):
            raise ValueError(
                "stations.source 'twin' belongs to the synthetic basin; give your own stations with your own "
                "catalog or the real service"
            )
        return self

    @model_validator(mode="after")
    def _maps_are_where_they_are_published_from(self) -> Study:
        if self.publish.maps and self.upscale.stays:
            raise ValueError(
                "publish.maps uploads the daily maps from here, but upscale.maps leaves them there; "
                "set publish.maps: false, and write them there with `smgee export`"
            )
        return self

    @model_validator(mode="after")
    def _no_alias_of_the_date(self) -> Study:
        if "predictors" in self.model_fields_set:
            try:
                refuse_alias(self.predictors, self.start, self.end)
            except InputError as error:
                raise ValueError(str(error).rstrip(".")) from error
        else:
            usual = Predictors.usual(self.training.target)
            usual = usual.without("calendar") if is_alias(self.start, self.end) else usual
            object.__setattr__(self, "predictors", usual)
        return self

    @model_validator(mode="after")
    def _judged_by_others(self) -> Study:
        judged = bool(self.smap.products)
        if self.predictors.of_smap and judged and not self.predictors.dependence_allowed:
            raise ValueError(
                f"the predictors {', '.join(self.predictors.of_smap)} are made of SMAP, which the study "
                "validates: its maps would judge what they were made of. Leave them out, or validate nothing "
                "(smap: {nine_km: false, collection_36km: null}), or set allow_dependence of the family "
                "smap, and the validation warns of it"
            )
        return self

    @classmethod
    def from_yaml(cls, path: str | Path) -> Study:
        """Read a study file.

        Raises
        ------
        InputError
            When the file is missing, is no YAML, or a field is unknown or out of range; says in which line.
        """
        content, lines = read_yaml(path)
        return cls.parse(content, origin=str(path), folder=Path(path).parent, lines=lines)

    @classmethod
    def parse(
        cls,
        content: dict[str, Any],
        *,
        origin: str = "the study",
        folder: str | Path = ".",
        lines: Lines | None = None,
    ) -> Study:
        """Build a study from plain values, with one sentence for everything that is wrong.

        Parameters
        ----------
        content : dict
            What the file holds.
        origin : str
            Names the file in errors.
        folder : path-like
            The file's folder, which its paths are relative to.
        lines : Lines, optional
            Of the file, to say where a fault is.
        """
        study, found = cls.tried(content, folder=folder, lines=lines)
        if study is None:
            raise InputError(f"{origin} cannot be used: {'; '.join(found)}.")
        return study

    @classmethod
    def tried(
        cls, content: dict[str, Any], *, folder: str | Path = ".", lines: Lines | None = None
    ) -> tuple[Study | None, list[str]]:
        """Build a study from plain values if it can be built, and say what is wrong with it if not.

        Parameters are those of `parse`; each fault is a sentence without its full stop.
        """
        context: dict[str, Any] = {"folder": folder, "relative": set()}
        try:
            study = cls.model_validate(content, context=context)
        except ValidationError as error:
            return None, faults(error, cls, lines)
        study._relative = frozenset(context["relative"])
        return study, []

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
            # The six bands and one index each of greenness, water in leaves and open water, at the height of
            # the season: more of them say the same again, and each costs a median at a million pixels.
            predictors=Predictors(
                (
                    Place(
                        names=(*(f"m_{role}" for role in ROLES), "m_NDVI", "m_NDMI", "m_NDWI"),
                        months=(7, 8),
                    ),
                    Terrain(),
                )
            ),
            training=Training(folds=5, designs=("station", "random"), trials=0, minutes=None),
            smap=Smap(
                collection_36km=SMAP_36KM_TWIN,
                others=(OtherProduct(id=ERA5_LAND.id), OtherProduct(id=SPL4.id)),
                land_cover=WORLDCOVER.id,
            ),
        )

    def to_yaml(self, path: str | Path) -> None:
        """Write the study, every default spelled out.

        Paths that its own file gave relative to itself are written relative to the new one: folders that move
        together keep together.
        """
        content = self.model_dump(mode="json")
        for key, file in self.files.items():
            *outer, name = key.split(".")
            if name in self._relative:
                section = content
                for part in outer:
                    section = section[part]
                section[name] = os.path.relpath(file, Path(path).parent)
        with atomic_path(path) as scratch:
            scratch.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")

    @property
    def years(self) -> range:
        """The calendar years that the period touches."""
        return range(self.start.year, (self.end - timedelta(days=1)).year + 1)

    @property
    def is_synthetic(self) -> bool:
        """Whether the study's data come from the synthetic basin."""
        return self.backend.kind == "embedded" and self.backend.catalog is None

    @property
    def files(self) -> dict[str, Path]:
        """The user's files and folders that the study names, by key, such as ``stations.source``."""
        named = {
            "backend.catalog": self.backend.catalog,
            "stations.source": None if self.stations.source == TWIN else self.stations.source,
            "stations.table.places": self.stations.table.places,
        }
        return {key: Path(value) for key, value in named.items() if value is not None}

    def settings(self, *names: str) -> dict[str, Any]:
        """Return sections as plain values, but for the paths of files: what those hold counts, not where
        they lie.
        """
        paths: Any = {"backend": {"catalog": True}, "stations": {"source": True, "table": {"places": True}}}
        content = self.model_dump(mode="json", exclude=paths)
        return {n: content[n] for n in names or content}

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

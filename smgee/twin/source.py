"""The twin as a source of assets under the official dataset ids."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any

import numpy as np

from smgee.datasets import (
    CHIRPS,
    DATASETS,
    ERA5_LAND,
    IMERG,
    MODIS_LST,
    SENTINEL1,
    SMAP_9KM,
    SMAP_36KM_TWIN,
    SPL4,
    WORLDCOVER,
    Dataset,
)
from smgee.datasets.smap import GROUPS, NO_GOOD_RETRIEVAL
from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.source import BandInfo, CollectionInfo, ImageInfo, TableInfo
from smgee.twin.analysis import STEPS, Analysis
from smgee.twin.basin import Basin
from smgee.twin.cover import CoverMap
from smgee.twin.imerg import HALF_HOURS, Imerg
from smgee.twin.lasting import LASTING, Lasting
from smgee.twin.notice import SYNTHETIC_PROPERTIES
from smgee.twin.optical import COLLECTIONS, OpticalReader, describe_scene
from smgee.twin.products import Products
from smgee.twin.radar import RadarReader
from smgee.twin.radiometer import RadiometerReader
from smgee.twin.skin import SkinReader
from smgee.twin.titles import SMAP_005, SMAP_006, STATIONS, TITLES, TRUTH

_STAMP = "%Y%m%d%H%M%S"  # of half-hourly images
_SATELLITES = {d.id: name for name, d in MODIS_LST.items()}


Read = Callable[[Basin, str, int, int, int, int, int], tuple[np.ndarray, np.ndarray]]
"""Of a basin, a band and a step of the year: the window at row, column, of height and width."""


@dataclass(frozen=True)
class _Daily:
    """A collection of so many images a day: a band's window of a day of the year (or of a part of it, counted
    on through the year), and the band descriptions that all its images share.
    """

    bands: tuple[BandInfo, ...]
    hour: int
    read: Read
    stamp: str = "%Y%m%d"
    a_day: int = 1


class TwinSource:
    """Serves a `Basin`; implements `smgee.source.Source`.

    Assets: ``NASA/HLS/HLSL30/v002``, ``NASA/HLS/HLSS30/v002``, ``NASA/NASADEM_HGT/001``,
    ``NASA/SMAP/SPL3SMP_E/005`` and ``/006``, ``ECMWF/ERA5_LAND/DAILY_AGGR`` (some of its bands),
    ``UCSB-CHG/CHIRPS/DAILY``, ``NASA/GPM_L3/IMERG_V07`` (``precipitation``), ``NASA/SMAP/SPL4SMGP/008`` (two
    bands), ``ESA/WorldCover/v200``, ``COPERNICUS/S1_GRD``, ``MODIS/061/MOD11A1`` and ``MYD11A1``,
    ``MERIT/Hydro/v1_0_1``, sand and clay of OpenLandMap; and private
    ones below ``projects/smgee-twin/assets``: ``SPL3SMP`` (36 km, exact EASE-Grid 2.0, flags as in the NSIDC
    product), ``truth`` and ``stations``. Every one carries ``synthetic: 1``.

    Parameters
    ----------
    years : iterable of int, optional
        The years to serve, of the same land; by default the basin's own. A year costs its balance and clouds
        when it is first read.
    """

    kept_bytes = 2
    """Of each pixel of a band that is read, kept until the other bands are: they are made together."""

    def __init__(self, basin: Basin | None = None, *, years: Iterable[int] | None = None) -> None:
        self.basin = basin if basin is not None else Basin()
        wanted = sorted(set(years)) if years is not None else [self.basin.year]
        self.basins = {y: self.basin.of_year(y) for y in wanted}
        """The served years, all of the same land."""
        self._radar = {y: RadarReader(b) for y, b in self.basins.items()}
        self.radiometer = RadiometerReader(self.basin)
        self._optical = {y: OpticalReader(b) for y, b in self.basins.items()}
        self._skin = {y: SkinReader(b) for y, b in {self.basin.year: self.basin, **self.basins}.items()}
        self._products = {y: Products(b) for y, b in {self.basin.year: self.basin, **self.basins}.items()}
        self._imerg = {y: Imerg(self.basin.of_year(y), p) for y, p in self._products.items()}
        self._lasting = Lasting(self.basin, self._products[self.basin.year])
        self._analyses = {y: Analysis(p, self._retrieved(y)) for y, p in self._products.items()}
        self._cover = CoverMap(self.basin)
        self._lock = threading.RLock()
        self._image_tables: dict[str, dict[str, ImageInfo]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(TwinSource, years=tuple(self.basins)), (self.basin,)

    def __repr__(self) -> str:
        return f"TwinSource({self.basin!r})"

    # ---- descriptions ----

    @property
    def _collections(self) -> tuple[str, ...]:
        smap = SMAP_005, SMAP_006, SMAP_36KM_TWIN
        coarse = ERA5_LAND.id, CHIRPS.id, IMERG.id, SPL4.id
        return (*COLLECTIONS, *smap, TRUTH, *coarse, *_SATELLITES, SENTINEL1.id, WORLDCOVER.id)

    def get(self, asset_id: str) -> ImageInfo | CollectionInfo | TableInfo | None:
        """Describe an asset; None when it is not the twin's."""
        if asset_id in LASTING:
            return self._lasting.infos[asset_id]
        if asset_id == STATIONS:
            return TableInfo(STATIONS, {"title": TITLES[STATIONS], **SYNTHETIC_PROPERTIES})
        if asset_id in self._collections:
            return CollectionInfo(asset_id, {"title": TITLES[asset_id], **SYNTHETIC_PROPERTIES})
        parent, _, _ = asset_id.rpartition("/")
        return self._by_id(parent).get(asset_id) if parent in self._collections else None

    def list(self, parent: str) -> list[str]:
        """Return the ids of the assets directly under a parent; ``""`` lists the twin's top-level assets."""
        parent = parent.rstrip("/")
        if parent in self._collections:
            return [i.id for i in self.images(parent)]
        tops = [*self._collections, *LASTING, STATIONS]
        return sorted(t for t in tops if not parent or t.rpartition("/")[0] == parent)

    def images(self, collection_id: str) -> builtins.list[ImageInfo]:
        """Return the images of a collection, ordered by id."""
        if collection_id not in self._collections:
            raise InputError(
                f"{collection_id!r} is no image collection of the twin; it has "
                f"{', '.join(self._collections)}."
            )
        return builtins.list(self._by_id(collection_id).values())

    def _by_id(self, collection_id: str) -> dict[str, ImageInfo]:
        with self._lock:
            if collection_id not in self._image_tables:
                images = sorted(self._describe(collection_id), key=lambda i: i.id)
                self._image_tables[collection_id] = {i.id: i for i in images}
            return self._image_tables[collection_id]

    def _describe(self, collection_id: str) -> Iterable[ImageInfo]:
        if collection_id in COLLECTIONS:
            wanted = COLLECTIONS[collection_id]
            return [
                describe_scene(basin, collection_id, s)
                for basin in self.basins.values()
                for s in basin.scenes
                if s.product == wanted
            ]
        if collection_id == SENTINEL1.id:
            return [r.describe(s) for r in self._radar.values() for s in r.scenes.values()]
        if collection_id == WORLDCOVER.id:
            return [self._cover_map]
        daily = self._dailies[collection_id]
        images = []
        for day in (d for basin in self.basins.values() for d in basin.days):
            if collection_id in DATASETS and not DATASETS[collection_id].overlaps(day, day + timedelta(1)):
                continue
            for step in range(daily.a_day):
                begin = datetime(day.year, day.month, day.day, daily.hour, tzinfo=UTC)
                begin += timedelta(days=1) * step / daily.a_day
                index = f"{begin:{daily.stamp}}"
                start, end = _milliseconds(begin), _milliseconds(begin + timedelta(days=1) / daily.a_day)
                told = {"system:index": index, **SYNTHETIC_PROPERTIES}
                images.append(ImageInfo(f"{collection_id}/{index}", daily.bands, told, start, end))
        return images

    @cached_property
    def _cover_map(self) -> ImageInfo:
        start = WORLDCOVER.start
        assert start is not None
        (band,) = (BandInfo(b.name, "uint8", self._cover.grid, b.pyramiding) for b in WORLDCOVER.bands)
        index = str(start.year)
        told = {"system:index": index, **SYNTHETIC_PROPERTIES}
        first, last = (datetime(start.year + k, 1, 1, tzinfo=UTC) for k in (0, 1))
        return ImageInfo(f"{WORLDCOVER.id}/{index}", (band,), told, _milliseconds(first), _milliseconds(last))

    def _retrieved(self, year: int) -> Callable[[str], np.ndarray]:
        """Return what gives SMAP's recommended 9 km retrievals of a year, as means over the basin by day."""

        def seen(half: str) -> np.ndarray:
            found = self.radiometer.retrievals(self.basins.get(year, self.basin), "9km", half)
            good = (found.quality & NO_GOOD_RETRIEVAL) == 0
            values = np.where(good, found.soil_moisture, np.nan).reshape(len(good), -1)
            known = np.isfinite(values)
            count = known.sum(axis=1)
            total = np.where(known, values, 0.0).sum(axis=1)
            return np.where(count > 0, total / np.maximum(count, 1), np.nan)

        return seen

    def _layers(self, layer: Callable[[Basin, str, int], np.ndarray]) -> Read:
        """Return what reads windows of whole layers, each by basin, band and step of the year."""

        def read(
            basin: Basin, band: str, step: int, row: int, col: int, height: int, width: int
        ) -> tuple[np.ndarray, np.ndarray]:
            with self._lock:  # made once, by one thread
                values = layer(basin, band, step)[row : row + height, col : col + width].copy()
            return values, np.ones(values.shape, bool)

        return read

    @cached_property
    def _dailies(self) -> dict[str, _Daily]:
        plain, exact, fine = self.radiometer.warped[0], self.radiometer.ease_grid, self.basin.grid
        known = SMAP_9KM[0].bands
        nine = [BandInfo(b.name, b.dtype or "float32", plain, b.pyramiding) for b in known]
        nine += [BandInfo(f"soil_moisture_{h}_anomaly", "float32", plain) for h in GROUPS]
        coarse = [BandInfo(b.name, "float32", exact) for b in known if not b.bad_bits]
        coarse += [
            BandInfo(f"{n}_{h}", "uint16", exact, "SAMPLE")
            for h in GROUPS
            for n in ("retrieval_qual_flag", "surface_flag")
        ]
        truth = (BandInfo("soil_moisture", "float32", fine), BandInfo("soil_temperature", "float32", fine))
        enhanced = _Daily(tuple(nine), 12, self.radiometer.read_9km)
        products = self._products[self.basin.year]
        era5 = self._layers(lambda basin, band, day: self._products[basin.year].era5[band][day])
        chirps = self._layers(lambda basin, band, day: self._products[basin.year].chirps[day])
        imerg = self._layers(lambda basin, band, k: self._imerg[basin.year].rate(*divmod(k, HALF_HOURS)))
        spl4 = self._layers(lambda basin, band, step: self._analyses[basin.year].bands[band][step])
        return {
            SMAP_005: enhanced,
            SMAP_006: enhanced,
            SMAP_36KM_TWIN: _Daily(tuple(coarse), 12, self.radiometer.read_36km),
            TRUTH: _Daily(truth, 0, self._read_truth),
            ERA5_LAND.id: _Daily(_floats(ERA5_LAND, products.era5_grid), 0, era5),
            CHIRPS.id: _Daily(_floats(CHIRPS, products.chirps_grid), 0, chirps),
            IMERG.id: _Daily(_floats(IMERG, self._imerg[self.basin.year].grid), 0, imerg, _STAMP, HALF_HOURS),
            SPL4.id: _Daily(
                _floats(SPL4, self._analyses[self.basin.year].grid), 0, spl4, "%Y%m%d_%H%M", STEPS
            ),
            **{i: self._modis(i) for i in _SATELLITES},
        }

    def _modis(self, dataset: str) -> _Daily:
        """Return the days of MODIS on one satellite."""
        grid = self._skin[self.basin.year].grid
        known = {b.name: b for b in DATASETS[dataset].bands}
        told = tuple(BandInfo(b.name, b.dtype or "uint8", grid, b.pyramiding) for b in known.values())

        def read(
            basin: Basin, band: str, day: int, row: int, col: int, height: int, width: int
        ) -> tuple[np.ndarray, np.ndarray]:
            layer = self._skin[basin.year].bands(_SATELLITES[dataset], day)[band]
            values = layer[row : row + height, col : col + width].copy()
            return values, ~np.isin(values, known[band].nodata)

        return _Daily(told, 0, read, "%Y_%m_%d")

    # ---- pixels ----

    def read(
        self, image_id: str, band: str, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Read a window of native pixels; see `smgee.source.Source.read`."""
        image = self.get(image_id)
        if not isinstance(image, ImageInfo):
            raise InputError(f"{image_id!r} is no image of the twin; list a collection to see its images.")
        info = next((b for b in image.bands if b.name == band), None)
        if info is None:
            raise InputError(
                f"The image {image_id} has no band {band!r}; its bands are "
                f"{', '.join(b.name for b in image.bands)}."
            )
        if not (0 <= row < row + height <= info.grid.height and 0 <= col < col + width <= info.grid.width):
            size = f"{info.grid.height}×{info.grid.width}"
            raise InputError(
                f"The window at {row}, {col} of {height}×{width} pixels leaves the {size} pixels of "
                f"{image_id}."
            )
        if image_id in LASTING:
            return self._lasting.read(image_id, band, row, col, height, width)
        parent, _, index = image_id.rpartition("/")
        if parent in COLLECTIONS:
            scene = self._scenes[parent, index]
            return self._optical[scene.time.year].read(scene, band, row, col, height, width)
        if parent == WORLDCOVER.id:
            return self._cover.read(row, col, height, width)
        if parent == SENTINEL1.id:
            radar = next(r for r in self._radar.values() if index in r.scenes)
            return radar.read(radar.scenes[index], band, row, col, height, width)
        daily = self._dailies[parent]
        when = datetime.strptime(index, daily.stamp)
        basin = self.basins[when.year]
        at = basin.day(when.date()) * daily.a_day + (when.hour * 60 + when.minute) * daily.a_day // 1440
        return daily.read(basin, band, at, row, col, height, width)

    def features(self, table_id: str) -> Iterable[Mapping[str, Any]]:
        """Yield the stations as GeoJSON features."""
        if table_id != STATIONS:
            raise InputError(f"{table_id!r} is no table of the twin; it has {STATIONS}.")
        for name, place in self.basin.stations.iterrows():
            properties = {
                "name": str(name),
                "elevation": float(place.elevation),
                "group": str(place.group),
                "network": "SMGEE-TWIN",
                "synthetic": 1,
            }
            geometry = {"type": "Point", "coordinates": [float(place.lon), float(place.lat)]}
            yield {"type": "Feature", "id": str(name), "geometry": geometry, "properties": properties}

    @cached_property
    def _scenes(self) -> dict[tuple[str, str], Any]:
        ids = {p: c for c, p in COLLECTIONS.items()}
        return {(ids[s.product], s.index): s for b in self.basins.values() for s in b.scenes}

    def _read_truth(
        self, basin: Basin, band: str, day: int, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        window = basin.truth_window if band == "soil_moisture" else basin.temperature_window
        return window(day, row, col, height, width)


def _floats(dataset: Dataset, grid: PixelGrid) -> tuple[BandInfo, ...]:
    """Return the bands of a coarse product on its grid."""
    return tuple(BandInfo(b.name, "float32", grid) for b in dataset.bands)


def _milliseconds(when: datetime) -> int:
    return int(when.timestamp() * 1000)

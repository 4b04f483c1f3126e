"""Where SMAP comes from: level-3 products on Earth Engine, read once per exact EASE-Grid cell.

Whatever the source, its rows are those of the table ``smap``: date (UTC, as the product files it), orbit,
cell, soil_moisture (m³ m⁻³, NaN without retrieval), flag (0 = recommended), collection, version; and where
the source holds them retrieval_qual_flag and surface_flag (all bits) and time (UTC of the overpass).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

import ee
import numpy as np
import pandas as pd

from smgee.datasets import smap_9km_ids
from smgee.datasets.smap import J2000, NO_GOOD_RETRIEVAL
from smgee.errors import InputError, MissingDataError
from smgee.grid import EASE_CRS, EaseCell, transformer
from smgee.remote import call, in_parts
from smgee.study import Study

FLAGS = ("retrieval_qual_flag", "surface_flag")
COLUMNS = ("date", "orbit", "cell", "soil_moisture", "flag", "collection", "version", *FLAGS, "time")
"""Columns of every source's table."""

ORBITS = ("AM", "PM")
DAYS_PER_REQUEST = 60
NO_RETRIEVAL = 1  # the flag of a pixel without flag: nothing is recommended there

Transform = tuple[float, float, float, float, float, float]


class Source(Protocol):
    """One version of one product.

    Attributes
    ----------
    id : str
        What the column ``collection`` holds.
    version : str
        Of the product, such as ``005``; empty where it is not known.
    grid : str
        EASE-Grid 2.0 of its cells, ``M36`` or ``M09``.
    """

    @property
    def id(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def grid(self) -> str: ...

    def read(self, cells: Sequence[EaseCell], start: date, end: date) -> pd.DataFrame:
        """Return the retrievals of cells of its grid on the days from `start` to `end` (exclusive)."""


@dataclass(frozen=True)
class Collection:
    """An Earth Engine collection of daily level-3 images with the bands of SPL3SMP.

    Parameters
    ----------
    id : str
        Asset.
    grid : {"M36", "M09"}
        Grid of the product.
    warped : bool
        Whether the images are Earth Engine's own copy of SPL3SMP_E: a nearest-neighbour warp onto degrees
        that keeps one bit of the flags. Others lie on the exact EASE-Grid and hold the product's own flags.
    algorithm : str
        Suffix of the bands of another retrieval algorithm than the product's baseline, such as ``option1``.
    """

    id: str
    grid: str
    warped: bool = False
    algorithm: str = ""

    @property
    def version(self) -> str:
        """The part of the id that is a version number: ``005`` of NASA/SMAP/SPL3SMP_E/005."""
        last = self.id.rsplit("/", 1)[-1]
        return last if re.fullmatch(r"\d{3}", last) else ""

    def read(self, cells: Sequence[EaseCell], start: date, end: date) -> pd.DataFrame:
        """Read every cell at one pixel; an empty table where no image lies in the period.

        Raises
        ------
        MissingDataError
            A cell that the warped copy has dropped.
        """
        wrong = [c.name for c in cells if c.grid != self.grid]
        if wrong:
            raise InputError(f"The cell {wrong[0]} is not of the grid {self.grid}, which {self.id} has.")
        images = ee.ImageCollection(self.id).filterDate(str(start), str(end))
        if not cells or call(lambda: images.size().getInfo()) == 0:
            return _empty()
        projection = call(lambda: images.first().select("soil_moisture_am").projection().getInfo())
        bands = self._bands(call(lambda: images.first().bandNames().getInfo()))
        crs = projection["crs"] if "crs" in projection else projection["wkt"]
        transform = projection["transform"]
        points = ee.FeatureCollection(
            [
                ee.Feature(
                    ee.Geometry.Point(list(warp_pixel(c, tuple(transform)) if self.warped else c.center)),
                    {"cell": c.name},
                )
                for c in cells
            ]
        )

        def read(image: ee.Image) -> ee.FeatureCollection:
            image = ee.Image(image)
            found = image.select(list(bands)).reduceRegions(
                collection=points, reducer=ee.Reducer.first(), crs=crs, crsTransform=transform
            )
            filed = image.date().format("YYYY-MM-dd")
            told = ee.List([image.get("smap_version"), self.version]).reduce(ee.Reducer.firstNonNull())
            return found.map(lambda f: f.set({"date": filed, "version": told}))

        def compute(days: Sequence[date]) -> list[pd.DataFrame]:
            window = images.filterDate(str(days[0]), str(days[-1] + timedelta(days=1)))
            table = window.map(read).flatten()
            return [ee.data.computeFeatures({"expression": table, "fileFormat": "PANDAS_DATAFRAME"})]

        days = [start + timedelta(days=k) for k in range((end - start).days)]
        batches = [days[k : k + DAYS_PER_REQUEST] for k in range(0, len(days), DAYS_PER_REQUEST)]
        parts = [t for batch in batches for t in in_parts(batch, compute) if len(t)]
        return self._long(pd.concat(parts, ignore_index=True)) if parts else _empty()

    def _bands(self, held: Sequence[str]) -> list[str]:
        """Return which of the bands wanted a collection holds."""
        needed = [b for orbit in ORBITS for b in _names(orbit, self.algorithm).values()]
        absent = [b for b in needed if b not in held]
        if absent:
            raise MissingDataError(
                f"{self.id} has no band {absent[0]}, only {', '.join(held)}; ingest files with all retrieval "
                "algorithms, or leave smap.algorithm at baseline."
            )
        further = [f"{n}_{o.lower()}" for o in ORBITS for n in ("surface_flag", "tb_time_seconds")]
        return [*needed, *(b for b in further if b in held)]

    def _long(self, wide: pd.DataFrame) -> pd.DataFrame:
        """Turn columns per orbit into rows."""
        tables = []
        for orbit in ORBITS:
            names = _names(orbit, self.algorithm)
            stored = _number(wide, names["retrieval_qual_flag"])
            bad = stored.fillna(NO_RETRIEVAL).astype(int) & NO_GOOD_RETRIEVAL
            seconds = _number(wide, f"tb_time_seconds_{orbit.lower()}")
            table = pd.DataFrame(
                {
                    "date": pd.to_datetime(wide["date"]),
                    "orbit": orbit,
                    "cell": wide["cell"],
                    "soil_moisture": _number(wide, names["soil_moisture"]),
                    "flag": (bad > 0).astype(int),
                    "collection": self.id,
                    "version": wide["version"].astype(str),
                    "retrieval_qual_flag": math.nan if self.warped else stored,
                    "surface_flag": _number(wide, f"surface_flag_{orbit.lower()}"),
                    "time": (J2000 + pd.to_timedelta(seconds, unit="s")).dt.round("s"),
                }
            )
            tables.append(table)
        return pd.concat(tables, ignore_index=True)


def sources_of(study: Study) -> list[Source]:
    """Return the sources a study names: its 36 km collection, and its own copy of SPL3SMP_E or the versions
    of it that Earth Engine has of the period.
    """
    found: list[Source] = []
    smap, algorithm = study.smap, study.smap.band_suffix
    if smap.collection_36km:
        found.append(Collection(smap.collection_36km, "M36", algorithm=algorithm))
    if smap.collection_9km:
        found.append(Collection(smap.collection_9km, "M09", algorithm=algorithm))
    elif smap.nine_km:
        found += [Collection(name, "M09", warped=True) for name in smap_9km_ids(study.start, study.end)]
    return found


def fetch_smap(study: Study, *, progress: Callable[[float], Any] | None = None) -> pd.DataFrame:
    """Fetch SMAP of the study's 36 km cells and of their 9 km cells, both overpasses.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`; without rows where no product has an image in the period. `absent` says so in words.
    """
    return fetch(sources_of(study), study.cells, start=study.start, end=study.end, progress=progress)


def fetch(
    sources: Iterable[Source],
    cells: Sequence[EaseCell],
    *,
    start: date,
    end: date,
    progress: Callable[[float], Any] | None = None,
) -> pd.DataFrame:
    """Fetch the retrievals of 36 km cells, and of the 9 km cells inside them, from several sources.

    Parameters
    ----------
    sources : iterable of Source
        In the order of preference: where two of one grid hold the same day, the first counts.
    cells : sequence of EaseCell
        36 km cells.
    start, end : date
        First day, and the day after the last.
    progress : callable, optional
        Called with the share that is done.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, sorted by cell, orbit and date.
    """
    sources = list(sources)
    tables = []
    for k, source in enumerate(sources):
        own = (
            list(cells) if source.grid == "M36" else [c for cell in cells for c in cell.children(source.grid)]
        )
        tables.append(source.read(own, start, end))
        if progress is not None:
            progress((k + 1) / len(sources))
    filled = [t for t in tables if len(t)]
    if not filled:
        return _empty()
    table = pd.concat(filled, ignore_index=True).drop_duplicates(["date", "orbit", "cell"])
    return table.sort_values(["cell", "orbit", "date"], ignore_index=True)


def absent(study: Study, smap: pd.DataFrame) -> list[str]:
    """Say in sentences which product a study's table of SMAP lacks, and why."""
    grids = {name.partition("_")[0] for name in smap["cell"].unique()}
    period = f"between {study.start} and {study.end} (end exclusive)"
    own = ", ".join(smap_9km_ids(study.start, study.end)) if study.smap.nine_km else None
    said = []
    for grid, product, named in (
        ("M36", "36 km", study.smap.collection_36km),
        ("M09", "9 km", study.smap.collection_9km or own),
    ):
        if grid in grids:
            continue
        if not named:
            said.append(f"SMAP at {product} is not judged: the study names no product of that grid.")
        else:
            said.append(f"SMAP at {product} is not judged: {named} has no image {period}.")
    return said


def warp_pixel(cell: EaseCell, transform: Transform) -> tuple[float, float]:
    """Return the point at which Earth Engine's warped copy holds the value of a cell.

    Earth Engine keeps SPL3SMP_E as a nearest-neighbour warp of the 9 km EASE-Grid onto 0.08° pixels: a pixel
    carries the value of the cell in which its centre lies. So the cell is read at a pixel whose centre lies
    inside it; of several, at the one nearest to its centre, which is the farthest from any doubt at the
    edges. Sampling pixels instead of cells would count some cells twice.

    Parameters
    ----------
    cell : EaseCell
        The cell wanted.
    transform : tuple of 6 float
        The image's ``crsTransform`` in EPSG:4326, as Earth Engine reports it: (xScale, xShear, xTranslation,
        yShear, yScale, yTranslation).

    Returns
    -------
    (float, float)
        Longitude and latitude of the pixel's centre, degrees.

    Raises
    ------
    MissingDataError
        No pixel centre lies in the cell (near the equator 0.08° is more than a 9 km cell is high): the warp
        has dropped it.
    """
    a, b, c, d, e, f = transform
    if b != 0 or d != 0 or a == 0 or e == 0:
        raise InputError(f"The transform {transform} is not that of a lattice in degrees without rotation.")
    left, bottom, right, top = cell.bounds
    lon, lat = transformer(EASE_CRS, "EPSG:4326").transform([left, right], [bottom, top])
    # One pixel of margin all around; the test in the plane of the grid below decides.
    first_col = math.floor(((min(lon) if a > 0 else max(lon)) - c) / a) - 1
    first_row = math.floor(((max(lat) if e < 0 else min(lat)) - f) / e) - 1
    cols = first_col + np.arange(math.ceil((max(lon) - min(lon)) / abs(a)) + 4)
    rows = first_row + np.arange(math.ceil((max(lat) - min(lat)) / abs(e)) + 4)
    xs, ys = np.meshgrid(c + a * (cols + 0.5), f + e * (rows + 0.5))
    px, py = transformer("EPSG:4326", EASE_CRS).transform(xs, ys)
    inside = (px >= left) & (px < right) & (py > bottom) & (py <= top)
    if not inside.any():
        raise MissingDataError(
            f"No pixel of the {abs(a):g}° lattice has its centre in the cell {cell.name}; the "
            "nearest-neighbour copy has dropped it."
        )
    distance = np.where(inside, np.hypot(px - (left + right) / 2, py - (bottom + top) / 2), np.inf)
    best = np.unravel_index(int(np.argmin(distance)), distance.shape)
    return float(xs[best]), float(ys[best])


def _names(orbit: str, algorithm: str) -> dict[str, str]:
    """Return the bands of an overpass's retrieval and its flag."""
    suffix = f"_{algorithm}" if algorithm else ""
    return {n: f"{n}{suffix}_{orbit.lower()}" for n in ("soil_moisture", "retrieval_qual_flag")}


def _number(table: pd.DataFrame, column: str) -> pd.Series:
    """Return a column of numbers, NaN where there is none."""
    if column not in table:
        return pd.Series(math.nan, table.index)
    return pd.to_numeric(table[column]).astype(float)


def _empty() -> pd.DataFrame:
    """Return a table without rows, each column of the kind it would have."""
    kinds = {"date": "datetime64[ns]", "soil_moisture": "float64", "flag": "int64", "time": "datetime64[ns]"}
    kinds |= dict.fromkeys(FLAGS, "float64")
    return pd.DataFrame({name: pd.Series(dtype=kinds.get(name, "object")) for name in COLUMNS})

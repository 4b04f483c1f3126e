"""SMAP level-3 series of EASE-Grid cells, fetched from Earth Engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import ee
import pandas as pd

from smgee.datasets import smap_9km_ids
from smgee.errors import MissingDataError
from smgee.grid import EASE_CRS, EaseCell, transformer
from smgee.remote import call, in_parts
from smgee.study import Study
from smgee.validation.smap import ORBITS, warp_pixel

__all__ = ["fetch_smap"]

DAYS_PER_REQUEST = 60


def fetch_smap(study: Study, *, progress: Callable[[float], Any] | None = None) -> pd.DataFrame:
    """Fetch SMAP of the study's 36 km cell and its sixteen 9 km cells, both overpasses.

    Each cell is read at one pixel: the 36 km collection lies on the exact EASE-Grid; Earth Engine's 9 km
    collection is a nearest-neighbour warp, read at the pixel `smgee.validation.smap.warp_pixel` names.

    Returns
    -------
    pandas.DataFrame
        date, orbit (AM, PM), cell, soil_moisture (m³ m⁻³, NaN without retrieval), flag (0 = recommended),
        collection: the table ``smap`` of `smgee.validation.smap`.

    Raises
    ------
    MissingDataError
        When the period holds no image of either product.
    """
    jobs: list[tuple[str, list[EaseCell]]] = []
    if study.smap.collection_36km:
        jobs.append((study.smap.collection_36km, [study.cell]))
    if study.smap.nine_km:
        jobs += [(name, study.cell.children("M09")) for name in smap_9km_ids(study.start, study.end)]
    tables = []
    for k, (collection, cells) in enumerate(jobs):
        tables += _fetch(collection, cells, study.start, study.end)
        if progress is not None:
            progress((k + 1) / len(jobs))
    tables = [t for t in tables if len(t)]
    if not tables:
        raise MissingDataError(
            f"No SMAP image lies between {study.start} and {study.end} in {[j[0] for j in jobs]}; check the "
            "period and the "
            "catalog."
        )
    return pd.concat(tables, ignore_index=True).sort_values(["cell", "orbit", "date"], ignore_index=True)


def _fetch(collection: str, cells: Sequence[EaseCell], start: date, end: date) -> list[pd.DataFrame]:
    images = ee.ImageCollection(collection).filterDate(str(start), str(end))
    if call(lambda: images.size().getInfo()) == 0:
        return []
    projection = call(lambda: images.first().select("soil_moisture_am").projection().getInfo())
    crs, transform = projection["crs"] if "crs" in projection else projection["wkt"], projection["transform"]
    if cells[0].grid == "M36":
        places = [transformer(EASE_CRS, "EPSG:4326").transform(*_center(c)) for c in cells]
    else:
        places = [warp_pixel(c, tuple(transform)) for c in cells]
    points = ee.FeatureCollection(
        [
            ee.Feature(ee.Geometry.Point([x, y]), {"cell": c.name})
            for c, (x, y) in zip(cells, places, strict=True)
        ]
    )
    bands = [
        f"{name}_{orbit.lower()}" for orbit in ORBITS for name in ("soil_moisture", "retrieval_qual_flag")
    ]

    def read(image: ee.Image) -> ee.FeatureCollection:
        image = ee.Image(image)
        found = image.select(bands).reduceRegions(
            collection=points, reducer=ee.Reducer.first(), crs=crs, crsTransform=transform
        )
        return found.map(lambda f: f.set("date", image.date().format("YYYY-MM-dd")))

    def fetch(windows: Sequence[tuple[date, date]]) -> list[pd.DataFrame]:
        table = images.filterDate(str(windows[0][0]), str(windows[-1][1])).map(read).flatten()
        return [ee.data.computeFeatures({"expression": table, "fileFormat": "PANDAS_DATAFRAME"})]

    days = [(start + timedelta(days=k), start + timedelta(days=k + 1)) for k in range((end - start).days)]
    batches = [days[k : k + DAYS_PER_REQUEST] for k in range(0, len(days), DAYS_PER_REQUEST)]
    parts = [t for b in batches for t in in_parts(b, fetch) if len(t)]
    if not parts:
        return []
    wide = pd.concat(parts, ignore_index=True)
    wide = wide.reindex(columns=["date", "cell", *bands])
    tables = []
    for orbit in ORBITS:
        suffix = orbit.lower()
        table = pd.DataFrame(
            {
                "date": pd.to_datetime(wide["date"]),
                "orbit": orbit,
                "cell": wide["cell"],
                "soil_moisture": pd.to_numeric(wide[f"soil_moisture_{suffix}"]).astype(float),
                "flag": pd.to_numeric(wide[f"retrieval_qual_flag_{suffix}"])
                .fillna(1)
                .astype(int),  # no flag: no recommended retrieval
                "collection": collection,
            }
        )
        tables.append(table)
    return tables


def _center(cell: EaseCell) -> tuple[float, float]:
    left, bottom, right, top = cell.bounds
    return (left + right) / 2, (bottom + top) / 2

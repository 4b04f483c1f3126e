"""Soil moisture of other products over the cells, at the passes of SMAP: what it is compared and collocated
with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

import ee
import numpy as np
import pandas as pd

from smgee.grid import EaseCell
from smgee.insitu.overpass import overpass_times
from smgee.remote import call, in_parts
from smgee.study import Study

COLUMNS = ("product", "date", "orbit", "cell", "soil_moisture", "collection")
"""Columns of `fetch_others`."""

TITLES: Mapping[str, str] = MappingProxyType({"smap_l4": "SMAP level 4", "era5_land": "ERA5-Land"})
"""What known products are called in sentences."""

LONGEST = pd.Timedelta("36h")
"""Between two images that are farther apart no value is drawn: rain falls and dries in less."""

NEAR = pd.Timedelta("6h")
"""An image nearer to a pass than this stands for it, whether or not there is one on its other side."""

DAYS_PER_REQUEST = 30


@dataclass(frozen=True)
class Product:
    """A collection of images of soil moisture.

    Parameters
    ----------
    name : str
        In tables.
    id : str
        Asset.
    factor, offset : float
        What makes m³ m⁻³ of its values.
    of_smap : bool
        Whether SMAP's measurements are in it, so that its errors go with SMAP's.
    """

    name: str
    id: str
    band: str
    factor: float = 1.0
    offset: float = 0.0
    of_smap: bool = False

    def read(self, cells: Sequence[EaseCell], start: date, end: date) -> pd.DataFrame:
        """Return the means over cells of every image of the days from `start` to `end` (exclusive).

        Returns
        -------
        pandas.DataFrame
            cell, time (UTC, the middle of what an image is of), soil_moisture (m³ m⁻³); without rows where no
            image lies in the period.
        """
        images = ee.ImageCollection(self.id).filterDate(str(start), str(end)).select([self.band])
        if not cells or call(lambda: images.size().getInfo()) == 0:
            return _series([])
        projection = call(lambda: images.first().projection().getInfo())
        crs = projection["crs"] if "crs" in projection else projection["wkt"]
        regions = ee.FeatureCollection([ee.Feature(outline(c), {"cell": c.name}) for c in cells])

        def compute(days: Sequence[date]) -> list[pd.DataFrame]:
            window = images.filterDate(str(days[0]), str(days[-1] + timedelta(days=1)))
            middle = _middles(window)
            if not len(middle):
                return []
            # one image of so many bands: each cell is laid over the pixels once
            names = [f"t{k}" for k in range(len(middle))]
            found = (
                window.toBands()
                .rename(names)
                .reduceRegions(
                    collection=regions,
                    reducer=ee.Reducer.mean().setOutputs(["t0"]) if len(names) == 1 else ee.Reducer.mean(),
                    crs=crs,
                    crsTransform=projection["transform"],
                )
            )
            told = found.map(lambda f: f.select(["cell", *names], None, False))
            table = ee.data.computeFeatures({"expression": told, "fileFormat": "PANDAS_DATAFRAME"})
            return [self._long(table.reindex(columns=["cell", *names]), middle)]

        days = [start + timedelta(days=k) for k in range((end - start).days)]
        batches = [days[k : k + DAYS_PER_REQUEST] for k in range(0, len(days), DAYS_PER_REQUEST)]
        return _series([t for batch in batches for t in in_parts(batch, compute)])

    def _long(self, wide: pd.DataFrame, middle: np.ndarray) -> pd.DataFrame:
        values = wide.drop(columns="cell").apply(pd.to_numeric).to_numpy(float) * self.factor + self.offset
        return pd.DataFrame(
            {
                "cell": np.repeat(wide["cell"].to_numpy(object), len(middle)),
                "time": np.tile(middle, len(wide)),
                "soil_moisture": values.ravel(),
            }
        )


def _middles(images: ee.ImageCollection) -> np.ndarray:
    """Return the middle of what each image is of, UTC; its start where no end is told."""
    told = ee.List([images.aggregate_array("system:time_start"), images.aggregate_array("system:time_end")])
    found: Any = call(lambda: told.getInfo())
    begins, ends = found
    both = begins, (ends if len(ends) == len(begins) else begins)
    return np.asarray(np.mean(both, axis=0), "i8").astype("datetime64[ms]").astype("datetime64[ns]")


def products_of(study: Study) -> list[Product]:
    """Return the other products that a study names."""
    return [
        Product(o.title, o.id, o.source_band, o.factor, o.offset, o.shares_smap) for o in study.smap.others
    ]


def fetch_others(
    products: Iterable[Product],
    smap: pd.DataFrame,
    *,
    start: date,
    end: date,
    progress: Callable[[float], Any] | None = None,
) -> pd.DataFrame:
    """Fetch what other products say of SMAP's cells at SMAP's passes.

    Parameters
    ----------
    smap : pandas.DataFrame
        Retrievals (date, orbit, cell, soil_moisture, and time where it is known); passes without a value are
        left out.
    start, end : date
        First day, and the day after the last.
    progress : callable, optional
        Called with the share that is done.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`: soil moisture is drawn in time between the images around each pass (`at_passes`).
    """
    products, passes = list(products), _passes(smap)
    cells = [EaseCell.from_name(name) for name in sorted(passes["cell"].unique())]
    tables = []
    for k, product in enumerate(products):
        # a pass late on the last day lies between the last image and the one after it
        series = product.read(cells, start - timedelta(days=1), end + timedelta(days=2))
        found = at_passes(series, passes)
        tables.append(found.assign(product=product.name, collection=product.id))
        if progress is not None:
            progress((k + 1) / len(products))
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def at_passes(series: pd.DataFrame, passes: pd.DataFrame) -> pd.DataFrame:
    """Draw series of images in time to the hours of passes.

    Parameters
    ----------
    series : pandas.DataFrame
        cell, time, soil_moisture.
    passes : pandas.DataFrame
        date, orbit, cell, time.

    Returns
    -------
    pandas.DataFrame
        date, orbit, cell, soil_moisture: on the line between the image before and the one after, where they
        are at most `LONGEST` apart; else that of an image within `NEAR`. Passes without are left out.
    """
    tables = []
    for cell, own in passes.groupby("cell", sort=True):
        known = series[series["cell"] == cell].dropna(subset=["soil_moisture"]).sort_values("time")
        if known.empty:
            continue
        at = known["time"].to_numpy("datetime64[ns]").astype("i8")
        value, when = known["soil_moisture"].to_numpy(float), own["time"].to_numpy("datetime64[ns]")
        here = when.astype("i8")
        after = np.searchsorted(at, here)
        before = np.clip(np.searchsorted(at, here, side="right") - 1, 0, len(at) - 1)
        inside = (after < len(at)) & (here >= at[0])
        after = np.clip(after, 0, len(at) - 1)
        drawn = np.interp(here, at, value)
        close = inside & (at[after] - at[before] <= LONGEST.value)
        first = np.abs(at[before] - here) <= np.abs(at[after] - here)
        nearest = np.where(first, before, after)
        near = np.abs(at[nearest] - here) <= NEAR.value
        found = np.where(close, drawn, np.where(near, value[nearest], np.nan))
        tables.append(own[["date", "orbit", "cell"]].assign(soil_moisture=found).dropna())
    names = ["date", "orbit", "cell", "soil_moisture"]
    return pd.concat(tables, ignore_index=True)[names] if tables else pd.DataFrame(columns=names)


def _passes(smap: pd.DataFrame) -> pd.DataFrame:
    """Return date, orbit, cell and time of every pass with a retrieval."""
    table = smap[smap["soil_moisture"].notna()]
    parts = []
    for (cell, orbit), part in table.groupby(["cell", "orbit"], sort=True):
        solar = overpass_times(part["date"], str(orbit), EaseCell.from_name(str(cell)).center[0])
        time = pd.to_datetime(part["time"]) if "time" in part else pd.Series(pd.NaT, part.index)
        own = np.where(time.notna(), time.to_numpy("datetime64[ns]"), solar.to_numpy("datetime64[ns]"))
        parts.append(part[["date", "orbit", "cell"]].assign(time=own))
    names = ["date", "orbit", "cell", "time"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)


def outline(cell: EaseCell) -> ee.Geometry:
    """Return the cell, whose edges are meridians and parallels."""
    west, south, east, north = cell.polygon("EPSG:4326").bounds
    return ee.Geometry.Rectangle([west, south, east, north], "EPSG:4326", False)


def _series(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if tables:
        return pd.concat(tables, ignore_index=True)
    kinds = {"cell": "object", "time": "datetime64[ns]", "soil_moisture": "float64"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})

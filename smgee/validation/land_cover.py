"""The variety of land cover in a cell: shares of its classes and their entropy, counted on Earth Engine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ee
import numpy as np
import pandas as pd

from smgee.datasets import DATASETS
from smgee.errors import InputError
from smgee.grid import EASE_GRIDS, EaseCell
from smgee.remote import call, in_parts
from smgee.validation.others import outline

UNIT = "M09"
"""Grid of the cells that classes are counted in; larger cells are put together of them."""


def entropy(shares: Mapping[str, float]) -> float:
    """Return the entropy of shares, −Σ p ln p (Shannon 1948): 0 for one class, ln k for k alike.

    Parameters
    ----------
    shares : mapping of str to float
        By class; of any sum.
    """
    p = np.array([v for v in shares.values() if v > 0], float)
    if not p.size:
        return float("nan")
    p = p / p.sum()
    return max(float(-(p * np.log(p)).sum()), 0.0)


def land_cover_entropy(asset: str, cells: Iterable[EaseCell]) -> pd.DataFrame:
    """Return the entropy of land cover in cells.

    Parameters
    ----------
    asset : str
        See `land_cover_shares`.
    cells : iterable of EaseCell
        9 km cells, or cells made of them.

    Returns
    -------
    pandas.DataFrame
        cell, land_cover_entropy (natural logarithm), land_cover_classes (number of classes with a share of
        1 % and more).
    """
    cells = list(cells)
    units = {c: c.children(UNIT) if c.grid != UNIT else [c] for c in cells}
    shares = land_cover_shares(
        asset, sorted({u for own in units.values() for u in own}, key=lambda u: u.name)
    )
    rows = []
    for cell in cells:
        total: dict[str, float] = {}
        for unit in units[cell]:
            for name, area in shares[unit.name].items():
                total[name] = total.get(name, 0.0) + area
        whole = sum(total.values())
        many = sum(area >= 0.01 * whole for area in total.values())
        rows.append({"cell": cell.name, "land_cover_entropy": entropy(total), "land_cover_classes": many})
    return pd.DataFrame(rows)


def land_cover_shares(asset: str, cells: Iterable[EaseCell]) -> dict[str, dict[str, float]]:
    """Count the classes of land cover in cells, at the pixels of the map.

    Parameters
    ----------
    asset : str
        An image or a collection of classes; of a collection the images are laid over each other, the latest
        on top. Its band is that of the role ``land_cover`` where the data set is known, else its only one.
    cells : iterable of EaseCell
        Of one grid.

    Returns
    -------
    dict of str to dict of str to float
        By cell and class, km²: pixels are counted by the share of them that lies in the cell; a cell without
        any has no class.

    Raises
    ------
    InputError
        An asset of several bands that is not known.
    """
    cells = list(cells)
    first, image = _classes(asset, cells)
    projection: Any = call(lambda: first.projection().getInfo())
    crs = projection["crs"] if "crs" in projection else projection["wkt"]

    def compute(some: Sequence[EaseCell]) -> list[pd.DataFrame]:
        regions = ee.FeatureCollection([ee.Feature(outline(c), {"cell": c.name}) for c in some])
        counted = image.reduceRegions(
            collection=regions,
            reducer=ee.Reducer.frequencyHistogram().setOutputs(["classes"]),
            crs=crs,
            crsTransform=projection["transform"],
        )
        told = counted.map(
            lambda f: f.set("classes", ee.String.encodeJSON(f.get("classes"))).select(
                ["cell", "classes"], None, False
            )
        )
        return [ee.data.computeFeatures({"expression": told, "fileFormat": "PANDAS_DATAFRAME"})]

    parts: list[pd.DataFrame] = in_parts(cells, compute)
    table = pd.concat(parts, ignore_index=True)
    found = {str(r["cell"]): _numbers(r["classes"]) for _, r in table.iterrows()}
    sizes = {c.name: EASE_GRIDS[c.grid].cell_size ** 2 / 1e6 for c in cells}
    return {
        name: {k: v / sum(own.values()) * sizes[name] for k, v in own.items()} for name, own in found.items()
    }


def _numbers(text: Any) -> dict[str, float]:
    counted = json.loads(text) if isinstance(text, str) else {}
    return {str(k): float(v) for k, v in (counted or {}).items() if k != "null"}


def _classes(asset: str, cells: list[EaseCell]) -> tuple[ee.Image, ee.Image]:
    """Return an image of the asset, and the whole of its classes."""
    kind = call(lambda: ee.data.getAsset(asset))["type"]
    if kind == "IMAGE":
        first = whole = ee.Image(asset)
    else:
        west, south, east, north = _around(cells)
        images = ee.ImageCollection(asset).filterBounds(
            ee.Geometry.Rectangle([west, south, east, north], "EPSG:4326", False)
        )
        first = ee.Image(images.first())
        whole = images.sort("system:time_start").mosaic()
    known = DATASETS[asset].roles.get("land_cover") if asset in DATASETS else None
    if known is None:
        bands = call(lambda: first.bandNames().getInfo())
        if len(bands) != 1:
            raise InputError(
                f"{asset} has the bands {', '.join(bands)}, and which of them holds classes of land cover is "
                "not known; give an image of one band."
            )
        known = bands[0]
    return first.select([known]), whole.select([known])


def _around(cells: list[EaseCell]) -> tuple[float, float, float, float]:
    bounds = np.array([c.polygon("EPSG:4326").bounds for c in cells])
    west, south = bounds[:, :2].min(axis=0)
    east, north = bounds[:, 2:].max(axis=0)
    return float(west), float(south), float(east), float(north)

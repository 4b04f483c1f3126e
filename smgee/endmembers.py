"""Endmembers of a study's own scenes, found on a sample that Earth Engine draws from its composites."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import ee
import numpy as np

from smgee.datasets import ROLES
from smgee.grid import transformer
from smgee.io import atomic_path
from smgee.predictors.base import Site, When
from smgee.predictors.composite import Composited
from smgee.predictors.purest import name_members, purest
from smgee.predictors.reflectance import Reflectance
from smgee.remote import in_parts
from smgee.study import Study

__all__ = ["find_endmembers", "write_endmembers"]

EVERY_DAYS = 30
HAZY = 0.03


def find_endmembers(
    study: Study, count: int = 3, *, pixels: int = 300, shade: bool = True, seed: int = 0
) -> Mapping[str, Mapping[str, float]]:
    """Find the purest spectra of a study's composites (`smgee.predictors.purest`).

    Parameters
    ----------
    study : Study
        Its area, period and composites: those of its first family that has some.
    count : int
        Endmembers besides shade.
    pixels : int
        Pixels to sample, drawn anew every 30 days of the period: the same ones on either backend.
    shade : bool
        Whether shade is among what pixels are mixed of.
    seed : int
        Of the pixels, and of the search.

    Returns
    -------
    mapping
        Reflectance by name and band, as the family ``unmixing`` takes it.

    Raises
    ------
    InputError
        For too few clear pixels.
    """
    spectra = sample_spectra(study, pixels, seed=seed)
    return name_members(purest(spectra, count, shade=shade, seed=seed), tuple(ROLES))


def sample_spectra(study: Study, pixels: int, *, seed: int = 0) -> np.ndarray:
    """Return spectra of random pixels of the composites of every 30 days, (n, band).

    Left out are pixels with gaps, and what masks leave of snow, clouds and water: pixels brighter in green
    than at 1.6 µm, which neither soil nor plants are, and hazy ones: blue − red / 2 > 0.03, the test of Zhu &
    Woodcock (2012, Remote Sens. Environ. 118:83) made stricter, as a tenth of cloud spoils a corner.
    """
    site = Site.of(study.grid)
    given = [f for f in study.predictors if isinstance(f, Composited) and f.composite is not None]
    family = Reflectance(composite=given[0].composite) if given else Reflectance()
    rng = np.random.default_rng(seed)
    days = [study.start + timedelta(days=k) for k in range(0, (study.end - study.start).days, EVERY_DAYS)]
    asked = [(day, rng.integers(0, study.grid.shape, (pixels, 2))) for day in days]
    parts = in_parts(asked, lambda some: [_spectra(family, site, *one) for one in some])
    spectra = np.concatenate(parts)
    blue, green, red, swir1 = (spectra[:, list(ROLES).index(r)] for r in ("blue", "green", "red", "swir1"))
    return spectra[(green < swir1) & (blue - red / 2 <= HAZY)]


def _spectra(family: Reflectance, site: Site, day: date, at: np.ndarray) -> np.ndarray:
    """Return the spectra of some pixels (row, column) of a composite, by one request."""
    grid = site.grid
    a, _, left, _, e, top = grid.transform
    lon, lat = transformer(grid.crs, "EPSG:4326").transform(
        left + a * (at[:, 1] + 0.5), top + e * (at[:, 0] + 0.5)
    )
    points = [ee.Feature(ee.Geometry.Point([float(x), float(y)])) for x, y in zip(lon, lat, strict=True)]
    image = family.image(site, When(day, day + timedelta(days=1), day), tuple(ROLES))
    table = image.reduceRegions(
        collection=ee.FeatureCollection(points),
        reducer=ee.Reducer.first().forEach(list(ROLES)),
        crs=grid.crs,
        crsTransform=list(grid.transform),
    )
    frame = ee.data.computeFeatures({"expression": table, "fileFormat": "PANDAS_DATAFRAME"})
    return frame.reindex(columns=list(ROLES)).dropna().to_numpy("f8")


def write_endmembers(found: Mapping[str, Mapping[str, float]], path: str | Path) -> None:
    """Write endmembers as the CSV file that the family ``unmixing`` reads."""
    roles = list(next(iter(found.values())))
    lines = [",".join(["endmember", *roles])]
    lines += [",".join([name, *(f"{spectrum[r]:.6f}" for r in roles)]) for name, spectrum in found.items()]
    with atomic_path(path) as scratch:
        scratch.write_text("\n".join(lines) + "\n", encoding="utf-8")

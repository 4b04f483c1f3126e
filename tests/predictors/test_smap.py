"""SMAP as a predictor: means of the arrays it is made of, and what a study says to it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest

import smgee
from smgee.datasets import SPL4
from smgee.errors import InputError
from smgee.grid import EASE_CRS, EASE_GRIDS, PixelGrid, transformer
from smgee.predictors import Cadence, Site, When
from smgee.predictors.smap import SmapMoisture
from tests.predictors.conftest import study_of
from tests.predictors.rasters import Rasters
from tests.predictors.scenes import pixels

VERSION_5, VERSION_6 = "NASA/SMAP/SPL3SMP_E/005", "NASA/SMAP/SPL3SMP_E/006"
WARPED = PixelGrid("EPSG:4326", (0.08, 0.0, 98.96, 0.0, -0.08, 85.04450187981 - 0.08 * 588), 18, 12)
"""Earth Engine's copy around the cell of the studies."""
SITE = Site.of(study_of({"kind": "terrain"}).grid)


def retrievals(seed: int, value: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    bands = {}
    for half in ("am", "pm"):
        bands[f"soil_moisture_{half}"] = (value + 0.1 * rng.random(WARPED.shape)).astype("f4")
        bands[f"retrieval_qual_flag_{half}"] = (rng.random(WARPED.shape) < 0.4).astype("u1")
    return bands


def held(layers: list[dict[str, np.ndarray]], half: str) -> np.ndarray:
    """Mean of recommended retrievals on the copy's own pixels."""
    good = [
        np.where(b[f"retrieval_qual_flag_{half}"] == 0, b[f"soil_moisture_{half}"].astype("f8"), np.nan)
        for b in layers
    ]
    with np.errstate(invalid="ignore"):
        known = np.isfinite(good).sum(axis=0)
        return np.where(known > 0, np.nansum(good, axis=0) / np.maximum(known, 1), np.nan)


def at_cells(values: np.ndarray, lattice: PixelGrid) -> np.ndarray:
    """The copy's pixel that holds the centre of each 9 km cell."""
    a, _, left, _, e, top = lattice.transform
    x, y = np.meshgrid(
        left + a * (np.arange(lattice.width) + 0.5), top + e * (np.arange(lattice.height) + 0.5)
    )
    lon, lat = transformer(EASE_CRS, "EPSG:4326").transform(x, y)
    row = np.floor((WARPED.transform[5] - lat) / 0.08).astype(int)
    return values[row, np.floor((lon - WARPED.transform[2]) / 0.08).astype(int)]


def test_the_latest_recommended_retrievals_are_averaged_across_versions():
    source = Rasters()
    layers = {d: retrievals(d, 0.1 + 0.05 * d) for d in range(1, 7)}
    for d, bands in layers.items():
        version = VERSION_5 if d < 4 else VERSION_6
        source.add(version, bands, WARPED, at=datetime(2023, 12, d, 12))
    family = SmapMoisture(names=("smap_pm", "smap_am"), window_days=3)
    lattice = family.lattice(SITE)
    size = EASE_GRIDS["M09"].cell_size
    assert lattice.crs == EASE_CRS
    assert (lattice.transform[2] - EASE_GRIDS["M09"].left) / size == pytest.approx(
        round((lattice.transform[2] - EASE_GRIDS["M09"].left) / size), abs=1e-6
    )
    with smgee.connect(sources=[source]):
        days = [date(2023, 12, 3), date(2023, 12, 5)]
        found = pixels(family.images(SITE, days, ("smap_pm", "smap_am")), lattice)
        single = pixels(
            family.image(SITE, When(days[1], days[1] + timedelta(days=1), days[1]), ("smap_am",)), lattice
        )
    assert list(found) == ["smap_pm_20231203", "smap_am_20231203", "smap_pm_20231205", "smap_am_20231205"]
    for day, used in (("20231203", (1, 2, 3)), ("20231205", (3, 4, 5))):
        for half in ("am", "pm"):
            expected = at_cells(held([layers[d] for d in used], half), lattice)
            assert np.isfinite(expected).any()
            np.testing.assert_allclose(found[f"smap_{half}_{day}"], expected, atol=1e-6)
    np.testing.assert_array_equal(single["smap_am"], found["smap_am_20231205"])


def test_the_model_is_averaged_over_its_day():
    source = Rasters()
    rng = np.random.default_rng(2)
    hours = rng.uniform(0.1, 0.4, (10, *WARPED.shape)).astype("f4")
    for k in range(10):
        source.add(
            SPL4.id,
            {"sm_surface": hours[k], "sm_rootzone": hours[k] / 2},
            WARPED,
            at=datetime(2021, 7, 1 + (3 * k) // 24, (3 * k) % 24, 30),
        )
    family = SmapMoisture(names=("smap_rootzone", "smap_surface"))
    lattice = family.lattice(SITE)
    with smgee.connect(sources=[source]):
        days = [date(2021, 7, 1), date(2021, 7, 3)]
        found = pixels(family.images(SITE, days, family.names), lattice)
    expected = at_cells(hours[:8].astype("f8").mean(axis=0), lattice)
    np.testing.assert_allclose(found["smap_surface_20210701"], expected, atol=1e-6)
    np.testing.assert_allclose(found["smap_rootzone_20210701"], expected / 2, atol=1e-6)
    assert np.isnan(found["smap_surface_20210703"]).all()


def test_a_study_that_validates_smap_refuses_it_unless_allowed():
    with pytest.raises(InputError, match="smap_am, smap_pm are made of SMAP, which the study validates"):
        study_of({"kind": "smap"})
    allowed = study_of({"kind": "smap", "allow_dependence": True})
    assert allowed.predictors.of_smap == ("smap_am", "smap_pm")
    content = allowed.model_dump(mode="json")
    content["predictors"] = [{"kind": "smap"}]
    content["smap"] |= {"nine_km": False, "collection_36km": None}
    assert type(allowed).parse(content).predictors.of_smap == ("smap_am", "smap_pm")
    assert study_of({"kind": "terrain"}).predictors.of_smap == ()


def test_what_is_read_and_refused():
    family = SmapMoisture(names=("smap_pm",))
    assert family.datasets(date(2023, 12, 5), date(2023, 12, 9)) == (VERSION_5, VERSION_6)
    assert family.datasets(date(2023, 12, 6), date(2023, 12, 9)) == (VERSION_6,)
    assert family.bands_of(VERSION_5) == ("soil_moisture_pm", "retrieval_qual_flag_pm")
    (told,) = family.predictors()
    assert (told.units, told.cadence) == ("m3 m-3", Cadence.DAY)
    with pytest.raises(InputError, match="smap mixes retrievals and model"):
        study_of({"kind": "smap", "names": ["smap_am", "smap_surface"]})


def test_the_basin_has_it():
    with smgee.connect():
        study = study_of({"kind": "smap", "allow_dependence": True})
        (piece,) = study.predictor_set.pieces([date(2021, 7, 8)])
        found = pixels(piece.image, piece.lattice)
    values = np.stack(list(found.values()))
    assert np.isfinite(values).mean() > 0.3
    assert 0.02 < np.nanmin(values) < np.nanmax(values) < 0.6

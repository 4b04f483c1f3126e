"""A small world for predictors: layers held in memory, and the way of their values into samples and maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from xgboost import XGBRegressor

import smgee
from smgee.grid import PixelGrid, transformer
from smgee.predictors import Family, registry
from smgee.sampling import sample
from smgee.study import Study
from smgee.trees import TreeEnsemble
from smgee.upscale import make_route, map_day
from tests.predictors.rasters import Rasters
from tests.predictors.scenes import Scenes

COARSE = PixelGrid("EPSG:4326", (0.1, 0.0, 99.0, 0.0, -0.1, 38.0), 16, 10)
"""The lattice of the layers: tenths of a degree around the demo's cell, far coarser than the maps' 500 m."""


class Layers(Rasters):
    """Images of one band on `COARSE`: single ones, and collections of one image per day."""

    def add(self, asset: str, values: np.ndarray, *, day: date | None = None) -> None:
        """Hold an image; one with a day goes into the collection `asset`."""
        at = None if day is None else datetime.combine(day, time.min)
        super().add(asset, {"b": values.astype("f4")}, COARSE, at=at)


@pytest.fixture
def layers() -> Iterator[Layers]:
    """Layers that the connected service serves."""
    source = Layers()
    with smgee.connect(sources=[source]):
        yield source


@pytest.fixture(scope="module")
def scenes() -> Iterator[Scenes]:
    """A few HLS scenes and an elevation model that the connected service serves."""
    source = Scenes()
    with smgee.connect(sources=[source]):
        yield source


@pytest.fixture
def register(monkeypatch) -> Callable[[type[Family]], type[Family]]:
    """Register a family for one test."""
    monkeypatch.setattr(registry, "_FAMILIES", registry.families())
    return registry.register


def study_of(*families: dict) -> Study:
    """Return a study of 1–20 July 2021 at 500 m, as its file would say it."""
    return Study.parse(
        {
            "name": "small",
            "start": "2021-07-01",
            "end": "2021-07-21",
            "area": {"lon": 99.8, "lat": 37.5, "crs": "EPSG:32647", "scale_m": 500},
            "stations": {"source": "network.zip"},
            "predictors": list(families),
        }
    )


def at(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column of `COARSE` that hold places: plain arithmetic, the tests' own."""
    return np.floor((38.0 - np.asarray(lat)) / 0.1).astype(int), np.floor(
        (np.asarray(lon) - 99.0) / 0.1
    ).astype(int)


Locate = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def check(
    study: Study, truth: Callable[[date], dict[str, np.ndarray]], *, at: Locate = at, rtol: float = 0.0
) -> None:
    """Sample a study and map a day of it by both routes, and compare with what the layers hold.

    Parameters
    ----------
    study : Study
        Its predictors are those of `truth`.
    truth : callable
        Returns, for a day, each predictor on `COARSE`, (10, 16).
    at : callable
        Returns row and column of places, where the layers lie on another lattice.
    rtol : float
        By how much, relatively, samples may differ: by nothing where they are copies.
    """
    days = pd.date_range("2021-07-01", "2021-07-20")
    lon, lat = np.array([99.63, 99.83, 99.96]), np.array([37.44, 37.57, 37.66])
    stations = xr.Dataset(
        {"soil_moisture": (("time", "station"), np.full((20, 3), 0.2))},
        coords={"time": days, "station": ["a", "b", "c"]},
    ).assign(lon=("station", lon), lat=("station", lat))
    rows = sample(study, stations)
    assert len(rows) == 60
    assert list(rows.columns[5:]) == list(study.predictors.names)
    row, col = at(rows["lon"], rows["lat"])
    names = list(study.predictors.names)
    for name in names:
        held = [truth(d.date())[name][r, c] for d, r, c in zip(rows["date"], row, col, strict=True)]
        np.testing.assert_allclose(rows[name], np.array(held, "f4"), rtol=rtol, err_msg=name)

    held = [np.stack([truth(d.date())[n].ravel() for n in names], axis=-1) for d in days]
    x = np.concatenate(held).astype("f4")
    trees = XGBRegressor(n_estimators=5, max_depth=3).fit(x, x.sum(axis=1))
    model = TreeEnsemble.from_model(trees, feature_names=names)
    grid = study.grid
    east, north = np.meshgrid(
        grid.transform[2] + 500 * (np.arange(grid.width) + 0.5),
        grid.transform[5] - 500 * (np.arange(grid.height) + 0.5),
    )
    r, c = at(*transformer(grid.crs, "EPSG:4326").transform(east, north))
    day = date(2021, 7, 13)
    at_pixels = np.stack([truth(day)[n][r, c].astype("f4") for n in names], axis=-1)
    expected = trees.predict(at_pixels.reshape(-1, len(names))).reshape(grid.shape)
    assert len(np.unique(expected)) > 5
    for route in ("xee", "classifier"):
        np.testing.assert_allclose(
            map_day(make_route(route, study.predictor_set, model), day),
            expected,
            rtol=max(rtol, 1e-7),
            atol=1e-6,
        )

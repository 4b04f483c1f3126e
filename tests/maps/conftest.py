"""A small run with maps, stations, cells and SMAP, written by hand: what is in it is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smgee import schemas
from smgee.study import Study
from smgee.tables import Provenance, write_dataset, write_table
from smgee.upscale import SOIL_MOISTURE, MapStore, Variable

DAYS = [date(2021, 7, 1) + timedelta(days=k) for k in range(5)]
STATIONS = {"A": (99.75, 37.45), "B <i>x</i>": (99.95, 37.55), "far": (120.0, 10.0)}
UPPER = Variable("upper", "m3 m-3", "upper end of the 90 % interval")
LOWER = Variable("lower", "m3 m-3", "lower end of the 90 % interval")
STANDARD_ERROR = Variable("standard_error", "m3 m-3", "jackknife standard error")
INSIDE = Variable("applicability", "1", "whether the predictors are like those of the stations")


@dataclass
class Known:
    """The run folder, its study, and the maps that are in it, (day, y, x)."""

    path: Path
    study: Study
    maps: np.ndarray


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    study = Study.demo().model_copy(update={"name": "small"})
    study = Study.parse(study.model_dump(mode="json") | {"area": {"lon": 99.8, "lat": 37.5, "scale_m": 600}})
    path = tmp_path_factory.mktemp("view") / "small"
    path.mkdir()
    study.to_yaml(path / "study.yml")
    provenance = Provenance(synthetic=True, made_by="a test")
    grid = study.grid
    rng = np.random.default_rng(0)
    maps = rng.uniform(0.1, 0.4, (len(DAYS), *grid.shape)).astype("float32")
    maps[:, :5, :7] = np.nan
    store = MapStore(
        path / "maps.zarr",
        days=DAYS,
        grid=grid,
        identity="x",
        provenance=provenance,
        variables=(SOIL_MOISTURE, LOWER, UPPER, INSIDE),
        block=256,
    )
    for block in store.blocks:
        part = maps[:, *block.slices]
        inside = (part > 0.2).astype("float32")
        layers = {"soil_moisture": part, "lower": part - 0.05, "upper": part + 0.05, "applicability": inside}
        store.write(block, DAYS, layers)
    extra = MapStore(
        path / "layers.zarr",
        days=[DAYS[1]],
        grid=grid,
        identity="x",
        provenance=provenance,
        variables=(STANDARD_ERROR,),
        block=256,
    )
    for block in extra.blocks:
        extra.write(block, [DAYS[1]], {"standard_error": maps[1:2, *block.slices] / 10})
    lon, lat = (np.array(v) for v in zip(*STATIONS.values()))
    moisture = rng.uniform(0.1, 0.4, (len(DAYS), len(STATIONS)))
    moisture[0, 0] = np.nan
    daily = xr.Dataset(
        {"soil_moisture": (("time", "station"), moisture)},
        {
            "time": pd.DatetimeIndex(DAYS),
            "station": list(STATIONS),
            "lon": ("station", lon),
            "lat": ("station", lat),
        },
    )
    write_dataset(daily, path / "stations.nc", provenance=provenance)
    _tables(path, study, provenance)
    return Known(path, study, maps)


def _tables(path: Path, study: Study, provenance: Provenance) -> None:
    cell = study.cell
    names = [cell.name, *(c.name for c in cell.children("M09"))]
    zonal = pd.DataFrame(
        [
            {
                "date": d,
                "cell": n,
                "soil_moisture": 0.2 + 0.01 * k,
                "std": 0.05,
                "coverage": 1.0,
                "n_pixels": 9,
            }
            for k, n in enumerate(names)
            for d in DAYS
        ]
    )
    zonal.loc[zonal["date"] == DAYS[4], "coverage"] = 0.1
    write_table(zonal, path / "zonal.csv", schema=schemas.ZONAL, provenance=provenance)
    smap = pd.DataFrame(
        [
            {
                "date": d,
                "orbit": orbit,
                "cell": cell.name,
                "soil_moisture": 0.25,
                "flag": int(d == DAYS[1]),
                "collection": "x",
            }
            for orbit in ("AM", "PM")
            for d in DAYS
        ]
    )
    write_table(smap, path / "smap.csv", schema=schemas.SMAP, provenance=provenance)

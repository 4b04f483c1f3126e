"""What a plan says beside what happens, for three areas of the synthetic basin.

``python -m tests.benchmarks.plan [--scale 90]`` maps 16 days of a 9 km box, of one 36 km cell and of four by
both routes, and prints requests, bytes and minutes, planned and measured. Counts do not depend on the
machine; minutes do.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeRegressor

import smgee
from smgee.planning import ASSUMED, Rates, plan_routes
from smgee.remote import LEDGER
from smgee.study import Study
from smgee.trees import TreeEnsemble
from smgee.upscale import DailyModel, MapStore, default_block, make_route, map_season

AREAS: dict[str, dict[str, Any]] = {
    "9 km box": {"box": (99.75, 37.45, 99.85, 37.53)},
    "one cell": {"lon": 99.8, "lat": 37.5},
    "four cells": {"cells": ["M36_r0079_c0748", "M36_r0079_c0749", "M36_r0080_c0748", "M36_r0080_c0749"]},
}
DAYS = [date(2021, 7, 1) + timedelta(days=k) for k in range(16)]


@dataclass(frozen=True)
class Compared:
    """One area by one route: requests, bytes up, bytes down, minutes."""

    area: str
    route: str
    planned: dict[str, float]
    measured: dict[str, float]


def study_of(area: str, scale_m: float) -> Study:
    content = Study.demo().model_dump(mode="json") | {
        "name": "plan",
        "start": str(DAYS[0]),
        "end": str(DAYS[-1] + timedelta(days=1)),
    }
    content["area"] = AREAS[area] | {"scale_m": scale_m, "crs": "EPSG:32647"}
    content["predictors"] = [
        {
            "kind": "reflectance",
            "bands": ["red", "nir"],
            "composite": {"window_days": 8, "fill_days": 8, "step_days": 8},
        },
        {"kind": "indices", "names": ["NDVI"]},
        {"kind": "terrain", "names": ["elevation", "slope"]},
        {"kind": "calendar", "allow_alias": True},
    ]
    return Study.parse(content)


def model_of(study: Study) -> DailyModel:
    rng = np.random.default_rng(4)
    names = study.predictor_set.names
    X = rng.uniform(0, 0.6, (2000, len(names))).astype("f4")
    tree = DecisionTreeRegressor(max_depth=8, random_state=0).fit(X, X.mean(axis=1))
    return DailyModel.of(TreeEnsemble.from_model(tree, names))


def compared(scale_m: float, *, rates: Rates | None = None, areas: Any = AREAS) -> Iterator[Compared]:
    """Yield plan and measurement by area and route."""
    for area in areas:
        study = study_of(area, scale_m)
        model = model_of(study)
        with smgee.connect():
            plan = plan_routes(
                study.predictor_set,
                DAYS,
                backend="embedded",
                rates=rates or ASSUMED["embedded"],
                model=model,
                area=study.area,
            )
            for name in ("xee", "classifier"):
                route = make_route(name, study.predictor_set, model)
                with tempfile.TemporaryDirectory() as folder:
                    store = MapStore(
                        Path(folder) / "maps.zarr",
                        days=DAYS,
                        grid=study.grid,
                        identity=name,
                        block=default_block(len(model.needs)),
                    )
                    began = time.perf_counter()
                    with LEDGER.measure() as meter:
                        map_season(store, route, area=study.area)
                both = plan.beside(name, meter.spent, time.perf_counter() - began)
                yield Compared(area, name, both["planned"], both["measured"])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=90.0, help="size of pixels, m")
    scale = parser.parse_args().scale
    print(f"{len(DAYS)} days, pixels of {scale:g} m; planned / measured")
    for one in compared(scale):
        cells = [
            f"{what.replace('_', ' ')} {planned:,} / {one.measured[what]:,}"
            for what, planned in one.planned.items()
        ]
        print(f"{one.area:<11} {one.route:<11} " + "; ".join(cells))


if __name__ == "__main__":
    main()

"""Maps that stay on Earth Engine: means over cells and over the season, and layers of a web map."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

import smgee
from smgee.eelocal.rest.faults import FaultPlan
from smgee.errors import RemoteError
from smgee.remote import LEDGER
from smgee.study import Study
from smgee.upscale import (
    ClassifierRoute,
    MapStore,
    ServerRoute,
    cell_means,
    cell_means_there,
    make_route,
    map_season,
    season_mean,
    season_mean_there,
)
from smgee.upscale import there as module
from smgee.validation import cell_weights
from tests.upscale.small import small_study, small_tree

DAYS = [date(2021, 7, 3), date(2021, 7, 5), date(2021, 7, 12)]


def a_study(**area) -> Study:
    return small_study({"kind": "terrain", "names": ["elevation"]}, **area, scale_m=800, crs="EPSG:32647")


CELL = {"lon": 99.8, "lat": 37.5}
BOX = {"box": (99.62, 37.36, 99.95, 37.62)}  # maps are masked outside it, a cell is partly covered


@pytest.fixture(scope="module", params=[CELL, BOX], ids=["cell", "box"])
def study(request) -> Study:
    return a_study(**request.param)


@pytest.fixture(scope="module")
def one() -> Study:
    return a_study(**CELL)


@pytest.fixture(scope="module")
def store(study, tmp_path_factory) -> MapStore:
    """The maps made and kept here, by the other route."""
    found = MapStore(tmp_path_factory.mktemp("here") / "maps.zarr", days=DAYS, grid=study.grid, identity="x")
    with smgee.connect():
        map_season(found, make_route("xee", study.predictor_set, small_tree(study, depth=6)), area=study.area)
    return found


def on_the_service(study: Study) -> ServerRoute:
    return ServerRoute(ClassifierRoute(study.predictor_set, small_tree(study, depth=6)), area=study.area)


def test_means_over_cells_are_those_of_the_maps_made_here(study, store):
    cells = [*study.area.covered(0.3), *study.area.covered(0.6, "M09")]
    cells += cells[0].children("M03")[60:64]
    here = cell_means(store, cell_weights(study.grid, cells)).table(min_coverage=0.3)
    with smgee.connect(), LEDGER.measure() as meter:
        there = cell_means_there(on_the_service(study), cells, DAYS, min_coverage=0.3)
    assert list(there.columns) == list(here.columns)
    pd.testing.assert_frame_equal(here[["date", "cell"]], there[["date", "cell"]])
    np.testing.assert_array_equal(here["soil_moisture"].isna(), there["soil_moisture"].isna())
    assert here["soil_moisture"].notna().mean() > 0.5
    np.testing.assert_allclose(there["soil_moisture"], here["soil_moisture"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(there["std"], here["std"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(there["coverage"], here["coverage"], rtol=0, atol=1e-3)
    assert (np.abs(there["n_pixels"] - here["n_pixels"]) <= 0.03 * here["n_pixels"] + 8).all()
    assert not any("computePixels" in kind for kind in meter.spent.requests)  # no map came here


def test_a_request_that_is_too_big_is_cut(one, monkeypatch):
    cells = list(one.area.covered(0.6, "M09"))[:4]
    with smgee.connect():
        whole = cell_means_there(on_the_service(one), cells, DAYS[:2], min_coverage=0.3)
    faults = FaultPlan(1.0, kinds=("memory",), routes=("table:computeFeatures",), limit=2)
    monkeypatch.setattr(module, "CELLS_PER_REQUEST", 3)
    with smgee.connect(faults=faults):
        cut = cell_means_there(on_the_service(one), cells, DAYS[:2], min_coverage=0.3)
    assert faults.injected == 2
    pd.testing.assert_frame_equal(whole, cut, rtol=0, atol=1e-12)


@pytest.mark.parametrize("wrong", [0, 1, 3])
def test_a_figure_that_does_not_come_is_an_error_and_no_mean(one, monkeypatch, wrong):
    """A name that the answer does not have would otherwise count as 0, a mean of 0.25 m³/m³ or none."""
    picked = list(module._PICKED)
    picked[wrong] = ("other", picked[wrong][1])
    monkeypatch.setattr(module, "_PICKED", tuple(picked))
    with smgee.connect(), pytest.raises(RemoteError, match="lack other20210703_"):
        cell_means_there(on_the_service(one), list(one.cells), DAYS[:1], min_coverage=0.3)


def test_a_cell_that_does_not_come_is_an_error(one):
    cells = tuple(one.area.covered(0.6, "M09"))[:2]
    job = module._Zones(cells, tuple(DAYS[:1]))
    names = [f"{what}20210703_{how}" for what, how in module._PICKED]
    whole = pd.DataFrame({"cell": [c.name for c in cells], "ground_sum": 8e7}).assign(
        **dict.fromkeys(names, 1.0)
    )
    assert len(module._by_day(whole, job)) == 2
    empty = whole.drop(columns=names)  # a day on which no map has a value there
    assert (module._by_day(empty, job)[["area", "number"]] == 0).all(axis=None)
    for broken in (whole.iloc[:1], whole.drop(columns="cell"), whole.drop(columns="ground_sum")):
        with pytest.raises(RemoteError, match="of 2 cells"):
            module._by_day(broken, job)


def test_the_season_mean_is_that_of_the_maps_made_here(study, store):
    here = season_mean(store)
    with smgee.connect():
        there = season_mean_there(on_the_service(study), DAYS, block=64)
    np.testing.assert_array_equal(np.isnan(there), np.isnan(here))
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-6)
    assert np.isfinite(here).mean() > 0.3


def test_a_map_is_looked_at_by_its_tiles(one):
    with smgee.connect():
        maps = on_the_service(one)
        image = maps.images(DAYS[:1])[DAYS[0]]
        tile = image.getMapId({"min": 0, "max": 0.5})["tile_fetcher"].fetch_tile(398, 197, 9)
    assert tile.startswith(b"\x89PNG")


def test_trees_of_the_day_travel_where_they_are_smaller(one):
    """A day's trees are cut down by its date; several days' together are more than those of all days."""
    route = ClassifierRoute(one.predictor_set, small_tree(one, depth=9))
    assert route.trees_of(DAYS[:1])[DAYS[0]].n_nodes < route.model.ensemble.n_nodes
    many = [date(2021, 7, d) for d in range(1, 17)]
    assert set(map(id, route.trees_of(many).values())) == {id(route.model.ensemble)}


def test_trees_of_the_day_draw_the_same_map(one):
    route = ClassifierRoute(one.predictor_set, small_tree(one, depth=9))
    with smgee.connect():
        image = route.images(DAYS[:1])[DAYS[0]]
        whole = route._map(DAYS[0], route.model.ensemble)
        both = image.rename("a").addBands(whole.rename("b")).addBands(image.mask().rename("c"))
        both = both.addBands(whole.mask().rename("d"))
        from smgee.upscale.pull import open_bands

        a, b, c, d = open_bands(both, ["a", "b", "c", "d"], grid=one.grid).values
    np.testing.assert_array_equal(c, d)
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)
    assert np.isfinite(a).sum() > 1000

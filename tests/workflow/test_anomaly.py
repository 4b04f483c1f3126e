"""A run whose models learn how places differ from the network's state, coarse and short, on every step."""

from __future__ import annotations

import json
from datetime import date

import ee
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from typer.testing import CliRunner

import smgee
from smgee.cards import verify
from smgee.experiment.layers import true_pixels
from smgee.models import BASELINES, Uncertainty, load_model
from smgee.study import Study
from smgee.twin import Basin
from smgee.upscale import Block, DailyModel, MapJob, MapStore, SampledRoute, XeeRoute
from smgee.workflow.folder import RunFolder
from smgee.workflow.steps.stations import STATIONS
from smgee_cli.app import app
from tests.benchmarks.truth import Sample, baselines, compare, interval_of
from tests.workflow.conftest import run_whole


@pytest.fixture(scope="module")
def study() -> Study:
    content = Study.demo().model_dump(mode="json")
    content |= {"name": "anomaly", "start": "2021-06-10", "end": "2021-07-10"}
    content["area"] |= {"scale_m": 300}
    content["publish"] |= {"maps": True, "readers": ["allUsers"]}
    content["training"] |= {"models": ["XGBoost", "RF"], "folds": 3, "designs": ["random", "block"]}
    content["training"]["candidates"] = ["stumps=XGBoost:depth=1"]
    assert content["training"]["target"] == "anomaly"
    content["predictors"] = [
        {"kind": "place", "names": ["m_nir", "m_NDMI"], "months": [6]},
        {"kind": "indices", "names": ["NDMI"], "composite": {"step_days": 15, "fill_days": 16}},
        {"kind": "terrain", "names": ["elevation", "slope"]},
    ]
    return Study.parse(content)


@pytest.fixture(scope="module")
def run(study, tmp_path_factory) -> RunFolder:
    return run_whole(study, tmp_path_factory.mktemp("runs"))


def words(run: RunFolder) -> dict:
    return json.loads((run / "certificate.json").read_text(encoding="utf-8"))


def test_the_state_is_that_of_all_stations_of_a_day(run):
    """Levels of stations taken off, averaged, the mean level put back: from the samples alone."""
    rows = pd.read_parquet(run / "samples.parquet")
    state = pd.read_parquet(run / "models" / "state.parquet").set_index("time")
    grid = rows.pivot(index="date", columns="station", values="soil_moisture")
    filled = grid.sub(grid.mean()).mean(axis=1) + grid.mean().mean()
    np.testing.assert_allclose(state["network_state"], filled, atol=4e-3)
    np.testing.assert_array_equal(state["stations"], grid.notna().sum(axis=1))
    assert np.ptp(filled) > 0.02


def test_maps_are_the_state_plus_the_deployed_trees(run, study):
    """The stored map at a station's pixel is what the trees as trained say of the sampled row, told the state
    of its day as a column, plus that state.
    """
    rows = pd.read_parquet(run / "samples.parquet")
    maps = xr.open_zarr(run / "maps.zarr", decode_coords="all")["soil_moisture"]
    model = load_model(run / "models")
    assert model.offset == "network_state"
    rows = rows[rows[list(study.predictor_set.names)].notna().all(axis=1)]
    rows = rows[rows["date"].isin(maps["time"].values)].reset_index(drop=True)
    assert len(rows) > 100
    state = pd.read_parquet(run / "models" / "state.parquet").set_index("time").loc[rows["date"]]
    told = rows.assign(**{n: state[n].to_numpy() for n in ("network_state", "network_change")})
    trees = model.ensemble.predict_reference(told[list(model.predictors)].to_numpy("float32"))
    x, y = smgee.grid.transformer("EPSG:4326", study.area.crs).transform(
        rows["lon"].to_numpy(), rows["lat"].to_numpy()
    )
    mapped = maps.sel(
        x=xr.DataArray(x, dims="row"),
        y=xr.DataArray(y, dims="row"),
        time=xr.DataArray(rows["date"].values, dims="row"),
        method="nearest",
    )
    np.testing.assert_allclose(mapped.values, state["network_state"].to_numpy() + trees, atol=1e-6)


def test_both_routes_agree(run):
    parity = json.loads((run / "parity.json").read_text(encoding="utf-8"))
    assert parity["max_abs_difference"] <= 1e-6
    assert parity["mask_differs"] == 0
    assert parity["valid"] > 0.5 * parity["pixels"]


def test_layers_beside_the_maps(run, study):
    """Drawn for one day; the interval holds the map, the jackknife is that of the maps without a station."""
    store, maps = MapStore.open(run / "layers.zarr"), MapStore.open(run / "maps.zarr")
    assert [v.name for v in store.variables] == [
        *("lower", "upper", "standard_error", "dissimilarity", "applicability", "density")
    ]
    assert store.days == [maps.days[len(maps.days) // 2]]
    day, known = store.days[0], np.isfinite(maps.read(store.days[0]))
    drawn = {v.name: store.read(day, v.name) for v in store.variables}
    for name, values in drawn.items():
        np.testing.assert_array_equal(np.isfinite(values), known, err_msg=name)
    assert (drawn["lower"][known] >= 0).all()
    assert (drawn["lower"] <= maps.read(day))[known].mean() > 0.99
    assert (maps.read(day) <= drawn["upper"])[known].mean() > 0.99
    assert set(np.unique(drawn["applicability"][known])) <= {0.0, 1.0}
    ds = store.dataset()
    assert ds["standard_error"].attrs["units"] == "m3 m-3"
    assert "jackknife" in ds["standard_error"].attrs["long_name"]
    assert ds.attrs["title"].startswith("Uncertainty and applicability")

    told = Uncertainty.load(run / "uncertainty")
    assert len(told.stations) == 30
    assert len(told.folds) == study.training.folds
    row, col = 40, 60
    by_hand = []
    with smgee.connect():
        for one in (told.stations[0], told.stations[17]):
            route = XeeRoute(study.predictor_set, DailyModel.without(one))
            by_hand.append(route.run(MapJob(Block(row, col, 4, 4), (day,)))["soil_moisture"][0])
        sampled = SampledRoute(study.predictor_set, [DailyModel.without(one) for one in told.stations], 1)
        every = sampled.run(MapJob(Block(row, col, 4, 4), (day,)))
    np.testing.assert_allclose(every["0"][0], by_hand[0], atol=1e-6)
    np.testing.assert_allclose(every["17"][0], by_hand[1], atol=1e-6)
    spread = np.std(np.stack(list(every.values())).astype("f8"), axis=0)[0] * np.sqrt(29)
    np.testing.assert_allclose(drawn["standard_error"][row : row + 4, col : col + 4], spread, atol=1e-6)


def test_the_error_of_a_cells_mean_reaches_the_verdicts(run):
    zonal = pd.read_csv(run / "zonal.csv", parse_dates=["date"])
    left = pd.read_parquet(run / "zonal_left_out.parquet")
    assert left["station"].nunique() == 30
    cell = zonal["cell"][zonal["cell"].str.startswith("M36")].iloc[0]
    wide = left[left["cell"] == cell].pivot(index="date", columns="station", values="soil_moisture")
    own = zonal[zonal["cell"] == cell].set_index("date")
    np.testing.assert_allclose(own["standard_error"], wide.std(axis=1, ddof=0) * np.sqrt(29), atol=1e-6)
    # at 300 m every pixel is taken: without one of thirty stations the mean hardly moves
    np.testing.assert_allclose(own["soil_moisture"], wide.mean(axis=1), atol=0.01)
    verdicts = pd.read_csv(run / "verdicts.csv")
    by_maps = verdicts[verdicts["reference"] == "upscaled"]
    assert {"M36", "M09"} == set(by_maps["grid"])
    assert (by_maps["stations"] == 30).all()
    assert (by_maps["error_level"] > 0).all()
    assert {"insitu_equal", "upscaled"} == set(verdicts["reference"])


def test_layers_are_the_same_on_earth_engine_and_hold_as_said(run):
    parity = json.loads((run / "parity.json").read_text(encoding="utf-8"))
    assert parity["layers"]["max_abs_difference"] <= 1e-6
    assert parity["layers"]["mask_differs"] == 0
    assert parity["layers"]["pixels"] >= 6 * 32 * 32  # one window, of six variables
    assert parity["layers"]["pixels"] % 6 == 0
    pixels = pd.read_csv(run / "truth_layers.csv")
    assert set(pixels["where"]) == {"all", "inside", "outside"}
    store, maps = MapStore.open(run / "layers.zarr"), MapStore.open(run / "maps.zarr")
    day = store.days[0]
    truth = true_pixels(Basin(), store.grid, [day])[0]
    known = np.isfinite(truth) & np.isfinite(maps.read(day))
    held = (store.read(day, "lower") <= truth) & (truth <= store.read(day, "upper"))
    everywhere = pixels[pixels["where"] == "all"].iloc[0]
    assert everywhere["coverage"] == pytest.approx(held[known].mean(), abs=1e-4)
    assert everywhere["n"] == known.sum() == pixels[pixels["where"] != "all"]["n"].sum()
    cells = pd.read_csv(run / "truth_cells.csv")
    assert len(cells) == 17
    zonal = pd.read_csv(run / "zonal.csv", parse_dates=["date"])
    own = zonal[zonal["cell"] == cells["cell"][3]].set_index("date")
    mean = Basin().cell_means()["soil_moisture"].xs(cells["cell"][3], level="cell").loc[own.index]
    error = own["soil_moisture"] - mean
    assert cells["rmse"][3] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-4)
    assert cells["held"][3] == pytest.approx((error.abs() <= 1.96 * own["standard_error"]).mean(), abs=0.04)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "interval held" in page
    assert "Uncertainty" in page


def test_scores_stand_beside_baselines_under_every_design(run):
    scores = pd.read_csv(run / "scores.csv")
    assert {"random", "station", "block"} == set(scores["design"])
    for _, part in scores.groupby("design"):
        assert {"deployed", "XGBoost", "RF", "stumps", *BASELINES} <= set(part["model"])
    mean = scores[scores["model"] == "network mean"]
    np.testing.assert_allclose(mean["skill"], 0.0, atol=1e-9)
    own = scores.set_index(["model", "design"]).loc[("deployed", "station")]
    base = scores.set_index(["model", "design"]).loc[("network mean", "station")]
    assert own["skill"] == pytest.approx(1 - (own["rmse"] / base["rmse"]) ** 2, abs=1e-4)
    assert scores["synthetic"].eq(1).all()


def test_report_and_card_say_what_was_learned_and_what_it_is_worth(run):
    page = (run / "report.html").read_text(encoding="utf-8")
    found = words(run)
    assert found["words"].split(":")[0] in page
    assert "state of the network" in page
    for name in BASELINES:
        assert f"<td>{name}</td>" in page
    published = run.manifest["steps"]["publish"]
    scores = pd.read_csv(run / "scores.csv").set_index(["model", "design"])
    with smgee.connect():
        for name in ("season_mean", "model"):
            card = ee.data.getAsset(f"{published['folder']}/{name}")["properties"]
            assert card["learned"] == "anomaly"
            assert card["offset"] == "network_state"
            assert card["verdict"] == found["verdict"]
            assert card["words"] == found["words"]
            own, mean = (scores.loc[(m, "station")] for m in ("deployed", "network mean"))
            assert card["skill_station"] == pytest.approx(own["skill"], abs=1e-6)
            assert card["rmse_station"] == pytest.approx(own["rmse"], abs=1e-6)
            assert card["rmse_station_network_mean"] == pytest.approx(mean["rmse"], abs=1e-6)
            assert "skill_station_placebo" in card
            assert card.get("maps") == ("max(network_state + trees, 0)" if name == "model" else None)


def test_daily_maps_are_published_with_their_days(run):
    published = run.manifest["steps"]["publish"]
    days = run.manifest["steps"]["predict"]["days"]
    with smgee.connect():
        maps = ee.ImageCollection(f"{published['folder']}/maps")
        assert maps.size().getInfo() == days
        assert all(c.holds for c in verify(f"{published['folder']}/maps"))
        for asset in published["assets"]:
            assert ee.data.getAssetAcl(asset)["all_users_can_read"], asset


def test_the_model_is_explained_on_what_it_was_shown(run):
    ranking = pd.read_csv(run / "shap" / "ranking.csv")
    assert set(ranking["predictor"]) <= set(load_model(run / "models").predictors)
    assert (run / "shap" / "deployed_summary.png").exists()
    pairs = pd.read_csv(run / "shap" / "interactions.csv")
    held_out = pd.read_csv(run / "shap" / "held_out_ranking.csv")
    assert set(pairs["predictor"]) <= set(held_out["predictor"])
    assert pairs["synthetic"].eq(1).all()
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "What pairs of predictors do together" in page


def test_distances_are_those_of_places_inside_the_area(run, study):
    told = pd.read_csv(run / "distances.csv")
    assert told["what"].iloc[0] == "map to its nearest station"
    assert (told["what"] == told["what"].iloc[0]).sum() == len(study.area.places())


def test_one_day_from_the_models_of_a_run(run, study, tmp_path):
    """`smgee map` finds the state beside the models, and draws the map that the run holds, by both routes."""
    result = CliRunner().invoke(
        app,
        [
            *("map", str(run / "study.yml"), "--model", str(run / "models")),
            *("--day", "2021-06-20", "--out", str(tmp_path / "day.tif")),
        ],
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    with rasterio.open(tmp_path / "day.tif") as file:
        made = file.read(1)
    maps = xr.open_zarr(run / "maps.zarr")["soil_moisture"]
    np.testing.assert_allclose(made, maps.sel(time="2021-06-20").values, atol=1e-6)


def test_maps_are_judged_by_the_truth_at_random_pixels(run, study):
    """The comparison of `tests.benchmarks.truth` at small size: on the pixels of the stored maps."""
    maps = MapStore.open(run / "maps.zarr")
    days = maps.days[::10]
    sample = Sample.draw(study.grid, 3, 60, seed=4)
    basin = Basin()
    truth = sample.truth(basin, days)
    x, y = sample.xy()
    col = ((x - study.grid.transform[2]) / 300).astype(int)
    row = ((y - study.grid.transform[5]) / -300).astype(int)
    told = baselines(STATIONS.read(run.path), sample, days)
    told["deployed"] = np.stack([maps.read(day)[row, col] for day in days]).astype("f8")
    with smgee.connect():
        route = XeeRoute(study.predictor_set, DailyModel.open(run / "models"))
        np.testing.assert_allclose(sample.mapped(route, days), told["deployed"], atol=1e-6)
    known = np.isfinite(truth) & np.isfinite(told["deployed"])
    assert known.mean() > 0.8
    found = compare(truth, told, {"deployed": interval_of(run)})
    error = told["deployed"][known] - truth[known]
    assert found.loc["deployed", "rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    assert found.loc["deployed", "r"] == pytest.approx(
        np.corrcoef(told["deployed"][known], truth[known])[0, 1]
    )
    assert np.isnan(found.loc["network mean", "spatial_r"])
    assert 0.5 < found.loc["deployed", "coverage"] <= 1.0


def test_the_truth_is_that_of_the_pixel():
    """Told by the pixel's longitude and latitude."""
    grid, basin, day = Study.demo().grid, Basin(), date(2021, 7, 1)
    sample = Sample.draw(grid, 4, 40)
    lon, lat = smgee.grid.transformer(grid.crs, "EPSG:4326").transform(*sample.xy())
    x, y = smgee.grid.transformer("EPSG:4326", basin.grid.crs).transform(lon, lat)
    at = basin.grid.transform
    row, col = ((y - at[5]) / at[4]).astype(int), ((x - at[2]) / at[0]).astype(int)
    np.testing.assert_array_equal(sample.truth(basin, [day])[0], basin.truth(day)[row, col])

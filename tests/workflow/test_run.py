"""What a whole run leaves, file by file."""

from __future__ import annotations

import json

import ee
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from typer.testing import CliRunner

import smgee
from smgee.cards import verify
from smgee.models import BASELINES, load_model
from smgee.publish import RUN_ASSETS
from smgee.report import verdicts
from smgee.upscale.parity import compare_maps
from smgee.validation.judges import TITLES
from smgee.validation.pairs import CROSS_FITTED
from smgee.workflow.steps.publish import scores_on_card
from smgee.workflow.steps.smap import OTHERS, SMAP
from smgee.workflow.steps.stations import STATIONS
from smgee.workflow.steps.truth import COLLOCATION_TRUTH
from smgee.workflow.steps.validate import (
    ACCURACY,
    COLLOCATION,
    COMPARISON,
    GAINS,
    LARGE,
    PARTS,
    REFERENCES,
    VERDICTS,
)
from smgee.workflow.steps.validate import QUALITY as SMAP_QUALITY
from smgee_cli.app import app


def test_every_file_is_there_and_says_it_is_synthetic(run):
    for name in (
        "stations.nc",
        "unfrozen.csv",
        "samples.parquet",
        "scores.csv",
        "models",
        "shap",
        "maps.zarr",
        "maps/season_mean.tif",
        "smap.csv",
        "validation_36km.csv",
        "validation_9km.csv",
        "heterogeneity.csv",
        "report.html",
        "manifest.json",
        "study.yml",
    ):
        assert (run / name).exists(), name
    for name in (
        "unfrozen.csv",
        "smap.csv",
        "zonal.csv",
        "cells.csv",
        "scores.csv",
        "scores_station.csv",
        "scores_month.csv",
        "scores_year.csv",
        "shap/ranking.csv",
        "validation_36km.csv",
        "validation_9km.csv",
        "heterogeneity.csv",
    ):
        assert (pd.read_csv(run / name)["synthetic"] == 1).all(), name
    for path in [run / "models" / "cross_validation.parquet", *(run / "shap").glob("*_values.parquet")]:
        assert (pd.read_parquet(path)["synthetic"] == 1).all(), path
    assert "SYNTHETIC" in STATIONS.read(run.path).attrs["title"]
    assert xr.open_zarr(run / "maps.zarr").attrs["synthetic"] == 1
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "SYNTHETIC" in page
    read = [run.study.smap.collection_36km, "NASA/HLS/HLSS30/v002"]
    assert all(f"<td>{name}</td>" in page for name in read)  # what was read, SMAP too
    with rasterio.open(run / "maps" / "season_mean.tif") as file:
        assert file.tags()["synthetic"] == "1"


def test_both_routes_agreed(run):
    parity = json.loads((run / "manifest.json").read_text())["steps"]["compare_routes"]["parity"]
    assert parity["agrees"]
    assert parity["max_abs_difference"] <= 1e-6
    assert parity["valid"] > 0.5 * parity["pixels"]


def test_maps_are_the_models_predictions(run, study):
    """The stored map at a station's pixel is what the model's own library predicts from the sampled row."""
    rows = pd.read_parquet(run / "samples.parquet")
    model = load_model(run / "models").ensemble
    maps = xr.open_zarr(run / "maps.zarr", decode_coords="all")["soil_moisture"]
    x, y = smgee.grid.transformer("EPSG:4326", study.area.crs).transform(
        rows["lon"].to_numpy(), rows["lat"].to_numpy()
    )
    complete = rows[list(study.predictor_set.names)].notna().all(axis=1) & rows["date"].isin(
        maps["time"].values
    )
    assert complete.sum() > 50
    rows, x, y = rows[complete], x[complete], y[complete]
    predicted = model.predict_reference(rows[list(model.feature_names)].to_numpy("float32"))
    mapped = maps.sel(
        x=xr.DataArray(x, dims="row"),
        y=xr.DataArray(y, dims="row"),
        time=xr.DataArray(rows["date"].values, dims="row"),
        method="nearest",
    )
    np.testing.assert_allclose(mapped.values, predicted, atol=1e-6)


def test_random_scores_never_stand_alone(run):
    scores = pd.read_csv(run / "scores.csv")
    assert set(scores["design"]) >= {"random", "station"}
    assert (scores.groupby("model")["design"].nunique() >= 2).all()
    assert (scores["n"] > 0).all()
    for _, part in scores.groupby("design"):
        assert set(BASELINES) < set(part["model"])
    page = (run / "report.html").read_text(encoding="utf-8")
    for name in BASELINES:
        assert f"<td>{name}</td>" in page
    assert json.loads((run / "certificate.json").read_text())["words"].split(":")[0] in page
    assert "(95 %) would need" in page
    assert (run / "figures" / "heterogeneity.png").exists()
    paper = pd.read_csv(run / "tables" / "models.csv")
    assert set(BASELINES) < set(paper["model"])
    card = scores_on_card(scores, load_model(run / "models").title)
    told = scores.set_index(["model", "design"])
    for name in BASELINES:
        assert card[f"rmse_station_{name.replace(' ', '_')}"] == told.loc[(name, "station"), "rmse"]
    published = run.manifest["steps"]["publish"]["folder"]
    with smgee.connect():
        properties = ee.data.getAsset(f"{published}/season_mean")["properties"]
    assert properties["skill_station_kriging"] == pytest.approx(told.loc[("kriging", "station"), "skill"])
    assert properties["verdict"] == json.loads((run / "certificate.json").read_text())["verdict"]


def test_validation_tables_are_complete(run, study):
    large, small = (pd.read_csv(run / f"validation_{n}.csv") for n in ("36km", "9km"))
    assert set(large["cell"]) == {study.cell.name}
    assert set(small["cell"]) == {c.name for c in study.cell.children()}
    for table in (large, small):
        assert set(table["orbit"]) == {"AM", "PM"}
        np.testing.assert_allclose(
            table["rmse"] ** 2, table["ubrmse"] ** 2 + table["bias"] ** 2, rtol=1e-3, atol=1e-7
        )
    assert list(large["reference"].unique()) == list(TITLES)
    at_overpass = large[large["reference"] != "insitu_day"]
    assert set(at_overpass["timing"]) == {"overpass"}
    assert (large.groupby("orbit")["n"].nunique() == 1).all()  # all on the same passes


def test_claims_about_smap_are_tested_and_its_verdict_is_a_probability(run, study):
    gains, verdicts, counts = (artifact.read(run.path) for artifact in (GAINS, VERDICTS, SMAP_QUALITY))
    large = gains[gains["cell"] == study.cell.name]
    assert set(large["reference"]) == set(TITLES) - {"insitu_mean"}
    small = set(gains.loc[gains["grid"] == "M09", "reference"])
    assert small == {"upscaled", "upscaled_footprint", CROSS_FITTED}
    assert large.loc[large["p"].notna(), "false_alarms"].between(0, 0.2).all()
    own = verdicts[verdicts["cell"] == study.cell.name]
    assert set(own["orbit"]) == {"AM", "PM"}
    assert own["meets"].dropna().between(0, 1).all()
    assert set(counts["rule"]) >= {"recommended", "successful", "all"}
    references = REFERENCES.read(run.path)
    assert set(references["reference"]) == set(TITLES)


def test_other_products_parts_and_the_map_itself_are_judged(run, study):
    others, parts, comparison, collocation, accuracy, beside = (
        artifact.read(run.path)
        for artifact in (OTHERS, PARTS, COMPARISON, COLLOCATION, ACCURACY, COLLOCATION_TRUTH)
    )
    smap = SMAP.read(run.path)
    assert set(others["product"]) == {"era5_land", "smap_l4"}
    assert len(others) == 2 * smap["soil_moisture"].notna().sum()
    assert set(parts["part"]) == {"2021", "June to August", "anomalies", "seasonal cycle"}
    assert set(parts["cell"]) == {c.name for c in (study.cell, *study.cell.children())}
    assert set(comparison["product"]) == {"SMAP", "era5_land", "smap_l4"}
    large = collocation[collocation["grid"] == "M36"]
    assert large.loc[large["sets"].str.contains("smap_l4"), "sets"].str.contains("era5_land").all()
    assert set(accuracy["of"]) == {"stations", "stations left out together"}
    assert (accuracy["n"] > 0).all()
    assert accuracy.loc[accuracy["grid"] == "M36", "stations"].max() == 30
    assert {"r_true", "r_held"} <= set(beside)
    cells = pd.read_csv(run / "cells.csv")
    assert cells["land_cover_entropy"].between(0, 2).all()
    heterogeneity = pd.read_csv(run / "heterogeneity.csv")
    assert "land_cover_entropy" in set(heterogeneity["condition"])
    page = (run / "report.html").read_text(encoding="utf-8")
    for title in ("Seasons, years, anomalies", "Other products"):
        assert title in page


def test_the_ranks_of_the_orbits_are_those_of_the_truth(run):
    """Passes near 100° E fall at 23:20 UTC; at the overpass the stations tell which orbit is better."""
    truth = pd.read_csv(run / "truth.csv").query("grid == 'M36'")
    wide = truth.pivot(index="reference", columns="orbit", values=["smap_r", "smap_r_true"])
    at_overpass = [n for n in wide.index if n.startswith("insitu") and n != "insitu_day"]
    assert len(at_overpass) >= 6
    apart = wide.loc[at_overpass, "smap_r"]["AM"] - wide.loc[at_overpass, "smap_r"]["PM"]
    true = wide.loc[at_overpass, "smap_r_true"]["AM"] - wide.loc[at_overpass, "smap_r_true"]["PM"]
    assert (true.abs() > 0.05).all()
    assert (np.sign(apart) == np.sign(true)).all()


def test_published_assets_are_listed_and_hold_the_data(run):
    published = run.manifest["steps"]["publish"]
    assert {name.rsplit("/", 1)[1] for name in published["assets"]} == set(RUN_ASSETS)
    with smgee.connect():
        checks = verify(published["folder"])
        assert {(c.what, c.holds) for c in checks} == {("card", True), ("content", True)}
        assert len(checks) == 2 * len(RUN_ASSETS)
        card = ee.data.getAsset(f"{published['folder']}/cells")["properties"]
        assert card["cells"] == 17
        assert card["smap_version_M09"] == "005"
        assert ee.data.getAsset(f"{published['folder']}/model")["properties"]["synthetic"] == 1
        image = ee.Image(f"{published['folder']}/season_mean")
        info = image.getInfo()
        assert info["properties"]["synthetic"] == 1
        assert "rmse_station" in info["properties"]
        with rasterio.open(run / "maps" / "season_mean.tif") as file:
            mean = file.read(1)
            x, y = file.xy(60, 50)
        lon, lat = smgee.grid.transformer(str(run.study.area.crs), "EPSG:4326").transform(x, y)
        value = (
            image.reduceRegion(ee.Reducer.first(), ee.Geometry.Point([lon, lat]), 300)
            .get("soil_moisture")
            .getInfo()
        )
        assert value == pytest.approx(float(mean[60, 50]), abs=1e-7)
        assert (
            ee.FeatureCollection(f"{published['folder']}/stations").size().getInfo()
            == run.manifest["steps"]["stations"]["stations"]
        )


def test_parity_sees_a_difference():
    from datetime import date

    a = np.full((3, 3), 0.2, "float32")
    b = a.copy()
    assert compare_maps(date(2021, 7, 1), a, b).agrees
    b[0, 0] += 2e-6
    assert not compare_maps(date(2021, 7, 1), a, b).agrees
    b = a.copy()
    b[1, 1] = np.nan
    found = compare_maps(date(2021, 7, 1), a, b)
    assert (found.agrees, found.mask_differs) == (False, 1)
    assert not compare_maps(date(2021, 7, 1), a * np.nan, a * np.nan).agrees


def test_the_verdict_is_told(run):
    table = LARGE.read(run.path)
    said = verdicts(table)
    row = table[(table["orbit"] == "AM") & (table["reference"] == "upscaled")].iloc[0]
    assert f"{row['gain_r']:+.3f}" in said[0]
    page = (run / "report.html").read_text()
    for title in ("Which retrievals count", "SMAP 36 km", "SMAP 9 km"):
        assert title in page
    assert "A mean of stations has not seen SMAP" in page


def test_the_report_cuts_nothing(run):
    """Every row of every table is on the page, the afternoon's too."""
    page = (run / "report.html").read_text(encoding="utf-8")
    rows = len(pd.read_csv(run / "heterogeneity.csv"))
    rows += sum(
        len(pd.read_csv(run / f)) for f in ("scores.csv", "validation_36km.csv", "validation_9km.csv")
    )
    assert page.count("<tr><td>") >= rows


def test_planned_stands_beside_measured(run):
    entry = run.manifest["steps"]["predict"]
    planned, measured = entry["planned"], entry["measured"]
    assert measured["requests"] == planned["requests"]
    assert measured["bytes_down"] == pytest.approx(planned["bytes_down"], rel=0.03)
    said = CliRunner().invoke(app, ["status", str(run.path)], catch_exceptions=False).output
    assert f"{measured['bytes_down']:,}" in said


def test_the_models_of_a_run_are_compared_on_what_they_were_trained_on(run):
    """Models of the anomaly are told the state of the network, which no table of samples holds."""
    result = CliRunner().invoke(app, ["parity", str(run.path), "--n", "40", "--planted", "40", "--json"])
    assert result.exit_code == 0, result.output
    compared = json.loads(result.stdout)["result"]
    assert {c["model"] for c in compared} == {f.name for f in (run.path / "models").glob("*.npz")}
    for model in compared:
        assert set(model["largest_difference"]) == {"kernel", "text", "classifier", "classifier, pixels"}
        assert model["rows"] == ["planted", "real"]
        assert max(model["largest_difference"].values()) <= model["tolerance"]

"""A whole run on the synthetic basin, coarse and short but through every step, from the command line."""

from __future__ import annotations

import json
import shutil

import ee
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from typer.testing import CliRunner

import smgee
from smgee.cards import verify
from smgee.errors import InputError, MissingDataError, ParityError
from smgee.models import BASELINES, load_model
from smgee.publish import RUN_ASSETS
from smgee.report import verdicts
from smgee.study import Study
from smgee.study.sections import Upscale
from smgee.upscale.parity import compare_maps
from smgee.validation.judges import TITLES
from smgee.validation.pairs import CROSS_FITTED
from smgee.workflow.connection import connected
from smgee.workflow.folder import RunFolder
from smgee.workflow.registry import ASKED_FOR, STEPS, all_steps
from smgee.workflow.run import execute
from smgee.workflow.step import plan
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
from smgee_cli.app import app, main

WHOLE = [name for name in STEPS if name not in ASKED_FOR]  # what `smgee run` does


@pytest.fixture(scope="module")
def study() -> Study:
    demo = Study.demo()
    content = demo.model_dump(mode="json") | {"name": "small", "start": "2021-06-10", "end": "2021-07-20"}
    content["upscale"]["layers"] = list(Upscale().layers)  # all that a study draws by default
    content["area"] |= {"scale_m": 300}
    content["training"] |= {"target": "absolute", "models": ["XGBoost", "RF"], "folds": 4}
    content["predictors"] = [
        {"kind": "reflectance", "composite": {"step_days": 20, "fill_days": 16}},
        {"kind": "indices", "names": ["NDVI", "NDMI"]},
        {"kind": "terrain"},
        {"kind": "calendar", "allow_alias": True},
    ]
    return Study.parse(content)


@pytest.fixture(scope="module")
def run(study, tmp_path_factory) -> RunFolder:
    folder = tmp_path_factory.mktemp("runs")
    study.to_yaml(folder / "study.yml")
    result = CliRunner().invoke(
        app, ["run", str(folder / "study.yml"), "--out", str(folder / "small")], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return RunFolder(folder / "small")


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
    assert "SYNTHETIC" in (run / "report.html").read_text(encoding="utf-8")
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


def test_finished_steps_are_not_done_again(run, study):
    before = run.manifest["steps"]["predict"]["finished"]
    result = CliRunner().invoke(app, ["predict", "--run", str(run.path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert RunFolder(run.path).manifest["steps"]["predict"]["finished"] == before


def stale(run, **options) -> list[str]:
    found = plan(all_steps().values(), run, WHOLE, options=options)
    return [d.step.name for d in found if d.action != "keep"]


def test_a_step_is_done_only_for_the_files_and_the_study_it_was_made_of(run):
    """A changed file makes its step and the later ones stale; so does another route."""
    assert stale(run) == []
    assert stale(run, predict={"route": "classifier"}) == [
        "predict",
        "layers",
        "compare_routes",
        "zonal",
        "mean_map",
        "validate",
        "truth",
        "report",
        "publish",
    ]
    file = run / "models" / "models.json"
    kept = file.read_text(encoding="utf-8")
    try:
        file.write_text(kept.replace('"best"', '"other"'), encoding="utf-8")
        assert stale(run)[:4] == ["train", "explain", "uncertainty", "predict"]
    finally:
        file.write_text(kept, encoding="utf-8")
    assert stale(run) == []


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("stations.nc", "sample"),
        ("unfrozen.csv", "sample"),
        ("samples.parquet", "train"),
        ("models/models.json", "explain"),
        ("maps.zarr/.zattrs", "zonal"),
        ("maps/season_mean.tif", "report"),
        ("scores.csv", "report"),
        ("zonal.csv", "validate"),
        ("smap.csv", "validate"),
        ("validation_36km.csv", "report"),
        ("heterogeneity.csv", "report"),
        ("parity.json", "report"),
    ],
)
@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_a_damaged_file_is_told_in_a_sentence(run, name, step, how):
    """Cut short or with one byte changed, no file goes into a later step."""
    file = run / name
    kept = file.read_bytes()
    middle = len(kept) // 2
    hurt = kept[:middle] if how == "cut" else kept[:middle] + bytes([kept[middle] ^ 1]) + kept[middle + 1 :]
    folder = RunFolder(run.path)
    try:
        file.write_bytes(hurt)
        with pytest.raises(InputError, match=r"is damaged or was edited; run `smgee .*` again"):
            execute(folder, [step], force=True)
    finally:
        file.write_bytes(kept)
    assert folder.entry(step) == run.entry(step), "refused before anything was forgotten"


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


def test_maps_of_another_model_are_not_passed_off(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "mixed")
    mixed = RunFolder(tmp_path / "mixed")
    execute(mixed, ["train"], options={}, force=True)  # the same again
    study = mixed.study.model_copy(
        update={"training": mixed.study.training.model_copy(update={"models": ("RF",)})}
    )
    mixed = RunFolder(tmp_path / "mixed", study)
    execute(mixed, ["train"])
    for step in ("zonal", "report"):
        with pytest.raises(InputError, match=r"was made from another models than the one there now"):
            execute(RunFolder(tmp_path / "mixed"), [step], force=True)


def test_a_deleted_table_is_made_again(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "again")
    before = (tmp_path / "again" / "zonal.csv").read_bytes()
    (tmp_path / "again" / "zonal.csv").unlink()
    result = CliRunner().invoke(app, ["zonal", "--run", str(tmp_path / "again")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "again" / "zonal.csv").read_bytes() == before


def test_two_runs_do_not_share_a_folder(study, tmp_path):
    with (
        RunFolder(tmp_path, study).writing(),
        pytest.raises(InputError, match="Another process"),
        RunFolder(tmp_path).writing(),
    ):
        pass
    with RunFolder(tmp_path).writing():
        pass


def test_the_verdict_is_told(run):
    table = LARGE.read(run.path)
    said = verdicts(table)
    row = table[(table["orbit"] == "AM") & (table["reference"] == "upscaled")].iloc[0]
    assert f"{row['gain_r']:+.3f}" in said[0]
    page = (run / "report.html").read_text()
    for title in ("Which retrievals count", "SMAP 36 km", "SMAP 9 km"):
        assert title in page
    assert "No reference has seen SMAP" in page


def test_trouble_with_files_is_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["smgee", "demo", "--out", "/dev/null/x"])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr().err
    assert stopped.value.code == 74
    assert said.startswith("smgee: /dev/null")


def test_stations_of_a_study_are_its_first_step(run, study, tmp_path):
    study.to_yaml(tmp_path / "study.yml")
    result = CliRunner().invoke(
        app, ["stations", str(tmp_path / "study.yml"), "--out", str(tmp_path / "r")], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    first, second = (xr.open_dataset(p / "stations.nc")["soil_moisture"] for p in (run.path, tmp_path / "r"))
    xr.testing.assert_identical(first, second)
    assert RunFolder(tmp_path / "r").manifest["steps"].keys() == {"stations"}
    with pytest.raises(InputError, match=r"settings of its own for --flags, --min-hours"):
        CliRunner().invoke(
            app,
            [
                "stations",
                str(tmp_path / "study.yml"),
                "--out",
                str(tmp_path / "r"),
                "--flags",
                "G",
                "--min-hours",
                "2",
            ],
            catch_exceptions=False,
        )


def test_steps_ask_for_what_they_need(tmp_path, capsys, monkeypatch):
    Study.demo().to_yaml(tmp_path / "r" / "study.yml")
    monkeypatch.setattr("sys.argv", ["smgee", "validate", "--run", str(tmp_path / "r")])
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capsys.readouterr().err
    assert stopped.value.code == MissingDataError.exit_code
    assert said.startswith("smgee: ")
    assert "smgee smap" in said
    assert "Traceback" not in said
    assert ParityError.exit_code != MissingDataError.exit_code


def test_a_study_without_a_36_km_product(run, study, tmp_path):
    """As on the real service, which has none: the rest is validated, and the gap is said."""
    folder = tmp_path / "without"
    shutil.copytree(run.path, folder)
    study.model_copy(update={"smap": study.smap.model_copy(update={"collection_36km": None})}).to_yaml(
        folder / "study.yml"
    )
    result = CliRunner().invoke(
        app,
        ["run", str(folder / "study.yml"), "--out", str(folder), "--no-publish"],
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    assert not (folder / "validation_36km.csv").exists()
    assert len(pd.read_csv(folder / "validation_9km.csv"))
    assert "Earth Engine has no 36 km product" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_study_without_smap(run, study, tmp_path):
    """Maps of every day, nothing to judge: no step asks for SMAP, and what an earlier study left is gone."""
    folder = tmp_path / "maps"
    shutil.copytree(run.path, folder)
    smap = study.smap.model_copy(update={"collection_36km": None, "nine_km": False})
    short = study.model_copy(update={"smap": smap, "end": pd.Timestamp("2021-06-18").date()})
    with pytest.raises(InputError, match=r"upscale\.days to daily"):
        execute(RunFolder(folder, short), [n for n in WHOLE if n != "publish"], connect=connected)
    upscale = study.upscale.model_copy(update={"days": "daily"})
    daily = RunFolder(folder, short.model_copy(update={"upscale": upscale}))
    decisions = execute(daily, [n for n in WHOLE if n != "publish"], connect=connected)
    left_out = [d.step.name for d in decisions if d.action == "leave out"]
    assert left_out == ["smap", "validate", "truth"]
    for name in ("smap.csv", "validation_36km.csv", "validation_9km.csv", "heterogeneity.csv"):
        assert not (folder / name).exists(), name
    assert daily.entry("predict")["days"] == 8
    assert "the study names no SMAP product" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_report_without_the_comparison_of_routes(run, tmp_path):
    folder = tmp_path / "bare"
    shutil.copytree(run.path, folder)
    for name in ("parity.json", "maps/season_mean.tif", "zonal.csv"):
        (folder / name).unlink()
    result = CliRunner().invoke(app, ["report", "--run", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "The two routes were not compared (`smgee compare-routes`)" in page


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


def test_a_dry_run_does_nothing_and_says_what_it_would(run, study, tmp_path):
    study.to_yaml(tmp_path / "study.yml")
    words = ["run", str(tmp_path / "study.yml"), "--out", str(tmp_path / "dry"), "--dry-run"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert "never done here" in result.output
    assert "route auto takes" in result.output
    assert not (tmp_path / "dry").exists()


def test_maps_may_stay_on_earth_engine(run, study, tmp_path):
    """Means over cells and over the season are the same; nothing of the maps is here."""
    shutil.copytree(run.path, tmp_path / "there")
    content = study.model_dump(mode="json")
    content["upscale"] |= {"route": "classifier", "maps": "earth_engine"}
    folder = RunFolder(tmp_path / "there", Study.parse(content))
    steps = ["predict", "layers", "compare_routes", "zonal", "mean_map", "validate", "truth", "report"]
    found = {d.step.name: d.action for d in execute(folder, steps, connect=connected)}
    assert (found["predict"], found["layers"]) == ("leave out", "leave out")
    assert not (folder / "maps.zarr").exists()
    for name in ("zonal.csv", "zonal_3km.parquet"):
        read = pd.read_csv if name.endswith("csv") else pd.read_parquet
        here, there = read(run / name), read(folder / name)
        assert list(here["cell"]) == list(there["cell"])
        np.testing.assert_allclose(there["soil_moisture"], here["soil_moisture"], rtol=0, atol=1e-4)
        np.testing.assert_allclose(there["coverage"], here["coverage"], rtol=0, atol=1e-3)
    means = [rasterio.open(f / "maps" / "season_mean.tif").read(1) for f in (run.path, folder.path)]
    np.testing.assert_allclose(*means, rtol=0, atol=1e-6)
    assert folder.entry("compare_routes")["parity"]["agrees"]
    assert "they stay on Earth Engine" in (folder / "report.html").read_text(encoding="utf-8")

    words = ["export", "--run", str(folder.path), "--what", "mean"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    exported = pd.read_csv(folder / "exports.csv")
    assert list(exported["state"]) == ["SUCCEEDED"]
    with connected(folder):
        image = ee.Image(f"{exported['place'][0]}/season_mean").getInfo()
    assert image["bands"][0]["dimensions"] == [study.grid.width, study.grid.height]
    assert image["properties"]["synthetic"] == 1

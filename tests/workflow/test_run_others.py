"""Studies that lack something, or keep their maps on Earth Engine."""

from __future__ import annotations

import shutil
from datetime import date

import ee
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from typer.testing import CliRunner

from smgee.errors import InputError
from smgee.study import Study
from smgee.workflow.connection import connected
from smgee.workflow.folder import RunFolder
from smgee.workflow.registry import WHOLE
from smgee.workflow.run import execute
from smgee_cli.app import app


def test_a_study_without_a_36_km_product(run, study, tmp_path):
    """As on the real service, which has none: the rest is validated, and the gap is said."""
    folder = tmp_path / "without"
    shutil.copytree(run.path, folder)
    smap = study.smap.model_copy(update={"collection_36km": None})
    upscale = study.upscale.model_copy(update={"layers": ()})
    study.model_copy(update={"smap": smap, "upscale": upscale}).to_yaml(folder / "study.yml")
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
    short = study.model_copy(update={"smap": smap, "end": date(2021, 6, 18)})
    training = study.training.model_copy(update={"models": ("XGBoost",)})
    short = short.model_copy(update={"training": training})
    with pytest.raises(InputError, match=r"upscale\.days to daily"):
        execute(RunFolder(folder, short), [n for n in WHOLE if n != "publish"], connect=connected)
    upscale = study.upscale.model_copy(update={"days": "daily", "layers": ()})
    daily = RunFolder(folder, short.model_copy(update={"upscale": upscale}))
    decisions = execute(daily, [n for n in WHOLE if n != "publish"], connect=connected)
    left_out = [d.step.name for d in decisions if d.action == "leave out"]
    assert left_out == ["uncertainty", "smap", "layers", "validate", "truth"]
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


def test_maps_may_stay_on_earth_engine(run, study, tmp_path):
    """Means over cells and over the season are the same; nothing of the maps is here."""
    shutil.copytree(run.path, tmp_path / "there")
    end = "2021-06-22"
    content = study.model_dump(mode="json") | {"end": end}
    content["upscale"] |= {"route": "classifier", "maps": "earth_engine"}
    folder = RunFolder(tmp_path / "there", Study.parse(content))
    steps = ["predict", "layers", "compare_routes", "zonal", "mean_map", "validate", "truth", "report"]
    found = {d.step.name: d.action for d in execute(folder, steps, connect=connected)}
    assert (found["predict"], found["layers"]) == ("leave out", "leave out")
    assert not (folder / "maps.zarr").exists()
    for name in ("zonal.csv", "zonal_3km.parquet"):
        read = pd.read_csv if name.endswith("csv") else pd.read_parquet
        here, there = read(run / name), read(folder / name)
        here = here[pd.to_datetime(here["date"]) < end].reset_index(drop=True)
        assert len(there) > 17
        assert list(here["cell"]) == list(there["cell"])
        np.testing.assert_allclose(there["soil_moisture"], here["soil_moisture"], rtol=0, atol=1e-4)
        np.testing.assert_allclose(there["coverage"], here["coverage"], rtol=0, atol=1e-3)
    maps = xr.open_zarr(run / "maps.zarr")["soil_moisture"]
    here = maps.sel(time=maps["time"] < np.datetime64(end)).astype("f8").mean("time")
    with rasterio.open(folder / "maps" / "season_mean.tif") as file:
        np.testing.assert_allclose(file.read(1), here, rtol=0, atol=1e-6)
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

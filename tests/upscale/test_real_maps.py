"""Maps from real HLS files with a model trained on a real station table, by both routes: no synthetic
basin.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import rasterio
import yaml
from typer.testing import CliRunner

from smgee_cli.app import app

BANDS = {"blue": "B2", "green": "B3", "red": "B4", "nir": "B8A", "swir1": "B11", "swir2": "B12"}
DERIVED = {
    **{role: f"{band}/1e4" for role, band in BANDS.items()},
    "NDVI": "(nir-red)/(nir+red)",
    "NDMI": "(nir-swir1)/(nir+swir1)",
    "NDWI": "(green-nir)/(green+nir)",
}
DAY = "2018-08-18"  # day 230


def smgee(*words: object):
    result = CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def catalog(real_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalog")
    smgee(
        "catalog",
        "add",
        "NASA/HLS/HLSS30/v002",
        *sorted((real_data / "hls_chips").glob("*.tif")),
        "--catalog",
        folder,
    )
    return folder


@pytest.fixture(scope="module")
def models(real_data, tmp_path_factory):
    run = tmp_path_factory.mktemp("txson")
    derive = [w for name, text in DERIVED.items() for w in ("--derive", f"{name}={text}")]
    columns = [
        "--target",
        "sm",
        "--station",
        "Network,Station",
        "--time",
        "StartDate",
        "--predictors",
        ",".join([*DERIVED, "doy"]),
    ]
    rows = ["--table", real_data / "txson" / "paired_10day.csv", "--where", 'Network == "TxSON"']
    smgee(
        "train",
        *rows,
        *columns,
        *derive,
        "--learn",
        "absolute",
        "--models",
        "xgboost,gbdt",
        "--folds",
        3,
        "--explain",
        "none",
        "--out",
        run,
    )
    return run / "models"


@pytest.fixture(scope="module")
def study(catalog, tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "study.yml"
    content = {
        "name": "chips",
        "start": "2018-08-10",
        "end": "2018-08-26",
        "stations": {"source": "none"},
        "area": {"lon": -121.646, "lat": 38.107, "crs": "EPSG:32610"},
        "backend": {"kind": "embedded", "catalog": str(catalog)},
        "predictors": {
            "sensors": ["S30"],
            "indices": ["NDVI", "NDMI", "NDWI"],
            "terrain": [],
            "mask": [],
            "window_days": 16,
            "fill_days": 16,
            "step_days": 16,
        },
    }
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("name", ["xgboost", "gbdt"])
def test_both_routes_give_the_library_prediction_on_real_scenes(name, study, models, real_data, tmp_path):
    out = tmp_path / "map.tif"
    said = smgee(
        "map", study, "--model", models / f"{name}.npz", "--day", DAY, "--route", "both", "--out", out
    )
    assert "masks differ on 0 pixels" in " ".join(said.split())
    reflectance = {}
    for role, band in BANDS.items():
        number = band[1:].zfill(2) if band != "B8A" else "8A"
        with rasterio.open(
            real_data / "hls_chips" / f"HLSS30.020_B{number}_doy2018230_aid0001_10N.tif"
        ) as file:
            raw, place = file.read(1), file.transform
        reflectance[role] = np.where(raw == -9999, np.nan, raw * np.float64(1e-4)).astype("f4")
    frame = pd.DataFrame({k: v.ravel().astype("f8") for k, v in reflectance.items()})
    for index in ("NDVI", "NDMI", "NDWI"):
        frame[index] = frame.eval(DERIVED[index])
    frame["doy"] = 230.0
    from smgee.trees import TreeEnsemble

    model = TreeEnsemble.load(models / f"{name}.npz")
    valid = frame.notna().all(axis=1).to_numpy()
    expected = np.full(len(frame), np.nan)
    expected[valid] = model.predict_reference(frame.loc[valid, list(model.feature_names)].to_numpy("f4"))
    with rasterio.open(out) as file:
        window = (
            file.window(*rasterio.transform.array_bounds(*raw.shape, place)).round_offsets().round_lengths()
        )
        found = file.read(1, window=window)
        assert np.isfinite(file.read(1)).sum() == valid.sum() > 500
    # The index of this oracle is rounded once more than Earth Engine's, so a pixel on a threshold may fall
    # the other way: not more than a few.
    close = np.isclose(found.ravel()[valid], expected[valid], atol=1e-6)
    assert close.mean() > 0.99

"""Published assets are rechecked against their cards; what was tampered with is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import smgee
from smgee.cards import SEAL, model_marks, seal, verify
from smgee.errors import InputError, ParityError
from smgee.grid import PixelGrid
from smgee.publish import publish_map, publish_model, publish_stations, together
from smgee.remote import bucket_uploader
from smgee.tables import write_cog
from smgee.trees.layout import assemble
from smgee_cli.app import app

FOLDER = "projects/smgee-embedded/assets/cards"
GRID = PixelGrid("EPSG:32647", (30.0, 0.0, 390000.0, 0.0, -30.0, 4160000.0), 70, 40)


def model(high: float = 0.3) -> Any:
    tree = {
        "feature": np.array([0, 1, -1, -1, -1]),
        "threshold": np.array([0.5, 120.0, 0, 0, 0]),
        "left": np.array([1, 2, -1, -1, -1]),
        "right": np.array([4, 3, -1, -1, -1]),
        "value": np.array([0, 0, 0.1, 0.2, high]),
        "missing_left": np.array([True, True, False, False, False]),
    }
    return assemble([tree], feature_names=("ndvi", "elevation"), comparison="lt")


def stations(shift: float = 0.0) -> xr.Dataset:
    place = {"lon": ("station", [99.5 + shift, 99.6]), "lat": ("station", [37.2, 37.3])}
    return xr.Dataset(place, {"station": ["a", "b"]})


def field() -> np.ndarray:
    values = np.random.default_rng(0).uniform(0.05, 0.5, GRID.shape).astype("float32")
    values[:5, :7] = np.nan
    return values


@pytest.fixture
def session(tmp_path: Path) -> Iterator[smgee.Session]:
    bucket = tmp_path / "bucket"
    with smgee.connect(sources=[], store=tmp_path / "store", buckets={"b": bucket}) as session:
        session.upload = bucket_uploader("b", folder=bucket)  # type: ignore[attr-defined]
        publish(session, tmp_path, field())
        yield session


def publish(session: Any, folder: Path, values: np.ndarray) -> None:
    write_cog(values, GRID, folder / "mean.tif", band="soil_moisture", units="m3 m-3")
    card = {"study": "cards", "r_station": 0.61, "synthetic": True, "trees": 1, "nothing": float("nan")}
    options: dict[str, Any] = {
        "band": "soil_moisture",
        "start_ms": 0,
        "end_ms": 86_400_000,
        "properties": card,
    }
    with together(FOLDER) as staging:
        publish_map(folder / "mean.tif", f"{staging}/mean", upload=session.upload, **options)
        publish_model(model(), f"{staging}/model", properties=card)
        publish_stations(stations(), f"{staging}/stations", properties=card)


def held() -> dict[tuple[str, str], bool | None]:
    return {(c.asset.rsplit("/", 1)[1], c.what): c.holds for c in verify(FOLDER)}


def test_what_was_published_holds(session):
    assert held() == {(n, w): True for n in ("mean", "model", "stations") for w in ("card", "content")}


@pytest.mark.parametrize("name", ["mean", "model", "stations"])
@pytest.mark.parametrize("change", [{"r_station": 0.81}, {"further": "x"}])
def test_a_changed_or_added_property_is_noticed(session, name, change):
    known = ee.data.getAsset(f"{FOLDER}/{name}")["properties"]
    ee.data.updateAsset(f"{FOLDER}/{name}", {"properties": {**known, **change}}, ["properties"])
    found = held()
    assert found.pop((name, "card")) is False
    assert all(found.values())


def test_other_content_under_the_same_card_is_noticed(session, tmp_path):
    cards = {n: ee.data.getAsset(f"{FOLDER}/{n}")["properties"] for n in ("mean", "model", "stations")}
    other = field()
    other[20, 30] += 0.001
    write_cog(other, GRID, tmp_path / "other.tif", band="soil_moisture", units="m3 m-3")
    options: dict[str, Any] = {"band": "soil_moisture", "start_ms": 0, "end_ms": 86_400_000, "properties": {}}
    publish_map(tmp_path / "other.tif", f"{FOLDER}/mean", upload=session.upload, **options)
    for name in ("model", "stations"):
        ee.data.deleteAsset(f"{FOLDER}/{name}")
    publish_model(model(0.31), f"{FOLDER}/model", properties={})
    publish_stations(stations(1e-4), f"{FOLDER}/stations", properties={})
    for name, card in cards.items():
        kept = {k: v for k, v in card.items() if not k.startswith("system:")}
        ee.data.updateAsset(f"{FOLDER}/{name}", {"properties": kept}, ["properties"])
    found = held()
    assert {w for (_, w), holds in found.items() if holds is False} == {"content"}
    assert sum(holds is False for holds in found.values()) == 3


def test_an_asset_of_others_is_unknown_and_none_is_an_error(session):
    ee.data.createAsset({"type": "IMAGE_COLLECTION"}, "projects/smgee-embedded/assets/empty")
    with pytest.raises(InputError, match="no asset"):
        verify(f"{FOLDER}/other")
    known = ee.data.getAsset(f"{FOLDER}/mean")["properties"]
    bare = {k: v for k, v in known.items() if k not in (SEAL, "content_sha256")}
    ee.data.updateAsset(f"{FOLDER}/mean", {"properties": bare}, ["properties"])
    assert [c.holds for c in verify(f"{FOLDER}/mean")] == [None, None]


def test_a_seal_does_not_depend_on_how_numbers_travel():
    card = {"a": 1, "b": 0.1, "c": "x"}
    assert seal(card)[SEAL] == seal({"c": "x", "b": 0.1, "a": 1.0, "system:index": "7"})[SEAL]
    assert seal(card)[SEAL] != seal(card | {"b": 0.1000001})[SEAL]
    marks = model_marks(model())
    assert marks == model_marks(model())
    assert len(marks["probe_answers"].split(",")) == len(marks["probe_rows"].split(";"))
    assert {round(float(v), 6) for v in marks["probe_answers"].split(",")} == {0.1, 0.2, 0.3}


def test_the_command_says_what_differs(session, tmp_path, monkeypatch):
    monkeypatch.setenv("SMGEE_STORE", str(tmp_path / "store"))
    result = CliRunner().invoke(app, ["verify", FOLDER], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.output.count("holds") == 6
    with smgee.connect(sources=[], store=tmp_path / "store"):
        known = ee.data.getAsset(f"{FOLDER}/model")["properties"]
        ee.data.updateAsset(f"{FOLDER}/model", {"properties": {**known, "trees": 2}}, ["properties"])
    result = CliRunner().invoke(app, ["verify", FOLDER])
    assert isinstance(result.exception, ParityError)
    assert "model is not what its card says" in str(result.exception)

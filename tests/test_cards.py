"""Published assets are rechecked against their cards; what was tampered with is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

import smgee
from smgee.cards import SEAL, model_marks, seal, verify
from smgee.errors import InputError, ParityError
from smgee.grid import EaseCell, PixelGrid, ease_cell_at
from smgee.ingest import ingest_smap
from smgee.publish import (
    publish_cells,
    publish_map,
    publish_maps,
    publish_model,
    publish_stations,
    share,
    together,
)
from smgee.remote import bucket_uploader
from smgee.tables import write_cog
from smgee.trees.layout import assemble
from smgee_cli.app import app
from tests.validation.level3 import level3_day

KINDS = ("mean", "model", "stations", "cells")
CELL = ease_cell_at(99.8, 37.5)
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


def conditions(relief: float = 120.0) -> pd.DataFrame:
    return pd.DataFrame({"cell": [CELL.name], "elevation_sd": [relief], "note": ["x"]})


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
        publish_cells([CELL, *CELL.children()], f"{staging}/cells", conditions=conditions(), properties=card)


def held() -> dict[tuple[str, str], bool | None]:
    return {(c.asset.rsplit("/", 1)[1], c.what): c.holds for c in verify(FOLDER)}


def test_what_was_published_holds(session):
    assert held() == {(n, w): True for n in KINDS for w in ("card", "content")}


def test_a_model_of_no_predictors_is_published_and_holds(session):
    """Such as the mean of the network, where no place could be told from another."""
    flat = model().specialize({"ndvi": 0.4, "elevation": 100.0})
    assert flat.feature_names == ()
    publish_model(flat, f"{FOLDER}/flat", properties={"synthetic": True})
    assert {c.what: c.holds for c in verify(f"{FOLDER}/flat")} == {"card": True, "content": True}


def test_cells_are_exact_and_told(session):
    table = ee.FeatureCollection(f"{FOLDER}/cells")
    assert table.size().getInfo() == 17
    large = ee.Feature(table.filter(ee.Filter.eq("cell", CELL.name)).first())
    area = large.geometry().transform("EPSG:6933", 0.1).area(0.1, "EPSG:6933").getInfo()
    assert area == pytest.approx(36032.220840584**2, rel=1e-6)
    told = large.toDictionary().getInfo()
    assert told["elevation_sd"] == 120.0
    assert (told["row"], told["col"], told["grid"], told["study"]) == (CELL.row, CELL.col, "M36", "cards")


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("change", [{"r_station": 0.81}, {"further": "x"}])
def test_a_changed_or_added_property_is_noticed(session, name, change):
    known = ee.data.getAsset(f"{FOLDER}/{name}")["properties"]
    ee.data.updateAsset(f"{FOLDER}/{name}", {"properties": {**known, **change}}, ["properties"])
    found = held()
    assert found.pop((name, "card")) is False
    assert all(found.values())


def test_other_content_under_the_same_card_is_noticed(session, tmp_path):
    cards = {n: ee.data.getAsset(f"{FOLDER}/{n}")["properties"] for n in KINDS}
    other = field()
    other[20, 30] += 0.001
    write_cog(other, GRID, tmp_path / "other.tif", band="soil_moisture", units="m3 m-3")
    options: dict[str, Any] = {"band": "soil_moisture", "start_ms": 0, "end_ms": 86_400_000, "properties": {}}
    publish_map(tmp_path / "other.tif", f"{FOLDER}/mean", upload=session.upload, **options)
    for name in ("model", "stations", "cells"):
        ee.data.deleteAsset(f"{FOLDER}/{name}")
    publish_model(model(0.31), f"{FOLDER}/model", properties={})
    publish_stations(stations(1e-4), f"{FOLDER}/stations", properties={})
    cells = [CELL, *CELL.children()]
    publish_cells(cells, f"{FOLDER}/cells", conditions=conditions(121.0), properties={})
    for name, card in cards.items():
        kept = {k: v for k, v in card.items() if not k.startswith("system:")}
        ee.data.updateAsset(f"{FOLDER}/{name}", {"properties": kept}, ["properties"])
    found = held()
    assert {w for (_, w), holds in found.items() if holds is False} == {"content"}
    assert sum(holds is False for holds in found.values()) == len(KINDS)


def test_a_cell_elsewhere_is_noticed(session):
    card = ee.data.getAsset(f"{FOLDER}/cells")["properties"]
    moved = [CELL, *(EaseCell(c.grid, c.row + 1, c.col) for c in CELL.children())]
    publish_cells(moved, f"{FOLDER}/cells", conditions=conditions(), properties={})
    ee.data.updateAsset(f"{FOLDER}/cells", {"properties": card}, ["properties"])
    assert held()["cells", "content"] is False


# -- collections

DAYS = tuple(date(2021, 6, 1) + timedelta(days=k) for k in range(3))
MAPS = f"{FOLDER}/maps"


def publish_three(session: Any, *, first: float = 0.0, study: str = "cards", **options: Any) -> list[bool]:
    """Publish three daily maps, the first of them shifted, and return which were written."""
    maps = ((day, field() + (first if day == DAYS[0] else 0.0)) for day in DAYS)
    card = {"study": study, "synthetic": True}
    found = publish_maps(maps, GRID, MAPS, upload=session.upload, properties=card, **options)
    return list(found.values())


def test_daily_maps_go_on_where_they_stopped_and_carry_their_times(session):
    assert publish_three(session) == [True] * 3
    ee.data.deleteAsset(f"{MAPS}/20210602")  # as if the writer had been killed before it
    assert publish_three(session) == [False, True, False]
    assert publish_three(session, first=0.01) == [True, False, False]
    assert all(c.holds for c in verify(MAPS))
    found = ee.ImageCollection(MAPS).filterDate("2021-06-02", "2021-06-03")
    assert found.aggregate_array("system:index").getInfo() == ["20210602"]
    image = ee.data.getAsset(f"{MAPS}/20210602")
    assert (image["startTime"], image["endTime"]) == ("2021-06-02T00:00:00Z", "2021-06-03T00:00:00Z")
    whole = ee.data.getAsset(MAPS)["properties"]
    assert (whole["first_day"], whole["last_day"], whole["images"]) == ("2021-06-01", "2021-06-03", 3)


def test_daily_maps_of_others_are_not_overwritten_by_mistake(session):
    publish_three(session, study="naqu")
    with pytest.raises(InputError, match="20210601 is not of the study 'cards'"):
        publish_three(session)
    assert publish_three(session, overwrite=True) == [True] * 3


def test_a_collection_that_lost_or_changed_an_image_is_noticed(session):
    publish_three(session)
    card = ee.data.getAsset(f"{MAPS}/20210601")["properties"]
    ee.data.updateAsset(f"{MAPS}/20210601", {"properties": {**card, "r_station": 0.9}}, ["properties"])
    wrong = {(c.asset.rsplit("/", 1)[1], c.what) for c in verify(MAPS) if c.holds is False}
    assert wrong == {("20210601", "card")}
    ee.data.deleteAsset(f"{MAPS}/20210603")
    wrong = {(c.asset.rsplit("/", 1)[1], c.what) for c in verify(MAPS) if c.holds is False}
    assert wrong == {("20210601", "card"), ("maps", "content")}
    for day in ("20210601", "20210602"):
        ee.data.deleteAsset(f"{MAPS}/{day}")
    assert [(c.what, c.holds) for c in verify(MAPS)] == [("card", True), ("content", False)]


def test_a_tampered_ingest_of_smap_is_noticed(session, tmp_path):
    def theta(cell: EaseCell, orbit: str) -> float:
        return 0.2 + 0.01 * (orbit == "PM")

    collection = f"{session.asset_root}/smap36"
    files = [level3_day(tmp_path, d, [CELL], theta) for d in DAYS[:2]]
    ingest_smap(files, collection, upload=session.upload, cells=[CELL])
    checks = verify(collection)
    assert [c.holds for c in checks] == [True] * 6
    whole = ee.data.getAsset(collection)["properties"]
    assert (whole["first_day"], whole["last_day"], whole["smap_version"]) == (
        "2021-06-01",
        "2021-06-02",
        "009",
    )
    # another retrieval under the card of the first
    image = f"{collection}/20210601"
    card = ee.data.getAsset(image)["properties"]
    (tmp_path / "other").mkdir()
    other = level3_day(tmp_path / "other", DAYS[0], [CELL], lambda cell, orbit: theta(cell, orbit) + 0.001)
    ingest_smap([other], collection, upload=session.upload, cells=[CELL])
    ee.data.updateAsset(image, {"properties": card}, ["properties"])
    wrong = {(c.asset.rsplit("/", 1)[1], c.what) for c in verify(collection) if c.holds is False}
    assert wrong == {("20210601", "content"), ("smap36", "content")}


def test_images_of_others_stand_in_the_way_of_an_ingest(session, tmp_path):
    collection = f"{session.asset_root}/mine"
    file = level3_day(tmp_path, DAYS[0], [CELL], lambda cell, orbit: 0.2)
    ingest_smap([file], collection, upload=session.upload, cells=[CELL])
    ee.data.updateAsset(f"{collection}/20210601", {"properties": {"made": "by hand"}}, ["properties"])
    with pytest.raises(InputError, match="20210601 is there already and was not ingested by smgee"):
        ingest_smap([file], collection, upload=session.upload, cells=[CELL])
    found = ingest_smap([file], collection, upload=session.upload, cells=[CELL], overwrite=True)
    assert [f.done for f in found] == [True]


def test_readers_are_those_that_were_named(session):
    share(f"{FOLDER}/mean", ["allUsers", "group:soil@example.org"])
    share(f"{FOLDER}/model", ["user:me@example.org"])
    share(f"{FOLDER}/model", [])
    roles = {
        name: {b["role"]: b["members"] for b in ee.data.getIamPolicy(f"{FOLDER}/{name}")["bindings"]}
        for name in ("mean", "model")
    }
    assert roles["mean"]["roles/viewer"] == ["allUsers", "group:soil@example.org"]
    assert "roles/owner" in roles["mean"]
    assert "roles/viewer" not in roles["model"]
    assert ee.data.getAssetAcl(f"{FOLDER}/mean")["all_users_can_read"] is True


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
    assert result.output.count("holds") == 8
    with smgee.connect(sources=[], store=tmp_path / "store"):
        known = ee.data.getAsset(f"{FOLDER}/model")["properties"]
        ee.data.updateAsset(f"{FOLDER}/model", {"properties": {**known, "trees": 2}}, ["properties"])
    result = CliRunner().invoke(app, ["verify", FOLDER])
    assert isinstance(result.exception, ParityError)
    assert "model is not what its card says" in str(result.exception)

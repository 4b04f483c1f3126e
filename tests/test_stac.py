"""A run as a STAC catalog, read and validated by pystac."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from pystac.validation import validate_dict
from typer.testing import CliRunner

from smgee.area import Area
from smgee.errors import MissingDataError
from smgee.stac import describe_run, write_catalog
from smgee.study import Study
from smgee.tables import Provenance, write_cog
from smgee.upscale import MapStore
from smgee.workflow.folder import RunFolder
from smgee_cli.app import app

DAYS = [date(2021, 6, 1), date(2021, 6, 4)]
BOX = (99.80, 37.50, 99.81, 37.51)


@pytest.fixture
def study() -> Study:
    return Study.demo().model_copy(update={"area": Area(box=BOX)})


@pytest.fixture
def run(tmp_path, study) -> Path:
    folder = tmp_path / "run"
    with RunFolder(folder, study).writing():
        pass
    provenance = Provenance(synthetic=True, made_by="smgee predict")
    store = MapStore(folder / "maps.zarr", days=DAYS, grid=study.grid, identity="x", provenance=provenance)
    for block in store.blocks:
        store.write(block, DAYS, {"soil_moisture": np.full((2, block.height, block.width), 0.2, "f4")})
    (folder / "maps").mkdir()
    write_cog(np.full(study.grid.shape, 0.2), study.grid, folder / "maps" / "season_mean.tif",
              band="soil_moisture", units="m3 m-3")  # fmt: skip
    (folder / "report.html").write_text("<p>report</p>")
    (folder / "scores.csv").write_text("model\n")
    return folder


def test_pystac_reads_and_validates_it(run, study):
    collection = pystac.Collection.from_file(str(write_catalog(run, study)))
    (item,) = collection.get_items()
    assert collection.title.endswith("(SYNTHETIC basin)")
    assert collection.extent.spatial.bboxes == [[pytest.approx(v) for v in BOX]]
    start, end = collection.extent.temporal.intervals[0]
    assert (start.date(), end.date()) == (DAYS[0], DAYS[1])
    assert item.get_collection().id == study.name
    for asset in [*item.assets.values(), *collection.assets.values()]:
        assert Path(asset.get_absolute_href()).exists(), asset.href
    assert set(item.assets) == {"maps", "season_mean"}
    assert set(collection.assets) == {"report", "study", "scores"}
    with rasterio.open(item.assets["season_mean"].get_absolute_href()) as file:
        assert item.properties["proj:shape"] == list(file.shape)
        assert item.properties["proj:transform"] == list(file.transform)[:6]
        assert item.properties["proj:code"] == file.crs.to_string()
        assert item.assets["season_mean"].to_dict()["bands"][0]["unit"] == file.units[0]
    # The extension's schema lies on the network; those of the specification come with pystac.
    for content in describe_run(run, study):
        validate_dict({**content, "stac_extensions": []})
    broken = {**item.to_dict(include_self_link=False), "stac_extensions": [], "bbox": None}
    with pytest.raises(pystac.errors.STACValidationError):
        validate_dict(broken)


def test_the_folder_can_be_moved(run, study, tmp_path):
    write_catalog(run, study)
    moved = Path(shutil.move(run, tmp_path / "elsewhere"))
    collection = pystac.Collection.from_file(str(moved / "stac" / "collection.json"))
    assert all(
        Path(a.get_absolute_href()).exists() for i in collection.get_items() for a in i.assets.values()
    )


def test_across_the_antimeridian(run, study):
    fiji = study.model_copy(update={"area": Area(box=(179.9, -17.0, -179.9, -16.9), crs="EPSG:32760")})
    _, item = describe_run(run, fiji)
    assert item["bbox"] == [179.9, -17.0, -179.9, -16.9]
    validate_dict({**item, "stac_extensions": []})


def test_no_maps_no_item(tmp_path, study):
    with pytest.raises(MissingDataError, match="smgee predict"):
        describe_run(tmp_path, study)


def test_the_command(run):
    told = CliRunner().invoke(app, ["stac", "--run", str(run), "--json"], catch_exceptions=False)
    content = json.loads(told.stdout)
    assert Path(content["result"]["item"]).exists()
    assert content["next"] == f"open {run / 'stac' / 'collection.json'} in a STAC browser"

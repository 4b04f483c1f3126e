"""Kinds of files that smgee reads: how a valid one is made, what reads it, what it says by another reading.

tests/fuzzing.py breaks the files. What is read of a broken one all the same is compared with what another
program finds in it, wherever there is one; where a file carries a hash or checksum of its own, with the whole
file.
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import xarray as xr
import yaml
from rasterio.transform import from_origin

from smgee.eelocal.assets.catalog import add_files
from smgee.eelocal.assets.folder import FolderSource, load_records
from smgee.eelocal.assets.records import read_features, read_pixels
from smgee.eelocal.classifiers.treetext import parse_forest
from smgee.eelocal.ops.filter import parse_filter
from smgee.eelocal.ops.image_expression import parse
from smgee.eelocal.tasks.log import OperationLog
from smgee.eelocal.values.date import parse_iso
from smgee.eelocal.values.datetext import parse_date
from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.insitu import read_ismn, read_table
from smgee.models import NetworkTable
from smgee.models.store import load_model
from smgee.schemas import QUALITY
from smgee.study import Study
from smgee.tables import Provenance, write_table
from smgee.tables import read_table as read_run_table
from smgee.trees import TreeEnsemble
from smgee.upscale import MapStore
from smgee.validation.hdf5 import read_smap
from smgee.workflow.folder import RunFolder
from tests import fuzz_trees
from tests.insitu.stm import write_stm
from tests.validation.level3 import level3_day

__all__ = ["READERS", "Reader"]


@dataclass(frozen=True)
class Reader:
    """A kind of file.

    Attributes
    ----------
    make : callable
        Makes a valid one in a folder, and gives its path.
    read : callable
        What reads it.
    check : callable, optional
        Raises AssertionError when what was read is not what the file says.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], Any]
    check: Callable[[Path, Any], None] | None = None


def _write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


# -- Studies


def _study(folder: Path) -> Path:
    Study.demo().to_yaml(folder / "study.yml")
    return folder / "study.yml"


def _said(path: Path, study: Study) -> None:
    """Every value that the file gives is a value of the study."""
    held = study.model_dump(mode="json")

    def compare(given: Any, found: Any, where: str) -> None:
        if isinstance(given, dict) and isinstance(found, dict):
            for key, value in given.items():
                assert key in found, f"{where}.{key} is ignored"
                compare(value, found[key], f"{where}.{key}")
        elif isinstance(given, list) and isinstance(found, list):
            assert len(given) == len(found), where
            for k, (one, other) in enumerate(zip(given, found, strict=True)):
                compare(one, other, f"{where}[{k}]")
        elif isinstance(given, date):
            assert given.isoformat() == str(found), f"{where}: {given} read as {found}"
        elif isinstance(given, (int, float)) and isinstance(found, (int, float)):
            assert given == found, f"{where}: {given} read as {found}"
        elif isinstance(given, str) and isinstance(found, str):
            # names go by either case, paths from the study's folder
            alike = given.strip().casefold() in (
                found.strip().casefold(),
                _from(path.parent, found).casefold(),
            )
            assert alike, f"{where}: {given!r} read as {found!r}"

    compare(yaml.safe_load(path.read_text(encoding="utf-8")), held, "study")


def _from(folder: Path, file: str) -> str:
    return str(Path(file).relative_to(folder)) if file.startswith(str(folder)) else file


def _outline(folder: Path) -> Path:
    ring = [[99.7, 37.4], [99.9, 37.4], [99.9, 37.6], [99.7, 37.6], [99.7, 37.4]]
    feature = {
        "type": "Feature",
        "properties": {"n": 1},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    return _write(folder / "area.geojson", json.dumps({"type": "FeatureCollection", "features": [feature]}))


def _within(path: Path) -> Study:
    content = Study.demo().model_dump(mode="json")
    return Study.parse({**content, "area": {"geojson": str(path), "scale_m": 300}})


def _endmembers(folder: Path) -> Path:
    return _write(folder / "ends.csv", "endmember,green,red,nir\nsoil,0.1,0.2,0.3\ngrass,0.05,0.04,0.4\n")


def _unmixing(path: Path) -> Study:
    content = Study.demo().model_dump(mode="json")
    return Study.parse({**content, "predictors": [{"kind": "unmixing", "endmembers": str(path)}]})


# -- Stations and tables


def _stm(folder: Path) -> Path:
    times = pd.date_range("2021-05-01", periods=24, freq="h")
    return write_stm(folder, "S1", times, [0.2 + k / 1000 for k in range(24)])


def _same_series(path: Path, ds: xr.Dataset) -> None:
    """The values kept are those of the lines with a good flag, and all of them."""
    good = {}
    # not splitlines: that ends a line at a vertical tab, too
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n")[1:]:
        words = line.split()
        if len(words) > 3 and words[3] == "G" and np.isfinite(float(words[2])):
            good[pd.Timestamp(f"{words[0]} {words[1]}")] = float(words[2])
    found = ds["soil_moisture"].isel(station=0).dropna("time")
    assert {
        pd.Timestamp(t): v for t, v in zip(found["time"].values, found.values.tolist(), strict=True)
    } == good


def _archive(folder: Path) -> Path:
    _stm(folder / "unpacked")
    made = Path(shutil.make_archive(str(folder / "archive"), "zip", folder / "unpacked"))
    shutil.rmtree(folder / "unpacked")
    return made


def _stations(folder: Path) -> Path:
    times = pd.date_range("2021-05-01", periods=12, freq="h")
    frame = pd.DataFrame({"time": times, "station": "a", "soil_moisture": np.arange(12) / 50})
    frame.assign(lon=99.8, lat=37.5).to_csv(folder / "stations.csv", index=False)
    return folder / "stations.csv"


def _same_rows(path: Path, ds: xr.Dataset) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [float(row["soil_moisture"] or "nan") for row in csv.DictReader(file)]
    wanted = sorted(v for v in rows if np.isfinite(v) and v not in (-9999.0, -999.0, -99.0))
    values = ds["soil_moisture"].values
    assert sorted(values[np.isfinite(values)].tolist()) == wanted


def _training(folder: Path, name: str) -> Path:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "station": np.repeat(["a", "b", "c"], 8),
            "date": list(pd.date_range("2021-05-01", periods=8)) * 3,
            "sm": rng.uniform(0.1, 0.4, 24).round(3),
            "ndvi": rng.uniform(0, 1, 24).round(3),
            "lon": 99.8,
            "lat": 37.5,
        }
    )
    path = folder / name
    frame.to_csv(path, index=False) if name.endswith("csv") else frame.to_parquet(path)
    return path


def _same_training(path: Path, table: NetworkTable) -> None:
    """Every row of the table is a row of the file."""
    with path.open(encoding="utf-8", newline="") as file:
        told = csv.DictReader(line for line in file if line.strip())  # blank lines above the names are none
        rows = {(r["station"].strip(), r["sm"], r["ndvi"]) for r in told if r["ndvi"]}
    pairs = set()
    for station, moisture, ndvi in rows:
        try:
            pairs.add((station, float(moisture), np.float32(ndvi)))
        except ValueError:
            continue
    column = table.dynamic["ndvi"] if "ndvi" in table.dynamic else table.static["ndvi"][table.station]
    for row in np.flatnonzero(table.scored):
        found = (str(table.names[table.station[row]]).strip(), float(table.y[row]), np.float32(column[row]))
        assert found in pairs, f"{found} stands in no row"


def _table(folder: Path, name: str) -> Path:
    frame = pd.DataFrame({"station": list("abcde"), "records": range(5), "dropped": 0})
    write_table(frame, folder / name, schema=QUALITY, provenance=Provenance())
    return folder / name


def _same_table(path: Path, frame: pd.DataFrame) -> None:
    """What a hash or checksums let pass is the whole table."""
    assert (frame["station"].tolist(), frame["records"].tolist()) == (list("abcde"), list(range(5)))


# -- Rasters, catalogs, stores


def _raster(folder: Path) -> Path:
    path = folder / "dem.tif"
    profile = {
        "driver": "GTiff",
        "width": 16,
        "height": 16,
        "count": 1,
        "dtype": "int16",
        "crs": "EPSG:32647",
    }
    with rasterio.open(
        path, "w", **profile, transform=from_origin(5e5, 4.1e6, 30, 30), compress="deflate"
    ) as out:
        out.write(np.arange(256, dtype="i2").reshape(1, 16, 16))
    return path


_ASSET = "projects/my-project/assets/added"


def _pixels(path: Path) -> np.ndarray:
    with tempfile.TemporaryDirectory() as catalog:
        add_files(catalog, _ASSET, [path])
        (record,) = load_records(Path(catalog)).values()
        (band, *_) = record.bands
        size = (min(band.info.grid.height, 64), min(band.info.grid.width, 64))
        values, mask = read_pixels(Path(catalog), record, band.info.name, (0, 0, *size))
    return np.where(mask, values.astype(float), np.nan)


def _same_pixels(path: Path, pixels: np.ndarray) -> None:
    with rasterio.open(path) as source:
        window = ((0, pixels.shape[0]), (0, pixels.shape[1]))
        values = source.read(1, window=window, masked=True).astype(float).filled(np.nan)
    np.testing.assert_array_equal(pixels, values)


def _features(path: Path) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as catalog:
        add_files(catalog, _ASSET, [path])
        (record,) = load_records(Path(catalog)).values()
        return list(read_features(Path(catalog), record))


def _points(folder: Path) -> Path:
    return _write(folder / "points.csv", "name,lon,lat,n\na,99.5,37.2,1\nb,99.6,37.3,2\n")


def _catalog(folder: Path) -> Path:
    add_files(folder, _ASSET, [_raster(folder)])
    return folder / "catalog.json"


def _opened(path: Path) -> Any:
    source = FolderSource(path.parent)
    return {name: source.get(name) for name in load_records(path.parent)}


def _task(folder: Path) -> Path:
    log = OperationLog(folder)
    name = "projects/my-project/operations/ABCDEFABCDEFABCDEFABCDEF"
    log.create({**_TASK, "name": name})
    log.close()
    return next(folder.glob("[!.]*.json"))


_TASK: dict[str, Any] = {
    "kind": "EXPORT_IMAGE",
    "description": "d",
    "priority": 100,
    "state": "PENDING",
    "created": "2021-05-01T00:00:00Z",
    "updated": "2021-05-01T00:00:00Z",
    "started": None,
    "ended": None,
    "progress": 0.0,
    "error": None,
    "uris": [],
    "seconds": 0.0,
    "order": 0,
    "owner": "",
}


def _store(folder: Path) -> Path:
    grid = PixelGrid.from_bounds("EPSG:32647", (562_000, 4_149_000, 562_300, 4_149_300), 30)
    MapStore(folder / "maps.zarr", days=[date(2021, 7, 1)], grid=grid, identity="x")
    return folder / "maps.zarr" / ".zmetadata"


def _run(folder: Path) -> Path:
    run = RunFolder(folder, Study.demo())
    with run.writing():
        parts = {"version": 1, "settings": {}, "options": {}, "reads": {}, "inputs": {}}
        run.finish("stations", {"key": "k", "parts": parts, "writes": {}})
    return folder / "manifest.json"


def _status(path: Path) -> Any:
    from smgee.workflow.registry import all_steps
    from smgee.workflow.step import plan

    return plan(list(all_steps().values()), RunFolder(path.parent))


def _smap(folder: Path) -> Path:
    cell = Study.demo().cell
    return level3_day(folder, date(2021, 7, 1), [cell], lambda cell, orbit: 0.2, algorithms=[""])


# -- Texts of Earth Engine, one a line


def _lines(*lines: str) -> Callable[[Path], Path]:
    return lambda folder: _write(folder / "text", "\n".join(lines))


def _each(parse_line: Callable[[str], Any]) -> Callable[[Path], Any]:
    """Read a file line by line; it is refused when all of its lines are."""

    def read(path: Path) -> list[Any]:
        found, refused = [], None
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                found.append(parse_line(line))
            except InputError.__base__ as error:
                refused = error
        if refused is not None:
            raise refused
        return found

    return read


READERS: dict[str, Reader] = {
    "study": Reader(_study, Study.from_yaml, _said),
    "outline of an area": Reader(_outline, _within),
    "endmembers": Reader(_endmembers, _unmixing),
    "ISMN series": Reader(_stm, read_ismn, _same_series),
    "ISMN archive": Reader(_archive, read_ismn),
    "station table": Reader(
        _stations,
        lambda path: read_table(path, station="station", soil_moisture="soil_moisture", lon="lon", lat="lat"),
        _same_rows,
    ),
    "training table": Reader(
        lambda folder: _training(folder, "rows.csv"),
        lambda path: NetworkTable.read(path, target="sm", predictors=["ndvi"]),
        _same_training,
    ),
    "training parquet": Reader(
        lambda folder: _training(folder, "rows.parquet"),
        lambda path: NetworkTable.read(path, target="sm", predictors=["ndvi"]),
    ),
    "table of a run": Reader(
        lambda folder: _table(folder, "t.csv"), lambda path: read_run_table(path, schema=QUALITY), _same_table
    ),
    "manifest": Reader(_run, _status),
    "map store": Reader(_store, lambda path: MapStore.open(path.parent)),
    "Earth Engine trees": Reader(
        lambda folder: fuzz_trees.write_trees(folder, "trees.text"),
        lambda path: TreeEnsemble.from_ee_strings(path.read_text(encoding="utf-8", errors="replace")),
        fuzz_trees.same_by_hand,
    ),
    "trees of the service": Reader(
        lambda folder: fuzz_trees.write_trees(folder, "trees.text"),
        lambda path: parse_forest([path.read_text(encoding="utf-8", errors="replace")]),
    ),
    "saved trees": Reader(
        lambda folder: fuzz_trees.write_trees(folder, "trees.npz"),
        TreeEnsemble.load,
        fuzz_trees.same_as_whole,
    ),
    "page of a model": Reader(fuzz_trees.write_model, lambda path: load_model(path.parent)),
    "XGBoost JSON": Reader(
        lambda folder: fuzz_trees.write_trees(folder, "trees.json"),
        TreeEnsemble.from_model,
        fuzz_trees.same_as_xgboost,
    ),
    "CatBoost JSON": Reader(
        lambda folder: fuzz_trees.write_trees(folder, "catboost.json"),
        TreeEnsemble.from_model,
        fuzz_trees.same_as_catboost,
    ),
    "LightGBM text": Reader(
        lambda folder: fuzz_trees.write_trees(folder, "lightgbm.txt"),
        TreeEnsemble.from_model,
        fuzz_trees.same_as_lightgbm,
    ),
    "GeoTIFF": Reader(_raster, _pixels, _same_pixels),
    "GeoJSON table": Reader(_outline, _features),
    "CSV table": Reader(_points, _features),
    "catalog": Reader(_catalog, _opened),
    "record of a task": Reader(_task, lambda path: OperationLog(path.parent).records()),
    "SMAP level 3": Reader(_smap, read_smap),
    "expressions": Reader(
        _lines("(b('B8') - b('B4')) / (b('B8') + b('B4'))", "a > 3 ? -b ** 2 : min(a, 2.5e-3) % 7 && !b"),
        _each(lambda line: parse(line, "img", ["img", "a", "b"])),
    ),
    "filters": Reader(
        _lines('CLOUD_COVER < 20 && SENSOR == "OLI"', "not (a >= 1.5 or b != 'x y')"), _each(parse_filter)
    ),
    "dates": Reader(
        _lines("2021-05-01", "2021-05-01T12:30:15.250Z", "1996-001", "2021-6-1 7"), _each(parse_iso)
    ),
    "dates of a pattern": Reader(
        _lines("2021-05-01 12:30", "1999-12-31 23:59"),
        _each(lambda line: parse_date(line, "YYYY-MM-dd HH:mm", None)),
    ),
}

"""A disk that is full or may not be written to: told in a sentence, nothing half-written, nothing lost."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smgee.errors import SmgeeError
from smgee.grid import PixelGrid
from smgee.io import SCRATCH
from smgee.schemas import QUALITY
from smgee.study import Study
from smgee.tables import Provenance, write_cog, write_dataset, write_table
from smgee_cli.app import main
from tests.small_disk import Disk, on_small_disk
from tests.workflow import kills

_N = 60_000
_GRID = PixelGrid.from_bounds("EPSG:32647", (562_000, 4_149_000, 568_000, 4_155_000), 30)


def _frame(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "station": [f"s{k}" for k in range(n)],
            "records": rng.integers(0, 10**6, n),
            "dropped": rng.integers(0, 10**6, n),
        }
    )


def _table(path: Path, n: int) -> None:
    write_table(_frame(n), path, schema=QUALITY, provenance=Provenance())


def _stations(path: Path, n: int) -> None:
    write_dataset(xr.Dataset({"sm": ("time", np.random.default_rng(0).uniform(size=n))}), path)


def _map(path: Path, n: int) -> None:
    values = np.full((_GRID.height, _GRID.width), 0.2)
    if n > 1:
        values = np.random.default_rng(0).uniform(size=values.shape)
    write_cog(values, _GRID, path, band="sm", units="m3 m-3")


def _study(path: Path, n: int) -> None:
    Study.demo().model_copy(update={"name": "n" * min(n, 3)}).to_yaml(path)


WRITERS: dict[str, tuple[str, Callable[[Path, int], None]]] = {
    "CSV": ("t.csv", _table),
    "Parquet": ("t.parquet", _table),
    "NetCDF": ("s.nc", _stations),
    "GeoTIFF": ("m.tif", _map),
    "study": ("study.yml", _study),
}


@pytest.mark.parametrize("how", ["full", "read-only"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_says_so_and_leaves_what_was_there(name: str, how: str, tmp_path: Path) -> None:
    file, write = WRITERS[name]

    def work(disk: Disk) -> Any:
        path = disk.path / file
        write(path, 1)
        before = path.read_bytes()
        if how == "full":
            disk.fill(leave=0 if name == "study" else 16_384)
        else:
            disk.protect()
        try:
            write(path, _N)
            said = "nothing"
        except (OSError, SmgeeError) as error:
            said = f"{type(error).__name__}: {error}"
        left = [p.name for p in disk.path.iterdir() if p.name.startswith(SCRATCH)]
        return {"said": said, "same": path.read_bytes() == before, "left": left}

    found = on_small_disk(tmp_path / "disk", work)
    assert found["same"]
    assert found["left"] == []
    assert ("No space left" if how == "full" else "Read-only file system") in found["said"]


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_command_ends_in_a_sentence(how: str, tmp_path: Path) -> None:
    times = pd.date_range("2021-05-01", periods=24 * 60, freq="h")
    values = np.random.default_rng(0).uniform(0.1, 0.4, (len(times), 3))
    frame = pd.DataFrame(values, columns=list("abc")).assign(time=times)
    frame.to_csv(tmp_path / "rows.csv", index=False)

    def work(disk: Disk) -> Any:
        disk.fill(leave=8_192) if how == "full" else disk.protect()
        sys.argv = ["smgee", "stations", str(tmp_path / "rows.csv"), "--out", str(disk.path / "out")]
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            try:
                main()
                code: Any = 0
            except SystemExit as stopped:
                code = stopped.code
        left = [p.name for p in disk.path.rglob(f"{SCRATCH}*")]
        return {"code": code, "said": said.getvalue(), "left": left}

    found = on_small_disk(tmp_path / "disk", work)
    assert found["code"] == 74, found["said"]
    assert found["said"].startswith("smgee: ")
    assert "the space left" in found["said"]
    assert "Traceback" not in found["said"]
    assert found["left"] == []


def test_a_run_whose_disk_filled_up_goes_on_once_there_is_room(tmp_path: Path) -> None:
    kills.go_on(str(tmp_path / "whole"))
    whole = kills.content(tmp_path / "whole")
    room = sum(map(len, whole.values())) // 1024

    def work(disk: Disk) -> Any:
        folder, said = disk.path / "run", []
        for kilobytes in (room // 4, room // 2):
            disk.resize(kilobytes)
            try:
                kills.go_on(str(folder))
                said.append("nothing")
            except (OSError, SmgeeError) as error:
                said.append(f"{type(error).__name__}: {error}")
        damaged = kills.store_of(folder).verify() if (folder / "maps.zarr" / ".zmetadata").exists() else []
        disk.resize(64 * 1024)
        kills.go_on(str(folder))
        left = [p.name for p in folder.rglob(f"{SCRATCH}*")]
        return {"said": said, "damaged": damaged, "same": kills.content(folder) == whole, "left": left}

    found = on_small_disk(tmp_path / "disk", work)
    assert all("No space left" in said for said in found["said"]), found["said"]
    assert found["damaged"] == []
    assert found["same"]
    assert found["left"] == []

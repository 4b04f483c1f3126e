"""SMAP files (HDF5) that contradict themselves or are none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from smgee.grid import EaseCell
from smgee.study import Study
from smgee.validation.hdf5 import read_smap
from smgee.validation.layers import read_layers
from tests.corpus.refusal import Attempt, refused
from tests.validation.level3 import level3_day

AM = "Soil_Moisture_Retrieval_Data_AM"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole day, which the cases copy and break."""
    folder = tmp_path_factory.mktemp("smap")
    return level3_day(folder, date(2021, 7, 1), [Study.demo().cell], lambda cell, orbit: 0.2, algorithms=[""])


def broken(change: Callable[[h5py.File], Any], **options: Any) -> Callable[[Path, Path], Attempt]:
    """Read a day after a change inside."""

    def build(whole: Path, target: Path) -> Any:
        target.write_bytes(whole.read_bytes())
        with h5py.File(target, "r+") as file:
            change(file)
        return lambda folder: read_smap(target, **options)

    return build


def replaced(name: str, values: Any, group: str = AM) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[group][name]
        file[group].create_dataset(name, data=values)

    return change


def drop(*names: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        for name in names:
            del file[name]

    return change


PM = "Soil_Moisture_Retrieval_Data_PM"
FAR = EaseCell("M36", 0, 0)

CASES: dict[str, tuple[Any, str]] = {
    "no group": (broken(drop(AM, PM)), "has no group of soil moisture retrievals"),
    "no soil moisture": (broken(drop(f"{AM}/soil_moisture")), "lacks the variable soil_moisture"),
    "no flag": (broken(drop(f"{AM}/retrieval_qual_flag")), "lacks the variable retrieval_qual_flag"),
    "no time": (broken(drop(f"{AM}/tb_time_seconds")), "lacks the variable tb_time_seconds"),
    "no surface": (broken(drop(f"{AM}/surface_flag"), surface=True), "lacks the variable surface_flag"),
    "another lattice": (
        broken(replaced("soil_moisture", np.zeros((3, 4), "f4"))),
        "none of the EASE-Grid 2.0 sizes",
    ),
    "a row, and no indices": (
        broken(replaced("soil_moisture", np.zeros(4, "f4"))),
        "lacks the variable EASE_row_index",
    ),
    "one number": (broken(replaced("soil_moisture", 0.2)), "it is not a whole SMAP soil moisture file"),
    "words": (broken(replaced("soil_moisture", np.full((406, 964), b"wet"))), "is not a readable"),
    "flags of another size": (
        broken(replaced("retrieval_qual_flag", np.zeros((3, 4), "u2"))),
        "its flags of (3, 4)",
    ),
    "a group that is a variable": (
        broken(lambda f: (drop(AM, PM)(f), f.create_dataset(AM, data=[1.0]))),
        "is not a",
    ),
    "per cent": (
        broken(
            lambda f: f[AM]["soil_moisture"].__setitem__(
                Ellipsis, np.where(f[AM]["soil_moisture"][...] > 0, 20.0, -9999)
            )
        ),
        "retrievals outside 0 to 1 m3 m-3, such as 20; download it again",
    ),
    "times of the other orbit": (
        broken(lambda f: f[AM]["tb_time_seconds"].__setitem__(Ellipsis, f[f"{PM}/tb_time_seconds_pm"][...])),
        "they took place 11.9 h off that local time",
    ),
    "other cells": (broken(lambda f: None, cells=[FAR]), "does not hold any of the 1 cells asked for"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_smap_file_is_refused_in_a_sentence(name: str, whole: Path, tmp_path: Path) -> None:
    build, said = CASES[name]
    refused(build(whole, tmp_path / whole.name), said, tmp_path)


@pytest.mark.parametrize(
    "name", ["no group", "no soil moisture", "no flag", "another lattice", "one number", "words"]
)
def test_a_file_that_cannot_be_ingested_is_refused_in_a_sentence(
    name: str, whole: Path, tmp_path: Path
) -> None:
    CASES[name][0](whole, tmp_path / whole.name)
    refused(lambda folder: read_layers(folder / whole.name), whole.name, tmp_path)


def test_files_and_names(whole: Path, tmp_path: Path) -> None:
    refused(
        lambda folder: read_smap(folder / "absent.h5"),
        "does not exist; give a SMAP soil moisture file",
        tmp_path,
    )
    short = tmp_path / whole.name
    short.write_bytes(whole.read_bytes()[:5000])
    refused(lambda folder: read_smap(short), "is not a readable HDF5 file", tmp_path)
    for name, said in (
        ("day.h5", "names no date (YYYYMMDD)"),
        ("SMAP_L3_SM_P_20210230_R18290_001.h5", "states the day 20210230, which no calendar has"),
    ):
        path = tmp_path / name
        path.write_bytes(whole.read_bytes())
        refused(lambda folder, path=path: read_smap(path), said, tmp_path)

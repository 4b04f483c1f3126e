"""Archives of stations (ISMN) that cannot be read."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smgee.insitu import read_ismn
from smgee.insitu.layout import find_layout
from tests.corpus.refusal import Attempt, refused
from tests.insitu.stm import hourly, write_stm

TIMES = hourly(days=1)
FINE = [0.2] * len(TIMES)


def read(**options: Any) -> Attempt:
    """Read a folder with one station of these settings."""
    reading = {
        k: options.pop(k)
        for k in ("depth_m", "flags", "stations", "duplicates", "start", "end")
        if k in options
    }

    def attempt(folder: Path) -> None:
        write_stm(folder, "S1", options.pop("times", TIMES), options.pop("values", FINE), **options)
        read_ismn(folder, **reading)

    return attempt


def edited(old: str, new: str) -> Attempt:
    """Read a station whose file says something else in one place."""

    def attempt(folder: Path) -> None:
        path = write_stm(folder, "S1", TIMES, FINE)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        read_ismn(folder)

    return attempt


def written(content: bytes, name: str = "NET_NET_S1_sm_0.05_0.05_CS655_20210501_20210501.stm") -> Attempt:
    """Read a file of these bytes."""

    def attempt(folder: Path) -> None:
        (folder / name).write_bytes(content)
        read_ismn(folder / name)

    return attempt


def zipped(change: Any) -> Attempt:
    """Read an archive of one station after a change of the zip file."""

    def attempt(folder: Path) -> None:
        path = write_stm(folder / "data", "S1", TIMES, FINE)
        with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, f"NET/S1/{path.name}")
        (folder / "a.zip").write_bytes(change((folder / "a.zip").read_bytes()))
        read_ismn(folder / "a.zip")

    return attempt


CASES: dict[str, tuple[Attempt, str]] = {
    # -- files
    "nothing there": (
        lambda folder: read_ismn(folder / "absent"),
        "does not exist; give the folder or zip file",
    ),
    "an empty folder": (lambda folder: read_ismn(folder), "holds no .stm file"),
    "a table": (written(b"time,S1\n", "stations.csv"), "is neither a zip file nor an .stm file"),
    "a name of one's own": (written(b"", "S1.stm"), "is not named as ISMN files are"),
    "an empty file": (written(b""), "cannot be read as an ISMN series"),
    "a picture": (written(b"\x89PNG\r\n\x1a\n" * 30), "cannot be read as an ISMN series"),
    "a zip that is none": (
        written(b"PK\x03\x04 and no more", "a.zip"),
        "is neither a zip file nor an .stm file",
    ),
    "a zip that was cut short": (
        zipped(lambda b: b[: len(b) // 2]),
        "is neither a zip file nor an .stm file",
    ),
    "a zip with a damaged member": (
        zipped(lambda b: b[:120] + bytes(60) + b[180:]),
        "download the file again",
    ),
    # -- heads
    "a head of words": (edited("37.20000", "north"), "cannot be read as an ISMN series"),
    "a head without the height": (edited(" 3400.0", ""), "cannot be read as an ISMN series"),
    "no place": (edited("37.20000", "nan"), "latitude"),
    "off the Earth": (read(lat=137.2), "has latitude 137.2 and longitude 100.2; latitude lies within ±90°"),
    "exchanged coordinates": (read(lon=37.2, lat=100.2), "which look exchanged"),
    "nowhere in the Atlantic": (read(lon=0.0, lat=0.0), "latitude 0 and longitude 0"),
    "a depth above its own": (read(depth=(0.1, 0.05)), "0.1"),
    # -- records
    "per cent": (read(values=[20.0] * 24), "which look like per cent"),
    "one value of 1.7": (read(values=[*FINE[:-1], 1.7]), "1 accepted soil moisture values outside 0…1"),
    "a negative value": (read(values=[*FINE[:-1], -0.2]), "1 accepted soil moisture values outside 0…1"),
    "an infinite value": (
        read(values=[*FINE[:-1], float("inf")]),
        "1 soil moisture values that are infinite",
    ),
    "a flag of nobody's": (edited(" G M", " Q M"), "carries the quality flag 'Q'"),
    "a record without a flag": (edited(" 0.2 G M", " 0.2"), "has 1 records without a quality flag"),
    "words for a value": (edited(" 0.2 G", " wet G"), "cannot be read"),
    "a day of long ago": (edited("2021/05/01 07:00", "0021/05/01 07:00"), "cannot be read"),
    "a day no calendar has": (edited("2021/05/01 07:00", "2021/02/30 07:00"), "cannot be read"),
    "an hour twice": (
        edited("2021/05/01 07:00", "2021/05/01 08:00"),
        "repeats 1 time stamps, the first 2021-05-01 08:00",
    ),
    # -- what is asked for
    "a layer elsewhere": (read(depth_m=(0.5, 1.0)), "has no soil moisture sensor between 0.5 and 1 m"),
    "a layer upside down": (read(depth_m=(0.1, 0.05)), "is not a depth range"),
    "a station that is not there": (read(stations=["S9"]), "has no station S9"),
    "flags that are none": (read(flags=["good"]), "The quality flags ['good'] are not known"),
    "no flags": (read(flags=[]), "choose from G, M"),
    "copies kept somehow": (read(duplicates="last"), "choose 'error', 'first' or 'mean'"),
    "a first day of words": (read(start="spring"), "start is 'spring'"),
    "a last day no calendar has": (read(end="2021-02-30"), "end is '2021-02-30'"),
}


@pytest.mark.parametrize("read_it", [read_ismn, find_layout])
def test_a_zip_whose_index_is_damaged(read_it: Callable[[Path], Any], tmp_path: Path) -> None:
    path = write_stm(tmp_path / "data", "S1", TIMES, FINE)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, f"NET/S1/{path.name}")
    whole = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(whole.replace(b"PK\x01\x02", b"PK\x01\x03"))
    refused(lambda folder: read_it(folder / "a.zip"), "a.zip is damaged (", tmp_path)


@pytest.mark.parametrize("name", CASES)
def test_an_archive_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    refused(CASES[name][0], CASES[name][1], tmp_path)


def test_an_archive_cannot_write_outside(tmp_path: Path) -> None:
    path = write_stm(tmp_path / "data", "S1", TIMES, FINE)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, f"../../../../../../{tmp_path.relative_to('/')}/NET/S1/{path.name}")
    before = sorted(tmp_path.rglob("*"))
    assert read_ismn(tmp_path / "a.zip")["soil_moisture"].notnull().all()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("read_it", [read_ismn, find_layout])
def test_a_zip_with_a_name_that_is_no_text(read_it: Callable[[Path], Any], tmp_path: Path) -> None:
    path = write_stm(tmp_path / "data", "S1", TIMES, FINE)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, f"NÉT/S1/{path.name}")
    whole = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(whole.replace("É".encode(), b"\xed\xff"))
    refused(lambda folder: read_it(folder / "a.zip"), "a.zip is damaged (", tmp_path)

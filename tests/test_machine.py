"""The number of processors: bound, and within a container's quota."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

import smgee
from smgee.machine import quota_of, usable_cores


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "5000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": "damaged"}, None),
        ({}, None),
    ],
)
def test_a_container_has_its_quota(files: dict[str, str], cores: int | None, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = quota_of(tmp_path)
    assert found == cores if cores else found > 10_000


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to processors")
def test_a_bound_process_uses_its_processors_only() -> None:
    one = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, {{{one}}}); import smgee.machine as m; print(m.usable_cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
    assert usable_cores() >= 1


def test_nobody_else_counts_processors() -> None:
    """One answer for the whole project; the machine's own number is for `smgee doctor` to print."""
    package = Path(smgee.__file__).parent
    counting = re.compile(r"cpu_count\(|sched_getaffinity\(")
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if counting.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"machine.py"}


@pytest.mark.parametrize(("given", "bound"), [(None, 256 * 2**20), ("64", 64 * 2**20)])
def test_decoded_blocks_of_rasters_are_bounded(given: str | None, bound: int) -> None:
    """By smgee, where the user has said nothing; GDAL's own bound grows with the machine."""
    code = (
        "import smgee; smgee.connect(); from rasterio.env import get_gdal_config; "
        "print(get_gdal_config('GDAL_CACHEMAX'))"
    )
    rest = {k: v for k, v in os.environ.items() if k != "GDAL_CACHEMAX"}
    env = rest if given is None else rest | {"GDAL_CACHEMAX": given}
    done = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    assert int(done.stdout) == bound


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators give back by themselves")
def test_what_is_freed_goes_back_to_the_system() -> None:
    """Blocks below the allocator's own threshold, with some still in use between them."""
    code = """
from smgee.machine import release_memory
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * 4096
blocks = [bytearray(60_000) for _ in range(2_000)]
blocks = blocks[::100]
before = resident()
release_memory()
print(before - resident())
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) > 90_000_000

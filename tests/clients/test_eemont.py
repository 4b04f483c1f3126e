"""eemont: operators, clouds, scales, indices and series of regions, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("eemont")

ROOT = Path(__file__).resolve().parents[2]


def test_its_operations_give_what_they_should() -> None:
    file = "tests/clients/eemont_operations.py"
    command = [sys.executable, "-m", "pytest", file, "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-6000:]
    assert "10 passed" in ended.stdout

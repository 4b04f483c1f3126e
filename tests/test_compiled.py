"""Machine code on disk is used again while the package's files stay as they are, and never after one of
them changed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PARTS = {
    "__init__.py": "",
    "numbers.py": "STEP = 1\n",
    "inner.py": "from smgee.compiled import compiled\n\n\n@compiled\ndef twice(x):\n    return 2 * x\n",
    "outer.py": (
        "from smgee.compiled import compiled\nfrom pack.inner import twice\nfrom pack.numbers import "
        "STEP\n\n\n"
        "@compiled\ndef run(x):\n    return twice(x) + STEP\n"
    ),
}
CALL = "from pack.outer import run; print(run(20), sum(run.stats.cache_hits.values()))"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "pack").mkdir()
    for name, text in PARTS.items():
        (tmp_path / "pack" / name).write_text(text)
    return tmp_path


def run(folder: Path) -> list[str]:
    """The result in a new process, and how many functions came from disk."""
    done = subprocess.run(
        [sys.executable, "-c", CALL], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("name", "before", "after", "result"),
    [("numbers.py", "1", "22", "62"), ("inner.py", "2 *", "30 *", "601")],
)
def test_follows_every_file_of_the_package(
    package: Path, name: str, before: str, after: str, result: str
) -> None:
    assert run(package) == ["41", "0"]
    assert run(package) == ["41", "1"]
    path = package / "pack" / name
    path.write_text(path.read_text().replace(before, after))
    assert run(package) == [result, "0"]

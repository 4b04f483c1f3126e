"""The twin's caches on disk."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from smgee.twin.store import remove_outdated


def test_only_caches_of_other_code_that_nobody_uses_are_removed(tmp_path: Path) -> None:
    own, used, left, other = (tmp_path / name for name in ("b-1", "b-2", "b-3", "c-1"))
    long_ago = time.time() - 30 * 86400
    for folder in (own, used, left, other):
        folder.mkdir()
        os.utime(folder, (long_ago, long_ago))
    (used / ".lock-soil").touch()
    os.utime(used, (long_ago, long_ago))
    remove_outdated(own, "b")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b-1", "b-2", "c-1"]


def test_rows_that_outlive_the_interpreter_end_silently(tmp_path: Path) -> None:
    code = (
        "import os, functools, pathlib; from smgee.twin.store import RowStore\n"
        f"path = pathlib.Path({str(tmp_path / 'rows.bin')!r}); path.write_bytes(bytes(12))\n"
        "functools.kept = os.kept = RowStore(path, 1, 2)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""

"""The twin's caches on disk."""

from __future__ import annotations

import os
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

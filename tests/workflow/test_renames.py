"""A run that is killed -9 before a rename ends as if it had not been (tests/workflow/renames.py)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.workflow.kills import go_on
from tests.workflow.renames import check_renames


def test_maps_and_their_means(tmp_path):
    renames, killed = check_renames(go_on, tmp_path / "none", tmp_path, most=3)
    assert renames > 100
    assert killed == 3


def careless(folder: str) -> None:
    """Write down that it was here, whatever becomes of it."""
    with open(f"{folder}/log", "a") as log:
        log.write("here\n")
    Path(folder, "scratch").write_text("done")
    os.replace(f"{folder}/scratch", f"{folder}/result")


def test_what_is_not_repeated_alike_is_noticed(tmp_path):
    with pytest.raises(AssertionError, match=r"killed before rename 1 of 1, \['log'\] differ"):
        check_renames(careless, tmp_path / "none", tmp_path)

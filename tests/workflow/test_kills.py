"""A run that is killed -9 at some moments of its map and zonal steps ends as if it had not been."""

from __future__ import annotations

import time

import pytest

from smgee.workflow.step import Action
from tests.workflow.kills import MAPS, begun_of, check_moment, content, go_on, killed, noted, store_of

MOMENTS = 8


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run without a kill: its folder, and how long it took."""
    folder = tmp_path_factory.mktemp("runs")
    killed(folder / "warm", 600)  # starts the server of processes
    assert not killed(folder / "whole", 600)
    return folder / "whole", time.time() - begun_of(folder / "whole").stat().st_mtime


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_run_killed_at_any_moment_ends_the_same(whole, tmp_path, moment):
    folder, seconds = whole
    check_moment(tmp_path / "run", seconds * (moment + 0.5) / MOMENTS, content(folder))


def test_what_was_changed_since_is_noticed(whole, tmp_path):
    folder = tmp_path / "run"
    go_on(str(folder))
    before = content(folder)
    made = len(noted(folder))
    # other inputs of the maps: all are made again, and what follows from them
    assert go_on(str(folder), version=2) == [Action.RUN.value] * 2
    assert len(noted(folder)) == 2 * made
    # a chunk that was damaged is no chunk of the run
    chunk = next(p for p in sorted((folder / MAPS.path / "soil_moisture").iterdir()) if p.name[0] != ".")
    good = chunk.read_bytes()
    chunk.write_bytes(good[:-7] + b"damaged")
    assert store_of(folder).verify() != []
    chunk.write_bytes(good)
    assert go_on(str(folder), version=2) == [Action.KEEP.value] * 2
    assert set(content(folder)) == set(before)

"""Blocks and jobs: they cover the lattice once, and cutting them changes nothing."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.upscale import Block, MapJob, tiling
from smgee.upscale.blocks import assemble, block_size, day_groups
from tests.upscale.routes import GRID, Arithmetic

DAYS = [date(2021, 6, 1) + timedelta(days=k) for k in range(20)]


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 100))
def test_blocks_cover_every_pixel_once(height, width, size):
    grid = PixelGrid("EPSG:32647", GRID.transform, width, height)
    seen = np.zeros(grid.shape, int)
    for block in tiling(grid, size):
        seen[block.slices] += 1
        np.testing.assert_array_equal(block.on(grid).corner(0, 0), grid.corner(block.row, block.col))
    assert (seen == 1).all()


@given(
    st.integers(0, 30), st.integers(0, 30), st.integers(1, 20), st.integers(1, 20), st.integers(1, 6),
    st.integers(1, 60), st.randoms(use_true_random=False),
)  # fmt: skip
def test_a_job_is_the_sum_of_its_parts(row, col, height, width, n_days, limit, rnd):
    job = MapJob(Block(row, col, height, width), tuple(DAYS[:n_days]))
    parts, queue = [], [job]
    while queue:
        some = queue.pop()
        if len(some.days) * some.block.size > limit:
            queue += some.split()
        else:
            parts.append((some, Arithmetic().run(some)))
    rnd.shuffle(parts)
    expected = Arithmetic().run(job)["soil_moisture"]
    np.testing.assert_array_equal(assemble(job, parts)["soil_moisture"], expected)


def test_days_are_cut_before_the_block_and_a_pixel_day_not_at_all():
    job = MapJob(Block(0, 0, 8, 8), tuple(DAYS[:3]))
    assert [len(p.days) for p in job.split()] == [1, 2]
    assert {p.block for p in job.split()} == {job.block}
    quarters = job.split()[0].split()
    assert [(p.block.height, p.block.width) for p in quarters] == [(4, 4)] * 4
    smallest = MapJob(Block(3, 5, 1, 1), (DAYS[0],))
    assert smallest.split() == (smallest,)


def test_block_size_follows_memory():
    sizes = [block_size(23, n) for n in (1, 2, 8, 40)]
    assert sizes == sorted(sizes, reverse=True)
    assert all(s % 256 == 0 and 256 <= s <= 512 for s in sizes)
    assert block_size(1) == 512
    assert block_size(23, 1) == 512
    assert block_size(23, 2) == 512
    assert block_size(23, 8) == 256
    with pytest.raises(InputError, match="side of 1"):
        tiling(GRID, 0)


def test_days_that_share_pixels_go_together():
    eights, fives = ([DAYS[k : k + n] for k in range(0, 20, n)] for n in (8, 5))
    assert [len(g) for g in day_groups(DAYS, eights, 8)] == [8, 8, 4]
    # two kinds of steps: a group lies within one of each
    assert [len(g) for g in day_groups(DAYS, [*eights, *fives], 8)] == [5, 3, 2, 5, 1, 4]
    assert [len(g) for g in day_groups(DAYS[3:12], eights, 8)] == [5, 4]
    assert [len(g) for g in day_groups(DAYS, [], 8)] == [8, 8, 4]

"""Static predictors kept on disk between steps: pulled once, the same bits, and never more than allowed."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

import smgee
from smgee.grid import PixelGrid
from smgee.remote import LEDGER
from smgee.study import Study
from smgee.upscale import Block, KeptBands, MapJob, tiling
from smgee.upscale.bands import BandSource

GRID = PixelGrid("EPSG:32647", (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_100_000.0), 300, 270)
DAY = date(2021, 7, 3)


def pixels(block: Block) -> np.ndarray:
    rows, cols = np.mgrid[block.slices]
    return (rows * 1000 + cols).astype("f4")


def filled(folder, **options) -> KeptBands:
    kept = KeptBands(folder, grid=GRID, identity="maps", **options)
    for block in tiling(GRID, 256):
        kept.write("m_red", block, pixels(block))
    return kept


def test_any_window_comes_back_as_it_was(tmp_path):
    filled(tmp_path)
    again = KeptBands(tmp_path, grid=GRID, identity="maps")
    for block in (Block(0, 0, 270, 300), Block(250, 240, 20, 60), Block(3, 4, 1, 1)):
        np.testing.assert_array_equal(again.read("m_red", block), pixels(block))
    assert again.read("m_nir", Block(0, 0, 1, 1)) is None


def test_only_whole_tiles_are_kept(tmp_path):
    kept = KeptBands(tmp_path, grid=GRID, identity="maps")
    kept.write("m_red", Block(0, 0, 128, 256), pixels(Block(0, 0, 128, 256)))  # of a block that was cut
    assert kept.read("m_red", Block(0, 0, 8, 8)) is None
    kept.write("m_red", Block(0, 0, 270, 256), pixels(Block(0, 0, 270, 256)))
    assert kept.read("m_red", Block(0, 0, 270, 257)) is None
    np.testing.assert_array_equal(kept.read("m_red", Block(0, 0, 270, 256)), pixels(Block(0, 0, 270, 256)))


def test_what_other_inputs_left_goes(tmp_path):
    filled(tmp_path)
    other = KeptBands(tmp_path, grid=GRID, identity="others")
    assert other.read("m_red", Block(0, 0, 8, 8)) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [lambda b: b[:-8], lambda b: b[:99] + bytes([b[99] ^ 1]) + b[100:]])
def test_damaged_tiles_are_as_if_they_were_not_there(tmp_path, damage):
    kept, block = filled(tmp_path), Block(0, 0, 256, 256)
    path = tmp_path / "maps" / "m_red" / "0-0"
    path.write_bytes(damage(path.read_bytes()))
    assert kept.read("m_red", block) is None
    kept.write("m_red", block, pixels(block))
    np.testing.assert_array_equal(kept.read("m_red", block), pixels(block))


def test_no_more_is_kept_than_allowed(tmp_path):
    budget = 300_000  # one of the two large tiles, and small ones

    def size() -> int:
        return sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file())

    filled(tmp_path, budget=budget)
    first = size()
    again = KeptBands(tmp_path, grid=GRID, identity="maps", budget=budget)
    again.write("m_nir", Block(0, 0, 256, 256), pixels(Block(0, 0, 256, 256)))
    assert 0 < first == size() <= budget
    again.clear()
    assert not tmp_path.exists()


def test_a_second_step_asks_for_what_is_missing_alone(tmp_path):
    content = Study.demo().model_dump(mode="json") | {"start": "2021-07-01", "end": "2021-07-17"}
    content["area"] |= {"scale_m": 800}
    content["predictors"] = [
        {"kind": "place", "names": ["m_red", "m_nir", "m_NDVI"]},
        {"kind": "terrain", "names": ["elevation", "slope"]},
    ]
    study = Study.parse(content)
    every, some = study.predictor_set.names, ("m_nir", "slope")
    job = MapJob(Block(0, 0, *study.grid.shape), (DAY,))

    def pulled(names, *, kept) -> tuple[dict, int]:
        source = BandSource(study.predictor_set, names, kept=kept)
        with LEDGER.measure() as meter:
            found = source.pull(job)
            source.pull(job)  # from memory
        return found, meter.spent.requests.get("image:computePixels", 0)

    def opened() -> KeptBands:
        return KeptBands(tmp_path / ".kept", grid=study.grid, identity="maps")

    with smgee.connect("embedded", store=tmp_path / "assets"):
        plain, _ = pulled(every, kept=None)
        _, first = pulled(some, kept=opened())
        whole, second = pulled(every, kept=opened())
        again, third = pulled(every, kept=opened())
    assert (first > 0, second > 0, third) == (True, True, 0)
    for found in (whole, again):
        assert found.keys() == plain.keys()
        for key, band in plain.items():
            np.testing.assert_array_equal(found[key], band)

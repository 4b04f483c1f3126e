"""The full-size basin's geometry, which needs none of its pixels."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from smgee.grid import EASE_CRS, transformer
from smgee.twin import Basin
from smgee.twin.balance import frame_days
from smgee.twin.orbits import scenes_of_year, sun_position


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return Basin(cache=tmp_path_factory.mktemp("unused"))


def test_the_cell_and_its_sixteen(full):
    assert full.cell.name == "M36_r0079_c0749"
    assert len(full.cells) == 16
    assert full.grid.width % 2 == 0
    assert full.grid.crs == "EPSG:32647"
    left, bottom, right, top = full.grid.bounds
    outline = full.cell.polygon("EPSG:32647", points_per_edge=32).bounds
    assert left < outline[0] - 1400
    assert bottom < outline[1] - 1400
    assert right > outline[2] + 1400
    assert top > outline[3] + 1400


def test_every_pixel_knows_its_cell(full):
    index = full.cell_index
    counts = np.bincount(index.ravel(), minlength=256)
    # A 9 km cell holds its true area, which the equal-area grid keeps, in pixels of 900 m² up to the scale of
    # the UTM zone.
    expected = 9008.055210146**2 / 900
    np.testing.assert_allclose(counts[:16], expected, rtol=3e-3)
    x, y = full.grid.centers()
    rng = np.random.default_rng(0)
    for row, col in zip(rng.integers(0, full.grid.height, 200), rng.integers(0, full.grid.width, 200)):
        ex, ey = transformer(full.grid.crs, EASE_CRS).transform(x[row, col], y[row, col])
        inside = [
            k
            for k, c in enumerate(full.cells)
            if c.bounds[0] <= ex < c.bounds[2] and c.bounds[1] < ey <= c.bounds[3]
        ]
        assert index[row, col] == (inside[0] if inside else 255)


def test_stored_days_cover_the_season_daily():
    days = frame_days(2021)
    assert days == sorted(days)
    season = [d for d in days if 4 <= d.month <= 10]
    assert len(season) == 214
    gaps = np.diff([d.toordinal() for d in days])
    assert gaps.max() <= 5


def test_sun_against_the_almanac():
    from datetime import UTC, datetime

    # Noon at the June solstice on the tropic: the sun stands overhead; at the equinox its zenith angle is the
    # latitude.
    zenith, _ = sun_position(datetime(2021, 6, 21, 12, 2, tzinfo=UTC), 0.0, 23.43)
    assert zenith == pytest.approx(0.0, abs=0.3)
    zenith, azimuth = sun_position(datetime(2021, 3, 20, 12, 7, tzinfo=UTC), 0.0, 37.4)
    assert zenith == pytest.approx(37.4, abs=0.4)
    assert azimuth == pytest.approx(180.0, abs=1.5)
    morning = sun_position(datetime(2021, 7, 1, 3, 55, tzinfo=UTC), 99.8, 37.4)
    assert 90 < morning[1] < 150


def test_landsat_9_doubles_the_revisit_from_2022():
    before, after = (
        len([s for s in scenes_of_year(y, "47SNB", 99.9, 37.4) if s.product == "L30"]) for y in (2020, 2022)
    )
    assert 44 <= before <= 47
    assert 90 <= after <= 93


def test_a_killed_run_leaves_nothing_behind(tmp_path):
    from smgee.twin.store import locked, remove_unfinished

    for name, stage in ((".writing-a", "truth"), (".writing-b", "static")):
        (tmp_path / name / stage).mkdir(parents=True)
    with locked(tmp_path, "truth"), locked(tmp_path, "static"):
        remove_unfinished(tmp_path, "truth")
    assert not (tmp_path / ".writing-a").exists()
    assert (tmp_path / ".writing-b").exists()


def test_nothing_heavy_at_import():
    heavy = ["pandas", "ee", "xarray", "matplotlib", "ismn"]
    code = f"import sys, smgee.twin; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""Sentinel-1 of the basin: official shape, decibels as they are, moved by water and by slopes."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from smgee.datasets import SENTINEL1
from smgee.twin.radar import RadarReader, radar_scenes


@pytest.fixture(scope="module")
def radar(basin):
    return RadarReader(basin)


def test_scenes_and_their_names(source):
    images = source.images(SENTINEL1.id)
    assert len(images) == 60 or len(images) == 61
    one = images[0]
    assert one.id.rpartition("/")[2].startswith("S1A_IW_GRDH_1SDV_2021")
    assert len(one.id.rpartition("/")[2]) == len(
        "S1A_IW_GRDH_1SDV_20210107T111800_20210107T111825_034426_D8870A_D887"
    )
    assert [b.name for b in one.bands] == ["VV", "VH", "angle"]
    assert one.bands[0].grid.transform[0] == 10.0
    assert one.properties["instrumentMode"] == "IW"
    assert {i.properties["orbitProperties_pass"] for i in images} == {"ASCENDING", "DESCENDING"}
    assert one.properties["synthetic"] == 1


def test_each_direction_repeats_every_twelve_days():
    for flight in ("ASCENDING", "DESCENDING"):
        times = [s.time for y in (2020, 2021) for s in radar_scenes(y) if s.flight == flight]
        assert {b - a for a, b in pairwise(times)} == {timedelta(12)}


def test_decibels_are_those_of_grassland(radar, basin):
    summer = next(s for s in radar.scenes.values() if s.time.month == 7)
    winter = next(s for s in radar.scenes.values() if s.time.month == 1)
    vv, vh, frozen = (
        10 * np.log10(radar._backscatter(s, b, 0, 0, *basin.grid.shape)[0][basin.land()])
        for s, b in ((summer, "VV"), (summer, "VH"), (winter, "VV"))
    )
    assert -17 < vv.mean() < -9
    assert 6 < vv.mean() - vh.mean() < 14
    assert frozen.mean() < vv.mean() - 2  # ice looks dry


def test_water_moves_it_and_noise_hides_much(radar, basin):
    scenes = [s for s in radar.scenes.values() if s.flight == "ASCENDING" and 5 <= s.time.month <= 9]
    at = 100, 100, 64, 64
    seen = np.stack([radar._backscatter(s, "VV", *at)[0] for s in scenes])
    true = np.stack([basin.truth_window(basin.day(s.time.date()), *at)[0] for s in scenes])
    r = [np.corrcoef(10 * np.log10(seen[:, i, i]), true[:, i, i])[0, 1] for i in range(64)]
    assert 0.5 < np.median(r) < 0.95


def test_slopes_towards_the_antenna_are_bright(radar, basin):
    up = next(s for s in radar.scenes.values() if s.flight == "ASCENDING" and s.time.month == 7)
    layers, land = basin.static["layers"], basin.land()
    power, _ = radar._backscatter(up, "VV", 0, 0, *basin.grid.shape)
    towards = land & (layers[..., 11] > 0.2)  # rises to the east: faces the sensor in the west
    away = land & (layers[..., 11] < -0.2)
    assert 10 * np.log10(power[towards].mean() / power[away].mean()) > 1.5


def test_windows_agree_with_the_whole_and_speckle_has_its_looks(radar):
    scene = next(s for s in radar.scenes.values() if s.time.month == 8)
    whole, valid = radar.read(scene, "VV", 300, 300, 90, 90)
    part, _ = radar.read(scene, "VV", 317, 331, 20, 25)
    np.testing.assert_array_equal(part, whole[17:37, 31:56])
    assert valid.all()
    power, _ = radar._backscatter(scene, "VV", 100, 100, 30, 30)
    speckle = 10 ** (whole / 10) / power.repeat(3, 0).repeat(3, 1)
    assert speckle.mean() == pytest.approx(1.0, abs=0.03)
    assert speckle.var() == pytest.approx(1 / 4.4, abs=0.03)
    angle, _ = radar.read(scene, "angle", 0, 0, 3, 3)
    assert (angle > 30).all()
    assert (angle < 46).all()

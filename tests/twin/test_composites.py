"""Composites of the twin's scenes through the embedded Earth Engine: what they cost."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np

import smgee
from smgee.cache import ByteCache
from smgee.datasets import HLS, ROLES
from smgee.eelocal.pixels import render
from smgee.predictors.hls import clear_reflectance
from smgee.twin import TwinSource, optical
from smgee.twin.optical import OpticalReader
from smgee.upscale.pull import open_bands

START, END = date(2021, 7, 1), date(2021, 7, 13)
SIDE = 384  # pixels: a tile of its own, unless it is cut


def test_a_composite_makes_each_place_of_a_scene_about_once(basin, tmp_path, monkeypatch):
    """Six bands, one after the other, of more scenes than the cache holds: once, not once for each band."""
    source = TwinSource(basin)
    scenes = sum(START <= s.time.date() < END for s in basin.scenes)
    made: Counter[tuple] = Counter()
    real = OpticalReader._make_block

    def counted(self, scene, band, r, c):
        made[scene.product, scene.index, band.kind, r, c] += 1
        return real(self, scene, band, r, c)

    monkeypatch.setattr(OpticalReader, "_make_block", counted)
    monkeypatch.setattr(render, "usable_cores", lambda: 1)
    grid = basin.grid.window(0, 0, SIDE, SIDE)
    needed = 13 * scenes * SIDE**2  # six bands of two bytes, and a quality band
    pixels = []
    with smgee.connect("embedded", sources=[source], store=tmp_path):
        options = {"sensors": tuple(HLS), "roles": tuple(ROLES), "mask": ("cloud", "shadow")}
        image = clear_reflectance(START, END, **options).median()
        for budget in (0.7 * needed, 10 * needed):
            kept = ByteCache(int(budget))
            monkeypatch.setattr(optical, "KEPT", kept)
            monkeypatch.setattr(render, "KEPT", kept)
            made.clear()
            pixels.append(open_bands(image, list(ROLES), grid=grid).values)
            assert len(made) > 4 * scenes
            assert made.total() < 1.5 * len(made)
    np.testing.assert_array_equal(*pixels)
    assert np.isfinite(pixels[0]).mean() > 0.5

"""What makes SMAP err in the twin: relief, depth of sensing, ancillary data; and by how much."""

from __future__ import annotations

import numpy as np
import pytest

from smgee.twin.smap import (
    INCIDENCE,
    MOISTURES,
    brightness,
    relief_reflectivity,
    retrieve_9km,
    retrieve_36km,
    topp,
)


class Slope:
    """Ground of one slope in every direction."""

    def __init__(self, basin, tangent: float) -> None:
        self.seed, self.cells_across, self.cell_index = 0, 1, np.zeros((40, 40), np.uint8)
        angle = np.random.default_rng(0).uniform(0, 2 * np.pi, (40, 40))
        layers = np.ones((40, 40, 13), np.float32)
        layers[..., 11], layers[..., 12] = tangent * np.cos(angle), tangent * np.sin(angle)
        self.static = {"layers": layers}


def test_level_ground_reflects_as_fresnel_says(basin):
    table = relief_reflectivity(Slope(basin, 0.0))[0, 0]
    eps, cos = topp(MOISTURES), np.cos(INCIDENCE)
    root = np.sqrt(eps - np.sin(INCIDENCE) ** 2)
    np.testing.assert_allclose(table[:, 0], ((eps * cos - root) / (eps * cos + root)) ** 2, rtol=1e-5)
    np.testing.assert_allclose(table[:, 1], ((cos - root) / (cos + root)) ** 2, rtol=1e-5)


def test_relief_brings_the_polarizations_together(basin):
    """Slopes turn the planes of polarization: V loses and H gains emission, the more the steeper."""
    gaps = []
    for degrees in (0, 10, 20, 30):
        table = relief_reflectivity(Slope(basin, np.tan(np.radians(degrees))))[0, 0]
        gaps.append(float((table[:, 1] - table[:, 0])[MOISTURES > 0.1].mean()))
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[3] < 0.97 * gaps[0]
    flat, steep = (relief_reflectivity(Slope(basin, np.tan(np.radians(d))))[0, 0] for d in (0, 20))
    middle = int(np.argmin(np.abs(MOISTURES - 0.25)))
    tb = [
        brightness(
            np.array(0.25), np.array(290.0), np.array(1.0), 0.15, vertical=True, reflectivity=t[middle, 0]
        )
        for t in (flat, steep)
    ]
    assert 0.5 < float(tb[0] - tb[1]) < 15  # K colder in V: retrieved too wet


@pytest.mark.parametrize("retrieve", [retrieve_9km, retrieve_36km])
def test_it_errs_as_at_validation_sites(basin, retrieve):
    truth = basin.cell_means().groupby("day").soil_moisture.mean().to_numpy()
    season = slice(basin.day("2021-05-20"), basin.day("2021-10-01"))
    errors, n = [], 0
    for half in ("am", "pm"):
        seen = retrieve(basin, half)
        m = seen.soil_moisture.shape[1] // 2
        good = (seen.quality[season, m, m] == 0) & np.isfinite(seen.soil_moisture[season, m, m])
        error = seen.soil_moisture[season, m, m][good] - truth[season][good]
        errors.append(error.std())
        n += int(good.sum())
        assert abs(error.mean()) < 0.08
        assert np.corrcoef(seen.soil_moisture[season, m, m][good], truth[season][good])[0, 1] > 0.4
    assert n > 60
    assert 0.018 < np.mean(errors) < 0.055

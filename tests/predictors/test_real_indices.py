"""Indices, edges and endmembers on real HLS chips of a marsh in California, 2018."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from scipy.optimize import nnls

from smgee.datasets import HLS, ROLES
from smgee.predictors import fit_edges, indices_of
from smgee.predictors.purest import name_members, purest

DAYS = ("020", "110", "230", "310")


def chip(folder: Path, day: str) -> xr.Dataset:
    """Unit reflectance of a chip, by role."""
    found = {}
    for role in ROLES:
        name = f"B{HLS['S30'].roles[role][1:].zfill(2)}"
        with rasterio.open(folder / f"HLSS30.020_{name}_doy2018{day}_aid0001_10N.tif") as file:
            stored = file.read(1)
        found[role] = (("y", "x"), np.where(stored == -9999, np.nan, stored * 1e-4))
    return xr.Dataset(found)


@pytest.fixture(scope="module")
def chips(real_data):
    return [chip(real_data / "hls_chips", day) for day in DAYS]


def test_indices_are_those_delivered_with_the_chips(real_data, chips):
    for day, bands in zip(DAYS, chips, strict=True):
        path = real_data / "hls_chips" / "indices" / f"HLSS30_tw1_stack_doy2018{day}_EVI_NDMI_NDWI_VARI.tif"
        with rasterio.open(path) as file:
            delivered = dict(zip(("EVI", "NDMI", "NDWI", "VARI"), file.read(), strict=True))
        found = indices_of(bands, ["NDMI", "NDWI"])
        for name in ("NDMI", "NDWI"):
            known = np.isfinite(delivered[name]) & np.isfinite(found[name].values)
            assert known.sum() > 500
            np.testing.assert_allclose(found[name].values[known], delivered[name][known], atol=1e-6)


def spectra_of(chips) -> np.ndarray:
    x = np.concatenate([np.stack([c[r].values.ravel() for r in ROLES], axis=-1) for c in chips])
    return x[np.isfinite(x).all(axis=1)]


def test_a_marsh_is_mixed_of_the_endmembers_found_in_it(chips):
    x = spectra_of(chips)
    found = name_members(purest(x, 3, seed=2), tuple(ROLES))
    ndvi = {n: (s["nir"] - s["red"]) / (s["nir"] + s["red"]) for n, s in found.items()}
    assert ndvi["green"] > 0.75
    assert max(ndvi["dry"], ndvi["bare_soil"]) < 0.4
    members = np.array([*([s[r] for r in ROLES] for s in found.values()), [0.0] * 6])
    # Sum to one as a heavy further equation of non-negative least squares.
    system = np.vstack([members.T, np.full(4, 100.0)])
    left = [
        np.sqrt(np.mean((members.T @ nnls(system, np.append(s, 100.0))[0] - s) ** 2))
        for s in x[:: len(x) // 400]
    ]
    assert np.median(left) < 0.012
    assert np.quantile(left, 0.95) < 0.03


def test_most_of_it_lies_between_its_edges(chips):
    bands = xr.Dataset({r: ("pixel", v) for r, v in zip(ROLES, spectra_of(chips).T, strict=True)})
    both = indices_of(bands, ["NDVI", "STR"])
    edges = fit_edges(both["NDVI"], both["STR"])
    wet = indices_of(bands, ["OPTRAM"], edges=edges)["OPTRAM"].values
    assert 0.75 < ((wet >= 0) & (wet <= 1)).mean() < 0.97
    # Wetter by what its sources call wet: at one NDVI, darker at 2.2 µm.
    middle = (both["NDVI"] > 0.4) & (both["NDVI"] < 0.5)
    assert np.corrcoef(wet[middle], bands["swir2"].values[middle])[0, 1] < -0.5

"""What is said of the data sets agrees with itself, and with the figures of the catalog pages."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path

import pytest

from smgee.datasets import (
    DATASETS,
    DEMS,
    DEPRECATED,
    FMASK_BITS,
    HLS,
    ROLES,
    SMAP_9KM,
    fmask_bits,
    smap_9km_ids,
)
from smgee.datasets.smap import RETRIEVAL_BITS, SURFACE_BITS, pattern, retrieval_bands
from smgee.errors import InputError


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=list(DATASETS))
def test_names_are_unique_within_a_dataset(dataset):
    names = [b.name for b in dataset.bands]
    assert len(set(names)) == len(names)
    roles = [b.role for b in dataset.bands if b.role]
    assert len(set(roles)) == len(roles)
    layers = [layer for b in dataset.bands for layer in b.layers or (b.name,)]
    assert len(set(layers)) == len(layers) == len(dataset.layers)
    assert dataset.start is None or dataset.end is None or dataset.start < dataset.end


def test_ids_are_said_once():
    """No other module spells the id, or the folder of ids, of a data set that is here; examples may."""
    root = Path(__file__).resolve().parents[2]
    ids = {*DATASETS, *(d.id.rpartition("/")[0] + "/" for d in SMAP_9KM)}
    files = [f for folder in ("smgee", "cli") for f in sorted((root / folder).rglob("*.py"))]
    assert len(files) > 100
    spelled = [
        f"{f.relative_to(root)}:{node.lineno} {node.value}"
        for f in files
        if f.parent.name != "datasets"
        for node in ast.walk(ast.parse(f.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in ids
    ]
    assert spelled == []


def test_sensors_share_the_common_roles_under_other_names():
    # Figures of the band tables on the two catalog pages.
    assert [HLS["L30"].roles[r] for r in ROLES] == ["B2", "B3", "B4", "B5", "B6", "B7"]
    assert [HLS["S30"].roles[r] for r in ROLES] == ["B2", "B3", "B4", "B8A", "B11", "B12"]
    assert HLS["L30"].layers["B05"].role == "nir"
    assert HLS["S30"].layers["B05"].role == "red_edge1"
    assert {len(d.bands) for d in HLS.values()} == {15, 18}


def test_fmask_bits():
    assert fmask_bits(("cloud", "adjacent", "shadow", "snow")) == 0b11110
    assert fmask_bits(tuple(FMASK_BITS)) == 0b111110
    assert fmask_bits(()) == 0
    with pytest.raises(InputError, match="haze"):
        fmask_bits(("cloud", "haze"))


def test_versions_of_smap_meet_without_gap_or_overlap():
    for day in (date(2015, 3, 31), date(2023, 12, 3), date(2023, 12, 4), date(2026, 1, 1)):
        assert sum(d.overlaps(day, date.fromordinal(day.toordinal() + 1)) for d in SMAP_9KM) == 1
    assert not any(d.overlaps(date(2015, 3, 30), date(2015, 3, 31)) for d in SMAP_9KM)
    assert [i[-3:] for i in smap_9km_ids(date(2023, 12, 1), date(2023, 12, 8))] == ["005", "006"]


def test_bits_of_smap_files():
    # Figures of the SPL3SMP user guide: bit 0 recommended, 1 attempted, 2 successful; surface bits 5, 8, 9.
    assert pattern(RETRIEVAL_BITS, "not_recommended", "not_successful") == 0b101
    assert pattern(SURFACE_BITS, "snow_or_ice", "frozen_ground_model", "mountains") == 32 + 256 + 512
    flags = {b.name: b.bad_bits for b in retrieval_bands("pm") if b.bad_bits}
    assert flags == {"retrieval_qual_flag_pm": 0b101, "tb_qual_flag_h_pm": 1, "tb_qual_flag_v_pm": 1}


def test_deprecated_models_are_not_offered_but_known():
    assert "COPERNICUS/DEM/GLO30" in DATASETS
    assert not set(DEMS) & set(DEPRECATED)
    assert all(d.roles["elevation"] for d in DEMS.values())
    assert [d.id for d in DEMS.values() if d.single] == ["NASA/NASADEM_HGT/001", "USGS/SRTMGL1_003"]

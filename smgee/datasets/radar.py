"""Radar: Sentinel-1 GRD.

Sources: its page in https://developers.google.com/earth-engine/datasets/catalog. Backscatter is in decibels,
terrain corrected in geometry, not in radiometry.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from smgee.datasets.base import Band, Dataset

SENTINEL1 = Dataset(
    id="COPERNICUS/S1_GRD",
    title="Sentinel-1 GRD, interferometric wide swath",
    bands=(
        Band("VV", "float64", "backscatter_vv", "dB"),
        Band("VH", "float64", "backscatter_vh", "dB"),
        Band("angle", "float32", "incidence_angle", "degree"),
    ),
    start=date(2014, 10, 3),
    spacing_m=10.0,
)
RADAR: Mapping[str, Dataset] = MappingProxyType({SENTINEL1.id: SENTINEL1})

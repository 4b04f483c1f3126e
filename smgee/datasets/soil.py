"""Soil texture: OpenLandMap.

Sources: its pages in https://developers.google.com/earth-engine/datasets/catalog.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from smgee.datasets.base import Band, Dataset

DEPTHS_CM = (0, 10, 30, 60, 100, 200)


def _fraction(what: str, title: str) -> Dataset:
    return Dataset(
        id=f"OpenLandMap/SOL/SOL_{what.upper()}-WFRACTION_USDA-3A1A1A_M/v02",
        title=f"OpenLandMap, {title}",
        bands=tuple(Band(f"b{d}", "uint8", f"{what}_{d}cm", "%") for d in DEPTHS_CM),
        single=True,
        spacing_m=250.0,
    )


SAND, CLAY = _fraction("sand", "sand by weight"), _fraction("clay", "clay by weight")
SOIL: Mapping[str, Dataset] = MappingProxyType({d.id: d for d in (SAND, CLAY)})

"""Elevation models: NASADEM, SRTM, Copernicus GLO-30 and ALOS World 3D.

Sources: their pages in https://developers.google.com/earth-engine/datasets/catalog. Copernicus and ALOS are
collections, because the spacing of their tiles changes with latitude.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from smgee.datasets.base import Band, Dataset


def _flag(name: str, *layers: str) -> Band:
    return Band(name, "uint8", pyramiding="SAMPLE", layers=layers)


def _height(name: str, *layers: str) -> Band:
    return Band(name, role="elevation", units="m", layers=layers)


_COPERNICUS = (_height("DEM", "", "DEM"), *(Band(b) for b in ("EDM", "FLM", "HEM", "WBM")))
_SHUTTLE = (date(2000, 2, 11), date(2000, 2, 23))

NASADEM = Dataset(
    id="NASA/NASADEM_HGT/001",
    title="NASADEM, 1 arc-second",
    bands=(
        _height("elevation", "", "NASADEM_HGT"),
        _flag("num", "num", "NASADEM_NUM"),
        _flag("swb", "swb", "NASADEM_SWB"),
    ),
    single=True,
    start=_SHUTTLE[0],
    end=_SHUTTLE[1],
)
ELEVATION: Mapping[str, Dataset] = MappingProxyType(
    {
        d.id: d
        for d in (
            NASADEM,
            Dataset(
                id="USGS/SRTMGL1_003",
                title="SRTM, 1 arc-second, version 3",
                bands=(_height("elevation", "", "SRTMGL1_DEM"),),
                single=True,
                start=_SHUTTLE[0],
                end=_SHUTTLE[1],
            ),
            Dataset(id="COPERNICUS/DEM/GLO30_2024_1", title="Copernicus DEM GLO-30, 2024", bands=_COPERNICUS),
            Dataset(
                id="COPERNICUS/DEM/GLO30",
                title="Copernicus DEM GLO-30",
                bands=_COPERNICUS,
                replaced_by="COPERNICUS/DEM/GLO30_2024_1",
            ),
            Dataset(
                id="JAXA/ALOS/AW3D30/V4_1",
                title="ALOS World 3D, 30 m, version 4.1",
                bands=(_height("DSM", "", "DSM"), Band("STK"), Band("MSK")),
            ),
        )
    }
)
DEMS: Mapping[str, Dataset] = MappingProxyType({k: d for k, d in ELEVATION.items() if d.replaced_by is None})
"""The elevation models that a study may name."""

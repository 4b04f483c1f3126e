"""What can be known to fail is refused before hours are spent: unknown indices, data sets that are not
there, stations elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from smgee.datasets import smap_9km_ids
from smgee.errors import InputError, MissingDataError
from smgee.remote import NotFound, call
from smgee.study import Study

__all__ = ["check_place", "check_study", "needed_assets"]


def needed_assets(study: Study, names: Sequence[str]) -> list[str]:
    """Return the ids that these steps of a study read."""
    needed: list[str] = []
    if {"sample", "predict"} & set(names):
        needed += study.predictor_set.datasets()
    if "predict" in names:
        needed += [study.smap.collection_36km] if study.smap.collection_36km else []
        needed += smap_9km_ids(study.start, study.end) if study.smap.nine_km else []
    return needed


def check_study(study: Study, names: Sequence[str]) -> None:
    """Refuse a study whose steps `names` cannot succeed on the connected backend.

    Raises
    ------
    MissingDataError
        For data sets that the backend does not have.
    """
    import ee

    absent = []
    for asset in needed_assets(study, names):
        try:
            call(lambda asset=asset: ee.data.getAsset(asset))  # type: ignore[misc]
        except NotFound:  # any other failure says nothing about the asset
            absent.append(asset)
    if absent:
        where = (
            "Earth Engine does not have, or not for you"
            if study.backend.kind == "earthengine"
            else "the catalog does not have"
        )
        advice = (
            "check the ids and your access"
            if study.backend.kind == "earthengine"
            else "register their files with `smgee catalog add`"
        )
        raise MissingDataError(
            f"The study needs {', '.join(absent)}, which {where}; {advice}, or change the study's predictors "
            "or smap section."
        )


def check_place(study: Study, lon: npt.ArrayLike, lat: npt.ArrayLike) -> None:
    """Refuse stations of which none lies in the study's area."""
    import shapely

    lon, lat = np.asarray(lon), np.asarray(lat)
    inside = shapely.contains_xy(study.area.polygon, lon, lat)
    if not inside.any():
        raise InputError(
            f"None of the {len(lon)} stations (longitude {min(lon):.3f} to {max(lon):.3f}, latitude "
            f"{min(lat):.3f} to {max(lat):.3f}) lies in the "
            f"area of the study around longitude {study.area.center[0]:g}, latitude "
            f"{study.area.center[1]:g}; correct area.lon and area.lat, or give the stations of that area."
        )

"""What can be known to fail is refused before hours are spent: data sets that are not there, stations
elsewhere, assets that cannot be published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import ee
import numpy as np
import numpy.typing as npt
import shapely

from smgee.datasets import DATASETS, DEMS
from smgee.errors import InputError, MissingDataError
from smgee.publish import DAILY_MAPS, RUN_ASSETS, check_publishing, require_folder
from smgee.remote import NotFound, call
from smgee.session import current_session
from smgee.study import Study
from smgee.workflow.step import Step


def catalog_of(study: Study) -> Sequence[Path]:
    """Return the user's catalog, if the study has one: a file that steps read without naming it."""
    return [path for key, path in study.files.items() if key == "backend.catalog"]


def predictor_datasets(study: Study) -> Sequence[str]:
    """Return the ids of the data sets that the predictors of a study are built of."""
    return study.predictor_set.datasets()


def has_static(study: Study) -> bool:
    """Whether a study has predictors that cells are described by."""
    return bool(study.predictor_set.conditions)


def needed_assets(study: Study, steps: Sequence[Step]) -> list[str]:
    """Return the ids that these steps of a study read."""
    return list(dict.fromkeys(i for s in steps if s.datasets for i in s.datasets(study)))


def check_study(
    study: Study,
    steps: Sequence[Step],
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    connected: bool = True,
) -> None:
    """Refuse a study whose `steps` cannot succeed.

    Parameters
    ----------
    study : Study
        Which one.
    steps : sequence of Step
        Those that may run.
    options : mapping of str to mapping, optional
        Options by step.
    connected : bool
        Whether a backend can be asked what it has.

    Raises
    ------
    InputError
        For assets that could not be published, and days of SMAP where it names no product.
    MissingDataError
        For data sets that the backend does not have.
    """
    if any(s.name == "publish" for s in steps):
        _check_publishing(study, (options or {}).get("publish", {}), connected=connected)
    smap = study.smap.products
    if any(s.name == "predict" for s in steps) and study.upscale.days == "smap" and not smap:
        raise InputError(
            "The study names no SMAP product, but upscale.days is smap, the days with a retrieval; set "
            "upscale.days to daily."
        )
    absent = []
    for asset in needed_assets(study, steps) if connected else ():
        try:
            call(lambda asset=asset: ee.data.getAsset(asset))  # type: ignore[misc]
        except NotFound:  # any other failure says nothing about the asset
            absent.append(asset)
    if absent:
        real = study.backend.kind == "earthengine"
        where = "Earth Engine does not have, or not for you" if real else "the catalog does not have"
        advice = "check the ids and your access" if real else "register their files with `smgee catalog add`"
        raise MissingDataError(
            f"The study needs {', '.join(absent)}, which {where}; {advice}, or change the study's predictors "
            "or smap section."
        )
    if connected and any(s.datasets is predictor_datasets for s in steps):
        _check_bands(study)


def _check_bands(study: Study) -> None:
    """Refuse images of the predictors' data sets that lack a band which is read, by one request for all."""
    predictors = study.predictor_set
    wanted = {d: list(predictors.bands_of(d)) for d in predictors.datasets()}
    asked = {}
    for dataset, bands in wanted.items():
        if not bands:
            continue
        if dataset in DATASETS and DATASETS[dataset].single:
            images = ee.ImageCollection([ee.Image(dataset)])
        else:
            images = ee.ImageCollection(dataset).filterBounds(predictors.site.region)
            if dataset not in DEMS:
                start, end = predictors.period_of(dataset)
                images = images.filterDate(str(start), str(end))
        asked[dataset] = images.map(partial(_lacking, bands)).aggregate_array("lacking").distinct()
    found = (call(lambda: ee.Dictionary(asked).getInfo()) if asked else None) or {}
    lacking = {d: sorted({b for text in texts for b in text.split(",") if b}) for d, texts in found.items()}
    said = [f"{d} without {', '.join(bands)}" for d, bands in lacking.items() if bands]
    if said:
        raise MissingDataError(
            f"Images that the study reads lack bands which it needs: {'; '.join(said)}; add the files of "
            "these bands, or leave out the predictors or the mask that need them."
        )


def _lacking(bands: Sequence[str], image: ee.Image) -> ee.Feature:
    """Return a feature that names the bands which an image does not have."""
    missing = ee.List(list(bands)).removeAll(ee.Image(image).bandNames())
    return ee.Feature(None, {"lacking": missing.join(",")})


def _check_publishing(study: Study, options: Mapping[str, Any], *, connected: bool) -> None:
    folder = options.get("folder") or study.publish.folder
    if folder is not None:
        require_folder(folder)
    bucket = options.get("bucket") or study.publish.bucket
    real = study.backend.kind == "earthengine"
    if real and bucket is None:
        raise InputError(
            "Earth Engine ingests maps from Cloud Storage only; name a bucket of yours as publish.bucket in "
            "the study or with `smgee publish --bucket NAME`, or leave publishing out."
        )
    session = current_session()
    names = (*RUN_ASSETS, *((DAILY_MAPS,) if study.publish.maps else ()))
    if connected and session is not None and (real or folder is not None):
        check_publishing(
            folder or f"{session.asset_root}/smgee/{study.name}",
            study=study.name,
            names=names if folder else (),  # what lies in a folder of smgee's own is its own
            bucket=bucket if real else None,
            project=session.project,
            overwrite=study.publish.overwrite,
        )


def check_place(study: Study, lon: npt.ArrayLike, lat: npt.ArrayLike) -> None:
    """Refuse stations of which none lies in the study's area."""
    lon, lat = np.asarray(lon), np.asarray(lat)
    inside = shapely.contains_xy(study.area.polygon, lon, lat)
    if not inside.any():
        raise InputError(
            f"None of the {len(lon)} stations (longitude {min(lon):.3f} to {max(lon):.3f}, latitude "
            f"{min(lat):.3f} to {max(lat):.3f}) lies in the "
            f"area of the study around longitude {study.area.center[0]:g}, latitude "
            f"{study.area.center[1]:g}; correct area.lon and area.lat, or give the stations of that area."
        )

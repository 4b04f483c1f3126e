"""SMAP: fetch both overpasses of every cell that is judged, and what other products say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from smgee import schemas
from smgee.datasets import smap_9km_ids
from smgee.study import Study
from smgee.validation import fetch_smap
from smgee.validation.others import fetch_others, products_of
from smgee.validation.sources import absent
from smgee.workflow.artifacts import Artifact, table
from smgee.workflow.preflight import catalog_of
from smgee.workflow.step import Step
from smgee.workflow.work import Work

SMAP: Artifact[pd.DataFrame] = table("smap.csv", schemas.SMAP)
OTHERS: Artifact[pd.DataFrame] = table("other_products.csv", schemas.OTHERS, optional=True)


def run(work: Work) -> Mapping[str, Any]:
    """Fetch the products of the study."""
    study = work.study
    share = 0.5 if study.smap.others else 1.0
    found = fetch_smap(study, progress=lambda done: work.progress(share * done))
    work.write(SMAP, found)
    others = fetch_others(
        products_of(study),
        found,
        start=study.start,
        end=study.end,
        progress=lambda done: work.progress(share + (1 - share) * done),
    )
    if others.empty:
        work.drop(OTHERS)
    else:
        work.write(OTHERS, others)
    return {
        "retrievals": int(found["soil_moisture"].notna().sum()),
        "cells": int(found["cell"].nunique()),
        "others": {str(name): int(n) for name, n in others.groupby("product").size().items()},
        "notes": [*absent(study, found), *_silent(study, others)],
    }


def _silent(study: Study, others: pd.DataFrame) -> list[str]:
    """Say in sentences which of the other products has nothing at SMAP's passes."""
    there = set(others["product"])
    return [
        f"SMAP is not compared with {p.name}: {p.id} has no image at its passes between {study.start} and "
        f"{study.end} (end exclusive)."
        for p in products_of(study)
        if p.name not in there
    ]


def without_smap(study: Study) -> str | None:
    """Return why a study has nothing to do with SMAP; None where it has."""
    return None if study.smap.products else "the study names no SMAP product"


def _datasets(study: Study) -> Sequence[str]:
    own = [c for c in (study.smap.collection_36km, study.smap.collection_9km) if c]
    versions = smap_9km_ids(study.start, study.end)
    others = [p.id for p in products_of(study)]
    return [*own, *others, *(versions if study.smap.products.get("9 km") == "Earth Engine" else [])]


STEP = Step(
    "smap",
    "Fetch SMAP",
    run,
    version=3,
    writes=(SMAP, OTHERS),
    settings=("start", "end", "area", "smap", "backend.kind"),
    inputs=catalog_of,
    datasets=_datasets,
    external=True,
    needed=without_smap,
)

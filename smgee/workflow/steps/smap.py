"""SMAP: fetch both overpasses of every cell that is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from smgee.datasets import smap_9km_ids
from smgee.schemas import SMAP as SMAP_SCHEMA
from smgee.study import Study
from smgee.validation import fetch_smap
from smgee.validation.sources import absent
from smgee.workflow.artifacts import Artifact, table
from smgee.workflow.preflight import catalog_of
from smgee.workflow.step import Step
from smgee.workflow.work import Work

SMAP: Artifact[pd.DataFrame] = table("smap.csv", SMAP_SCHEMA)


def run(work: Work) -> Mapping[str, Any]:
    """Fetch the products of the study."""
    found = fetch_smap(work.study, progress=work.progress)
    work.write(SMAP, found)
    return {
        "retrievals": int(found["soil_moisture"].notna().sum()),
        "cells": int(found["cell"].nunique()),
        "notes": absent(work.study, found),
    }


def without_smap(study: Study) -> str | None:
    """Return why a study has nothing to do with SMAP; None where it has."""
    return None if study.smap.products else "the study names no SMAP product"


def _datasets(study: Study) -> Sequence[str]:
    own = [c for c in (study.smap.collection_36km, study.smap.collection_9km) if c]
    versions = smap_9km_ids(study.start, study.end)
    return [*own, *(versions if study.smap.products.get("9 km") == "Earth Engine" else [])]


STEP = Step(
    "smap",
    "Fetch SMAP",
    run,
    version=2,
    writes=(SMAP,),
    settings=("start", "end", "area", "smap", "backend.kind"),
    inputs=catalog_of,
    datasets=_datasets,
    external=True,
    needed=without_smap,
)

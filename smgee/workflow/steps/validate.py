"""Validate: SMAP on the exact EASE-Grid cells against maps and stations, side by side, at the overpass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import xarray as xr

from smgee import schemas
from smgee.errors import MissingDataError
from smgee.models import load_model
from smgee.validation import (
    collocation_table,
    compare_products,
    footprint_ledger,
    further_conditions,
    gain_table,
    gather,
    map_accuracy,
    map_verdicts,
    products_in_the_maps,
    products_of,
    relate_errors,
    validate_parts,
    verdict_table,
)
from smgee.validation import validate as validate_smap
from smgee.validation.judges import Judges
from smgee.validation.pairs import CROSS_FITTED, FOOTPRINT, PLAIN, UPSCALED
from smgee.validation.quality import count_retrievals, select_retrievals, too_few
from smgee.workflow.artifacts import Artifact, table
from smgee.workflow.cells import judged_cells
from smgee.workflow.step import Step
from smgee.workflow.steps.layers import LEFT_OUT
from smgee.workflow.steps.smap import OTHERS, SMAP, without_smap
from smgee.workflow.steps.static import CELLS
from smgee.workflow.steps.stations import PERIODS, RECORDS, STATIONS
from smgee.workflow.steps.train import MODELS
from smgee.workflow.steps.zonal import UNITS, ZONAL
from smgee.workflow.work import Work

LARGE: Artifact[pd.DataFrame] = table(
    "validation_36km.csv", schemas.validation_schema("36 km"), optional=True
)
SMALL: Artifact[pd.DataFrame] = table("validation_9km.csv", schemas.validation_schema("9 km"), optional=True)
REFERENCES: Artifact[pd.DataFrame] = table("references.parquet", schemas.REFERENCES)
QUALITY: Artifact[pd.DataFrame] = table("smap_quality.csv", schemas.SMAP_QUALITY)
GAINS: Artifact[pd.DataFrame] = table("gains.csv", schemas.GAINS, optional=True)
VERDICTS: Artifact[pd.DataFrame] = table("verdicts.csv", schemas.VERDICTS, optional=True)
LEDGER: Artifact[pd.DataFrame] = table("footprint_ledger.csv", schemas.LEDGER, optional=True)
PARTS: Artifact[pd.DataFrame] = table("validation_parts.csv", schemas.PARTS, optional=True)
COMPARISON: Artifact[pd.DataFrame] = table("comparison.csv", schemas.COMPARISON, optional=True)
COLLOCATION: Artifact[pd.DataFrame] = table("collocation.csv", schemas.COLLOCATION, optional=True)
ACCURACY: Artifact[pd.DataFrame] = table("map_accuracy.csv", schemas.MAP_ACCURACY, optional=True)
HETEROGENEITY: Artifact[pd.DataFrame] = table("heterogeneity.csv", schemas.HETEROGENEITY, optional=True)

CASES = {"M36": 3999, "M09": 499}
"""Simulated cases behind each test of a gain. Where the claim is made, its false alarms are counted on as
many others; their share is then known to 0.5 %."""

RESAMPLES = {"M36": 2000, "M09": 600}
"""Of the bootstrap behind each interval: the sixteen small cells have sixteen times as many."""


def run(work: Work) -> Mapping[str, Any]:
    """Validate each product of the study by every reference, and relate its errors to the terrain."""
    study, smap, periods = work.study, work.read(SMAP), work.read(PERIODS)
    counts = count_retrievals(smap, periods=periods)
    work.write(QUALITY, counts)
    chosen = select_retrievals(smap, policy=study.smap.quality, without=study.smap.without)
    notes = too_few(counts, study.smap.quality)
    if chosen.empty:
        raise MissingDataError(" ".join(notes) or "SMAP has no retrieval in the period of the study.")
    daily = work.read(STATIONS)
    zonal = work.read(ZONAL)
    judges = gather(
        smap,
        judged_cells(study),
        daily=daily,
        records=work.read_if_there(RECORDS),
        zonal=zonal,
        units=work.read(UNITS),
        cross_fitted=_cross_fitted(zonal),
        hours=study.smap.overpass_hours,
        min_coverage=study.smap.min_coverage,
    )
    work.write(REFERENCES, judges.long())
    options: dict[str, Any] = {"periods": periods, "recommended_only": False, "seed": study.training.seed}
    settings: dict[str, Any] = {
        "references": judges.tables,
        "common": True,
        "training_stations": _trained(daily),
        "smap_is_predictor": bool(study.predictors.of_smap),
        "core_site": study.smap.core_site,
        **options,
    }
    parts = [
        validate_smap(chosen[chosen["cell"].str.startswith(grid)], resamples=number, **settings)
        for grid, number in RESAMPLES.items()
    ]
    result = pd.concat([part for part in parts if len(part)], ignore_index=True)
    for grid, artifact in (("M36", LARGE), ("M09", SMALL)):
        _write(work, artifact, result[result["grid"] == grid])
    work.progress(0.3)
    pairing = {k: v for k, v in options.items() if k != "seed"}
    _write(work, PARTS, validate_parts(chosen, judges.tables, common=True, **options))
    _compared(work, chosen, judges, options)
    _write(work, ACCURACY, _accuracy(work, daily))
    work.progress(0.5)
    _write(work, GAINS, _gains(chosen, judges, options))
    work.progress(0.8)
    stations = judges.stations
    left_out = work.read_if_there(LEFT_OUT)
    found = [] if stations is None else [verdict_table(chosen, stations, **options)]
    if left_out is not None:
        found.append(map_verdicts(chosen, judges.tables[UPSCALED], left_out, **options))
    found = [part for part in found if len(part)]
    verdicts = pd.concat(found, ignore_index=True) if found else None
    _write(work, VERDICTS, verdicts)
    _write(work, LEDGER, footprint_ledger(chosen, judges.tables, verdicts=verdicts, **pairing))
    _write(work, HETEROGENEITY, _related(work, result))
    pairs = result.groupby("grid")["n"].max()
    return {
        "cells": int(result["cell"].nunique()),
        "pairs": {str(k): int(v) for k, v in pairs.items()},
        "references": list(judges.tables),
        "timing": judges.note,
        "policy": study.smap.quality,
        "notes": notes,
    }


def _cross_fitted(zonal: pd.DataFrame) -> pd.DataFrame | None:
    """Return the means of the map in which no pixel's model has seen its nearest station, where they are
    there."""
    if "cross_fitted" not in zonal or zonal["cross_fitted"].isna().all():
        return None
    named = {"cross_fitted": "soil_moisture"}
    return zonal[["date", "cell", "coverage", "cross_fitted"]].rename(columns=named)


def _write(work: Work, artifact: Artifact[pd.DataFrame], rows: pd.DataFrame | None) -> None:
    if rows is None or rows.empty:
        work.drop(artifact)
    else:
        work.write(artifact, rows)


def _compared(work: Work, smap: pd.DataFrame, judges: Judges, options: Mapping[str, Any]) -> None:
    """Judge other products beside SMAP, and collocate them with it."""
    study, others = work.study, work.read_if_there(OTHERS)
    if others is None:
        work.drop(COMPARISON)
        work.drop(COLLOCATION)
        return
    pairing = {k: v for k, v in options.items() if k != "recommended_only"}
    told = {"smap_is_predictor": bool(study.predictors.of_smap), "core_site": study.smap.core_site}
    _write(work, COMPARISON, compare_products(smap, others, judges.tables, **told, **pairing))
    of_smap = [p.name for p in products_of(study) if p.of_smap]
    beside: dict[str, Any] = {"of_smap": of_smap, "of_maps": products_in_the_maps(study)}
    found = collocation_table(smap, judges.tables, others, **beside, **options)
    _write(work, COLLOCATION, found)


def _gains(smap: pd.DataFrame, judges: Judges, options: Mapping[str, Any]) -> pd.DataFrame:
    """Return the tests of gains: in the 36 km cells, where the claim is made, of every reference, their false
    alarms counted; in the 9 km cells of the maps.
    """
    maps = {n: t for n, t in judges.tables.items() if n in (PLAIN, UPSCALED, FOOTPRINT, CROSS_FITTED)}
    parts = []
    for grid, references, verify in (("M36", judges.tables, True), ("M09", maps, False)):
        own = smap[smap["cell"].str.startswith(grid)]
        if len(own):
            tests: dict[str, Any] = {"simulations": CASES[grid], "verify": verify}
            parts.append(gain_table(own, references, common=True, **tests, **options))
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def _trained(daily: xr.Dataset) -> pd.DataFrame:
    names = daily["station"].values.astype(str)
    return pd.DataFrame({"station": names, "lon": daily["lon"].values, "lat": daily["lat"].values})


def _accuracy(work: Work, daily: xr.Dataset) -> pd.DataFrame | None:
    """Return how good the map is at stations that its model has not seen."""
    file = work.path(MODELS) / "cross_validation.parquet"
    if not work.has(MODELS) or not file.is_file():
        return None
    found = pd.read_parquet(file)
    model = load_model(work.path(MODELS), work.study.training.deploy).title
    left_out = found[found["design"] == "station"]
    cells = judged_cells(work.study)
    return map_accuracy(left_out, _trained(daily), cells, model=model, seed=work.study.training.seed)


def _related(work: Work, result: pd.DataFrame) -> pd.DataFrame | None:
    conditions = work.read_if_there(CELLS)
    if conditions is None or not (result["grid"] == "M09").any():
        return None
    conditions = conditions.drop(columns="synthetic", errors="ignore")
    return relate_errors(result, further_conditions(conditions, work.read(ZONAL)))


STEP = Step(
    "validate",
    "Validate SMAP",
    run,
    version=10,
    reads=(SMAP, ZONAL, UNITS, STATIONS, PERIODS),
    may_read=(CELLS, RECORDS, OTHERS, MODELS, LEFT_OUT),
    writes=(
        *(LARGE, SMALL, PARTS, REFERENCES, QUALITY, GAINS, VERDICTS, LEDGER),
        *(COMPARISON, COLLOCATION, ACCURACY, HETEROGENEITY),
    ),
    settings=("area", "training.seed", "training.deploy", "smap", "predictors"),
    needed=without_smap,
)

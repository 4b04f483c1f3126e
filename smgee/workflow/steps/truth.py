"""Truth: on the synthetic basin, how far each reference is from the truth, and whether the verdicts hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from smgee import schemas
from smgee.experiment import collocation_beside_truth, compare_with_truth, true_means
from smgee.experiment.layers import cells_against_truth, layer_sentences, layers_against_truth
from smgee.study import Study
from smgee.twin import Basin
from smgee.validation.judges import TITLES
from smgee.validation.quality import select_retrievals
from smgee.workflow.artifacts import Artifact, table
from smgee.workflow.cells import judged_cells
from smgee.workflow.step import Step
from smgee.workflow.steps.layers import LAYERS
from smgee.workflow.steps.predict import MAPS
from smgee.workflow.steps.smap import OTHERS, SMAP, without_smap
from smgee.workflow.steps.stations import PERIODS
from smgee.workflow.steps.validate import COLLOCATION, REFERENCES
from smgee.workflow.steps.zonal import ZONAL
from smgee.workflow.work import Work

TRUTH: Artifact[pd.DataFrame] = table("truth.csv", schemas.TRUTH)
COLLOCATION_TRUTH: Artifact[pd.DataFrame] = table(
    "collocation_truth.csv", schemas.COLLOCATION_TRUTH, optional=True
)
TRUTH_LAYERS: Artifact[pd.DataFrame] = table("truth_layers.csv", schemas.TRUTH_LAYERS, optional=True)
TRUTH_CELLS: Artifact[pd.DataFrame] = table("truth_cells.csv", schemas.TRUTH_CELLS, optional=True)


def run(work: Work) -> Mapping[str, Any]:
    """Compare the references of the run, and what they say of SMAP, with the truth of the basin."""
    study = work.study
    first, *later = study.years
    basin = Basin(year=first)
    cells = judged_cells(study)
    years = [basin, *(basin.of_year(y) for y in later)]
    truth = pd.concat([true_means(b, cells, hours=study.smap.overpass_hours) for b in years])
    work.progress(0.3)
    every = work.read(REFERENCES)
    references = {n: every[every["reference"] == n] for n in TITLES if (every["reference"] == n).any()}
    smap = select_retrievals(work.read(SMAP), policy=study.smap.quality, without=study.smap.without)
    found = compare_with_truth(smap, references, truth, periods=work.read(PERIODS), seed=study.training.seed)
    work.write(TRUTH, found)
    collocated, others = work.read_if_there(COLLOCATION), work.read_if_there(OTHERS)
    if collocated is None or others is None:
        work.drop(COLLOCATION_TRUTH)
    else:
        seen = {"SMAP": smap} | {str(n): t for n, t in others.groupby("product")} | references
        periods = work.read(PERIODS)
        work.write(COLLOCATION_TRUTH, collocation_beside_truth(collocated, seen, truth, periods=periods))
    held = found[[c for c in found.columns if str(c).endswith("_held")]].to_numpy(float)
    known = held[held == held]
    said = _uncertainty(work, dict(zip(study.years, years, strict=True)))
    share = float(known.mean()) if known.size else None
    return {"comparisons": len(found), "intervals_that_hold": share, "sentence": " ".join(said)}


def _uncertainty(work: Work, basins: Mapping[int, Basin]) -> list[str]:
    """Compare the layers beside the maps, and the errors of the cells' means, with the truth."""
    layers, maps, zonal = work.read_if_there(LAYERS), work.read_if_there(MAPS), work.read_if_there(ZONAL)
    pixels = cells = None
    if layers is not None and maps is not None:
        pixels = layers_against_truth(layers, maps, basins)
    if zonal is not None and "standard_error" in zonal:
        cells = cells_against_truth(zonal, basins)
    for artifact, rows in ((TRUTH_LAYERS, pixels), (TRUTH_CELLS, cells)):
        if rows is None or rows.empty:
            work.drop(artifact)
        else:
            work.write(artifact, rows)
    return layer_sentences(pixels, cells, work.study.upscale.level)


def _needed(study: Study) -> str | None:
    if not study.is_synthetic:
        return "only of the synthetic basin is the truth known"
    return without_smap(study)


STEP = Step(
    "truth",
    "Compare with the truth",
    run,
    version=3,
    reads=(REFERENCES, SMAP, PERIODS),
    may_read=(COLLOCATION, OTHERS, LAYERS, MAPS, ZONAL),
    writes=(TRUTH, COLLOCATION_TRUTH, TRUTH_LAYERS, TRUTH_CELLS),
    settings=("start", "end", "area", "smap", "training.seed", "upscale.level", "backend.kind"),
    needed=_needed,
)

"""Report: figures and one page from the files that a run holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from smgee.insitu import Heterogeneity, study_heterogeneity
from smgee.report import Contents, write_pages
from smgee.report.account import Account
from smgee.report.paper import paper_tables, write_paper_tables
from smgee.tables import read_table
from smgee.upscale import DailyModel
from smgee.workflow.artifacts import Artifact, folder
from smgee.workflow.preflight import needed_assets
from smgee.workflow.registry import STEPS, command_of, load_step
from smgee.workflow.step import Step
from smgee.workflow.steps.compare_routes import PARITY
from smgee.workflow.steps.explain import SHAP
from smgee.workflow.steps.layers import LAYERS
from smgee.workflow.steps.mean_map import MEAN_MAP
from smgee.workflow.steps.predict import MAPS
from smgee.workflow.steps.sample import SAMPLES
from smgee.workflow.steps.smap import SMAP
from smgee.workflow.steps.stations import PERIODS, SPREAD, STATIONS
from smgee.workflow.steps.stations import QUALITY as QUALITY_OF_RECORDS
from smgee.workflow.steps.train import CERTIFICATE, DISTANCES, MODELS, SCORES, SCORES_BY
from smgee.workflow.steps.truth import COLLOCATION_TRUTH, TRUTH
from smgee.workflow.steps.uncertainty import UNCERTAINTY
from smgee.workflow.steps.validate import (
    ACCURACY,
    COLLOCATION,
    COMPARISON,
    GAINS,
    HETEROGENEITY,
    LARGE,
    LEDGER,
    PARTS,
    QUALITY,
    REFERENCES,
    SMALL,
    VERDICTS,
)
from smgee.workflow.work import Work

PAGE: Artifact[str] = Artifact("report.html", lambda path: path.read_text(encoding="utf-8"))
FIGURES: Artifact[list[Path]] = folder("figures", lambda path: sorted(path.iterdir()))

TABLES: Artifact[list[Path]] = folder("tables", lambda path: sorted(path.iterdir()), optional=True)

_SHOWN: dict[str, Artifact[Any]] = {
    "stations": STATIONS,
    "periods": PERIODS,
    "scores": SCORES,
    "certificate": CERTIFICATE,
    "distances": DISTANCES,
    "maps": MAPS,
    "mean": MEAN_MAP,
    "parity": PARITY,
    "smap": SMAP,
    "references": REFERENCES,
    "quality": QUALITY,
    "large": LARGE,
    "small": SMALL,
    "gains": GAINS,
    "verdicts": VERDICTS,
    "ledger": LEDGER,
    "heterogeneity": HETEROGENEITY,
    "truth": TRUTH,
    "parts": PARTS,
    "comparison": COMPARISON,
    "collocation": COLLOCATION,
    "collocation_truth": COLLOCATION_TRUTH,
    "accuracy": ACCURACY,
    "station_scores": SCORES_BY["station"],
    "layers": LAYERS,
}
"""What a page shows as it was read, by the name of its contents."""

# What a reader would look for, and the step that makes it.
_PARTS: tuple[tuple[Artifact[Any], str, str], ...] = (
    (STATIONS, "stations", "No stations were read"),
    (SCORES, "train", "No model was trained"),
    (SHAP, "explain", "No model was explained"),
    (MAPS, "predict", "No maps were drawn"),
    (PARITY, "compare_routes", "The two routes were not compared"),
    (LARGE, "validate", "SMAP was not validated at 36 km"),
    (SMALL, "validate", "SMAP was not validated at 9 km"),
)


def run(work: Work) -> Mapping[str, Any]:
    """Write the page from what there is, and say what there is not."""
    rows = work.read_if_there(SAMPLES)
    complete = len(rows) if rows is not None else 0
    deploy = work.study.training.deploy if work.run.has_study else "best"
    model = DailyModel.open(work.path(MODELS), deploy) if work.has(MODELS) else None
    explained = work.read_if_there(SHAP) or []
    shap = [p for p in explained if p.suffix == ".png"]
    held_out = next((read_table(p) for p in explained if p.name == "held_out_groups.csv"), None)
    contents = Contents(
        name=work.study.name if work.run.has_study else work.run.path.resolve().name,
        synthetic=work.provenance.synthetic,
        study=work.study if work.run.has_study else None,
        samples=None if rows is None else (complete, complete + sum(rows.dropped.values())),
        spread=_spread(work),
        state=None if model is None else model.series,
        model="" if model is None else model.title,
        route=str(work.fact("predict", "route") or ""),
        spent=_spent(work),
        shap=shap,
        held_out=held_out,
        predictions=_predictions(work),
        account=_account(work),
        uncertain=_uncertain(work),
        judged=_judged(work),
        absent=[_absent(work, what, step) for artifact, step, what in _PARTS if not work.has(artifact)],
        **{name: work.read_if_there(artifact) for name, artifact in _SHOWN.items()},
    )
    number = write_pages(contents, work.path(PAGE), folder=work.path(FIGURES), progress=work.progress)
    tables = paper_tables(contents, contents.periods)
    write_paper_tables(tables, work.path(TABLES), synthetic=work.provenance.synthetic)
    return {"figures": number, "tables": [t.name for t in tables], "absent": list(contents.absent)}


def _predictions(work: Work) -> pd.DataFrame | None:
    """Return the predictions for rows held out, which lie beside the models."""
    path = work.path(MODELS) / "cross_validation.parquet"
    return pd.read_parquet(path) if path.is_file() else None


def _account(work: Work) -> Account:
    """Return how the run came about, as its manifest tells."""
    entries = {name: entry for name in STEPS if (entry := work.run.entry(name))}
    kept: dict[str, int] = {}
    lost: dict[str, Mapping[str, int]] = {}
    quality = work.read_if_there(QUALITY_OF_RECORDS)
    if quality is not None:
        kept["records of the network"] = int(quality["records"].sum() - quality["dropped"].sum())
        lost["records of the network"] = {"failed a check that leaves out": int(quality["dropped"].sum())}
    sampled = entries.get("sample", {})
    if "complete_rows" in sampled:
        kept["station-days with every predictor"] = int(sampled["complete_rows"])
        lost["station-days with every predictor"] = dict(sampled.get("lost", {}))
    trained = entries.get("train", {})
    if "rows" in trained:
        kept["rows that models were scored on"] = int(trained["rows"])
        lost["rows that models were scored on"] = dict(trained.get("dropped", {}))
    study = work.study if work.run.has_study else None
    return Account(
        steps=[{**entry, "step": name} for name, entry in entries.items() if name != "report"],
        versions=work.run.manifest.get("versions", {}),
        datasets=() if study is None else needed_assets(study, [load_step(name) for name in entries]),
        made_from=work.provenance.made_from,
        lost=lost,
        kept=kept,
    )


def _spent(work: Work) -> str:
    """Return what the maps took of Earth Engine and of time, beside what was planned."""
    planned, measured = work.fact("predict", "planned"), work.fact("predict", "measured")
    if not planned or not measured:
        return ""
    said = [f"{measured['requests']:,} requests ({planned['requests']:,})"]
    for way in ("up", "down"):
        both = [of[f"bytes_{way}"] / 1e6 for of in (measured, planned)]
        said.append(f"{both[0]:,.1f} MB {way} ({both[1]:,.1f})")
    return ", ".join([*said, f"{measured['minutes']:,.1f} min ({planned['minutes']:,.1f})"])


def _spread(work: Work) -> Heterogeneity | None:
    """Return how different the stations are, the curves behind the table that the run holds among it."""
    daily, table = work.read_if_there(STATIONS), work.read_if_there(SPREAD)
    if daily is None or table is None:
        return None
    seed = work.study.training.seed if work.run.has_study else 0
    return replace(study_heterogeneity(daily, seed=seed), table=table)


def _judged(work: Work) -> list[str]:
    """Return what `validate` noted of how it judged."""
    timing = work.fact("validate", "timing")
    return [*([str(timing)] if timing else []), *map(str, work.fact("validate", "notes") or ())]


def _uncertain(work: Work) -> list[str]:
    """Return what intervals are worth, at stations left out and against the truth, and what was not drawn."""
    said = [work.fact("uncertainty", "sentence"), work.fact("truth", "sentence")]
    notes = work.fact("layers", "notes") or ()
    return [str(text) for text in (*said, *notes) if text]


def _absent(work: Work, what: str, step: str) -> str:
    if step == "predict" and work.run.has_study and work.study.upscale.stays:
        return f"{what}: they stay on Earth Engine (upscale.maps); `smgee export` writes them there."
    products = work.study.smap.products if work.run.has_study else None
    if products is not None and step == "validate":
        if not products:
            return f"{what}: the study names no SMAP product."
        if what.endswith("36 km") and "36 km" not in products:
            return (
                f"{what}: Earth Engine has no 36 km product of its own; ingest files of SPL3SMP "
                "(`smgee smap ingest`) and name the collection in smap.collection_36km."
            )
        if what.endswith("9 km") and "9 km" not in products:
            return f"{what}: the study leaves it out."
    return f"{what} (`smgee {command_of(step)}`)."


STEP = Step(
    "report",
    "Write the report",
    run,
    may_read=(*_SHOWN.values(), QUALITY_OF_RECORDS, SPREAD, SAMPLES, MODELS, SHAP, UNCERTAINTY),
    writes=(PAGE, FIGURES, TABLES),
    standalone=True,
    settings=("name", "start", "end", "area", "training.deploy", "smap", "upscale.level"),
)

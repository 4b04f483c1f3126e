"""What a training gives, written into a folder: scores, certificate and models."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from smgee.io import atomic_path, write_json
from smgee.models.foldmodels import FoldModel, forget_fold_models
from smgee.models.scores import write_breakdowns, write_scores
from smgee.models.store import TrainedModel, forget_models, save_model, write_index
from smgee.models.table import TrainingTable
from smgee.schemas import DISTANCES, PREDICTIONS
from smgee.tables import Provenance, sidecar_of, write_table


def save_training(
    folder: str | os.PathLike[str],
    *,
    training: TrainingTable,
    models: Mapping[str, TrainedModel],
    best: str,
    chosen_by: str,
    scores: pd.DataFrame,
    predictions: pd.DataFrame,
    certificate: Mapping[str, Any],
    distances: pd.DataFrame | None = None,
    folds: Sequence[FoldModel] = (),
    state: pd.DataFrame | None = None,
) -> None:
    """Write ``scores.csv``, the same per station, month and year, ``certificate.json``, ``distances.csv`` and
    ``models/``.

    ``models/`` holds the trees, their JSON pages, the training rows, out-of-fold predictions, and of state
    and place the models of folds and the state. What an earlier training left, and might pass for this one's,
    is removed.
    """
    folder = Path(folder)
    home, synthetic = folder / "models", training.synthetic
    made = Provenance(synthetic=synthetic, made_by="smgee train", made_from={"table": training.hash})
    write_scores(scores, folder / "scores.csv", provenance=made)
    write_breakdowns(predictions, folder, provenance=made)
    write_json(folder / "certificate.json", certificate)
    forget_models(home, keep=models)
    forget_fold_models(home)
    file, states = folder / "distances.csv", home / "state.parquet"
    for path in (file, sidecar_of(file), states):
        path.unlink(missing_ok=True)
    if distances is not None and len(distances):
        write_table(distances, file, schema=DISTANCES, provenance=made)
    for model in models.values():
        save_model(model, home)
    for k, fold in enumerate(folds):
        fold.save(home, k)
    if state is not None:
        with atomic_path(states) as scratch:
            (state.assign(synthetic=1) if synthetic else state).to_parquet(scratch, index=False)
    training.write(home / "training.parquet")
    write_table(predictions, home / "cross_validation.parquet", schema=PREDICTIONS, provenance=made)
    # last, so that a folder with an index is a whole one
    write_index(
        home,
        names=list(models),
        best=best,
        table_hash=training.hash,
        synthetic=synthetic,
        chosen_by=chosen_by,
    )

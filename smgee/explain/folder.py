"""Explanations of a run: the ranking of predictors, its figure, and the files of ``shap/``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from smgee.drawn import save_figure
from smgee.errors import InputError
from smgee.explain.heldout import HeldOut, explain_held_out
from smgee.explain.interactions import interactions_held_out
from smgee.explain.plots import plot_dependence, plot_held_out, plot_interactions, plot_summary
from smgee.explain.shapley import Explanation, explain
from smgee.metrics import score
from smgee.models import (
    FoldModel,
    TrainedModel,
    TrainingTable,
    list_models,
    load_fold_models,
    load_model,
)
from smgee.schemas import (
    HELD_OUT_GROUPS,
    HELD_OUT_RANKING,
    HELD_OUT_SEASONS,
    INTERACTIONS,
    RANKING,
    SHAP_VALUES,
)
from smgee.tables import Provenance, sidecar_of, write_table

HELD_OUT = ("held_out_ranking.csv", "held_out_groups.csv", "held_out_seasons.csv")
"""Tables of stations left out; beside them stand the figures `HELD_OUT_FIGURES`."""

HELD_OUT_FIGURES = ("held_out.png", "held_out_dependence.png")

TOGETHER = ("interactions.csv", "held_out_interactions.png")
"""What pairs of predictors do together at stations left out: the table, and a figure with its own numbers."""


def ranking(explanation: Explanation) -> pd.DataFrame:
    """Predictors by mean |SHAP|, the largest first.

    Returns
    -------
    pandas.DataFrame
        ``rank``, ``predictor``, ``mean_abs_shap`` (unit of the target), ``share`` of the sum over predictors,
        and ``direction``: Spearman's correlation of the predictor with its SHAP value, positive where more of
        it means wetter; NaN for a predictor that does not vary.
    """
    importance = explanation.importance
    total = float(importance.sum())
    rows = []
    for position, j in enumerate(np.argsort(-importance, kind="stable"), start=1):
        rows.append(
            {
                "rank": position,
                "predictor": explanation.predictors[j],
                "mean_abs_shap": float(importance[j]),
                "share": float(importance[j] / total) if total > 0 else 0.0,
                "direction": score("rho", explanation.x[:, j], explanation.values[:, j]),
            }
        )
    return pd.DataFrame(rows)


def save_explanation(
    explanation: Explanation, folder: str | os.PathLike[str], *, name: str, table: TrainingTable | None = None
) -> None:
    """Write ``NAME_ranking.csv``, ``NAME_values.parquet`` and ``NAME_summary.png`` into a folder.

    Parameters
    ----------
    explanation : Explanation
        What to write.
    folder : path-like
        Usually ``shap`` in a run folder.
    name : str
        Start of the file names.
    table : TrainingTable, optional
        The table explained; adds the columns station and time to the values.
    """
    folder = Path(folder)
    made = Provenance(synthetic=explanation.synthetic, made_by="smgee explain")
    write_table(ranking(explanation), folder / f"{name}_ranking.csv", schema=RANKING, provenance=made)
    values = pd.DataFrame(explanation.values, columns=[f"shap_{p}" for p in explanation.predictors])
    values.insert(0, "expected", explanation.expected)
    values = pd.concat([values, pd.DataFrame(explanation.x, columns=list(explanation.predictors))], axis=1)
    values.insert(0, "row", explanation.rows)
    if table is not None:
        values.insert(1, "station", table.station[explanation.rows])
        values.insert(2, "time", table.time[explanation.rows])
    write_table(values, folder / f"{name}_values.parquet", schema=SHAP_VALUES, provenance=made)
    save_figure(plot_summary(explanation), folder / f"{name}_summary.png", synthetic=explanation.synthetic)


def save_held_out(held: HeldOut, folder: str | os.PathLike[str]) -> None:
    """Write `HELD_OUT` and `HELD_OUT_FIGURES` into a folder."""
    folder = Path(folder)
    made = Provenance(synthetic=held.synthetic, made_by="smgee explain")
    ranking_, groups = held.ranking(), held.group_ranking()
    for name, table, schema in zip(
        HELD_OUT,
        (ranking_, groups, held.seasons()),
        (HELD_OUT_RANKING, HELD_OUT_GROUPS, HELD_OUT_SEASONS),
        strict=True,
    ):
        write_table(table, folder / name, schema=schema, provenance=made)
    for name, figure in zip(
        HELD_OUT_FIGURES, (plot_held_out(held, ranking_), plot_dependence(held, ranking_)), strict=True
    ):
        save_figure(figure, folder / name, synthetic=held.synthetic)


def save_interactions(table: pd.DataFrame, folder: str | os.PathLike[str], *, synthetic: bool) -> None:
    """Write `TOGETHER` into a folder: the table of `interactions_held_out`, and its figure."""
    made = Provenance(synthetic=synthetic, made_by="smgee explain")
    write_table(table, Path(folder) / TOGETHER[0], schema=INTERACTIONS, provenance=made)
    save_figure(
        plot_interactions(table, synthetic=synthetic), Path(folder) / TOGETHER[1], synthetic=synthetic
    )


def explain_models(
    models: Mapping[str, TrainedModel],
    table: TrainingTable,
    folder: str | os.PathLike[str],
    *,
    folds: Sequence[FoldModel] = (),
    max_rows: int | None = None,
    seed: int = 0,
) -> dict[str, Explanation]:
    """Explain trained models on their table, and write everything into a folder.

    Beside the files of `save_explanation`, ``ranking.csv`` holds the mean |SHAP| of every predictor, one
    column per model.

    Parameters
    ----------
    models : mapping of str to TrainedModel
        By name.
    table : TrainingTable
        What they were trained on.
    folder : path-like
        Usually ``shap`` in a run folder. Files of models that are not among `models` are removed from it.
    folds : sequence of FoldModel
        Models of stations left out, to be explained on these (see `smgee.explain.HeldOut`).
    max_rows, seed
        As for `explain`.

    Returns
    -------
    dict of str to Explanation
        By name.

    Raises
    ------
    InputError
        If a model was trained on another table, since its branches must be counted on its own rows.
    """
    result = {}
    for name, model in models.items():
        trained_on = model.record.get("table", {}).get("hash")
        if trained_on != table.hash:
            raise InputError(
                f"The model {model.title} was trained on another table than the one given; give its own, or "
                "train it again."
            )
        result[name] = explain(
            model.ensemble,
            table.x,
            max_rows=max_rows,
            seed=seed,
            title=model.title,
            synthetic=table.synthetic,
        )
        save_explanation(result[name], folder, name=name, table=table)
    forget(folder, keep=result)
    if any((fold.trees.feature >= 0).any() for fold in folds):
        save_held_out(explain_held_out(folds, synthetic=table.synthetic), folder)
        save_interactions(interactions_held_out(folds), folder, synthetic=table.synthetic)
    if result:
        together = pd.DataFrame(
            {e.title: e.importance for e in result.values()},
            index=pd.Index(table.predictors, name="predictor"),
        )
        together = together.loc[together.mean(axis=1).sort_values(ascending=False, kind="stable").index]
        made = Provenance(synthetic=table.synthetic, made_by="smgee explain")
        write_table(together.reset_index(), Path(folder) / "ranking.csv", schema=RANKING, provenance=made)
    return result


def explain_run(
    run: str | os.PathLike[str], *, model: str = "best", max_rows: int | None = None, seed: int = 0
) -> pd.DataFrame:
    """Explain a trained model of a run folder on the rows it was trained on, and write ``shap/``.

    Where the models of the folds were kept (those of an anomaly), they are explained too, each on the
    stations it never saw and beside its placebo (see `smgee.explain.HeldOut`).

    Parameters
    ----------
    run : path-like
        Run folder with ``models/``.
    model : str
        Name or title, ``best``, or ``all``.
    max_rows, seed
        As for `explain`.

    Returns
    -------
    pandas.DataFrame
        The `ranking`; for ``all``, that of the best model.

    Raises
    ------
    MissingDataError
        If nothing was trained there.
    """
    folder = Path(run) / "models"
    names, best = list_models(folder)
    loaded = [load_model(folder, name) for name in (names if model == "all" else [model])]
    table = TrainingTable.read(folder / "training.parquet")
    explained = explain_models(
        {m.name: m for m in loaded},
        table,
        Path(run) / "shap",
        folds=load_fold_models(folder),
        max_rows=max_rows,
        seed=seed,
    )
    return ranking(explained[best if model == "all" else loaded[0].name])


def forget(folder: str | os.PathLike[str], *, keep: Iterable[str] = ()) -> None:
    """Remove the files of earlier explanations from a folder, but for the models to `keep`: they describe
    models of the past.
    """
    for ending in ("ranking.csv", "values.parquet", "summary.png"):
        for path in Path(folder).glob(f"*_{ending}"):
            if path.name.removesuffix(f"_{ending}") not in set(keep):
                _remove(path)
    for name in ("ranking.csv", *HELD_OUT, *HELD_OUT_FIGURES, *TOGETHER):
        _remove(Path(folder) / name)


def _remove(path: Path) -> None:
    beside = (path.with_suffix(".svg"), path.with_suffix(".csv")) if path.suffix == ".png" else ()
    for file in (path, sidecar_of(path), *beside):
        file.unlink(missing_ok=True)

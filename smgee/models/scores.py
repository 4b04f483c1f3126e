"""The score table: every model under every design, side by side, with intervals over stations."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from smgee.errors import InputError
from smgee.metrics import HEADLINE, assess, columns, scores
from smgee.models.designs import DESIGNS, require_station_design
from smgee.schemas import SCORES
from smgee.tables import Provenance, write_table

COLUMNS = (
    "model",
    "design",
    *columns(HEADLINE),
    "n",
    "stations",
    "folds",
)
"""Columns of the score table."""


def score_table(
    predictions: pd.DataFrame, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Scores of out-of-fold predictions, pooled over folds.

    The intervals redraw whole stations (`smgee.metrics.Clusters`), because the rows of one station
    share its probe, its soil and its weather. They describe which stations happened to be there, not the
    chance in training.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `cross_validate` gives it.
    level : float
        Coverage of the intervals.
    resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`: ``r``, ``bias`` (predicted − observed), ``rmse``, ``ubrmse`` in m³ m⁻³, each with ``_low``
        and ``_high``; ``n`` rows, ``stations`` and ``folds``. Intervals are NaN below five stations.

    Raises
    ------
    InputError
        If `predictions` holds random folds without folds that leave stations out, or rows that were not
        predicted.
    """
    designs = [name for name in DESIGNS if name in set(predictions["design"])]
    require_station_design(designs)
    if not np.isfinite(predictions["predicted"].to_numpy()).all():
        raise InputError(
            "Some rows carry no finite prediction; scores over part of the rows would mislead, so predict "
            "every row."
        )
    rows = []
    for model, of_model in predictions.groupby("model", sort=False):
        for design in designs:
            part = of_model[of_model["design"] == design]
            if not len(part):
                raise InputError(
                    f"The model {model} was not scored with the design {design!r}; score all models in the "
                    "same ways."
                )
            found = assess(
                part["predicted"],
                part["observed"],
                clusters=part["station"],
                level=level,
                resamples=resamples,
                seed=seed,
            )
            rows.append(
                {"model": model, "design": design}
                | found.as_row()
                | {"n": found.n, "stations": part["station"].nunique(), "folds": part["fold"].nunique()}
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def station_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Scores of every model and design at each station.

    Within a station R tells whether the course of the year is followed, and ``bias`` how far off the level
    is; pooled scores mix both.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``design``, ``station``, ``r``, ``bias``, ``rmse``, ``ubrmse``, ``n``.

    Raises
    ------
    InputError
        As `score_table`.
    """
    require_station_design([name for name in DESIGNS if name in set(predictions["design"])])
    rows = [
        {"model": model, "design": design, "station": station}
        | scores(HEADLINE, part["predicted"], part["observed"])
        | {"n": int(part["observed"].notna().sum())}
        for (model, design, station), part in predictions.groupby(["model", "design", "station"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["model", "design", "station", *HEADLINE, "n"])


def best_model(scores: pd.DataFrame) -> str:
    """Title of the model with the smallest RMSE at stations left out.

    Raises
    ------
    InputError
        If no design of the table leaves stations out.
    """
    for design in ("station", "loso", "block"):
        rows = scores[scores["design"] == design]
        if len(rows):
            return str(rows["model"].iloc[int(rows["rmse"].to_numpy().argmin())])
    raise InputError(
        "The scores hold no design that leaves stations out, which is what models are chosen by; add the "
        "design 'station'."
    )


def write_scores(
    scores: pd.DataFrame, path: str | os.PathLike[str], *, provenance: Provenance | None = None
) -> None:
    """Write the score table as CSV, six decimals.

    Raises
    ------
    InputError
        If the table holds random splits only.
    """
    require_station_design([name for name in DESIGNS if name in set(scores["design"])])
    write_table(scores, path, schema=SCORES, provenance=provenance)

"""What every table of scores keeps to, and what is read from one."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pandas as pd

from smgee.errors import InputError
from smgee.models.baselines import BASELINES
from smgee.models.skill import breakdown, require_company
from smgee.schemas import SCORES, SCORES_BY
from smgee.tables import Provenance, write_table

AT_STATIONS = ("station", "loso", "block")
"""Designs that leave stations out, the one that models are judged by first."""


def station_design(scores: pd.DataFrame) -> str:
    """The design of a table of scores that models are judged by; `InputError` if no design of the table
    leaves stations out.
    """
    for design in AT_STATIONS:
        if (scores["design"] == design).any():
            return design
    raise InputError(
        "The scores hold no design that leaves stations out, which is what models are chosen by; add the "
        "design 'station'."
    )


def best_model(scores: pd.DataFrame) -> str:
    """Title of the model with the smallest RMSE at stations left out; baselines are none.

    Raises
    ------
    InputError
        If no design of the table leaves stations out.
    """
    rows = scores[(scores["design"] == station_design(scores)) & ~scores["model"].isin(BASELINES)]
    return str(rows["model"].iloc[int(rows["rmse"].to_numpy().argmin())])


def scores_of(scores: pd.DataFrame, title: str) -> dict[str, dict[str, Any]]:
    """Figures of one model by design, as JSON-like data; None where one cannot be told."""
    rows = scores[scores["model"] == title].set_index("design").drop(columns="model")
    return {
        str(design): {str(key): float(v) if math.isfinite(v) else None for key, v in row.items()}
        for design, row in rows.iterrows()
    }


def write_scores(
    scores: pd.DataFrame, path: str | os.PathLike[str], *, provenance: Provenance | None = None
) -> None:
    """Write the score table as CSV, six decimals.

    Raises
    ------
    InputError
        If random splits stand without stations left out, or a design without its baselines.
    """
    require_company(scores)
    write_table(scores, path, schema=SCORES, provenance=provenance)


def write_breakdowns(
    predictions: pd.DataFrame, folder: str | os.PathLike[str], *, provenance: Provenance | None = None
) -> None:
    """Write ``scores_station.csv``, ``scores_month.csv`` and ``scores_year.csv`` into a folder."""
    require_company(predictions)
    for by, schema in SCORES_BY.items():
        table = breakdown(predictions, by)
        write_table(table, Path(folder) / f"scores_{by}.csv", schema=schema, provenance=provenance)

"""A ledger for each cell: of SMAP's difference from the cell, what is the footprint's and what is left."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from smgee.validation.pairs import FOOTPRINT, UPSCALED, matched

__all__ = ["LEDGER_COLUMNS", "footprint_ledger"]

LEDGER_COLUMNS = (
    *("grid", "cell", "orbit", "n", "coverage_cell", "coverage_footprint"),
    *("difference", "of_footprint", "remainder", "error_level"),
    *("spread", "spread_footprint", "spread_remainder", "error_dynamics"),
)
"""Columns of `footprint_ledger`."""


def footprint_ledger(
    smap: pd.DataFrame,
    references: Mapping[str, pd.DataFrame],
    *,
    verdicts: pd.DataFrame | None = None,
    **pairing: Any,
) -> pd.DataFrame:
    """Split SMAP's difference from the upscaled map of each cell.

    Parameters
    ----------
    smap : pandas.DataFrame
        As `smgee.validation.validate` takes it.
    references : mapping of str to pandas.DataFrame
        With the maps over the cell and under the footprint; without either the ledger is empty.
    verdicts : pandas.DataFrame, optional
        From `smgee.validation.verdict_table`: the sampling error of the stations behind the maps.
    **pairing
        periods, recommended_only and day of `smgee.validation.validate`.

    Returns
    -------
    pandas.DataFrame
        `LEDGER_COLUMNS`, one row per cell and overpass, m³ m⁻³: ``difference`` (mean of SMAP − cell) is
        ``of_footprint`` (mean of footprint − cell: what SMAP cannot help seeing) plus ``remainder`` (SMAP −
        footprint: SMAP's own, and the maps' error). ``spread…`` are the standard deviations of the same in
        time; ``error_level`` and ``error_dynamics`` how far the mean of the stations in the cell may be off.
        ``coverage_…``: share of the cell, and of the whole footprint, that the maps cover.
    """
    if not {UPSCALED, FOOTPRINT} <= set(references):
        return pd.DataFrame(columns=list(LEDGER_COLUMNS))
    errors: dict[tuple[str, str], tuple[float, float]] = {}
    if verdicts is not None:
        for row in verdicts.to_dict("records"):
            errors[str(row["cell"]), str(row["orbit"])] = row["error_level"], row["error_dynamics"]
    maps = {name: references[name] for name in (UPSCALED, FOOTPRINT)}
    rows = []
    for cell, orbit, paired in matched(smap, maps, common=True, **pairing):
        both = paired[UPSCALED].merge(
            paired[FOOTPRINT][["filed", "reference", "coverage"]], on="filed", suffixes=("", "_footprint")
        )
        whole = both["smap"] - both["reference"]
        footprint = both["reference_footprint"] - both["reference"]
        level, dynamics = errors.get((cell.name, orbit), (math.nan, math.nan))
        rows.append(
            {
                "grid": cell.grid,
                "cell": cell.name,
                "orbit": orbit,
                "n": len(both),
                "coverage_cell": both["coverage"].mean(),
                "coverage_footprint": both["coverage_footprint"].mean(),
                "difference": whole.mean(),
                "of_footprint": footprint.mean(),
                "remainder": (whole - footprint).mean(),
                "error_level": level,
                "spread": whole.std(ddof=0),
                "spread_footprint": footprint.std(ddof=0),
                "spread_remainder": (whole - footprint).std(ddof=0),
                "error_dynamics": dynamics,
            }
        )
    return pd.DataFrame(rows, columns=list(LEDGER_COLUMNS))

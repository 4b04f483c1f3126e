"""A ledger for each cell: of SMAP's difference from the cell, what is the footprint's and what is left."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from smgee.grid import EaseCell
from smgee.validation.pairs import FOOTPRINT, UPSCALED, matched

LEDGER_COLUMNS = (
    *("grid", "cell", "orbit", "n", "coverage_cell", "coverage_footprint"),
    *("difference", "of_footprint", "remainder", "error_level"),
    *("error_map", "error_coverage", "own_low", "own_high"),
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
        From `smgee.validation.verdict_table` and `smgee.validation.map_verdicts`: the error of the maps, or
        of the stations behind them.
    **pairing
        periods, recommended_only and day of `smgee.validation.validate`.

    Returns
    -------
    pandas.DataFrame
        `LEDGER_COLUMNS`, one row per cell and overpass, m³ m⁻³: ``difference`` (mean of SMAP − cell) is
        ``of_footprint`` (mean of footprint − cell: what SMAP cannot help seeing) plus ``remainder`` (SMAP −
        footprint: SMAP's own, and the maps' error). ``spread…`` are the standard deviations of the same in
        time; ``error_level`` and ``error_dynamics`` how far the mean of the maps, or else
        of the stations in the cell, may be off.
        ``coverage_…``: share of the cell, and of the whole footprint, that the maps cover. Of the remainder
        may be the maps': ``error_map``, the standard error of their mean over the 36 km cell around, which a
        footprint is about as wide as (by models that have not seen one station; NaN where none were drawn);
        and ``error_coverage``, what the footprint's mean would move by, were the part beside the maps one
        standard deviation apart from the part on them. ``own_low`` to ``own_high`` is what is SMAP's own with
        a probability of 95 %, both heeded; where it holds 0, the maps may be all there is to it.
    """
    if not {UPSCALED, FOOTPRINT} <= set(references):
        return pd.DataFrame(columns=list(LEDGER_COLUMNS))
    errors: dict[tuple[str, str], tuple[float, float]] = {}
    if verdicts is not None:
        # those of the maps come last, and count where they are known
        for row in verdicts.to_dict("records"):
            errors[str(row["cell"]), str(row["orbit"])] = row["error_level"], row["error_dynamics"]
    maps = {name: references[name] for name in (UPSCALED, FOOTPRINT)}
    of_map = _map_errors(references[UPSCALED])
    rows = []
    for cell, orbit, paired in matched(smap, maps, common=True, **pairing):
        both = paired[UPSCALED].merge(
            paired[FOOTPRINT][["filed", "reference", "coverage", *_spread(paired[FOOTPRINT])]],
            on="filed",
            suffixes=("", "_footprint"),
        )
        whole = both["smap"] - both["reference"]
        footprint = both["reference_footprint"] - both["reference"]
        level, dynamics = errors.get((cell.name, orbit), (math.nan, math.nan))
        around = cell if cell.grid == "M36" else EaseCell("M36", cell.row // 4, cell.col // 4)
        error_map = of_map.get(around.name, math.nan)
        apart = (1.0 - both["coverage_footprint"]) * both["spread"] if "spread" in both else None
        error_coverage = math.nan if apart is None else float(apart.mean())
        left = float((whole - footprint).mean())
        known = [e for e in (error_map, error_coverage) if not math.isnan(e)]
        half = 1.96 * math.hypot(*known) if known else math.nan
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
                "remainder": left,
                "error_level": level,
                "error_map": error_map,
                "error_coverage": error_coverage,
                "own_low": left - half,
                "own_high": left + half,
                "spread": whole.std(ddof=0),
                "spread_footprint": footprint.std(ddof=0),
                "spread_remainder": (whole - footprint).std(ddof=0),
                "error_dynamics": dynamics,
            }
        )
    return pd.DataFrame(rows, columns=list(LEDGER_COLUMNS))


def _map_errors(table: pd.DataFrame) -> dict[str, float]:
    """Return the standard error of the maps' mean by cell, the mean of its days; empty where none is told."""
    if "standard_error" not in table:
        return {}
    return {str(k): float(v) for k, v in table.groupby("cell")["standard_error"].mean().items()}


def _spread(pairs: pd.DataFrame) -> list[str]:
    return ["spread"] if "spread" in pairs else []

"""What collocation says, beside the truth of the synthetic basin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from smgee.metrics import score
from smgee.validation.pairs import select_dates

COLUMNS = (
    *("grid", "cell", "orbit", "sets", "data_set", "n"),
    *(f"{name}{end}" for name in ("r", "error") for end in ("", "_low", "_high", "_true", "_held")),
)
"""Columns of `collocation_beside_truth`."""


def collocation_beside_truth(
    collocation: pd.DataFrame,
    series: Mapping[str, pd.DataFrame],
    truth: pd.DataFrame,
    *,
    periods: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Tell whether the intervals of collocation hold what is true.

    Parameters
    ----------
    collocation : pandas.DataFrame
        From `smgee.validation.collocation_table`; of it the rows of values are used.
    series : mapping of str to pandas.DataFrame
        What was collocated, by name: date, orbit, cell, soil_moisture.
    truth : pandas.DataFrame
        From `smgee.experiment.true_means`.
    periods : pandas.DataFrame, optional
        Unfrozen periods.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, one row per set of data sets and member: r with the truth and error (standard deviation
        of what is left of the line on the truth, m³ m⁻³), by collocation with the interval and by the truth
        (``_true``), over the passes that all members have, and whether the interval holds it (``_held``).
    """
    key = ["date", "orbit", "cell"]
    wide = truth[[*key, "soil_moisture"]].rename(columns={"soil_moisture": "truth"})
    if periods is not None:
        wide = select_dates(wide, periods)
    for name, table in series.items():
        if not set(key) <= set(table) or (table["orbit"] == "").all():
            continue
        right = table[[*key, "soil_moisture"]].rename(columns={"soil_moisture": name})
        wide = wide.merge(right, on=key, how="left")
    rows = []
    values = collocation[collocation["quantity"] == "values"]
    for (cell, orbit, sets), part in values.groupby(["cell", "orbit", "sets"], sort=False):
        members = str(sets).split(" + ")
        if not set(members) <= set(wide):
            continue
        here = wide[(wide["cell"] == cell) & (wide["orbit"] == orbit)].dropna(subset=["truth", *members])
        for found in part.to_dict("records"):
            own = here[found["data_set"]]
            r = score("r", own, here["truth"])
            true = {"r": r, "error": float(own.std()) * math.sqrt(max(1 - r**2, 0.0))}
            row: dict[str, Any] = {name: found[name] for name in COLUMNS[:5]} | {"n": len(here)}
            for name, value in true.items():
                low, high = found[f"{name}_low"], found[f"{name}_high"]
                held = math.nan if pd.isna(low) or pd.isna(value) else float(low <= value <= high)
                row |= {name: found[name], f"{name}_low": low, f"{name}_high": high}
                row |= {f"{name}_true": value, f"{name}_held": held}
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))

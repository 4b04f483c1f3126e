"""Tables for people: the columns that a schema knows, a value and its interval in one cell."""

from __future__ import annotations

from typing import Any

import pandas as pd

from smgee.tables import Schema
from smgee.validation.judges import TITLES


def shown(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Return every row of a table with the columns its schema knows, for the page.

    An estimate stands with its interval, ``0.727 [0.54, 0.85]``; counts are whole numbers; columns without
    any value are left out.
    """
    found: dict[str, Any] = {}
    known = {c.name: c for c in schema.columns}
    for name, column in known.items():
        if name not in frame or name.endswith(("_low", "_high")) or not frame[name].notna().any():
            continue
        if {f"{name}_low", f"{name}_high"} <= set(frame.columns):
            ends = frame[f"{name}_low"], frame[f"{name}_high"]
            found[name] = [with_interval(*v) for v in zip(frame[name], *ends, strict=True)]
        elif column.kind == "count" or name in ("n_eff", "n_stations"):
            found[name] = frame[name].round().astype("Int64")
        else:
            found[name] = frame[name]
    return pd.DataFrame(found, index=frame.index)


def titled(page: pd.DataFrame) -> pd.DataFrame:
    """Return a table of one grid with its references as people read them."""
    page = page.drop(columns="grid", errors="ignore")
    if page.empty:  # a table without rows shows no columns
        return page
    return page.assign(reference=page["reference"].map(TITLES).fillna(page["reference"]))


def with_interval(value: float, low: float, high: float) -> str:
    """Say an estimate with its interval; nothing where there is no estimate."""
    if pd.isna(value):
        return ""
    if pd.isna(low) or pd.isna(high):
        return number(value)
    return f"{number(value)} [{number(low)}, {number(high)}]"


def number(value: float, digits: int = 3) -> str:
    """Write a number; what rounds to zero has no sign."""
    return f"{round(float(value), digits) + 0.0:.{digits}f}"

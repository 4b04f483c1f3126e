"""Which retrievals count: quality policies and surface conditions, and how many each of them leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from smgee.datasets.smap import RETRIEVAL_BITS, SURFACE_BITS, pattern
from smgee.errors import InputError
from smgee.metrics.resamplers import MIN_PAIRS
from smgee.validation.pairs import select_dates

POLICIES: Mapping[str, str] = MappingProxyType(
    {
        "recommended": "the product's own advice: retrieved, under conditions that it trusts",
        "successful": "the retrieval succeeded, under whatever conditions",
        "all": "every value there is",
    }
)
"""Quality policies, from the strictest, and what they mean."""

QUALITY_COLUMNS = ("grid", "orbit", "rule", "cells", "retrievals", "kept", "least", "note")
"""Columns of `count_retrievals`."""

_FAILED = pattern(RETRIEVAL_BITS, "not_successful")


def kept(smap: pd.DataFrame, policy: str) -> np.ndarray:
    """Return which rows of a table of SMAP a policy keeps, bool.

    Parameters
    ----------
    smap : pandas.DataFrame
        soil_moisture, flag (0 recommended), and where the source has it retrieval_qual_flag, all bits of it.
    policy : {"recommended", "successful", "all"}
        Where a source keeps one bit of the flags, as Earth Engine's copy of SPL3SMP_E does, whatever has a
        value counts as successful.
    """
    if policy not in POLICIES:
        raise InputError(f"The quality policy {policy!r} is not known; choose from {', '.join(POLICIES)}.")
    there = smap["soil_moisture"].notna().to_numpy()
    if policy == "recommended":
        return there & (smap["flag"] == 0).to_numpy()
    bits = _bits(smap, "retrieval_qual_flag")
    if policy == "all" or bits is None:
        return there
    return there & ((np.where(bits < 0, 0, bits) & _FAILED) == 0)


def select_retrievals(
    smap: pd.DataFrame, *, policy: str = "recommended", without: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the rows that a policy keeps and that none of these surface conditions speaks against.

    Parameters
    ----------
    smap, policy
        See `kept`.
    without : sequence of str
        Of `smgee.datasets.smap.SURFACE_BITS`; rows whose source keeps no surface flags stay.
    """
    use = kept(smap, policy)
    for name in without:
        use = use & ~_condition(smap, name)
    return smap[use]


def count_retrievals(smap: pd.DataFrame, *, periods: pd.DataFrame | None = None) -> pd.DataFrame:
    """Count, for each product and overpass, what every policy keeps and every surface condition meets.

    Parameters
    ----------
    smap : pandas.DataFrame
        date, orbit, cell, and what `kept` reads.
    periods : pandas.DataFrame, optional
        Unfrozen periods (start, end); other dates are left out.

    Returns
    -------
    pandas.DataFrame
        `QUALITY_COLUMNS`: rule (a policy, or ``surface: NAME``), cells, retrievals (values there are), kept
        (by the policy; for a condition, those recommended that it does not meet), least (kept in the cell
        with the fewest), note.
    """
    table = smap if periods is None else select_dates(smap, periods)
    rows = []
    for grid in ("M36", "M09"):
        for orbit in ("AM", "PM"):
            part = table[table["cell"].str.startswith(grid) & (table["orbit"] == orbit)]
            if part.empty:
                continue
            rules = {name: kept(part, name) for name in POLICIES}
            if _bits(part, "surface_flag") is not None:
                met = {name: _condition(part, name) for name in SURFACE_BITS}
                rules |= {f"surface: {n}": rules["recommended"] & ~m for n, m in met.items() if m.any()}
            for rule, use in rules.items():
                each = part["cell"][use].value_counts().reindex(part["cell"].unique(), fill_value=0)
                blind = rule == "successful" and _bits(part, "retrieval_qual_flag") is None
                rows.append(
                    {
                        "grid": grid,
                        "orbit": orbit,
                        "rule": rule,
                        "cells": part["cell"].nunique(),
                        "retrievals": int(part["soil_moisture"].notna().sum()),
                        "kept": int(use.sum()),
                        "least": int(each.min()),
                        "note": "the source keeps one bit of the flags: whatever has a value"
                        if blind
                        else "",
                    }
                )
    return pd.DataFrame(rows, columns=list(QUALITY_COLUMNS))


def too_few(counts: pd.DataFrame, policy: str, *, least: int = MIN_PAIRS) -> list[str]:
    """Say of each product and overpass that a policy leaves with too few, which would leave how many."""
    said = []
    for (grid, orbit), part in counts.groupby(["grid", "orbit"], sort=False):
        left = part.set_index("rule")["kept"] / part.set_index("rule")["cells"]
        if left[policy] >= least:
            continue
        size = {"M36": "36 km", "M09": "9 km"}.get(str(grid), str(grid))
        others = ", ".join(f"{name} {left[name]:.0f}" for name in POLICIES if name != policy)
        said.append(
            f"The policy {policy} leaves {left[policy]:.0f} retrievals of SMAP {size} ({orbit}) in a cell, "
            f"where {least} are needed for an interval; others would leave: {others} (smap.quality)."
        )
    return said


def _condition(smap: pd.DataFrame, name: str) -> np.ndarray:
    """Return at which rows a surface condition is met; nowhere, where the source does not tell."""
    if name not in SURFACE_BITS:
        raise InputError(
            f"The surface condition {name!r} is not known; choose from {', '.join(SURFACE_BITS)}."
        )
    bits = _bits(smap, "surface_flag")
    if bits is None:
        return np.zeros(len(smap), bool)
    return (np.where(bits < 0, 0, bits) >> SURFACE_BITS.index(name) & 1).astype(bool)


def _bits(smap: pd.DataFrame, column: str) -> np.ndarray | None:
    """Return flags as integers, −1 where a row has none; None where no row has any."""
    if column not in smap or not smap[column].notna().any():
        return None
    return smap[column].fillna(-1).to_numpy(np.int64)

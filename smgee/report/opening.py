"""The first section of the report: what a run says, in words."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from smgee.report.contents import Contents
from smgee.report.page import Section
from smgee.report.style import ORBITS, signed
from smgee.report.verdicts import warnings_of
from smgee.validation.pairs import PLAIN, UPSCALED

_ALARM = 0.05
_NAMED = 5


def opening(c: Contents, folder: Path) -> list[Section]:
    """Answer the questions that a run was made for, as far as it can."""
    points = [*_better(c), *_where_not(c), *_smap(c), *_reference(c)]
    if not points:
        return []
    if c.large is not None:
        points += warnings_of(c.large)
    return [Section("In short", "", points=points, leads=True)]


def _better(c: Contents) -> list[str]:
    """Say whether the map, or its model where none is drawn, is better than the mean of the others."""
    question = f"Is the {'model' if c.maps is None else 'map'} better than the mean of the stations?"
    found = None if c.certificate is None else c.certificate.get("skill")
    if not found or found.get("value") is None:
        return []
    if found.get("low") is None:
        return [f"{question} That cannot be told: the stations are too few for an interval."]
    value, low, high = (float(found[k]) for k in ("value", "low", "high"))
    if low > 0:
        answer = "Yes, at stations it has not seen, by more than chance would give"
    elif high < 0:
        answer = "No: at stations it has not seen it errs more than their mean does"
    else:
        answer = "That is not shown: at stations it has not seen the difference is within what chance gives"
    own, mean = _row(c.scores, c), _row(c.scores, c, "network mean")
    numbers = f"skill {signed(value)}, 95 % interval {signed(low)} to {signed(high)}"
    if own is not None and mean is not None:
        numbers += f"; RMSE {own['rmse']:.3f} against {mean['rmse']:.3f} m³/m³"
        numbers += f", R {own['r']:.2f} against {mean['r']:.2f}"
    return [f"{question} {answer} ({numbers})."]


def _row(scores: pd.DataFrame | None, c: Contents, model: str | None = None) -> pd.Series | None:
    if scores is None:
        return None
    part = scores[scores["design"] == "station"]
    wanted = part[part["model"] == (model or c.model)]
    return wanted.iloc[0] if len(wanted) else None


def _where_not(c: Contents) -> list[str]:
    """Say at which stations the mean of the others was nearer to the truth."""
    table = c.station_scores
    if table is None or "skill" not in table:
        return []
    own = table[(table["model"] == c.model) & (table["design"] == "station")].dropna(subset=["skill"])
    if own.empty:
        return []
    worse = own[own["skill"] < 0].sort_values("skill")
    if worse.empty:
        return [f"Where not? At each of the {len(own)} stations it is nearer than the mean of the others."]
    named = ", ".join(f"{r['station']} ({r['rmse']:.3f} m³/m³)" for _, r in worse.head(_NAMED).iterrows())
    most = "most at" if len(worse) > 1 else "at"
    return [
        f"Where not? At {len(worse)} of {len(own)} stations the mean of the others was nearer, {most} "
        f"{named}: RMSE of the model there in brackets."
    ]


def _smap(c: Contents) -> list[str]:
    """Say what SMAP is worth in the 36 km cells."""
    said = []
    found = c.verdicts[c.verdicts["grid"] == "M36"] if c.verdicts is not None else pd.DataFrame()
    for _, row in found.iterrows():
        if pd.isna(row["ubrmse_corrected"]):
            continue
        cell = f" in {row['cell']}" if found["cell"].nunique() > 1 else ""
        side = "drier" if row["bias_corrected"] < 0 else "wetter"
        by_map = row["reference"] == UPSCALED
        beside, error = ("mean of the map", "its") if by_map else ("stations", "the stations'")
        surely = "" if row["bias_low"] * row["bias_high"] > 0 else ", which may be chance"
        overpass = ORBITS.get(str(row["orbit"]), row["orbit"])
        words = (
            f"What is SMAP worth here{cell} by the {beside}, {overpass}? On {row['n']:.0f} passes it is "
            f"{abs(row['bias_corrected']):.3f} m³/m³ {side}{surely}; ubRMSE {row['ubrmse_corrected']:.3f} "
            f"[{row['ubrmse_low']:.3f}, {row['ubrmse_high']:.3f}] in the long run, "
            f"R {row['r_corrected']:.2f} [{row['r_low']:.2f}, {row['r_high']:.2f}], {error} sampling error "
            "taken out"
        )
        if pd.notna(row["meets"]):
            words += f". The probability that it meets {row['target']:g} m³/m³ is {row['meets']:.2f}"
        said.append(f"{words}.")
    return said


def _reference(c: Contents) -> list[str]:
    """Say whether SMAP agrees better with the maps than with the plain mean of the stations."""
    if c.gains is None:
        return []
    part = c.gains[
        (c.gains["grid"] == "M36") & (c.gains["reference"] == UPSCALED) & (c.gains["metric"] == "r")
    ]
    part = part[(part["baseline"] == PLAIN) & part["p"].notna()]
    if part.empty:
        return []
    several = part["cell"].nunique() > 1
    each = []
    for _, row in part.iterrows():
        where = f"{row['cell']}, " if several else ""
        sure = "more than chance" if row["p"] <= _ALARM else "no more than chance"
        orbit = ORBITS.get(str(row["orbit"]), str(row["orbit"]))
        each.append(f"{where}{orbit}: R {signed(row['gain'])}, {sure} makes (p = {row['p']:.2f})")
    return [f"Does the map judge SMAP better than the plain mean of the stations? {'; '.join(each)}."]

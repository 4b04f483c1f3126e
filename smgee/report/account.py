"""What a run took, what it was made from, and what became of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.report.page import Section
from smgee.report.style import COLOURS, figure, save

NOTICES = (
    "HLS, SMAP, NASADEM and GPM are NASA's, Landsat USGS's, Sentinel the European Union's, ERA5-Land "
    "Copernicus Climate Change Service's, CHIRPS the Climate Hazards Center's data; cite those that this run "
    "read, and the network of stations, as each asks. smgee is under the Apache licence 2.0."
)


@dataclass(frozen=True)
class Account:
    """How a run came about.

    Parameters
    ----------
    steps : sequence of mapping
        One for each step that ended: ``step``, ``seconds``, ``peak_memory_mb``, ``finished`` and, where it
        talked to Earth Engine, ``spent`` as `smgee.remote.Spent.as_dict`.
    versions : mapping of str to str
        Of Python and the packages that matter.
    datasets : sequence of str
        Ids that the steps which ended read.
    made_from : mapping of str to str
        Content hashes of the files that the report was made from, by path.
    lost : mapping of str to mapping of str to int
        Rows left out by cause, by the stage that left them out.
    kept : mapping of str to int
        Rows that each stage kept.
    """

    steps: Sequence[Mapping[str, Any]] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    datasets: Sequence[str] = ()
    made_from: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    kept: Mapping[str, int] = field(default_factory=dict)


def account_sections(account: Account, folder: Path, *, synthetic: bool) -> list[Section]:
    """Return the sections on rows, on time and cost, and on provenance."""
    found = []
    if account.kept:
        found.append(_rows(account))
    if account.steps:
        found.append(_steps(account, folder, synthetic))
    if account.versions:
        found.append(_origin(account))
    return found


def _rows(account: Account) -> Section:
    rows = [
        {"stage": stage, "cause": cause, "rows": number}
        for stage, kept in account.kept.items()
        for cause, number in [*account.lost.get(stage, {}).items(), ("kept", kept)]
    ]
    gone = sum(n for causes in account.lost.values() for n in causes.values())
    text = (
        f"{gone:,} records and rows were left out on the way to the models, each for one of these causes."
        if gone
        else "No record and no row was left out on the way to the models."
    )
    return Section(
        "What became of the rows", text, [], [(pd.DataFrame(rows), "Left out and kept, by stage.")]
    )


def _steps(account: Account, folder: Path, synthetic: bool) -> Section:
    table = pd.DataFrame([_step(entry) for entry in account.steps])
    table = table.loc[:, table.notna().any()]
    counts = [name for name in ("requests", "repeated") if name in table]
    table = table.astype(dict.fromkeys(counts, "Int64"))
    total = float(table["seconds"].sum())
    text = (
        f"{len(table)} steps in {total:,.0f} s on this machine, peak memory {table['memory, MB'].max():,} MB."
    )
    if "requests" in table:
        sent = int(table["requests"].sum())
        text += f" {sent:,} requests to Earth Engine, {table['received, MB'].sum():,.1f} MB received."
    drawn = steps_figure(table, folder / "steps.png", synthetic=synthetic)
    caption = "Seconds of each step; memory is the greatest of the process up to then."
    return Section("Time and cost", text, [(drawn, "Seconds of each step.")], [(table, caption)])


def _step(entry: Mapping[str, Any]) -> dict[str, Any]:
    spent = entry.get("spent") or {}
    told = {
        "step": str(entry["step"]).replace("_", "-"),  # as its command is called
        "seconds": float(entry.get("seconds") or 0.0),
        "memory, MB": int(entry.get("peak_memory_mb") or 0),
    }
    if spent:
        told |= {
            "requests": sum(spent["requests"].values()),
            "repeated": sum(spent["retries"].values()),
            "sent, MB": spent["bytes_up"] / 1e6,
            "received, MB": spent["bytes_down"] / 1e6,
        }
    ended = str(entry.get("finished", ""))
    return {**told, "ended": f"{ended[:19].replace('T', ' ')} UTC" if ended else None}


def steps_figure(table: pd.DataFrame, path: Path, *, synthetic: bool) -> Path:
    """Draw the seconds of each step.

    Parameters
    ----------
    table : DataFrame
        ``step`` and ``seconds``.
    """
    y = np.arange(len(table))
    with figure(1, 1, size=(7.0, 0.9 + 0.22 * len(table)), synthetic=synthetic) as (fig, axis):
        axis.barh(y, table["seconds"], height=0.7, color=COLOURS["map"])
        for k, seconds in enumerate(table["seconds"]):
            axis.text(seconds, k, f" {seconds:.1f}", va="center", fontsize=8)
        axis.set_yticks(y, list(table["step"]))
        axis.invert_yaxis()
        axis.set_xlabel("seconds")
        axis.margins(x=0.12)
        return save(fig, path)


def _origin(account: Account) -> Section:
    versions = pd.DataFrame({"package": list(account.versions), "version": list(account.versions.values())})
    tables = [(versions, "Versions that made this run.")]
    if account.datasets:
        tables.append(
            (pd.DataFrame({"data set": account.datasets}), "Data sets that its steps read on Earth Engine.")
        )
    if account.made_from:
        short = [f"{h[:16]}…" for h in account.made_from.values()]
        files = pd.DataFrame({"file": list(account.made_from), "SHA-256": short})
        tables.append(
            (files, "The files that this report was made from; whole hashes stand in manifest.json.")
        )
    return Section("Where it comes from", NOTICES, [], tables)

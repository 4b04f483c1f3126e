"""SMAP and the map through the season, in every 9 km cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from smgee.grid import EaseCell
from smgee.report.contents import Contents
from smgee.report.page import Section
from smgee.report.style import COLOURS, UNIT, few_dates, save, small_panels
from smgee.validation.pairs import PLAIN, UPSCALED
from smgee.validation.quality import select_retrievals

_LOOKS = {"AM": ("SMAP, descending (06:00)", "black"), "PM": ("SMAP, ascending (18:00)", "white")}


def cell_series(c: Contents, folder: Path) -> list[Section]:
    """Show SMAP and the reference in every 9 km cell, a figure for each 36 km cell."""
    if c.smap is None or c.references is None or c.study is None:
        return []
    known = set(c.references["reference"])
    reference = next((r for r in (UPSCALED, PLAIN) if r in known), None)
    rules: dict[str, Any] = {"policy": c.study.smap.quality, "without": c.study.smap.without}
    smap = select_retrievals(c.smap, **rules).dropna(subset=["soil_moisture"])
    named = "30 m map, mean of the cell" if reference == UPSCALED else "stations in the cell, plain mean"
    drawn = []
    for large in c.study.cells:
        cells = [k for k in large.children("M09") if (smap["cell"] == k.name).any()]
        if not cells or reference is None:
            continue
        own = c.references[c.references["reference"] == reference]
        name = "series_9km.png" if len(c.study.cells) == 1 else f"series_9km_{large.name}.png"
        file = cell_series_figure(smap, own, cells, folder / name, label=named, synthetic=c.synthetic)
        drawn.append((file, f"SMAP and the {named} through the season, in the 9 km cells of {large.name}."))
    return [Section("SMAP 9 km", "", drawn)] if drawn else []


def cell_series_figure(
    smap: pd.DataFrame,
    reference: pd.DataFrame,
    cells: list[EaseCell],
    path: Path,
    *,
    label: str,
    synthetic: bool,
) -> Path:
    """Draw SMAP and a reference in several cells, each where it lies among the others.

    Parameters
    ----------
    smap : DataFrame
        ``date``, ``orbit``, ``cell``, ``soil_moisture`` (m³ m⁻³) of the retrievals that count.
    reference : DataFrame
        The same of one reference.
    cells : list of EaseCell
        Of one grid.
    label : str
        Name of the reference.
    """
    rows, cols = sorted({k.row for k in cells}), sorted({k.col for k in cells})
    with small_panels(len(rows), len(cols), panel=(2.5, 1.5), synthetic=synthetic) as (fig, axes):
        for axis in axes.flat:
            axis.set_visible(False)
        for cell in cells:
            axis = axes[rows.index(cell.row), cols.index(cell.col)]
            axis.set_visible(True)
            own = reference[reference["cell"] == cell.name]
            line = own.groupby(pd.to_datetime(own["date"]))["soil_moisture"].mean()
            axis.plot(line.index, line.to_numpy(float), color=COLOURS["map"], lw=1.2, label=label)
            for orbit, (title, fill) in _LOOKS.items():
                part = smap[(smap["cell"] == cell.name) & (smap["orbit"] == orbit)]
                axis.plot(
                    pd.to_datetime(part["date"]),
                    part["soil_moisture"],
                    "o",
                    ms=2.4,
                    color="black",
                    mfc=fill,
                    mew=0.6,
                    label=title,
                )
            axis.set_title(cell.name, loc="left", fontsize=7)
            axis.tick_params(labelsize=7)
            few_dates(axis)
        fig.supylabel(f"soil moisture, {UNIT}", fontsize=9)
        first = axes[rows.index(cells[0].row), cols.index(cells[0].col)]
        fig.legend(*first.get_legend_handles_labels(), loc="upper center", ncols=3, fontsize=8)
        return save(fig, path)

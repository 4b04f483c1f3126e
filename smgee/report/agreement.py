"""The sections on stations, on predictions at stations left out, and on SMAP's agreement at a glance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.report.agreement_figures import density_figure, target_figure, taylor_figure
from smgee.report.contents import Contents
from smgee.report.page import Section
from smgee.report.station_figures import (
    PER_FIGURE,
    availability_figure,
    periods_figure,
    station_series_figure,
)
from smgee.report.style import ORBITS
from smgee.report.tables import shown
from smgee.report.terrain_figure import terrain_figure
from smgee.schemas import PERIODS
from smgee.validation.judges import TITLES
from smgee.validation.pairs import PLAIN, UPSCALED
from smgee.validation.quality import select_retrievals

MEAN = "network mean"


def network_sections(c: Contents, folder: Path) -> list[Section]:
    """Show which stations told when, the unfrozen periods, and each station's series."""
    if c.stations is None:
        return []
    if c.study is not None:
        start, end = str(c.study.start), str(c.study.end)
    else:
        known = c.stations["time"].values[c.stations["soil_moisture"].notnull().any("station").values]
        if not len(known):
            return []
        start, end = str(known[0])[:10], str(pd.Timestamp(known[-1]) + pd.Timedelta(days=1))[:10]
    daily = c.stations.sel(time=slice(start, str(pd.Timestamp(end) - pd.Timedelta(days=1))))
    count = int(daily["soil_moisture"].notnull().sum())
    text = f"{daily.sizes['station']} stations, {count:,} daily means from {start} to {end} (end exclusive)."
    file = availability_figure(
        c.stations, folder / "availability.png", start=start, end=end, synthetic=c.synthetic
    )
    drawn = [(file, "Stations that have a daily mean: how many, and which on which day.")]
    tables = []
    if c.periods is not None and len(c.periods):
        file = periods_figure(c.periods, folder / "unfrozen.png", synthetic=c.synthetic)
        drawn.append((file, "The unfrozen period of every year."))
        tables.append((shown(c.periods, PERIODS), "unfrozen.csv: the days that maps and scores are of."))
    predictions = _held_out(c, c.model)
    for k in range(0, daily.sizes["station"], PER_FIGURE):
        part = daily.isel(station=slice(k, k + PER_FIGURE))
        name = f"station_series{'' if k == 0 else f'_{k // PER_FIGURE + 1}'}.png"
        file = station_series_figure(
            part, predictions, folder / name, title=c.model or "model", synthetic=c.synthetic
        )
        beside = (
            ", and what the model predicted there when it was left out" if predictions is not None else ""
        )
        drawn.append((file, f"Daily soil moisture of each station{beside}."))
    return [Section("Stations", text, drawn, tables)]


def held_out_sections(c: Contents, folder: Path) -> list[Section]:
    """Show predictions at stations left out against what was measured there."""
    own = _held_out(c, c.model)
    if own is None or c.predictions is None:
        return []
    table = c.predictions[c.predictions["design"] == "station"]
    models = [m for m in (c.model, MEAN) if (table["model"] == m).any()]
    file = density_figure(table, folder / "density.png", models=models, synthetic=c.synthetic)
    beside = ", beside those of the mean of the others" if MEAN in models else ""
    drawn = [(file, f"Predictions at stations left out against what was measured there{beside}.")]
    pairs = {
        str(name): (part["predicted"].to_numpy(float), part["observed"].to_numpy(float))
        for name, part in table.groupby("model", sort=False)
    }
    file = taylor_figure(pairs, folder / "taylor.png", synthetic=c.synthetic)
    drawn.append(
        (
            file,
            "Taylor diagram of every model and baseline at stations left out: the nearer to the star, the "
            "smaller the error without bias; a point inside the dashed arc varies less than what was "
            "measured.",
        )
    )
    return [Section("Models", "", drawn)]


def _held_out(c: Contents, model: str) -> pd.DataFrame | None:
    """Return the predictions of a model at stations left out; None where there are none."""
    if c.predictions is None or "station" not in c.predictions:
        return None
    table = c.predictions
    own = table[(table["design"] == "station") & (table["model"] == model)]
    return own.assign(time=pd.to_datetime(own["time"])) if len(own) else None


def smap_at_a_glance(c: Contents, folder: Path) -> list[Section]:
    """Show SMAP against every reference as target diagrams, one for each overpass."""
    if c.smap is None or c.references is None or c.study is None:
        return []
    drawn = []
    for cell in c.study.cells:
        panels = {}
        for orbit, title in ORBITS.items():
            named = _pairs(c, cell.name, orbit)
            if named:
                panels[title] = named
        if panels:
            name = "target.png" if len(c.study.cells) == 1 else f"target_{cell.name}.png"
            file = target_figure(panels, folder / name, synthetic=c.synthetic)
            drawn.append(
                (
                    file,
                    f"Target diagrams of SMAP in {cell.name}, on the passes that all references share: bias "
                    "upward, unbiased RMSE sideways, the distance from the middle is the RMSE; on the dashed "
                    "circle it is as large as the reference's own spread.",
                )
            )
    return [Section("SMAP 36 km", "", drawn)] if drawn else []


def _pairs(c: Contents, cell: str, orbit: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return SMAP and each reference of a cell on the passes that all share, by the reference's title."""
    assert c.smap is not None
    assert c.references is not None
    assert c.study is not None
    rules: dict[str, Any] = {"policy": c.study.smap.quality, "without": c.study.smap.without}
    own = c.smap[(c.smap["cell"] == cell) & (c.smap["orbit"] == orbit)]
    smap = select_retrievals(own, **rules).dropna(subset=["soil_moisture"])
    smap = smap.assign(date=pd.to_datetime(smap["date"])).drop_duplicates("date").set_index("date")
    part = c.references[(c.references["cell"] == cell) & c.references["orbit"].isin([orbit, ""])]
    wide = part.assign(date=pd.to_datetime(part["date"])).pivot_table(
        index="date", columns="reference", values="soil_moisture"
    )
    wide = wide[[n for n in TITLES if n in wide]]
    both = wide.join(smap["soil_moisture"].rename("smap"), how="inner").dropna()
    if len(both) < 3:
        return {}
    seen = both["smap"].to_numpy(float)
    return {TITLES[n]: (seen, both[n].to_numpy(float)) for n in wide.columns}


def terrain_map(c: Contents, folder: Path) -> list[Section]:
    """Show how SMAP's errors go with what is inside the 9 km cells, as a heat map."""
    if c.heterogeneity is None or c.heterogeneity.empty:
        return []
    table = c.heterogeneity
    reference = next((r for r in (UPSCALED, PLAIN) if (table["reference"] == r).any()), None)
    if reference is None:
        return []
    part = table[table["reference"] == reference]
    if part["spearman"].notna().sum() == 0:
        return []
    file = terrain_figure(table, folder / "terrain.png", reference=reference, synthetic=c.synthetic)
    caption = (
        f"Rank correlation of SMAP's errors against the {TITLES[reference]} with what is inside the 9 km "
        "cells, the cell's own level and variability taken out where that could be done; a star marks a "
        "finding (q up to 0.05)."
    )
    return [Section("Terrain and SMAP's errors", "", [(file, caption)])]

"""The report step: from the run folder's files to figures and the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.report import figures
from smgee.report.page import Section, write_report
from smgee.workflow.folder import RunFolder
from smgee.workflow.steps import is_synthetic, mapped_by, open_maps, read_stations

__all__ = ["report", "verdicts"]

NO_36KM = (
    "No 36 km retrieval of the period has a reference to be judged by. Earth Engine has no 36 km product of "
    "its own: ingest SPL3SMP and name the collection in smap.collection_36km."
)
_VALIDATION = [
    "cell",
    "orbit",
    "reference",
    "n",
    "n_eff",
    "r",
    "r_low",
    "r_high",
    "bias",
    "rmse",
    "ubrmse",
    "coverage",
    "n_stations",
    "warning",
]
_SCORES = ["model", "design", "n", "r", "r_low", "r_high", "bias", "rmse", "rmse_low", "rmse_high", "ubrmse"]


def report(run: RunFolder, progress: Callable[[float], Any]) -> dict[str, Any]:
    """Draw every figure and write ``report.html``."""
    study, synthetic = run.study, is_synthetic(run.study)
    cells = [study.cell, *study.cell.children("M09")]
    daily = read_stations(run)
    stations = pd.DataFrame({"lon": daily["lon"].values, "lat": daily["lat"].values})
    folder = run / "figures"
    tables = {name: run.read_table(f"validation_{name}.csv", "validate") for name in ("36km", "9km")}
    scores = run.read_table("scores.csv", "train")
    pairs = _pairs(run)

    maps = open_maps(run)
    days = pd.DatetimeIndex(maps["time"].values)
    chosen = [days[int(k)] for k in np.linspace(0, len(days) - 1, min(3, len(days)))]
    shown = {f"{d:%-d %B %Y}": maps["soil_moisture"].sel(time=d).values for d in dict.fromkeys(chosen)}
    shown["mean of all mapped days"] = _read_mean(run)
    files = {
        "maps": figures.maps_figure(
            shown, folder / "maps.png", grid=study.grid, cells=cells, stations=stations, synthetic=synthetic
        ),
        "scores": figures.scores_figure(scores, folder / "scores.png", synthetic=synthetic),
    }
    if len(tables["36km"]):
        files["series"] = figures.series_figure(
            pairs, folder / "series_36km.png", title="36 km cell", synthetic=synthetic
        )
        files["scatter"] = figures.scatter_figure(
            pairs, tables["36km"], folder / "scatter_36km.png", synthetic=synthetic
        )
    if len(tables["9km"]):
        files["cells"] = figures.cells_figure(
            tables["9km"], cells[1:], folder / "cells_9km.png", synthetic=synthetic
        )
    progress(0.8)
    model = mapped_by(run)
    samples = run.read(
        "samples.parquet", "sample", lambda path: pd.read_parquet(path, columns=list(study.predictors.names))
    )
    parity = run.fact("predict", "parity_sentence")
    shap = [
        (
            run.need(f"shap/{model.name}_summary.png", "explain"),
            "SHAP values of the deployed model: each dot is one station-day.",
        )
    ]
    heterogeneity = run / "heterogeneity.csv"
    caption = (
        "Rank correlation over the 9 km cells, with n and interval. They are many: one interval in twenty "
        "misses zero by chance alone."
    )
    related = [(pd.read_csv(heterogeneity).head(40), caption)] if heterogeneity.exists() else []
    sections = [
        Section(
            "Maps",
            f"Soil moisture at {study.area.scale_m:g} m on {len(days)} days. {parity}",
            [
                (
                    files["maps"],
                    "Upscaled soil moisture with the 36 km EASE-Grid 2.0 cell, its sixteen 9 km cells, and "
                    "the stations.",
                )
            ],
        ),
        Section(
            "Models",
            "A random split shares stations between training and test, and flatters: what counts for a map "
            "are the stations held out. "
            "Intervals resample whole stations.",
            [(files["scores"], "Cross-validated R and RMSE with 95 % intervals.")],
            [(_columns(scores, _SCORES), "scores.csv: bias = prediction − observation.")],
        ),
        Section("What the model looks at", "SHAP values divide each prediction among its predictors.", shap),
        Section(
            "SMAP 36 km",
            "SMAP against the mean of the upscaled map over the exact cell, and against the plain mean of "
            "the stations. "
            f"Intervals resample blocks of consecutive days. {' '.join(verdicts(tables['36km']))}",
            [
                (files["series"], "SMAP and its two references through the season."),
                (files["scatter"], "SMAP against each reference."),
            ],
            [(_columns(tables["36km"], _VALIDATION), "validation_36km.csv: bias = SMAP − reference.")],
        )
        if len(tables["36km"])
        else Section("SMAP 36 km", NO_36KM),
        Section(
            "SMAP 9 km",
            "Each of the sixteen cells on its own, against the upscaled map.",
            [(files["cells"], "R, bias and ubRMSE by cell and overpass.")],
            [(_columns(tables["9km"], _VALIDATION), "validation_9km.csv: bias = SMAP − reference.")],
        )
        if len(tables["9km"])
        else Section("SMAP 9 km", "No 9 km retrieval of the period has a reference to be judged by."),
        Section(
            "Terrain and SMAP's errors",
            "How the errors go with the relief inside the 9 km cells.",
            [],
            related,
        ),
    ]
    facts = {
        "Cell": f"{study.cell.name} around {study.area.center[0]:g}° E, {study.area.center[1]:g}° N",
        "Period": f"{study.start} to {study.end} (end exclusive)",
        "Stations": daily.sizes["station"],
        "Sampled rows": f"{int(samples.notna().all(axis=1).sum()):,} complete of {len(samples):,}",
        "Deployed model": model.title,
        "Route": run.fact("predict", "route"),
        "Routes agree": parity,
        "Published": ", ".join(run.fact("publish", "assets") or ()) or "not yet",
    }
    title = f"{study.name}: soil moisture at {study.area.scale_m:g} m and the validation of SMAP"
    write_report(run / "report.html", title=title, synthetic=synthetic, facts=facts, sections=sections)
    return {"figures": len(files) + len(shap)}


def verdicts(table: pd.DataFrame) -> list[str]:
    """Return, in sentences, what upscaling changed in a validation table, and what speaks against taking
    it at its word.
    """
    said: list[str] = []
    for orbit, rows in table.groupby("orbit", sort=False):
        by = rows.set_index("reference")
        if not {"upscaled", "insitu_mean"} <= set(by.index):
            continue
        up, plain = by.loc["upscaled"], by.loc["insitu_mean"]
        if pd.isna(up["gain_r"]):
            continue
        low, high = up["gain_r_low"], up["gain_r_high"]
        meaning = (
            "the interval includes zero"
            if low <= 0 <= high
            else "higher with the map"
            if low > 0
            else "lower with the map"
        )
        said.append(
            f"{orbit}: R {up['r']:.3f} against the upscaled map and {plain['r']:.3f} against the plain "
            "station mean, a difference of "
            f"{up['gain_r']:+.3f} [{low:.2f}, {high:.2f}] on the {up['gain_n']:.0f} days of both "
            f"({meaning}); ubRMSE {up['gain_ubrmse']:+.4f} m³/m³."
        )
    return (
        said + [f"Beware: {w}." for w in dict.fromkeys(table["warning"].dropna())]
        if "warning" in table
        else said
    )


def _columns(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    shown = table[[n for n in names if n in table]]
    counts = {n: shown[n].round().astype("Int64") for n in ("n", "n_eff", "n_stations") if n in shown}
    return shown.assign(**counts)


def _pairs(run: RunFolder) -> pd.DataFrame:
    """Return SMAP (recommended retrievals) and both references of the 36 km cell, by date and orbit."""
    from smgee import insitu

    cell = run.study.cell.name
    smap = run.read_table("smap.csv", "predict", dates=["date"])
    smap = smap[(smap["cell"] == cell) & (smap["flag"] == 0)].rename(columns={"soil_moisture": "smap"})[
        ["date", "orbit", "smap"]
    ]
    zonal = run.read_table("zonal.csv", "validate", dates=["date"])
    zonal = zonal[zonal["cell"] == cell].rename(columns={"soil_moisture": "upscaled"})[["date", "upscaled"]]
    plain = insitu.network_mean(read_stations(run)).rename(columns={"soil_moisture": "insitu_mean"})[
        ["date", "insitu_mean"]
    ]
    return smap.dropna().merge(zonal, on="date").merge(plain, on="date")


def _read_mean(run: RunFolder) -> np.ndarray:
    import rasterio

    def load(path: Path) -> np.ndarray:
        with rasterio.open(path) as file:
            return file.read(1)

    return run.read("maps/season_mean.tif", "predict", load)

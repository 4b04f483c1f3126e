"""Figures of a network: how different its stations are, and how well each stands for the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from smgee.insitu import Heterogeneity
from smgee.report.style import COLOURS, UNIT, few_dates, figure, save, signed

_GAP_DAYS = 3
_PARTS = {"level": COLOURS["in situ"], "dynamics": COLOURS["map"]}


def heterogeneity_figure(found: Heterogeneity, path: Path, *, synthetic: bool) -> Path:
    """Draw a network's heterogeneity: four panels of what its table says in numbers.

    The variogram of levels and of dynamics with 95 % intervals over the choice of stations and Moran's I,
    the spread between stations by wetness with its fit, the stations that a mean within 0.04 m³ m⁻³ would
    need day by day, and the stations in the order in which they stand for the network.

    Parameters
    ----------
    found : Heterogeneity
        As `smgee.insitu.study_heterogeneity` gives it.
    """
    with figure(2, 2, size=(9.2, 6.4), synthetic=synthetic) as (fig, axes):
        _variogram(axes[0, 0], found)
        _wetness(axes[0, 1], found)
        _needed(axes[1, 0], found)
        _stability(axes[1, 1], found)
        return save(fig, path)


def _variogram(axis: Any, found: Heterogeneity) -> None:
    axis.set_title("Differences by distance", loc="left")
    axis.set_xlabel("distance, km")
    axis.set_ylabel("semivariance, (0.01 m³ m⁻³)²")
    if found.variogram.empty:
        axis.text(0.5, 0.5, "too few stations with coordinates", ha="center", transform=axis.transAxes)
        return
    rows_of = found.table[found.table["quantity"] == "Moran's I"]
    indices = {row["part"]: (float(row["value"]), float(row["p"])) for _, row in rows_of.iterrows()}
    for part, colour in _PARTS.items():
        rows = found.variogram[found.variogram["part"] == part].sort_values("distance_km")
        km, scale = rows["distance_km"].to_numpy(), 1e4
        value, low, high = (rows[name].to_numpy() * scale for name in ("gamma", "low", "high"))
        error = np.maximum([value - low, high - value], 0.0)
        label = part
        index, p = indices.get(part, (np.nan, np.nan))
        if np.isfinite(index):
            label += f": Moran's I {signed(index, 2)} (p = {p:.3f})"
        axis.errorbar(km, value, yerr=error, fmt="o", ms=4, lw=1, color=colour, label=label)
        axis.plot(km, rows["model"] * scale, color=colour, lw=1.2)
    axis.set_ylim(0.0, 1.2 * axis.get_ylim()[1])  # room for the legend
    axis.legend(fontsize=8, loc="upper left")


def _wetness(axis: Any, found: Heterogeneity) -> None:
    days = found.days
    axis.plot(days["mean"], days["cv"], "o", ms=2.5, alpha=0.5, color=COLOURS["map"])
    at = found.table.set_index("quantity")["value"]
    if {"mean-CV k1", "mean-CV k2"} <= set(at.index):
        k1, k2 = at["mean-CV k1"], at["mean-CV k2"]
        mean = np.linspace(days["mean"].min(), days["mean"].max(), 60)
        words = f"CV = {k1:.2f} exp(−{k2:.2f} mean), R² {at['mean-CV r2']:.2f}"
        axis.plot(mean, k1 * np.exp(-k2 * mean), color="black", lw=1.2, label=words)
        axis.legend(fontsize=8)
    axis.set_title("Spread by wetness, a dot a day", loc="left")
    axis.set_xlabel(f"mean of the stations, {UNIT}")
    axis.set_ylabel("coefficient of variation")


def _needed(axis: Any, found: Heterogeneity) -> None:
    days = found.days.sort_values("date")
    gone = days["date"].diff().dt.days > _GAP_DAYS  # no line over days that nobody measured
    needed, present = (days[name].where(~gone) for name in ("needed_stations", "n_stations"))
    axis.plot(days["date"], needed, color=COLOURS["map"], lw=1, label="needed")
    axis.plot(days["date"], present, color="0.5", lw=1, ls="--", label="present")
    axis.set_ylim(0.0, 1.15 * float(np.nanmax(days[["needed_stations", "n_stations"]].to_numpy(float))))
    axis.set_title(f"Stations for a mean within 0.04 {UNIT}, 95 %", loc="left")
    few_dates(axis)
    axis.legend(fontsize=8, ncols=2, loc="upper center")


def _stability(axis: Any, found: Heterogeneity) -> None:
    rows = found.stability.dropna(subset=["mrd"]).sort_values("mrd")
    axis.axhline(0.0, color="black", lw=0.8)
    axis.errorbar(
        range(len(rows)), rows["mrd"], yerr=rows["sdrd"], fmt="o", ms=4, lw=1, color=COLOURS["in situ"]
    )
    size = 7 if len(rows) <= 30 else 5
    axis.set_xticks(range(len(rows)), rows["station"].astype(str), rotation=90, fontsize=size)
    axis.set_title("Temporal stability, driest to wettest", loc="left")
    axis.set_ylabel("relative difference from the others")

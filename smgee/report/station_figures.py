"""What the stations told, when, and how they were met when they were left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from smgee.report.style import COLOURS, UNIT, few_dates, figure, save, small_panels

PER_FIGURE = 30
"""Stations in one figure of series."""


def availability_figure(daily: xr.Dataset, path: Path, *, start: str, end: str, synthetic: bool) -> Path:
    """Draw which stations have a daily mean on which day, and how many there are.

    Parameters
    ----------
    daily : Dataset
        ``soil_moisture`` (time, station).
    start, end : str
        Days shown, the end exclusive.
    """
    from matplotlib import dates

    days = pd.date_range(start, end, inclusive="left")
    there = daily["soil_moisture"].reindex(time=days).notnull().values
    names = [str(s) for s in daily["station"].values]
    height = min(9.0, 1.6 + 0.14 * len(names))
    with figure(
        2, 1, size=(8.4, height), synthetic=synthetic, sharex=True, height_ratios=[1, max(2, len(names) / 7)]
    ) as (fig, axes):
        count, grid = axes
        count.plot(days, there.sum(axis=1), color=COLOURS["in situ"], lw=1.2, label="stations")
        count.set_ylabel("stations")
        count.set_ylim(bottom=0)
        span = dates.date2num(days[0]) - 0.5, dates.date2num(days[-1]) + 0.5
        grid.imshow(
            there.T.astype(float),
            extent=(*span, len(names) - 0.5, -0.5),
            aspect="auto",
            cmap="Blues",
            vmin=0,
            vmax=1.25,
            interpolation="nearest",
            label="1 where there is a daily mean",
        )
        step = -(-len(names) // 60)
        grid.set_yticks(range(0, len(names), step), names[::step], fontsize=6)
        grid.xaxis_date()
        grid.xaxis.set_major_formatter(dates.ConciseDateFormatter(grid.xaxis.get_major_locator()))
        return save(fig, path)


def periods_figure(periods: pd.DataFrame, path: Path, *, synthetic: bool) -> Path:
    """Draw the unfrozen period of every year as a bar over the year, hollow ends where it was not seen.

    Parameters
    ----------
    periods : DataFrame
        ``unfrozen.csv``.
    """
    start, end = (pd.to_datetime(periods[n]) for n in ("start", "end"))
    year = periods["year"].to_numpy(int)
    # days from 1 January of the period's own year: a southern summer runs on beyond December
    first = (start - pd.to_datetime(year.astype(str))).dt.days.to_numpy()
    last = first + periods["days"].to_numpy(int)
    with figure(1, 1, size=(8.4, 1.0 + 0.34 * len(year)), synthetic=synthetic) as (fig, axis):
        axis.barh(np.arange(len(year)), last - first, left=first, height=0.6, color=COLOURS["date"])
        for k, (a, b) in enumerate(zip(first, last)):
            axis.text(a - 5, k, f"{start.iloc[k]:%-d %b}", ha="right", va="center", fontsize=8)
            axis.text(b + 5, k, f"{end.iloc[k]:%-d %b}", ha="left", va="center", fontsize=8)
            for at, seen in ((a, periods["start_observed"].iloc[k]), (b, periods["end_observed"].iloc[k])):
                if not bool(seen):
                    axis.plot(at, k, "o", ms=7, mfc="white", mec="black", label="_not seen")
        reach = max(365, int(last.max()))
        months = pd.date_range("2021-01-01", periods=-(-reach // 30) + 1, freq="MS")
        ticks = (months - months[0]).days.to_numpy()
        axis.set_xticks(ticks[ticks <= reach + 30], [f"{m:%b}" for m in months[ticks <= reach + 30]])
        axis.set_yticks(np.arange(len(year)), [str(y) for y in year])
        axis.invert_yaxis()
        axis.set_xlabel("unfrozen days; a hollow end: the frozen day beyond was not seen")
        return save(fig, path)


def station_series_figure(
    daily: xr.Dataset, predictions: pd.DataFrame | None, path: Path, *, title: str, synthetic: bool
) -> Path:
    """Draw each station's days, and what the model predicted there when it was left out.

    Parameters
    ----------
    daily : Dataset
        ``soil_moisture`` (time, station), at most `PER_FIGURE` stations, m³ m⁻³.
    predictions : DataFrame, optional
        ``station``, ``time``, ``predicted``.
    title : str
        Name of the model.
    """
    names = [str(s) for s in daily["station"].values]
    cols = min(5, len(names))
    rows = -(-len(names) // cols)
    with small_panels(rows, cols, panel=(2.2, 1.25), synthetic=synthetic) as (fig, axes):
        for axis in axes.flat[len(names) :]:
            axis.set_axis_off()
        for axis, name in zip(axes.flat, names):
            own = daily["soil_moisture"].sel(station=name)
            axis.plot(daily["time"].values, own.values, color=COLOURS["in situ"], lw=1.4, label="measured")
            if predictions is not None:
                part = predictions[predictions["station"].astype(str) == name].sort_values("time")
                gone = part["time"].diff().dt.days > 3
                value = part["predicted"].where(~gone)  # no line over days without a prediction
                axis.plot(part["time"], value, color=COLOURS["map"], lw=1.0, label=f"{title}, left out")
            axis.set_title(name, fontsize=8, loc="left")
            axis.tick_params(labelsize=7)
            few_dates(axis)
        fig.supylabel(f"soil moisture, {UNIT}", fontsize=9)
        fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="upper center", ncols=2)
        return save(fig, path)

"""The figures of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.grid import EaseCell, PixelGrid, transformer
from smgee.report.style import COLOURS, figure, save

__all__ = [
    "cells_figure",
    "maps_figure",
    "place_figure",
    "scatter_figure",
    "series_figure",
]

UNIT = "m³ m⁻³"
REFERENCE_NAMES = {"upscaled": "30 m map", "insitu_mean": "in situ mean"}


def maps_figure(
    maps: Mapping[str, np.ndarray],
    path: Path,
    *,
    grid: PixelGrid,
    cells: Sequence[EaseCell],
    stations: pd.DataFrame,
    synthetic: bool,
) -> Path:
    """Draw soil moisture maps side by side, with the EASE cells and the stations.

    Parameters
    ----------
    maps : mapping of title to (y, x) array
        m³ m⁻³, NaN where masked.
    path : Path
        The PNG.
    grid : PixelGrid
        Lattice of the maps.
    cells : sequence of EaseCell
        Outlines to draw.
    stations : DataFrame
        ``lon``, ``lat`` in degrees.
    synthetic : bool
        Mark the figure.
    """
    stack = np.concatenate([m[np.isfinite(m)] for m in maps.values()])
    low, high = np.percentile(stack, [2, 98]) if stack.size else (0.0, 1.0)
    left, bottom, right, top = grid.bounds
    extent = [v / 1000 for v in (left, right, bottom, top)]
    x, y = transformer("EPSG:4326", grid.crs).transform(
        stations["lon"].to_numpy(), stations["lat"].to_numpy()
    )
    cols = min(len(maps), 4)
    rows = -(-len(maps) // cols)
    with figure(
        rows,
        cols,
        size=(3.1 * cols + 0.8, 3.6 * rows),
        synthetic=synthetic,
        sharex=True,
        sharey=True,
        squeeze=False,
    ) as (fig, axes):
        for axis in axes.flat[len(maps) :]:
            axis.set_axis_off()
        for axis, (title, values) in zip(axes.flat, maps.items()):
            step = max(1, max(values.shape) // 700)
            image = axis.imshow(
                values[::step, ::step],
                extent=extent,
                vmin=low,
                vmax=high,
                cmap="YlGnBu",
                interpolation="nearest",
            )
            outline(axis, cells, grid)
            axis.plot(x / 1000, y / 1000, "o", ms=2.6, mfc="white", mec="black", mew=0.6)
            axis.set_title(title)
            axis.set_xlabel("easting, km")
        for axis in axes[:, 0]:
            axis.set_ylabel("northing, km")
        fig.colorbar(image, ax=axes, label=f"soil moisture, {UNIT}", shrink=0.8, extend="both")
        return save(fig, path)


def place_figure(
    anomaly: np.ndarray,
    path: Path,
    *,
    grid: PixelGrid,
    cells: Sequence[EaseCell],
    stations: pd.DataFrame,
    synthetic: bool,
) -> Path:
    """Draw how much wetter or drier than the network places are, the stations in the same colours.

    Parameters
    ----------
    anomaly : (y, x) array
        m³ m⁻³, NaN where masked.
    path : Path
        The PNG.
    grid : PixelGrid
        Lattice of the map.
    cells : sequence of EaseCell
        Outlines to draw.
    stations : DataFrame
        ``lon``, ``lat`` in degrees, and ``anomaly`` (m³ m⁻³, NaN where unknown).
    synthetic : bool
        Mark the figure.
    """
    known = np.concatenate([anomaly[np.isfinite(anomaly)], stations["anomaly"].dropna()])
    bound = float(np.percentile(np.abs(known), 98)) if known.size else 1.0
    look: dict[str, Any] = {"cmap": "BrBG", "vmin": -bound, "vmax": bound}
    left, bottom, right, top = (v / 1000 for v in grid.bounds)
    with figure(1, 1, size=(5.2, 4.2), synthetic=synthetic) as (fig, axes):
        axis = np.ravel(axes)[0]
        step = max(1, max(anomaly.shape) // 900)
        image = axis.imshow(
            anomaly[::step, ::step], extent=(left, right, bottom, top), interpolation="nearest", **look
        )
        outline(axis, cells, grid)
        x, y = transformer("EPSG:4326", grid.crs).transform(
            stations["lon"].to_numpy(), stations["lat"].to_numpy()
        )
        axis.scatter(x / 1000, y / 1000, c=stations["anomaly"], s=34, ec="black", lw=0.8, **look)
        axis.set(xlabel="easting, km", ylabel="northing, km")
        fig.colorbar(image, ax=axis, label=f"difference from the network's mean, {UNIT}", extend="both")
        return save(fig, path)


def outline(axis: Any, cells: Sequence[EaseCell], grid: PixelGrid) -> None:
    for cell in cells:
        cx, cy = cell.polygon(grid.crs, points_per_edge=8).exterior.xy
        axis.plot(
            np.asarray(cx) / 1000,
            np.asarray(cy) / 1000,
            color="0.25",
            lw=0.5 if cell.grid == "M09" else 1.1,
        )


def series_figure(pairs: pd.DataFrame, path: Path, *, title: str, synthetic: bool) -> Path:
    """Draw SMAP, the upscaled map and the in situ mean through time, one panel per orbit.

    Parameters
    ----------
    pairs : DataFrame
        ``date``, ``orbit`` (AM, PM), ``smap``, ``upscaled``, ``insitu_mean`` for one cell, m³ m⁻³.
    path : Path
        The PNG.
    title : str
        What cell this is.
    synthetic : bool
        Mark the figure.
    """
    orbits = [o for o in ("AM", "PM") if (pairs["orbit"] == o).any()]
    with figure(
        len(orbits),
        1,
        size=(8.4, 2.3 * len(orbits) + 0.5),
        synthetic=synthetic,
        sharex=True,
        sharey=True,
        squeeze=False,
    ) as (fig, axes):
        for axis, orbit in zip(axes[:, 0], orbits):
            part = pairs[pairs["orbit"] == orbit].sort_values("date")
            axis.plot(
                part["date"], part["insitu_mean"], "-", color=COLOURS["in situ"], lw=1.2, label="in situ mean"
            )
            axis.plot(
                part["date"], part["upscaled"], "-", color=COLOURS["map"], lw=1.4, label="30 m map, cell mean"
            )
            axis.plot(part["date"], part["smap"], "o", color=COLOURS["smap"], ms=3, label="SMAP")
            axis.set_ylabel(f"soil moisture,\n{UNIT}")
            axis.set_title(
                f"{title}, {'descending (06:00)' if orbit == 'AM' else 'ascending (18:00)'}", loc="left"
            )
        fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        return save(fig, path)


def scatter_figure(pairs: pd.DataFrame, table: pd.DataFrame, path: Path, *, synthetic: bool) -> Path:
    """Draw SMAP against each reference, with R, its interval, n, bias and ubRMSE.

    Parameters
    ----------
    pairs : DataFrame
        As in `series_figure`.
    table : DataFrame
        The rows of ``validation_36km.csv``.
    path : Path
        The PNG.
    synthetic : bool
        Mark the figure.
    """
    orbits = [o for o in ("AM", "PM") if (pairs["orbit"] == o).any()]
    references = ["insitu_mean", "upscaled"]
    values = pairs[["smap", *references]].to_numpy(float)
    low, high = np.nanmin(values) - 0.02, np.nanmax(values) + 0.02
    with figure(
        len(orbits),
        2,
        size=(7.2, 3.4 * len(orbits) + 0.3),
        synthetic=synthetic,
        sharex=True,
        sharey=True,
        squeeze=False,
    ) as (fig, axes):
        for row, orbit in zip(axes, orbits):
            for axis, reference in zip(row, references):
                part = pairs[pairs["orbit"] == orbit]
                axis.plot([low, high], [low, high], color="0.6", lw=0.8)
                axis.plot(
                    part[reference],
                    part["smap"],
                    "o",
                    ms=3.2,
                    alpha=0.75,
                    color=COLOURS["map" if reference == "upscaled" else "in situ"],
                )
                found = table[(table["orbit"] == orbit) & (table["reference"] == reference)]
                if len(found):
                    m = found.iloc[0]
                    axis.text(0.03, 0.97, metric_text(m), transform=axis.transAxes, va="top", fontsize=8)
                axis.set(xlim=(low, high), ylim=(low, high), aspect="equal")
                axis.set_title(f"{orbit}, against the {REFERENCE_NAMES[reference]}", loc="left")
                axis.set_xlabel(f"{REFERENCE_NAMES[reference]}, {UNIT}")
            row[0].set_ylabel(f"SMAP, {UNIT}")
        return save(fig, path)


def metric_text(m: Any) -> str:
    """Say a row of a validation table in four short lines."""
    return (
        f"R = {m['r']:.2f} [{m['r_low']:.2f}, {m['r_high']:.2f}], n = {int(m['n'])}\n"
        f"bias = {m['bias']:+.3f} {UNIT}\nRMSE = {m['rmse']:.3f} {UNIT}\nubRMSE = {m['ubrmse']:.3f} {UNIT}"
    )


def cells_figure(table: pd.DataFrame, cells: Sequence[EaseCell], path: Path, *, synthetic: bool) -> Path:
    """Draw R, bias and ubRMSE of the sixteen 9 km cells as little maps, per orbit, against the upscaled
    map.
    """
    part = table[table["reference"] == "upscaled"]
    orbits = [o for o in ("AM", "PM") if (part["orbit"] == o).any()]
    rows = sorted({c.row for c in cells})
    cols = sorted({c.col for c in cells})
    looks: dict[str, dict[str, Any]] = {
        "r": {"cmap": "viridis", "vmin": 0, "vmax": 1, "label": "R"},
        "bias": {"cmap": "RdBu", "label": f"bias, {UNIT}"},
        "ubrmse": {"cmap": "magma_r", "vmin": 0, "label": f"ubRMSE, {UNIT}"},
    }
    with figure(len(orbits), 3, size=(9.4, 2.9 * len(orbits) + 0.3), synthetic=synthetic, squeeze=False) as (
        fig,
        axes,
    ):
        for row, orbit in zip(axes, orbits):
            found: Any = part[part["orbit"] == orbit].set_index("cell")
            for axis, (metric, look) in zip(row, looks.items()):
                values = np.full((len(rows), len(cols)), np.nan)
                for cell in cells:
                    if cell.name in found.index:
                        values[rows.index(cell.row), cols.index(cell.col)] = found.loc[cell.name, metric]
                options = {k: v for k, v in look.items() if k != "label"}
                if metric == "bias":
                    bound = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 1.0
                    options |= {"vmin": -bound, "vmax": bound}
                image = axis.imshow(values, **options)
                for (i, j), v in np.ndenumerate(values):
                    if np.isfinite(v):
                        n = int(
                            found.loc[
                                next(c.name for c in cells if (c.row, c.col) == (rows[i], cols[j])), "n"
                            ]
                        )
                        axis.text(
                            j,
                            i,
                            f"{v:.{2 if metric == 'r' else 3}f}\nn={n}",
                            ha="center",
                            va="center",
                            fontsize=7,
                            bbox={"boxstyle": "round,pad=0.15", "fc": "white", "alpha": 0.7, "lw": 0},
                        )
                axis.set(xticks=[], yticks=[])
                axis.set_title(f"{look['label']}, {orbit}", loc="left")
                fig.colorbar(image, ax=axis, shrink=0.85)
        return save(fig, path)

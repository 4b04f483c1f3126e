"""The figures of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.grid import EaseCell, PixelGrid, transformer
from smgee.report.style import COLOURS, ORBITS, STATION, UNIT, figure, panels, save, signed

REFERENCE_NAMES = {"upscaled": "30 m map", "insitu_mean": "in situ mean"}
_CELL_METRICS = {
    "r": ("R", "viridis", 2),
    "bias": (f"bias, {UNIT}: red where SMAP is drier", "RdBu", 3),
    "ubrmse": (f"ubRMSE, {UNIT}", "magma_r", 3),
}
"""By metric: label, colours, digits."""
_LINES = (
    ("insitu_mean", "in situ", 1.2, "in situ mean"),
    ("upscaled", "map", 1.4, "30 m map, cell mean"),
)
_IN_CELL: dict[str, Any] = {
    "ha": "center",
    "va": "center",
    "fontsize": 7,
    "bbox": {"boxstyle": "round,pad=0.15", "fc": "white", "alpha": 0.75, "lw": 0},
}


@dataclass(frozen=True)
class Ground:
    """What maps are drawn on.

    Parameters
    ----------
    grid : PixelGrid
        Their lattice.
    cells : sequence of EaseCell
        Outlines to draw.
    stations : DataFrame
        ``lon``, ``lat`` in degrees.
    """

    grid: PixelGrid
    cells: Sequence[EaseCell]
    stations: pd.DataFrame

    @cached_property
    def extent(self) -> tuple[float, ...]:
        """West, east, south, north in km."""
        left, bottom, right, top = (v / 1000 for v in self.grid.bounds)
        return left, right, bottom, top

    @cached_property
    def places(self) -> np.ndarray:
        """The stations' eastings and northings in km, (2, n)."""
        lon, lat = (self.stations[name].to_numpy() for name in ("lon", "lat"))
        return np.divide(transformer("EPSG:4326", self.grid.crs).transform(lon, lat), 1000)

    def draw(self, axis: Any, values: np.ndarray, **look: Any) -> Any:
        """Draw a (y, x) array, thinned to what a figure can show, and return the image."""
        step = max(1, max(values.shape) // 800)
        return axis.imshow(values[::step, ::step], extent=self.extent, interpolation="nearest", **look)

    def outline(self, axis: Any) -> None:
        """Draw the cells' edges."""
        for cell in self.cells:
            edge = cell.polygon(self.grid.crs, points_per_edge=8).exterior.xy
            axis.plot(*np.divide(edge, 1000), color="0.25", lw=0.5 if cell.grid == "M09" else 1.1)


def maps_figure(maps: Mapping[str, np.ndarray], path: Path, *, ground: Ground, synthetic: bool) -> Path:
    """Draw soil moisture maps side by side, with the EASE cells and the stations.

    Parameters
    ----------
    maps : mapping of title to (y, x) array
        m³ m⁻³, NaN where masked.
    ground : Ground
        Of the maps.
    """
    stack = np.concatenate([m[np.isfinite(m)] for m in maps.values()])
    low, high = np.percentile(stack, [2, 98]) if stack.size else (0.0, 1.0)
    cols = min(len(maps), 4)
    rows = -(-len(maps) // cols)
    with panels(rows, cols, size=(2.4 * cols + 0.7, 3.1 * rows + 0.8), synthetic=synthetic) as (fig, axes):
        for axis in axes.flat[len(maps) :]:
            axis.set_axis_off()
        for axis, (title, values) in zip(axes.flat, maps.items()):
            image = ground.draw(axis, values, vmin=low, vmax=high, cmap="YlGnBu")
            ground.outline(axis)
            axis.plot(*ground.places, **STATION)
            axis.set_title(title)
            axis.set_xlabel("easting, km")
        for axis in axes[:, 0]:
            axis.set_ylabel("northing, km")
        look: dict[str, Any] = {"location": "bottom", "shrink": 0.5, "aspect": 40, "extend": "both"}
        fig.colorbar(image, ax=axes, label=f"soil moisture, {UNIT}", **look)
        return save(fig, path)


def place_figure(anomaly: np.ndarray, path: Path, *, ground: Ground, synthetic: bool) -> Path:
    """Draw how much wetter or drier than the network places are, the stations in the same colours.

    Parameters
    ----------
    anomaly : (y, x) array
        m³ m⁻³, NaN where masked.
    ground : Ground
        Of the map; its stations have an ``anomaly`` too (m³ m⁻³, NaN where unknown).
    """
    own = ground.stations["anomaly"]
    known = np.concatenate([anomaly[np.isfinite(anomaly)], own.dropna()])
    bound = float(np.percentile(np.abs(known), 98)) if known.size else 1.0
    look: dict[str, Any] = {"cmap": "BrBG", "vmin": -bound, "vmax": bound}
    with figure(1, 1, size=(5.2, 4.2), synthetic=synthetic) as (fig, axis):
        image = ground.draw(axis, anomaly, **look)
        ground.outline(axis)
        dots = {"s": 34, "ec": "black", "lw": 0.8, "clip_on": False, "zorder": 3}
        axis.scatter(*ground.places, c=own, **dots, **look)
        axis.set(xlabel="easting, km", ylabel="northing, km")
        fig.colorbar(image, ax=axis, label=f"difference from the network's mean, {UNIT}", extend="both")
        return save(fig, path)


def series_figure(pairs: pd.DataFrame, path: Path, *, title: str, synthetic: bool) -> Path:
    """Draw SMAP, the upscaled map and the in situ mean through time, one panel per orbit.

    Parameters
    ----------
    pairs : DataFrame
        ``date``, ``orbit`` (AM, PM), ``smap``, ``upscaled``, ``insitu_mean`` for one cell, m³ m⁻³.
    title : str
        What cell this is.
    """
    orbits = [o for o in ORBITS if (pairs["orbit"] == o).any()]
    with panels(len(orbits), 1, size=(8.4, 2.3 * len(orbits) + 0.5), synthetic=synthetic) as (fig, axes):
        for axis, orbit in zip(axes[:, 0], orbits):
            part = pairs[pairs["orbit"] == orbit].sort_values("date")
            for name, colour, width, label in _LINES:
                axis.plot(part["date"], part[name], color=COLOURS[colour], lw=width, label=label)
            axis.plot(part["date"], part["smap"], "o", color=COLOURS["smap"], ms=3, label="SMAP")
            axis.set_ylabel(f"soil moisture,\n{UNIT}")
            axis.set_title(f"{title}, {ORBITS[orbit]}", loc="left")
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
    """
    orbits = [o for o in ORBITS if (pairs["orbit"] == o).any()]
    references = ["insitu_mean", "upscaled"]
    values = pairs[["smap", *references]].to_numpy(float)
    low, high = np.nanmin(values) - 0.02, np.nanmax(values) + 0.02
    with panels(len(orbits), 2, size=(7.2, 3.4 * len(orbits) + 0.3), synthetic=synthetic) as (fig, axes):
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
                axis.set_title(f"{ORBITS[orbit]}, against the {REFERENCE_NAMES[reference]}", loc="left")
                axis.set_xlabel(f"{REFERENCE_NAMES[reference]}, {UNIT}")
            row[0].set_ylabel(f"SMAP, {UNIT}")
        return save(fig, path)


def metric_text(m: Any) -> str:
    """Say a row of a validation table in four short lines."""
    return (
        f"R = {m['r']:.2f} [{m['r_low']:.2f}, {m['r_high']:.2f}], n = {int(m['n'])}\n"
        f"bias = {signed(m['bias'])} {UNIT}\nRMSE = {m['rmse']:.3f} {UNIT}\nubRMSE = {m['ubrmse']:.3f} {UNIT}"
    )


def cells_figure(table: pd.DataFrame, cells: Sequence[EaseCell], path: Path, *, synthetic: bool) -> Path:
    """Draw R, bias and ubRMSE of the 9 km cells as little maps, north above, against the upscaled map.

    Both overpasses of a metric share their colours, so that they can be compared.

    Parameters
    ----------
    table : DataFrame
        The rows of ``validation_9km.csv``.
    cells : sequence of EaseCell
        The 9 km cells.
    """
    part = table[table["reference"] == "upscaled"]
    orbits = [o for o in ORBITS if (part["orbit"] == o).any()]
    found: Any = part.set_index(["orbit", "cell"])
    rows, cols = sorted({c.row for c in cells}), sorted({c.col for c in cells})
    size = (9.4, 2.8 * len(orbits) + 0.9)
    with figure(len(orbits), len(_CELL_METRICS), size=size, synthetic=synthetic, squeeze=False) as (
        fig,
        axes,
    ):
        for k, (metric, (label, cmap, digits)) in enumerate(_CELL_METRICS.items()):
            grids = np.full((len(orbits), len(rows), len(cols)), np.nan)
            for o, orbit in enumerate(orbits):
                for cell in cells:
                    if (orbit, cell.name) in found.index:
                        at = o, rows.index(cell.row), cols.index(cell.col)
                        grids[at] = found.loc[(orbit, cell.name), metric]
                        said = signed(grids[at]) if metric == "bias" else f"{grids[at]:.{digits}f}"
                        n = found.loc[(orbit, cell.name), "n"]
                        if np.isfinite(grids[at]):
                            axes[o, k].text(at[2], at[1], f"{said}\nn={n:.0f}", **_IN_CELL)
            known = grids[np.isfinite(grids)]
            low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
            if metric == "bias":
                low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
            for axis, orbit, values in zip(axes[:, k], orbits, grids):
                image = axis.imshow(values, cmap=cmap, vmin=low, vmax=high)
                axis.set_xticks(range(len(cols)), [f"c{c:04d}" for c in cols], fontsize=7)
                axis.set_yticks(range(len(rows)), [f"r{r:04d}" for r in rows] if k == 0 else [], fontsize=7)
                axis.set_title(ORBITS[orbit], loc="left", fontsize=9)
            fig.colorbar(image, ax=axes[:, k], label=label, location="bottom", shrink=0.9, aspect=24)
        return save(fig, path)

"""Whether the layers hold on the synthetic basin: intervals at pixels, errors of cells' means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from smgee.grid import PixelGrid, transformer
from smgee.twin import Basin
from smgee.upscale import MapStore

_NORMAL = 1.959963984540054  # quantile of 95 %
_PLACES = {"all": "everywhere", "inside": "inside the area of applicability", "outside": "outside of it"}


def true_pixels(basin: Basin, grid: PixelGrid, days: Sequence[date]) -> np.ndarray:
    """Return what is true at the centres of a lattice's pixels, (days, height, width) float32 m³ m⁻³.

    NaN on open water, and beside the basin.
    """
    east, north = grid.centers()
    x, y = transformer(grid.crs, basin.grid.crs).transform(east.ravel(), north.ravel())
    a, _, left, _, e, top = basin.grid.transform
    row, col = np.floor((y - top) / e).astype(int), np.floor((x - left) / a).astype(int)
    inside = (row >= 0) & (col >= 0) & (row < basin.grid.height) & (col < basin.grid.width)
    found = np.full((len(days), len(x)), np.nan, np.float32)
    for k, day in enumerate(days):
        found[k, inside] = basin.truth(day)[row[inside], col[inside]]
    return found.reshape(len(days), *grid.shape)


def layers_against_truth(layers: MapStore, maps: MapStore, basins: Mapping[int, Basin]) -> pd.DataFrame:
    """Tell, day by day, how far the map is from the truth and how often the intervals hold it.

    Parameters
    ----------
    layers, maps : MapStore
        Of one lattice; the days of the layers are among those of the maps.
    basins : mapping of int to Basin
        The synthetic basin by year.

    Returns
    -------
    pandas.DataFrame
        date, where (``all``, ``inside`` and ``outside`` the area of applicability), n (pixels), rmse of the
        map (m³ m⁻³), coverage and width of the interval, standard_error (mean, m³ m⁻³), leaf_coverage; NaN
        where a layer was not drawn.
    """
    rows = []
    for day in layers.days:
        truth = true_pixels(basins[day.year], layers.grid, [day])[0]
        drawn = {v.name: layers.read(day, v.name) for v in layers.variables}
        mapped = maps.read(day)
        known = np.isfinite(truth) & np.isfinite(mapped)
        parts = {"all": known}
        if "applicability" in drawn:
            parts |= {"inside": known & (drawn["applicability"] == 1)}
            parts |= {"outside": known & (drawn["applicability"] == 0)}
        for where, use in parts.items():
            rows.append({"date": day, "where": where} | _judged(truth, mapped, drawn, use))
    return pd.DataFrame(rows).assign(date=lambda t: pd.to_datetime(t["date"]))


def _judged(
    truth: np.ndarray, mapped: np.ndarray, drawn: Mapping[str, np.ndarray], use: np.ndarray
) -> dict[str, float]:
    error = mapped[use].astype("f8") - truth[use]
    found = {"n": int(use.sum()), "rmse": float(np.sqrt((error**2).mean())) if use.any() else np.nan}
    for name, low, high in (("", "lower", "upper"), ("leaf_", "leaf_lower", "leaf_upper")):
        found[f"{name}coverage"] = np.nan
        if low in drawn and use.any():
            held = (drawn[low][use] <= truth[use]) & (truth[use] <= drawn[high][use])
            found[f"{name}coverage"] = float(held.mean())
    sizes = {"standard_error": drawn.get("standard_error")}
    if "lower" in drawn:
        sizes["width"] = drawn["upper"] - drawn["lower"]
    for name in ("width", "standard_error"):
        values = sizes.get(name)
        found[name] = float(values[use].mean()) if values is not None and use.any() else np.nan
    return found


def cells_against_truth(zonal: pd.DataFrame, basins: Mapping[int, Basin]) -> pd.DataFrame:
    """Tell of every cell how far the maps' mean is from the truth, beside its jackknife error.

    Parameters
    ----------
    zonal : pandas.DataFrame
        ``zonal.csv`` with ``standard_error``.

    Returns
    -------
    pandas.DataFrame
        grid, cell, n (days), bias, rmse (m³ m⁻³), standard_error (root mean square), held (share of days on
        which the mean ± 1.96 standard errors holds the truth).
    """
    parts = [basin.cell_means()["soil_moisture"] for basin in basins.values()]
    small = pd.concat(parts).rename("truth").reset_index().rename(columns={"day": "date"})
    first = next(iter(basins.values()))
    land = first.land()
    share = {c.name: float(((first.cell_index == k) & land).sum()) for k, c in enumerate(first.cells)}
    weight = small["cell"].map(share)
    whole = (small["truth"] * weight).groupby(small["date"]).sum() / weight.groupby(small["date"]).sum()
    large = pd.DataFrame({"date": whole.index, "cell": first.cell.name, "truth": whole.to_numpy()})
    both = zonal.assign(date=pd.to_datetime(zonal["date"])).merge(
        pd.concat([large, small]), on=["date", "cell"]
    )
    both = both.dropna(subset=["soil_moisture", "standard_error", "truth"])
    rows = []
    for cell, part in both.groupby("cell", sort=True):
        error = part["soil_moisture"] - part["truth"]
        rows.append(
            {
                "grid": str(cell)[:3],
                "cell": cell,
                "n": len(part),
                "bias": float(error.mean()),
                "rmse": float(np.sqrt((error**2).mean())),
                "standard_error": float(np.sqrt((part["standard_error"] ** 2).mean())),
                "held": float((error.abs() <= _NORMAL * part["standard_error"]).mean()),
            }
        )
    return pd.DataFrame(rows)


def layer_sentences(pixels: pd.DataFrame | None, cells: pd.DataFrame | None, level: float) -> list[str]:
    """Say how often the interval holds the truth, and how far cells are from it."""
    said = []
    if pixels is not None and pixels["coverage"].notna().any():
        held = []
        for where, part in pixels.groupby("where", sort=False):
            part = part[part["n"] > 0]
            if len(part):
                mean = np.average(part["coverage"], weights=part["n"])
                rmse = np.sqrt(np.average(part["rmse"] ** 2, weights=part["n"]))
                held.append(f"{mean:.0%} {_PLACES[str(where)]} (RMSE {rmse:.3f})")
        days = pixels["date"].nunique()
        said.append(
            f"Of the true pixels of {days} day{'s' if days > 1 else ''} the {level:.0%} interval holds "
            f"{', '.join(held)}."
        )
    if cells is not None and len(cells):
        for grid, size in (("M36", "36 km"), ("M09", "9 km")):
            part = cells[cells["grid"] == grid]
            if len(part):
                rmse = float(np.sqrt((part["rmse"] ** 2).mean()))
                error = float(np.sqrt((part["standard_error"] ** 2).mean()))
                said.append(
                    f"The maps' mean over the {size} cell{'s' if len(part) > 1 else ''} is off the truth by "
                    f"{rmse:.3f} m³/m³ (RMSE); its jackknife error says {error:.3f}, and ± 1.96 of it holds "
                    f"the truth on {part['held'].mean():.0%} of the days."
                )
    return said

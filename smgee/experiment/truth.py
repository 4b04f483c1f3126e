"""The true soil moisture of cells at the overpass, and how far references and verdicts are from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import MissingDataError
from smgee.grid import EaseCell
from smgee.insitu.overpass import SOLAR_HOURS
from smgee.metrics import MovingBlocks, assess, scores
from smgee.twin import Basin
from smgee.twin.hydrology import AGGREGATES
from smgee.validation.judges import TITLES
from smgee.validation.pairs import PLAIN, UPSCALED, select_dates
from smgee.validation.verdicts import TARGET

SMAP_ITSELF = "SMAP"
METRICS = ("r", "bias", "rmse", "ubrmse")
TRUTH_COLUMNS = (
    *("grid", "cell", "orbit", "reference", "n", *METRICS),
    *(f"smap_{m}{end}" for m in METRICS for end in ("", "_low", "_high", "_true", "_held")),
)
"""Columns of `compare_with_truth`."""

_TOTAL, _LIQUID = AGGREGATES.index("total_water"), AGGREGATES.index("soil_moisture")


def true_means(
    basin: Basin,
    cells: Sequence[EaseCell],
    *,
    hours: float = 3.0,
    orbits: Sequence[str] = ("AM", "PM"),
) -> pd.DataFrame:
    """Return the true mean soil moisture of cells over the window around each overpass of a year.

    Parameters
    ----------
    basin : Basin
        The synthetic basin of the year.
    cells : sequence of EaseCell
        Its 36 km cell and 9 km cells; others are left out.
    hours : float
        Half width of the window, h.
    orbits : sequence of {"AM", "PM"}

    Returns
    -------
    pandas.DataFrame
        date (UTC, under which the product files the pass), orbit, cell, soil_moisture (m³ m⁻³, mean over the
        land of the cell).

    Notes
    -----
    Within a day the basin's water runs along a parabola that keeps the daily mean and meets its neighbours at
    midnight, at every pixel; so it does in the mean, while no ground is frozen. What is frozen of a cell is
    taken for that of the day.
    """
    series = basin.series["cells"].astype(float)
    total, liquid = series[..., _TOTAL], series[..., _LIQUID]
    land = basin.land()
    share = np.array([((basin.cell_index == k) & land).sum() for k in range(len(basin.cells))], float)
    edge = np.concatenate([total[:1], (total[1:] + total[:-1]) / 2, total[-1:]])
    days = pd.DatetimeIndex(basin.days)
    places = {c.name: [k] for k, c in enumerate(basin.cells)}
    places[basin.cell.name] = list(range(len(basin.cells)))
    tables = []
    for orbit in orbits:
        middle = (SOLAR_HOURS[orbit] - basin.centre[0] / 15.0) % 24.0
        at = _within(total, edge, middle, hours) + (liquid - total)
        for cell in cells:
            if cell.name not in places:
                continue
            members = places[cell.name]
            mean = at[:, members] @ share[members] / share[members].sum()
            tables.append(
                pd.DataFrame({"date": days, "orbit": orbit, "cell": cell.name, "soil_moisture": mean})
            )
    if not tables:
        raise MissingDataError(
            f"None of the cells lies in the synthetic basin, whose cell is {basin.cell.name}; nothing is "
            "known of their truth."
        )
    return pd.concat(tables, ignore_index=True)


def _within(total: np.ndarray, edge: np.ndarray, middle: float, hours: float) -> np.ndarray:
    """Return the mean of the water over the hours around an hour of each day, (day, cell)."""
    parts = (np.arange(24) + 0.5) / 24
    bend_mean = float((parts * (1 - parts)).mean())
    n = len(total)
    found = np.zeros_like(total)
    clock = middle + np.arange(-hours + 0.25, hours, 0.5)
    for hour in clock:
        shift, part = divmod(hour, 24.0)
        day = np.clip(np.arange(n) + int(shift), 0, n - 1)
        s = part / 24
        level = edge[day] * (1 - s) + edge[day + 1] * s
        bend = s * (1 - s) / bend_mean
        found += level + (total[day] - (edge[day] + edge[day + 1]) / 2) * bend
    return found / len(clock)


def compare_with_truth(
    smap: pd.DataFrame,
    references: Mapping[str, pd.DataFrame],
    truth: pd.DataFrame,
    *,
    periods: pd.DataFrame | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Tell how far each reference is from the truth, and whether what it says of SMAP holds.

    Parameters
    ----------
    smap : pandas.DataFrame
        date, orbit, cell, soil_moisture: the retrievals that count.
    references : mapping of str to pandas.DataFrame
        date, cell, soil_moisture, and orbit where they are values at the overpass.
    truth : pandas.DataFrame
        From `true_means`.
    periods : pandas.DataFrame, optional
        Unfrozen periods.

    Returns
    -------
    pandas.DataFrame
        `TRUTH_COLUMNS`, one row per cell, orbit and reference, and one for SMAP itself: r, bias, rmse and
        ubrmse of the reference against the truth, at the ``n`` passes at which every reference with any
        values has one; ``smap_…`` what the reference says of SMAP, its 95 % interval, what the truth says
        (``_true``), and whether the interval holds that (``_held``, 0 or 1).
    """
    key = ["date", "orbit", "cell"]
    seen = smap[[*key, "soil_moisture"]].dropna().rename(columns={"soil_moisture": "smap"})
    base = seen.merge(truth.rename(columns={"soil_moisture": "truth"}), on=key)
    if periods is not None:
        base = select_dates(base, periods)
    for name, table in references.items():
        own = key if "orbit" in table and (table["orbit"] != "").any() else ["date", "cell"]
        right = table[[*own, "soil_moisture"]].rename(columns={"soil_moisture": name})
        base = base.merge(right, on=own, how="left")
    rows: list[dict[str, Any]] = []
    for (cell, orbit), part in base.groupby(["cell", "orbit"], sort=True):
        there = [name for name in references if part[name].notna().any()]
        both = part.dropna(subset=there).sort_values("date")
        true = scores(METRICS, both["smap"].to_numpy(), both["truth"].to_numpy())
        place = {"grid": str(cell)[:3], "cell": cell, "orbit": orbit, "n": len(both)}
        rows.append(place | {"reference": SMAP_ITSELF} | true)
        for name in there:
            found = assess(
                both["smap"],
                both[name],
                metrics=METRICS,
                resampler=MovingBlocks(both["date"].to_numpy()),
                seed=seed,
            )
            own_error = scores(METRICS, both[name].to_numpy(), both["truth"].to_numpy())
            row: dict[str, Any] = place | {"reference": name} | own_error
            for metric in METRICS:
                low, high = found.intervals[metric]
                held = math.nan if math.isnan(low) else float(low <= true[metric] <= high)
                row |= {
                    f"smap_{metric}": found.values[metric],
                    f"smap_{metric}_low": low,
                    f"smap_{metric}_high": high,
                    f"smap_{metric}_true": true[metric],
                    f"smap_{metric}_held": held,
                }
            rows.append(row)
    return pd.DataFrame(rows, columns=list(TRUTH_COLUMNS))


def truth_sentences(table: pd.DataFrame, verdicts: pd.DataFrame | None = None) -> list[str]:
    """Say of the 36 km cell which reference is nearest to the truth, whether upscaling gained, and whether
    the verdicts are right.

    Parameters
    ----------
    table : pandas.DataFrame
        From `compare_with_truth`.
    verdicts : pandas.DataFrame, optional
        ``verdicts.csv``.
    """
    large = table[table["grid"] == "M36"]
    said = []
    for (cell, orbit), part in large.groupby(["cell", "orbit"], sort=True):
        own: Any = part.set_index("reference")
        others = own.drop(index=SMAP_ITSELF, errors="ignore")
        if others.empty or SMAP_ITSELF not in own.index or not others["rmse"].notna().any():
            continue
        itself, best = own.loc[SMAP_ITSELF], others["rmse"].idxmin()
        held = others[[f"smap_{m}_held" for m in METRICS]].to_numpy(float)
        held = held[np.isfinite(held)]
        intervals = "Passes are too few for intervals"
        if held.size:
            intervals = f"Of the references' 95 % intervals {held.mean():.0%} hold what is true of SMAP"
        said.append(
            f"{orbit}: SMAP itself has R {itself['r']:.3f} and an ubRMSE of {itself['ubrmse']:.3f} m³/m³ "
            f"against the truth. Nearest to the truth of all references is {TITLES.get(best, best)} (RMSE "
            f"{others['rmse'].min():.4f} m³/m³). {intervals} (n = {itself['n']:.0f})."
        )
        maps, plain = (others["rmse"].get(name, math.nan) for name in (UPSCALED, PLAIN))
        if math.isfinite(plain - maps):
            said.append(
                f"The mean of the map errs by {maps:.4f} m³/m³, the plain mean of the stations by "
                f"{plain:.4f}: upscaling {'gained' if maps < plain else 'lost'} {abs(plain - maps):.4f} here."
            )
        if verdicts is None:
            continue
        row: Any = verdicts[(verdicts["cell"] == cell) & (verdicts["orbit"] == orbit)]
        if len(row) and row["meets"].notna().any():
            said.append(
                f"That SMAP meets {TARGET:g} m³/m³ in the long run was given the probability "
                f"{row['meets'].iloc[0]:.2f}; on these passes alone its true ubRMSE is "
                f"{itself['ubrmse']:.3f} m³/m³."
            )
    return said

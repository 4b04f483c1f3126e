"""What many trials say: errors of references, coverage of intervals, rightness of verdicts, and power."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from smgee.experiment.cases import MAP, VERDICT
from smgee.experiment.networks import SCENARIOS
from smgee.experiment.truth import SMAP_ITSELF
from smgee.models.nested import NETWORK
from smgee.validation.judges import TITLES
from smgee.validation.pairs import PLAIN, UPSCALED
from smgee.validation.verdicts import TARGET

EDGES = (-1.0, -0.01, -0.005, 0.0, 0.005, 0.01, 0.015, 1.0)
"""Of `power_curve`: by how much the upscaled reference is nearer to the truth than the plain mean, m³ m⁻³."""

SUMMARY_COLUMNS = (
    *("scenario", "reference", "trials", "r", "bias", "rmse", "rmse_low", "rmse_high", "ubrmse"),
    *("covered_r", "covered_bias", "covered_ubrmse", "better"),
)
"""Columns of `summarize`."""


def summarize(found: pd.DataFrame) -> pd.DataFrame:
    """Return, for every network and reference, its errors against the truth over all trials.

    Parameters
    ----------
    found : pandas.DataFrame
        From `smgee.experiment.cases.run_trials`.

    Returns
    -------
    pandas.DataFrame
        `SUMMARY_COLUMNS`: trials (both overpasses counted), medians of r, the absolute bias, rmse and ubrmse
        of the reference against the truth, the middle 80 % of rmse; the share of the 95 % intervals of what
        it says of SMAP that hold the truth; and the share of trials in which its rmse is below that of the
        plain mean.
    """
    rows = []
    plain = found[found["reference"] == PLAIN].set_index(_KEY)["rmse"]
    for scenario in SCENARIOS:
        for reference in TITLES:
            part = found[(found["scenario"] == scenario) & (found["reference"] == reference)]
            part = part[part["rmse"].notna()]
            if part.empty:
                continue
            low, high = part["rmse"].quantile([0.1, 0.9])
            beside = plain.reindex(pd.MultiIndex.from_frame(part[_KEY])).to_numpy()
            rows.append(
                {
                    "scenario": scenario,
                    "reference": reference,
                    "trials": len(part),
                    "r": part["r"].median(),
                    "bias": part["bias"].abs().median(),
                    "rmse": part["rmse"].median(),
                    "rmse_low": low,
                    "rmse_high": high,
                    "ubrmse": part["ubrmse"].median(),
                    **{f"covered_{m}": part[f"smap_{m}_held"].mean() for m in ("r", "bias", "ubrmse")},
                    "better": np.nan if reference == PLAIN else float((part["rmse"] < beside).mean()),
                }
            )
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


_KEY = ["scenario", "year", "seed", "orbit"]


def power_table(found: pd.DataFrame, *, level: float = 0.05) -> pd.DataFrame:
    """Return, for every network, how often upscaling helps, how often the tests say so, and the verdicts.

    Returns
    -------
    pandas.DataFrame
        scenario, trials, helps (share of trials in which the upscaled reference is nearer to the truth),
        gain_r and gain_rmse (median gains of SMAP's agreement), claimed_r and claimed_rmse (share in which
        the test finds a gain in R, or in RMSE), claimed_rightly (of the gains in RMSE claimed, the share in
        which the upscaled reference is nearer to the truth), perfect_r (median of what the truth itself
        would gain in R), meets (median probability that SMAP meets its requirement), met (share of trials in
        whose passes alone it does), held_r, held_bias, held_ubrmse (share of the verdicts' 95 % intervals,
        which heed the stations' sampling error, that hold what is true of SMAP: its R and bias on the same
        passes, its ubRMSE in the long run, see `long_run`), map_skill and map_spatial_r (medians: the maps at
        pixels without a station, see `smgee.experiment.upscaling.Upscaled.judged`), believed (share of trials
        in which something was added to the network's mean).
    """
    rows, lasting = [], long_run(found)
    for scenario in SCENARIOS:
        part = found[found["scenario"] == scenario]
        if part.empty:
            continue
        up, plain, itself = (
            part[part["reference"] == name].set_index(_KEY) for name in (UPSCALED, PLAIN, SMAP_ITSELF)
        )
        row: dict[str, Any] = {"scenario": scenario, "trials": len(plain)}
        if len(up):
            helps = up["rmse"] < plain["rmse"].reindex(up.index)
            claimed = {m: _claimed(up, m, level) for m in ("r", "rmse")}
            row |= {
                "helps": float(helps.mean()),
                "gain_r": up["gain_r"].median(),
                "gain_rmse": up["gain_rmse"].median(),
                "claimed_r": float(claimed["r"].mean()),
                "claimed_rmse": float(claimed["rmse"].mean()),
                "claimed_rightly": float(helps[claimed["rmse"]].mean()) if claimed["rmse"].any() else np.nan,
                **{name: up[name].median() for name in MAP},
                "believed": float((up["deployed"] != NETWORK).mean()),
            }
        truths = {m: itself[m].reindex(plain.index) for m in ("r", "bias")}
        truths["ubrmse"] = pd.Series(plain.index.get_level_values("orbit").map(lasting), plain.index)
        met = (itself["ubrmse"] <= TARGET).reindex(plain.index).astype(float)
        row |= {
            "perfect_r": (itself["r"].reindex(plain.index) - plain["smap_r"]).median(),
            "meets": plain["meets"].median(),
            "met": float(met.mean()),
            **{f"held_{m}": _held(plain, m, true) for m, true in truths.items()},
        }
        rows.append(row)
    names = ("scenario", "trials", "helps", "gain_r", "gain_rmse", "claimed_r", "claimed_rmse")
    return pd.DataFrame(rows).reindex(
        columns=[
            *(*names, "claimed_rightly", "perfect_r", "meets", "met"),
            *(f"held_{m}" for m in VERDICT),
            *(*MAP, "believed"),
        ]
    )


def long_run(found: pd.DataFrame) -> dict[str, float]:
    """Return SMAP's ubRMSE against the truth over all seasons and seeds together, by overpass, m³ m⁻³.

    On the passes of one season alone it is smaller, for their own bias is not in it; the variance of the
    seasons' biases is added to the mean of their squares.
    """
    once = found[found["reference"] == SMAP_ITSELF].drop_duplicates(["year", "seed", "orbit"])
    return {
        str(orbit): float(
            np.sqrt((part["ubrmse"] ** 2).mean() + (part["bias"].var() if len(part) > 1 else 0.0))
        )
        for orbit, part in once.groupby("orbit")
    }


def _held(plain: pd.DataFrame, metric: str, true: pd.Series) -> float:
    """Share of the intervals that hold what is true, of those that there are."""
    low, high = (plain[column] for column in VERDICT[metric])
    return float(((low <= true) & (true <= high))[low.notna()].mean())


def power_curve(found: pd.DataFrame, *, level: float = 0.05) -> pd.DataFrame:
    """Return how often the tests find a gain, by how large it is in truth, over all networks.

    Returns
    -------
    pandas.DataFrame
        low, high (`EDGES`: RMSE of the plain mean against the truth minus that of the upscaled reference),
        trials, gain (its median), claimed_rmse, claimed_r (share in which the test finds a gain), power_r
        (median of the power that the test of R was said to have).
    """
    up, plain = (found[found["reference"] == n].set_index(_KEY) for n in (UPSCALED, PLAIN))
    gain = plain["rmse"].reindex(up.index) - up["rmse"]
    rows = []
    for low, high in pairwise(EDGES):
        part = up[(gain > low) & (gain <= high)]
        if part.empty:
            continue
        rows.append(
            {
                "low": low,
                "high": high,
                "trials": len(part),
                "gain": gain[part.index].median(),
                "claimed_rmse": float(_claimed(part, "rmse", level).mean()),
                "claimed_r": float(_claimed(part, "r", level).mean()),
                "power_r": part["power_r"].median(),
            }
        )
    return pd.DataFrame(rows, columns=list(CURVE_COLUMNS))


CURVE_COLUMNS = ("low", "high", "trials", "gain", "claimed_rmse", "claimed_r", "power_r")


def _claimed(up: pd.DataFrame, metric: str, level: float) -> pd.Series:
    """Return whether the test finds a gain."""
    better = up["gain_r"] > 0 if metric == "r" else up["gain_rmse"] < 0
    return (up[f"p_{metric}"] <= level) & better


def sentences(summary: pd.DataFrame, power: pd.DataFrame) -> list[str]:
    """Say for every network whether upscaling beats averaging, and by how much."""
    said = []
    by: Mapping[Any, Any] = summary.set_index(["scenario", "reference"]).to_dict("index")
    for row in power.to_dict("records"):
        scenario = str(row["scenario"])
        plain, up = by.get((scenario, PLAIN)), by.get((scenario, UPSCALED))
        if plain is None:
            continue
        words = f"{scenario} ({SCENARIOS[scenario]}): the plain mean errs by {plain['rmse']:.3f} m³/m³"
        if up is None:
            said.append(f"{words}; too few stations to upscale.")
            continue
        said.append(
            f"{words}, the upscaled mean by {up['rmse']:.3f}; it is nearer to the truth in "
            f"{row['helps']:.0%} of trials, and the test finds a gain in RMSE in {row['claimed_rmse']:.0%}, "
            f"in R in {row['claimed_r']:.0%}. The truth itself would gain {row['perfect_r']:+.3f} in R."
        )
    return said

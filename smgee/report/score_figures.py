"""Figures of scores: models beside baselines, and the distances that designs test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from smgee.models import BASELINES
from smgee.models.scores import station_design
from smgee.report.style import COLOURS, UNIT, figure, save

# Okabe & Ito's, and dashes for those who do not see them
_CURVES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
_DASHES = ("-", "--", "-.", ":")


def scores_figure(scores: pd.DataFrame, path: Path, *, synthetic: bool) -> Path:
    """Draw R, RMSE and skill of every model and baseline, the least RMSE at stations left out on top.

    Stations left out carry their 95 % intervals; beside them stand the random split's figures, which
    flatter. Baselines are hollow.

    Parameters
    ----------
    scores : DataFrame
        ``scores.csv``.
    """
    judged = scores[scores["design"] == station_design(scores)].sort_values("rmse", ascending=False)
    random = scores[scores["design"] == "random"].set_index("model").reindex(judged["model"])
    y, base = np.arange(len(judged)), judged["model"].isin(BASELINES).to_numpy()
    panels = [("r", "R"), ("rmse", f"RMSE, {UNIT}")]
    if "skill" in scores and scores["skill"].notna().any():
        panels.append(("skill", "skill, 1 − MSE/MSE(network mean)"))
    with figure(1, len(panels), size=(9.2, 1.3 + 0.2 * len(judged)), synthetic=synthetic, sharey=True) as (
        fig,
        axes,
    ):
        for axis, (metric, label) in zip(axes, panels, strict=True):
            value = judged[metric].to_numpy(float)
            ends = [judged[f"{metric}{end}"].to_numpy(float) for end in ("_low", "_high")]
            error = np.abs([value - ends[0], ends[1] - value])
            for kind, face in ((~base, COLOURS["station"]), (base, "white")):
                axis.errorbar(
                    value[kind],
                    y[kind],
                    xerr=error[:, kind],
                    fmt="o",
                    ms=4.5,
                    lw=1,
                    color=COLOURS["station"],
                    mfc=face,
                    label="stations held out" if face != "white" else "the same, baselines",
                )
            if random[metric].notna().any():
                axis.plot(random[metric], y, "x", ms=5, color="0.5", label="random rows held out")
            axis.set_xlabel(label)
            axis.grid(axis="y", color="0.92", lw=0.8)
            axis.set_axisbelow(True)
        if len(panels) > 2:
            axes[2].axvline(0, color="black", lw=0.8)
            # a model far below zero would squeeze the others
            axes[2].set_xlim(left=max(-1.0, axes[2].get_xlim()[0]))
        axes[0].set_yticks(y, judged["model"])
        for text, name in zip(axes[0].get_yticklabels(), judged["model"], strict=True):
            text.set_fontweight("bold" if name == "deployed" else "normal")
            text.set_color("0.4" if name in BASELINES else "black")
        fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        return save(fig, path)


def distances_figure(distances: pd.DataFrame, path: Path, *, synthetic: bool) -> Path:
    """Draw how far the map's pixels lie from their nearest station, and how far the designs test.

    A design whose curve lies left of the map's tests places that are nearer to stations than those the map is
    drawn for (Linnenbrink et al. 2024, Geosci. Model Dev. 17, 5897-5912).

    Parameters
    ----------
    distances : DataFrame
        ``what`` and ``distance_m``, as ``distances.csv``.
    """
    widest = np.quantile(distances["distance_m"], 0.999) / 1000.0
    with figure(1, 1, size=(8.8, 3.2), synthetic=synthetic) as (fig, axes):
        axis = np.ravel(axes)[0]
        for k, (what, part) in enumerate(distances.groupby("what", sort=False)):
            km = np.sort(part["distance_m"].to_numpy(float)) / 1000.0
            share = np.arange(1, len(km) + 1) / len(km)
            first = k == 0
            axis.step(
                np.r_[0.0, km],
                np.r_[0.0, share],
                where="post",
                color="black" if first else _CURVES[(k - 1) % len(_CURVES)],
                lw=2.2 if first else 1.2,
                ls="-" if first else _DASHES[(k - 1) % len(_DASHES)],
                label=str(what),
            )
        axis.set_xlim(0.0, widest)
        axis.set_ylim(0.0, 1.0)
        axis.set_xlabel("distance to the nearest station that is known (km)")
        axis.set_ylabel("share nearer than that")
        axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.02, 1.0))  # curves go everywhere
        return save(fig, path)

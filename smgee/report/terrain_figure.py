"""SMAP's errors and what is inside the cells, as a heat map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from smgee.report.style import ORBITS, panels, save, signed

_METRICS = {"r": "R", "abs_bias": "|bias|", "rmse": "RMSE", "ubrmse": "ubRMSE"}
FINDING = 0.05


def terrain_figure(table: pd.DataFrame, path: Path, *, reference: str, synthetic: bool) -> Path:
    """Draw the partial rank correlations of SMAP's errors with the conditions of the cells.

    Parameters
    ----------
    table : DataFrame
        ``heterogeneity.csv``.
    reference : str
        What SMAP was compared with.
    """
    part = table[table["reference"] == reference]
    value = "partial" if "partial" in part and part["partial"].notna().any() else "spearman"
    conditions = list(dict.fromkeys(part["condition"]))
    orbits = [o for o in ORBITS if (part["orbit"] == o).any()]
    metrics = [m for m in _METRICS if (part["metric"] == m).any()]
    size = (2.6 + 0.62 * len(conditions), 1.7 + 0.5 * len(metrics) * len(orbits))
    with panels(len(orbits), 1, size=size, synthetic=synthetic) as (fig, axes):
        for axis, orbit in zip(axes[:, 0], orbits):
            own = part[part["orbit"] == orbit].set_index(["metric", "condition"])
            shown = np.full((len(metrics), len(conditions)), np.nan)
            for i, metric in enumerate(metrics):
                for j, condition in enumerate(conditions):
                    if (metric, condition) in own.index:
                        row = own.loc[(metric, condition)]
                        shown[i, j] = row[value]
                        found = "q" in own and pd.notna(row.get("q")) and row["q"] <= FINDING
                        if np.isfinite(shown[i, j]):
                            text = signed(shown[i, j], 2) + ("*" if found else "")
                            colour = "white" if abs(shown[i, j]) > 0.65 else "black"
                            axis.text(j, i, text, ha="center", va="center", fontsize=7, color=colour)
            image = axis.imshow(shown, cmap="PuOr", vmin=-1, vmax=1, aspect="auto")
            axis.set_yticks(range(len(metrics)), [_METRICS[m] for m in metrics])
            axis.set_title(ORBITS[orbit], loc="left")
        axes[-1, 0].set_xticks(range(len(conditions)), conditions, rotation=40, ha="right", fontsize=8)
        fig.colorbar(image, ax=axes, label="rank correlation" + (", partial" if value == "partial" else ""))
        return save(fig, path)

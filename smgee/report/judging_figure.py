"""SMAP judged by every reference, as one figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from smgee.report.style import COLOURS, ORBITS, UNIT, figure, save
from smgee.validation.judges import TITLES
from smgee.validation.verdicts import TARGET

_PANELS = (("r", "R"), ("bias", f"bias, {UNIT}"), ("ubrmse", f"ubRMSE, {UNIT}"))
_MARKERS = {"AM": "o", "PM": "s"}


def references_figure(table: pd.DataFrame, path: Path, *, title: str, synthetic: bool) -> Path:
    """Draw R, bias and ubRMSE of SMAP in one cell against each reference, with intervals, both overpasses.

    Parameters
    ----------
    table : DataFrame
        Rows of a validation table, of one cell.
    title : str
        What cell this is.
    """
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    names = [n for n in TITLES if (table["reference"] == n).any()]
    place = {name: -k for k, name in enumerate(names)}
    with figure(1, 3, size=(10.2, 0.42 * len(names) + 1.5), synthetic=synthetic, sharey=True) as (fig, axes):
        for axis, (metric, label) in zip(axes, _PANELS, strict=True):
            for orbit, marker in _MARKERS.items():
                part = table[(table["orbit"] == orbit) & table["reference"].isin(names)]
                y = part["reference"].map(place).to_numpy(float) + (0.14 if orbit == "AM" else -0.14)
                value = part[metric].to_numpy(float)
                ends = part[[f"{metric}_low", f"{metric}_high"]].to_numpy(float).T
                colour = [
                    COLOURS["map" if n.startswith("upscaled") else "in situ"] for n in part["reference"]
                ]
                for k in range(len(part)):
                    axis.plot(ends[:, k], [y[k], y[k]], color=colour[k], lw=1.4)
                    axis.plot(
                        value[k],
                        y[k],
                        marker,
                        color=colour[k],
                        ms=5,
                        mfc=colour[k] if orbit == "AM" else "white",
                    )
            axis.set_xlabel(label)
            axis.xaxis.set_major_locator(MaxNLocator(4))
        axes[1].axvline(0, color="0.6", lw=0.8)
        axes[2].axvline(TARGET, color="0.6", lw=0.8, ls="--")
        axes[2].text(TARGET, 0.55, f" {TARGET:g}", color="0.4", fontsize=8, va="bottom")
        axes[0].set_yticks([place[n] for n in names], [TITLES[n] for n in names])
        axes[0].set_ylim(-len(names) + 0.4, 0.9)
        n = table["n"].max()
        axes[0].set_title(f"{title}, {int(n) if np.isfinite(n) else 0} passes at most", loc="left")
        handles = [
            Line2D(
                [],
                [],
                ls="",
                color="0.3",
                marker=marker,
                mfc="0.3" if orbit == "AM" else "white",
                label=ORBITS[orbit],
            )
            for orbit, marker in _MARKERS.items()
        ]
        fig.legend(handles=handles, loc="outside upper right", ncols=2)
        return save(fig, path)

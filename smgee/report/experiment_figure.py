"""The experiment on the synthetic basin as one figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from smgee.report.style import COLOURS, figure, save

_REFERENCES = (
    ("insitu_mean", "plain mean", COLOURS["in situ"], "o"),
    ("insitu_inverse_distance", "weighted by distance", COLOURS["date"], "s"),
    ("upscaled", "upscaled", COLOURS["map"], "D"),
)
_SHARES = (
    ("helps", "upscaled is nearer to the truth", COLOURS["truth"]),
    ("claimed_rmse", "the test finds a gain in RMSE", COLOURS["map"]),
    ("claimed_r", "the test finds a gain in R", COLOURS["date"]),
)


def experiment_figure(summary: pd.DataFrame, power: pd.DataFrame, curve: pd.DataFrame, path: Path) -> Path:
    """Draw the error of references by network, how often upscaling helps and the tests say so, and the power
    of the tests by how much it helps.

    Parameters
    ----------
    summary, power, curve : pandas.DataFrame
        From `smgee.experiment.summarize`, `smgee.experiment.power_table` and `smgee.experiment.power_curve`.
    """
    names = list(power["scenario"])
    place = {name: -k for k, name in enumerate(names)}
    with figure(1, 3, size=(13.6, 0.62 * len(names) + 1.7), synthetic=True) as (fig, axes):
        left, right, last = axes
        for k, (reference, label, colour, marker) in enumerate(_REFERENCES):
            part = summary[summary["reference"] == reference]
            y = part["scenario"].map(place).to_numpy(float) + 0.2 * (1 - k)
            ends = part[["rmse_low", "rmse_high"]].to_numpy(float)
            for at, (low, high) in zip(y, ends, strict=True):
                left.plot([low, high], [at, at], color=colour, lw=1.4)
            left.plot(part["rmse"], y, marker, color=colour, ms=5, label=label)
        left.set(xlabel="RMSE against the true mean of the cell, m³ m⁻³", xlim=(0, None))
        left.set_yticks([place[n] for n in names], names)
        for k, (column, label, colour) in enumerate(_SHARES):
            y = np.array([place[n] for n in names], float) + 0.24 * (1 - k)
            right.barh(y, power[column].to_numpy(float), height=0.22, color=colour, label=label)
        right.axvline(0.05, color="0.4", lw=0.8, ls="--")
        right.set(xlabel="share of trials (dashed: 0.05)", xlim=(0, 1), ylim=left.get_ylim())
        right.set_yticks([place[n] for n in names], [""] * len(names))
        for column, label, colour in _SHARES[1:]:
            last.plot(curve["gain"], curve[column], "o-", color=colour, ms=4, label=label)
        for gain, share, count in zip(curve["gain"], curve["claimed_rmse"], curve["trials"], strict=True):
            last.annotate(f"{count}", (gain, share), textcoords="offset points", xytext=(0, 6), ha="center")
        last.axhline(0.05, color="0.4", lw=0.8, ls="--")
        last.axvline(0.0, color="0.7", lw=0.8)
        last.set(
            xlabel="RMSE against the truth, plain mean minus upscaled, m³ m⁻³",
            ylabel="share of trials (numbers: how many)",
            ylim=(-0.03, 1.05),
        )
        left.legend(loc="upper right")
        right.legend(loc="lower right")
        last.legend(loc="upper left")
        return save(fig, path)

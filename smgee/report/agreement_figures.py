"""How predictions and SMAP agree with what was measured: density, Taylor and target diagrams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.metrics import score
from smgee.report.style import UNIT, figure, panels, save, signed

_MARKERS = "osD^vP*X<>hpd8"
_HUES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")


def _mark(k: int) -> dict[str, Any]:
    """Return how the k-th of several names is drawn: full shapes first, then the same hollow."""
    hue = _HUES[k % len(_HUES)]
    hollow = k // len(_MARKERS) % 2 == 1
    shape = _MARKERS[k % len(_MARKERS)]
    return {"marker": shape, "color": hue, "ms": 6, "mfc": "white" if hollow else hue}


def density_figure(predictions: pd.DataFrame, path: Path, *, models: Sequence[str], synthetic: bool) -> Path:
    """Draw predictions at stations left out against what was measured there, as density.

    Parameters
    ----------
    predictions : DataFrame
        ``model``, ``observed``, ``predicted``, m³ m⁻³.
    models : sequence of str
        One panel each.
    """
    part = predictions[predictions["model"].isin(models)]
    values = part[["observed", "predicted"]].to_numpy(float)
    low, high = np.nanmin(values) - 0.01, np.nanmax(values) + 0.01
    with panels(1, len(models), size=(3.7 * len(models) + 0.8, 3.6), synthetic=synthetic) as (fig, axes):
        for axis, model in zip(axes[0], models):
            own = part[part["model"] == model]
            drawn = axis.hexbin(
                own["observed"],
                own["predicted"],
                gridsize=34,
                extent=(low, high, low, high),
                mincnt=1,
                bins="log",
                cmap="viridis",
                linewidths=0.2,
            )
            axis.plot([low, high], [low, high], color="0.3", lw=0.9, label="one to one")
            told = {m: round(score(m, own["predicted"], own["observed"]), 3) for m in ("r", "rmse", "bias")}
            axis.set_title(
                f"{model}\nR {told['r']:.2f}, RMSE {told['rmse']:.3f}, bias {signed(told['bias'])}",
                loc="left",
                fontsize=9,
            )
            axis.set(xlim=(low, high), ylim=(low, high), aspect="equal", xlabel=f"measured, {UNIT}")
        axes[0][0].set_ylabel(f"predicted, {UNIT}")
        fig.colorbar(drawn, ax=axes, label="station days", shrink=0.85, format="%g")
        return save(fig, path)


def taylor_figure(pairs: Mapping[str, tuple[np.ndarray, np.ndarray]], path: Path, *, synthetic: bool) -> Path:
    """Draw a Taylor diagram: standard deviations relative to the reference's, and correlations.

    A point's distance from the ring's mark on the axis is the centred RMS difference in standard deviations
    of the reference (Taylor 2001, J. Geophys. Res. 106, 7183-7192).

    Parameters
    ----------
    pairs : mapping of str to (x, y)
        By name: what is judged, and the reference, each (n,).
    """
    points = {}
    for name, (x, y) in pairs.items():
        r, ratio = score("r", x, y), float(np.std(x) / np.std(y))
        if np.isfinite(r) and np.isfinite(ratio):
            points[name] = r, ratio
    worst = min([0.0, *(r for r, _ in points.values())])
    reach = max([1.25, *(1.08 * s for _, s in points.values())])
    end = np.arccos(max(worst - 0.05, -1.0)) if worst < 0 else np.pi / 2
    with figure(1, 1, size=(7.6, 4.6), synthetic=synthetic, subplot_kw={"projection": "polar"}) as (
        fig,
        axis,
    ):
        axis.set(thetamin=0, thetamax=np.degrees(end), rlim=(0, reach))
        ticks = [
            t for t in (-0.8, -0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99) if np.arccos(t) <= end
        ]
        axis.set_xticks(np.arccos(ticks), [f"{t:g}" for t in ticks])
        axis.grid(color="0.88", lw=0.6)
        angle = np.linspace(0, end, 100)
        axis.plot(angle, np.ones(100), color="0.4", ls="--", lw=0.9, label="_spread of the reference")
        theta, radius = np.meshgrid(angle, np.linspace(0, reach, 60))
        apart = np.sqrt(1 + radius**2 - 2 * radius * np.cos(theta))
        lines = axis.contour(
            theta, radius, apart, levels=np.arange(0.25, 2.1, 0.25), colors="0.75", linewidths=0.6
        )
        axis.clabel(lines, fmt="%.2g", fontsize=7)
        axis.plot([0], [1], "k*", ms=11, label="reference", clip_on=False)
        for k, (name, (r, ratio)) in enumerate(points.items()):
            axis.plot(np.arccos(r), ratio, ls="", label=name, clip_on=False, **_mark(k))
        axis.set_title("angle: R; distance from the corner: standard deviation / reference's", fontsize=9)
        fig.legend(loc="outside right center", fontsize=8)
        return save(fig, path)


def target_figure(
    pairs: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]], path: Path, *, synthetic: bool
) -> Path:
    """Draw target diagrams: bias above, unbiased RMSE aside, of the side that tells whose spread is larger.

    Both in standard deviations of the reference; a point's distance from the middle is the RMSE (Jolliff et
    al. 2009, J. Mar. Syst. 76, 64-82).

    Parameters
    ----------
    pairs : mapping of str to mapping of str to (x, y)
        By panel and name: what is judged, and the reference, each (n,).
    """
    from matplotlib.ticker import MaxNLocator

    aims = {
        panel: {name: p for name, (x, y) in named.items() if np.isfinite(p := _aim(x, y)).all()}
        for panel, named in pairs.items()
    }
    names = list(dict.fromkeys(name for named in aims.values() for name in named))
    reach = 1.1 * max([1.0, *(abs(v) for named in aims.values() for p in named.values() for v in p)])
    with panels(1, len(aims), size=(3.6 * len(aims) + 2.2, 3.7), synthetic=synthetic) as (fig, axes):
        turn = np.linspace(0, 2 * np.pi, 120)
        for axis, (panel, named) in zip(axes[0], aims.items()):
            for radius in (0.5, 1.0):
                axis.plot(radius * np.cos(turn), radius * np.sin(turn), color="0.7", lw=0.7, ls="--")
            axis.axhline(0, color="0.8", lw=0.7)
            axis.axvline(0, color="0.8", lw=0.7)
            for name, (x, y) in named.items():
                axis.plot(x, y, ls="", label=name, **_mark(names.index(name)))
            axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
            axis.xaxis.set_major_locator(MaxNLocator(6, prune="both"))  # numbers of neighbours do not touch
            axis.set_xlabel("ubRMSE / reference's spread\n(left: too little spread, right: too much)")
            axis.set_title(panel, loc="left")
        axes[0][0].set_ylabel("bias / reference's spread")
        handles, labels = zip(
            *{
                label: (handle, label)
                for axis in axes[0]
                for handle, label in zip(*axis.get_legend_handles_labels())
            }.values()
        )
        fig.legend(handles, labels, loc="outside right center", fontsize=8)
        return save(fig, path)


def _aim(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    spread = float(np.std(y))
    side = 1.0 if np.std(x) >= spread else -1.0
    return np.array([side * score("ubrmse", x, y), score("bias", x, y)]) / spread

"""Figures of explanations: which predictors move a model, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from smgee.explain.heldout import HeldOut
from smgee.explain.shapley import Explanation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SYNTHETIC_NOTE = "synthetic data: the demo basin, not measurements"

_OWN, _PLACEBO = "#0072B2", "#BBBBBB"  # Okabe & Ito's blue, and grey
_SHARE = "mean |SHAP| (m³ m⁻³)"


def plot_summary(explanation: Explanation, *, max_display: int = 20) -> Figure:
    """The beeswarm figure: one dot per row and predictor, placed by SHAP value, coloured by the predictor's
    value.

    Parameters
    ----------
    explanation : Explanation
        What to draw.
    max_display : int
        Predictors to show; the rest are summed up in one line.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot; save it or show it. Carries a note where the data is synthetic.
    """
    import shap

    shown = min(max_display, len(explanation.predictors))
    figure = _figure(7.2, 1.6 + 0.34 * shown)
    ax = figure.add_subplot()
    content = shap.Explanation(
        values=explanation.values,
        base_values=np.full(len(explanation.values), explanation.expected),
        data=explanation.x,
        feature_names=list(explanation.predictors),
    )
    # dots are shuffled through NumPy's global generator: keep the figure reproducible and the caller's
    # generator untouched
    state = np.random.get_state()
    np.random.seed(0)
    try:
        shap.plots.beeswarm(
            content,
            max_display=shown,
            ax=ax,
            show=False,
            plot_size=None,
            s=9,
            color_bar_label="value of the predictor",
        )
    finally:
        np.random.set_state(state)
    ax.tick_params("y", labelsize=9, length=0)
    ax.set_yticks(ax.get_yticks(), [label.get_text() for label in ax.get_yticklabels()], fontsize=9)
    ax.tick_params("x", labelsize=9)
    ax.set_xlabel(f"SHAP value: change of predicted soil moisture ({explanation.units})", fontsize=9)
    ax.set_title(
        f"{explanation.title}: what moves its predictions ({len(explanation.values):,} rows)",
        fontsize=10,
        loc="left",
    )
    for other in figure.axes:
        if other is not ax:
            other.tick_params(labelsize=8)
            other.yaxis.label.set_fontsize(9)
    return _marked(figure, explanation.synthetic)


def plot_held_out(held: HeldOut, ranking: pd.DataFrame, *, max_display: int = 15) -> Figure:
    """Bars of mean |SHAP| at stations left out, each beside that of the placebo.

    Parameters
    ----------
    ranking : pandas.DataFrame
        Its `HeldOut.ranking`.
    max_display : int
        Predictors to show.
    """
    shown = ranking.head(max_display).iloc[::-1]
    figure = _figure(7.2, 1.5 + 0.32 * len(shown))
    ax = figure.add_subplot()
    place = np.arange(len(shown))
    # a bootstrapped end can lie inside the mean by rounding alone
    error = np.abs(np.stack([shown["mean_abs_shap"] - shown["low"], shown["high"] - shown["mean_abs_shap"]]))
    ax.barh(
        place + 0.19,
        shown["mean_abs_shap"],
        0.36,
        color=_OWN,
        xerr=error,
        error_kw={"lw": 0.8, "ecolor": "#333333"},
        label="at stations left out (95 % over stations)",
    )
    blind = shown["placebo"].notna().any()  # none where nothing could be dealt anew
    if blind:
        ax.barh(place - 0.19, shown["placebo"], 0.36, color=_PLACEBO, label="placebo: places dealt anew")
    ax.set_yticks(place, shown["predictor"], fontsize=9)
    for tick, above in zip(ax.get_yticklabels(), shown["above_placebo"], strict=True):
        tick.set_fontweight("bold" if above else "normal")
    ax.set_xlabel(f"{_SHARE}; {'bold: above the placebo' if blind else 'no placebo'}", fontsize=9)
    n, stations = int(ranking["n"].iloc[0]), int(ranking["stations"].iloc[0])
    ax.set_title(
        f"What moves predictions at stations no model has seen ({n:,} rows, {stations} stations)",
        fontsize=10,
        loc="left",
    )
    ax.legend(fontsize=8, frameon=False, loc="lower right")
    ax.spines[["top", "right"]].set_visible(False)
    return _marked(figure, held.synthetic)


def plot_dependence(held: HeldOut, ranking: pd.DataFrame, *, count: int = 4) -> Figure:
    """SHAP value over value for the strongest predictors, coloured by the one it depends on most.

    Parameters
    ----------
    ranking : pandas.DataFrame
        Its `HeldOut.ranking`.
    count : int
        Panels.
    """
    chosen = [held.predictors.index(p) for p in ranking["predictor"].head(count)]
    cols = min(2, len(chosen))
    rows = -(-len(chosen) // cols)
    figure = _figure(3.7 * cols + 0.4, 2.9 * rows)
    for panel, j in enumerate(chosen, start=1):
        ax = figure.add_subplot(rows, cols, panel)
        ax.axhline(0.0, color="#999999", lw=0.6)
        if len(held.predictors) > 1:
            partner = held.partner(j)
            colour = held.x[:, partner]
            low, high = np.nanquantile(colour, (0.05, 0.95))
            dots = ax.scatter(
                held.x[:, j], held.values[:, j], c=colour, s=5, cmap="viridis", vmin=low, vmax=high, lw=0
            )
            bar = figure.colorbar(dots, ax=ax, pad=0.02)
            bar.set_label(held.predictors[partner], fontsize=8)
            bar.ax.tick_params(labelsize=7)
        else:
            ax.scatter(held.x[:, j], held.values[:, j], color=_OWN, s=5, lw=0)
        ax.set_xlabel(held.predictors[j], fontsize=9)
        ax.set_ylabel("SHAP (m³ m⁻³)", fontsize=9)
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    return _marked(figure, held.synthetic)


def plot_interactions(table: pd.DataFrame, *, synthetic: bool = False, count: int = 10) -> Figure:
    """Heat maps of what pairs of predictors do together, over all seasons and in each.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `smgee.explain.interactions_held_out`.
    synthetic : bool
        Mark the figure.
    count : int
        Predictors to show: those that do most, by themselves and with others.
    """
    mirrored = table.rename(columns={"predictor": "partner", "partner": "predictor"})
    both = pd.concat([table, mirrored]).drop_duplicates(["season", "predictor", "partner"])
    first = both[both["season"] == table["season"].iloc[0]]
    strength = first.groupby("predictor", sort=False)["mean_abs_interaction"].sum()
    chosen = list(strength.sort_values(ascending=False, kind="stable").index[:count])
    seasons = list(dict.fromkeys(table["season"]))
    seasons = seasons[:1] if len(seasons) == 2 else seasons  # a single season is the whole
    cols = min(2, len(seasons))
    rows, side = -(-len(seasons) // cols), 1.3 + 0.34 * len(chosen)
    figure = _figure(1.4 + side * cols, 0.6 + side * rows)
    values = {
        name: part.pivot(index="predictor", columns="partner", values="mean_abs_interaction")
        .reindex(index=chosen, columns=chosen)
        .fillna(0.0)
        .to_numpy("f8")
        * 1000.0
        for name, part in both.groupby("season")
    }
    # what predictors do by themselves would leave the rest in one colour
    apart = ~np.eye(len(chosen), dtype=bool)
    top = max((float(v[apart].max(initial=0.0)) for v in values.values()), default=0.0) or 1.0
    drawn: Any = None
    axes = figure.subplots(rows, cols, squeeze=False, sharex=True, sharey=True).ravel()
    for ax, season in zip(axes, seasons, strict=False):
        shown = values[season]
        drawn = ax.imshow(np.where(apart, shown, np.nan), cmap="Blues", vmin=0.0, vmax=top)
        for (i, j), value in np.ndenumerate(shown):
            dark = i != j and value > 0.6 * top
            ax.text(
                *(j, i, f"{value:.1f}" if i == j else f"{value:.2f}"),
                ha="center",
                va="center",
                fontsize=6.5,
                color="white" if dark else "#222222",
                fontweight="bold" if i == j else "normal",
            )
        ax.set_xticks(range(len(chosen)), chosen, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
        ax.set_yticks(range(len(chosen)), chosen, fontsize=8)
        n = int(table.loc[table["season"] == season, "n"].iloc[0])
        ax.set_title(f"{season} ({n} rows)", fontsize=9, loc="left")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    for ax in axes[len(seasons) :]:
        ax.set_visible(False)
    bar = figure.colorbar(drawn, ax=list(axes[: len(seasons)]), shrink=0.6, pad=0.02)
    bar.set_label("mean |interaction| (10⁻³ m³ m⁻³); bold: by itself", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return _marked(figure, synthetic)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def _marked(figure: Figure, synthetic: bool) -> Figure:
    if synthetic:
        figure.supxlabel(SYNTHETIC_NOTE, fontsize=8, color="#b00020", x=0.99, ha="right")
    return figure

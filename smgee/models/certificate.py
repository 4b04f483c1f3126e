"""The skill certificate: is the model better than the mean of the other stations, and how sure is that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from smgee.models.baselines import BASELINES, NETWORK_MEAN, NETWORK_STATE
from smgee.models.intervals import StationInterval
from smgee.models.nested import DEPLOYED, NETWORK, Choice
from smgee.models.network import NetworkTable
from smgee.models.outer import Scored
from smgee.models.placebo import NO_PLACEBO, PLACEBO
from smgee.models.scores import station_design
from smgee.models.table import TrainingTable

_FIGURES = ("r", "rmse", "ubrmse", "skill", "level_r", "level_rmse", "dynamics_r", "dynamics_rmse")


def certify_scores(
    scores: pd.DataFrame, model: str, table: Mapping[str, Any], *, name: str = "the model"
) -> dict[str, Any]:
    """What a table of scores says of one model beside the mean of the other stations, as JSON-like data.

    Parameters
    ----------
    scores : pandas.DataFrame
        As `smgee.models.skill_table` gives it.
    model : str
        The model as the table calls it.
    table : mapping
        What is to be said of the rows.
    name : str
        What the sentences call the model.

    Returns
    -------
    dict
        ``model``, ``verdict`` (``better``, ``not shown to be better`` or ``no better``), ``words``,
        ``skill``, ``scores`` of the model by design, ``baselines`` at stations left out, ``table``.
    """
    at_stations = scores[scores["design"] == station_design(scores)].set_index("model")
    own, mean = _row(at_stations, model), _row(at_stations, NETWORK_MEAN)
    value, low, high = (float(own[f"skill{end}"]) for end in ("", "_low", "_high"))
    verdict = "better" if low > 0 else "not shown to be better" if value > 0 else "no better"
    return {
        "model": model,
        "verdict": verdict,
        "skill": {"value": value, "low": low, "high": high, "over": NETWORK_MEAN},
        "scores": {
            str(row["design"]): _figures(row) for _, row in scores[scores["model"] == model].iterrows()
        },
        "baselines": {k: _figures(_row(at_stations, k)) for k in BASELINES if k in at_stations.index},
        "table": dict(table),
        "words": _lead(verdict, own, mean, name),
    }


def certify_absolute(
    scores: pd.DataFrame, model: str, table: TrainingTable, interval: StationInterval
) -> dict[str, Any]:
    """The certificate of the best model of soil moisture itself; see `certify_scores`."""
    days = table.time.astype("datetime64[D]")
    facts = {
        "source": table.source,
        "rows": len(table),
        "stations": len(table.stations),
        "first": str(days.min()),
        "last": str(days.max()),
        "dropped": dict(table.dropped),
        "synthetic": table.synthetic,
    }
    out = certify_scores(scores, model, facts, name=f"{model}, which learned soil moisture itself,")
    others = scores.loc[~scores["model"].isin(BASELINES), "model"].nunique() - 1
    if others:
        out["words"] += (
            f" It was chosen among {others + 1} models by these very scores, which flatters it a little."
        )
    out["outer_folds_seen_by_a_choice"] = others > 0
    out["interval"] = worth_of(interval)
    out["words"] = " ".join([out["words"], *_held(out["interval"])])
    return dict(_clean(out))


def certify(
    table: NetworkTable,
    scores: pd.DataFrame,
    scored: Scored,
    final: Choice,
    interval: StationInterval | None,
) -> dict[str, Any]:
    """The certificate of what is deployed after a choice inside the folds.

    Returns
    -------
    dict
        As `certify_scores`, with ``placebo`` at stations left out, ``chosen`` on all stations and in every
        fold, ``ahead`` (skill of the models and baselines that scored better), ``interval``.
    """
    facts = {
        "source": table.source,
        "rows": int(table.scored.sum()),
        "stations": len(table.scored_names),
        "first": str(table.times.min())[:10],
        "last": str(table.times.max())[:10],
        "dropped": dict(table.dropped),
        "synthetic": table.synthetic,
    }
    inside = {f"{d}, fold {k + 1}": c.describe() for (d, k), c in scored.choices.items() if d == "station"}
    out = certify_scores(scores, DEPLOYED, facts) | {
        "chosen": final.describe(),
        "chosen_inside": inside,
        "outer_folds_seen_by_a_choice": False,
        "skipped_designs": dict(scored.skipped),
    }
    at_stations = scores[scores["design"] == "station"].set_index("model")
    if PLACEBO in at_stations.index:
        out["placebo"] = _figures(_row(at_stations, PLACEBO))
    elif "station" in scored.unshuffled and final.deployed != NETWORK:
        out["placebo"] = NO_PLACEBO
    if interval is not None:
        out["interval"] = worth_of(interval)
    ahead = at_stations["skill"][at_stations["skill"] > out["skill"]["value"]].sort_values(ascending=False)
    out["ahead"] = {str(name): float(value) for name, value in ahead.items()}
    out["words"] = " ".join([out["words"], *_further(out, final)])
    return dict(_clean(out))


def _lead(verdict: str, own: pd.Series, mean: pd.Series, name: str) -> str:
    """Say how a model compares with the mean of the others."""
    known = math.isfinite(own["skill_low"])
    bounds = f"[{own['skill_low']:+.3f}, {own['skill_high']:+.3f}]" if known else "(no interval)"
    doubt = (
        "but not by more than chance would give" if known else "but too few stations tell whether by chance"
    )
    told = {
        "better": "is better than the mean of the other stations",
        "not shown to be better": f"errs less than the mean of the other stations, {doubt}",
        "no better": "is no better than the mean of the other stations",
    }[verdict]
    return (
        f"At stations it has not seen, {name} {told}: skill {own['skill']:+.3f} {bounds}, R {own['r']:.3f} "
        f"against {mean['r']:.3f}, RMSE {own['rmse']:.4f} against {mean['rmse']:.4f} m³/m³ "
        f"({int(own['n'])} rows, {int(own['stations'])} stations). Of the differences between places it "
        f"knows R {_two(own['level_r'])}, of the changes in time {_two(own['dynamics_r'])} (mean of the "
        f"others: {_two(mean['level_r'])} and {_two(mean['dynamics_r'])})."
    )


def _further(out: Mapping[str, Any], final: Choice) -> list[str]:
    """Sentences on the choice, what needs no model, the placebo and the interval."""
    sentences = []
    if final.deployed == NETWORK:
        sentences.append(
            "No member beat the network's mean at inner stations, so what is deployed is that mean alone."
        )
    else:
        whole, dynamics = final.weights[final.deployed]
        sentences.append(
            f"Deployed is the network's state plus {whole:.2f} of the place term and {dynamics:.2f} of the "
            f"local dynamics ({final.deployed}); features, settings and both shares were chosen by stations "
            "left out inside the training stations, never by those that are scored."
        )
    if NETWORK_STATE in out["baselines"]:
        alone = out["baselines"][NETWORK_STATE]["skill"]
        sentences.append(f"The network's state alone, which needs no model, has skill {alone:+.3f}.")
    if out["ahead"]:
        told = ", ".join(f"{name} {value:+.3f}" for name, value in list(out["ahead"].items())[:3])
        sentences.append(
            f"By the skill at stations left out {told} would have done better; what is deployed is not "
            "chosen by these scores."
        )
    if out.get("placebo") == NO_PLACEBO:
        sentences.append(NO_PLACEBO)
    elif "placebo" in out and final.deployed != NETWORK:
        sentences.append(
            f"With places dealt anew among the stations it reaches R {_two(out['placebo']['r'])} and skill "
            f"{out['placebo']['skill']:+.3f}."
        )
    return [*sentences, *_held(out.get("interval", {}))]


def worth_of(interval: StationInterval) -> dict[str, float | None]:
    """What an interval is worth at stations left out, as JSON-like data; None where they are too few."""
    return {
        "level": interval.level,
        "coverage_at_stations_left_out": _plain(interval.coverage),
        "mean_width": _plain(interval.width),
    }


def _held(interval: Mapping[str, Any]) -> list[str]:
    """The same as a sentence, where it is known."""
    held = interval.get("coverage_at_stations_left_out")
    if held is None:
        return []
    return [
        f"The {interval['level']:.0%} interval, {interval['mean_width']:.3f} m³/m³ wide, held {held:.0%} of "
        "days at stations left out."
    ]


def _row(table: pd.DataFrame, name: str) -> pd.Series:
    return table[table.index == name].iloc[0]


def _figures(row: pd.Series) -> dict[str, float]:
    return {
        f"{name}{end}": float(row[f"{name}{end}"]) for name in _FIGURES for end in ("", "_low", "_high")
    } | {"n": int(row["n"])}


def _two(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "–"


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _clean(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, Mapping):
        return {str(k): _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    return _plain(value) if isinstance(value, float) else value

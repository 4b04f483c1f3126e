"""The skill certificate: is the model better than the mean of the other stations, and how sure is that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from smgee.models.baselines import BASELINES, NETWORK_MEAN
from smgee.models.intervals import StationInterval
from smgee.models.nested import DEPLOYED, NETWORK, Choice
from smgee.models.network import NetworkTable
from smgee.models.outer import Scored
from smgee.models.placebo import PLACEBO

_FIGURES = ("r", "rmse", "ubrmse", "skill", "level_r", "level_rmse", "dynamics_r", "dynamics_rmse")


def certify(
    table: NetworkTable,
    scores: pd.DataFrame,
    scored: Scored,
    final: Choice,
    interval: StationInterval | None,
) -> dict[str, Any]:
    """What was found, as JSON-like data.

    Returns
    -------
    dict
        ``verdict`` (``better``, ``not shown to be better`` or ``no better``), ``words``, ``scores`` of the
        deployed model by design, ``baselines`` and ``placebo`` at stations left out, ``chosen`` on all
        stations and in every fold, ``interval``, ``table``.
    """
    at_stations = scores[scores["design"] == "station"].set_index("model")
    own, mean = _row(at_stations, DEPLOYED), _row(at_stations, NETWORK_MEAN)
    value, low, high = (float(own[f"skill{end}"]) for end in ("", "_low", "_high"))
    verdict = "better" if low > 0 else "not shown to be better" if value > 0 else "no better"
    inside = {f"{d}, fold {k + 1}": c.describe() for (d, k), c in scored.choices.items() if d == "station"}
    out: dict[str, Any] = {
        "verdict": verdict,
        "skill": {"value": value, "low": low, "high": high, "over": NETWORK_MEAN},
        "scores": {
            str(row["design"]): _figures(row) for _, row in scores[scores["model"] == DEPLOYED].iterrows()
        },
        "baselines": {
            name: _figures(_row(at_stations, name)) for name in BASELINES if name in at_stations.index
        },
        "chosen": final.describe(),
        "chosen_inside": inside,
        "outer_folds_seen_by_a_choice": False,
        "skipped_designs": dict(scored.skipped),
        "table": {
            "source": table.source,
            "rows": int(table.scored.sum()),
            "stations": len(table.names),
            "first": str(table.times.min())[:10],
            "last": str(table.times.max())[:10],
            "dropped": dict(table.dropped),
            "synthetic": table.synthetic,
        },
    }
    if PLACEBO in at_stations.index:
        out["placebo"] = _figures(_row(at_stations, PLACEBO))
    if interval is not None:
        out["interval"] = {
            "level": interval.level,
            "coverage_at_stations_left_out": interval.coverage,
            "mean_width": _plain(interval.width),
        }
    out["words"] = _words(out, own, mean, final)
    return _clean(out)


def _words(out: Mapping[str, Any], own: pd.Series, mean: pd.Series, final: Choice) -> str:
    skill = out["skill"]
    bounds = (
        f"[{skill['low']:+.3f}, {skill['high']:+.3f}]" if math.isfinite(skill["low"]) else "(no interval)"
    )
    lead = {
        "better": "is better than the mean of the other stations",
        "not shown to be better": "errs less than the mean of the other stations, but not by more than "
        "chance would give",
        "no better": "is no better than the mean of the other stations",
    }[str(out["verdict"])]
    lead = f"At stations it has not seen, the model {lead}"
    sentences = [
        f"{lead}: skill {skill['value']:+.3f} {bounds}, R {own['r']:.3f} against {mean['r']:.3f}, "
        f"RMSE {own['rmse']:.4f} against {mean['rmse']:.4f} m³/m³ "
        f"({int(own['n'])} rows, {int(own['stations'])} stations).",
        f"Of the differences between places it knows R {_two(own['level_r'])}, of the changes in time "
        f"{_two(own['dynamics_r'])} (mean of the others: {_two(mean['level_r'])} and "
        f"{_two(mean['dynamics_r'])}).",
    ]
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
    if "placebo" in out and final.deployed != NETWORK:
        sentences.append(
            f"With places dealt anew among the stations it reaches R {_two(out['placebo']['r'])} and skill "
            f"{out['placebo']['skill']:+.3f}."
        )
    if "interval" in out:
        found = out["interval"]
        wide = f", {found['mean_width']:.3f} m³/m³ wide" if found["mean_width"] is not None else ""
        sentences.append(
            f"The {found['level']:.0%} interval{wide} held "
            f"{found['coverage_at_stations_left_out']:.0%} of days at stations left out."
        )
    return " ".join(sentences)


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

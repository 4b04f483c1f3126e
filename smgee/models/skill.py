"""Score tables: level, dynamics and skill over the mean of the others, with intervals, beside baselines.

A pooled R mixes two things: whether a model knows which places are wet (the level, one number per station),
and whether it follows the weather (the dynamics, what is left when every station's mean is taken off). And a
figure means little without what it beats: *skill* is ``1 - MSE / MSE(mean of the other stations)``, above 0
only where a model is better than no model at all.

Intervals redraw whole stations.

That of the skill is studentized (`skill_limits`): few stations carry much of the errors, and where it is they
that chance leaves out, plain percentiles take a model for better that is not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from smgee.errors import InputError
from smgee.metrics import Clusters, assess, score, scores
from smgee.models.baselines import BASELINES, NETWORK_MEAN
from smgee.models.problem import centred

POOLED = ("r", "r2", "rmse", "mae", "bias", "ubrmse")
"""Metrics of the pooled rows that carry an interval; ``rho`` stands beside them without one."""

LEAST_CLUSTERS = 8
"""Fewer stations cannot tell the standard error of their own skill: it has no interval."""

_LEAST_ERROR = 0.25  # of a resample, in that of the sample: one that drew few stations knows little of it

_BOUNDS = ("", "_low", "_high")

SKILL_COLUMNS = (
    "model",
    "design",
    "n",
    *(f"{m}{end}" for m in POOLED for end in _BOUNDS),
    "rho",
    *(f"skill{end}" for end in _BOUNDS),
    *(f"{m}{end}" for m in ("level_r", "level_rmse", "dynamics_r", "dynamics_rmse") for end in _BOUNDS),
    "network_r",
    "network_rmse",
    "station_r_median",
    "stations",
    "folds",
)
"""Columns of the score table, each metric followed by the limits of its 95 % interval."""


def skill(
    predicted: np.ndarray,
    reference: np.ndarray,
    observed: np.ndarray,
    clusters: np.ndarray,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """``1 - MSE(predicted) / MSE(reference)`` with its interval over clusters.

    Parameters
    ----------
    predicted, reference, observed : (n,) array
        m³ m⁻³.
    clusters : (n,) array
        Station of every row.

    Returns
    -------
    (value, low, high) : tuple of float
        The limits are those of `skill_limits`.
    """
    _, unit = np.unique(clusters, return_inverse=True)
    model = np.bincount(unit, (predicted - observed) ** 2)
    against = np.bincount(unit, (reference - observed) ** 2)
    if not against.sum() > 0:
        return float("nan"), float("nan"), float("nan")
    value = float(1.0 - model.sum() / against.sum())
    rows = np.arange(len(observed))
    draws = Clusters(clusters).draw(rows, [(predicted, observed)], resamples=resamples, seed=seed)
    if isinstance(draws, str):
        return value, float("nan"), float("nan")
    return value, *skill_limits(model, against, np.concatenate(list(draws.counts())), level=level)


def skill_limits(
    model: np.ndarray, against: np.ndarray, counts: np.ndarray, *, level: float = 0.95
) -> tuple[float, float]:
    """Interval of ``1 - sum(model) / sum(against)`` over clusters.

    The logarithm of the ratio is studentized by its linearized standard error, in every resample by its own
    (bootstrap-t; Davison & Hinkley 1997, Bootstrap Methods and their Application, §5.2). Of predictions that
    are just as good as the mean, with errors as the stations of TxSON and of the basin have them, percentiles
    call 5 to 10 % better in networks of 30 or 35 stations, where 2.5 % are promised, and 11 to 14 % in those
    of 13; this interval 3 to 5 % and 6 to 9 % (``tests/benchmarks/skill_coverage.py``).

    Parameters
    ----------
    model, against : (n,) array
        Sums of squared errors by cluster.
    counts : (k, n) array
        How often each resample holds each cluster.

    Returns
    -------
    (low, high) : tuple of float
        NaN with fewer than `LEAST_CLUSTERS`; the value itself where the ratio is the same in all.
    """
    size = len(model)
    if size < LEAST_CLUSTERS:
        return float("nan"), float("nan")
    terms = np.stack([model, against, model**2, model * against, against**2], axis=1)

    def ratio(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b, aa, ab, bb = np.moveaxis(sums, -1, 0)
        q = a / b
        spread = np.maximum(aa - 2.0 * q * ab + q**2 * bb, 0.0)
        return np.log(q), np.sqrt(spread * size / (size - 1)) / a

    with np.errstate(divide="ignore", invalid="ignore"):
        middle, error = ratio(terms.sum(axis=0))
        drawn, errors = ratio(counts @ terms)
    if not error > 1e-9:  # but for rounding the ratio is the same in all
        value = 1.0 - float(np.exp(middle))
        return value, value
    told = (drawn - middle) / np.maximum(errors, _LEAST_ERROR * error)
    known = told[np.isfinite(told)]
    if len(known) < 0.5 * len(told):
        return float("nan"), float("nan")
    first, last = np.quantile(known, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return 1.0 - float(np.exp(middle - first * error)), 1.0 - float(np.exp(middle - last * error))


def skill_table(
    predictions: pd.DataFrame, *, reference: str = NETWORK_MEAN, resamples: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Scores of every model and baseline under every design.

    Parameters
    ----------
    predictions : pandas.DataFrame
        ``design``, ``model``, ``row``, ``station``, ``time``, ``fold``, ``observed``, ``predicted``, one row
        per design, model and row of the table.
    reference : str
        The model that skill is told against; every design must hold it.
    resamples, seed : int
        Of the bootstrap over stations.

    Returns
    -------
    pandas.DataFrame
        `SKILL_COLUMNS`, in the order of `predictions`.

    Raises
    ------
    InputError
        See `require_company`; or if a row was not predicted.
    """
    require_company(predictions)
    designs = list(dict.fromkeys(predictions["design"]))
    rows = []
    for design in designs:
        of_design = predictions[predictions["design"] == design]
        against = of_design[of_design["model"] == reference].set_index("row")["predicted"]
        for model, part in of_design.groupby("model", sort=False):
            row = {"model": model, "design": design, **_scores_of(part, against, resamples, seed)}
            rows.append(row)
    return pd.DataFrame(rows, columns=list(SKILL_COLUMNS))


def require_company(rows: pd.DataFrame) -> None:
    """Refuse scores, or predictions to be scored, that mislead by standing alone.

    Parameters
    ----------
    rows : pandas.DataFrame
        With columns ``model`` and ``design``.

    Raises
    ------
    InputError
        If a model's random split stands without stations left out, or a design without the baselines.
    """
    models = {str(design): set(part["model"]) for design, part in rows.groupby("design", sort=False)}
    alone = models.get("random", set()) - models.get("station", set()) - models.get("loso", set())
    if alone:
        raise InputError(
            f"{', '.join(sorted(map(str, alone)))} would be told by a random split alone, which flatters; "
            "add the design 'station' or 'loso' for the same models."
        )
    always = [name for name, baseline in BASELINES.items() if not baseline.spatial]
    for design, found in models.items():
        absent = [name for name in always if name not in found]
        if absent:
            raise InputError(
                f"The scores of the design {design!r} stand without the baselines {', '.join(absent)}; what "
                "a model is worth shows beside them only."
            )


def _scores_of(part: pd.DataFrame, against: pd.Series, resamples: int, seed: int) -> dict[str, float | int]:
    x, y = part["predicted"].to_numpy("f8"), part["observed"].to_numpy("f8")
    _, station = np.unique(part["station"].to_numpy(), return_inverse=True)
    if not np.isfinite(x).all():
        raise InputError("Some rows carry no finite prediction; scores over part of the rows would mislead.")
    out: dict[str, float | int] = {"n": len(x)}
    out |= assess(x, y, metrics=POOLED, clusters=station, resamples=resamples, seed=seed).as_row()
    out["rho"] = score("rho", x, y)
    found = skill(x, against.loc[part["row"]].to_numpy("f8"), y, station, resamples=resamples, seed=seed)
    out |= {f"skill{end}": value for end, value in zip(_BOUNDS, found, strict=True)}
    count = np.bincount(station)
    means = [np.bincount(station, v) / count for v in (x, y)]
    level = assess(
        *means, metrics=("r", "rmse"), clusters=np.arange(len(count)), resamples=resamples, seed=seed
    )
    out |= level.as_row("level_")
    moving = assess(
        centred(x, station),
        centred(y, station),
        metrics=("r", "rmse"),
        clusters=station,
        resamples=resamples,
        seed=seed,
    )
    out |= moving.as_row("dynamics_")
    step = part["time"].to_numpy()
    network = part.assign(predicted=x, observed=y).groupby(step)[["predicted", "observed"]].mean()
    shared = scores(("r", "rmse"), network["predicted"], network["observed"])
    out |= {"network_r": shared["r"], "network_rmse": shared["rmse"]}
    each = [score("r", x[station == s], y[station == s]) for s in range(len(count))]
    known = [r for r in each if np.isfinite(r)]
    out["station_r_median"] = float(np.median(known)) if known else float("nan")
    out |= {"stations": len(count), "folds": int(part["fold"].nunique())}
    return out


def breakdown(predictions: pd.DataFrame, by: str) -> pd.DataFrame:
    """Scores per station, month or year.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As for `skill_table`.
    by : str
        ``station``, ``month`` or ``year``.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``design``, the column `by`, ``n``, the metrics of `POOLED`, ``rho``, ``skill``.
    """
    time = pd.DatetimeIndex(predictions["time"])
    key = {"station": predictions["station"], "month": time.month, "year": time.year}[by]
    frame = predictions.assign(**{by: np.asarray(key)})
    against = frame[frame["model"] == NETWORK_MEAN].set_index(["design", "row"])["predicted"]
    where = pd.MultiIndex.from_frame(frame[["design", "row"]])
    frame = frame.assign(
        _own=(frame["predicted"] - frame["observed"]) ** 2,
        _ref=(against.reindex(where).to_numpy() - frame["observed"].to_numpy()) ** 2,
    )
    rows = []
    for (model, design, value), part in frame.groupby(["model", "design", by], sort=False):
        figures = scores((*POOLED, "rho"), part["predicted"], part["observed"])
        against_mse = float(part["_ref"].mean())
        gain = 1.0 - float(part["_own"].mean()) / against_mse if against_mse > 0 else float("nan")
        rows.append({"model": model, "design": design, by: value, "n": len(part), **figures, "skill": gain})
    return pd.DataFrame(rows)

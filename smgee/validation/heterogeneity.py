"""Do SMAP's errors grow with the roughness of the terrain?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smgee.errors import InputError
from smgee.grid import EaseCell
from smgee.metrics import HEADLINE, score
from smgee.validation.spatial import benjamini_hochberg, partial_rank_correlation, spatial_p
from smgee.validation.weights import CellWeights
from smgee.validation.zonal import zonal_statistics

MIN_CELLS = 5
"""Below this many cells a rank correlation is not given an interval."""

NAMED_SHARE = 2 / 3
"""Share of the five per cent of false findings that the hypotheses named before have; the rest is for all
other rows together (a weighted Bonferroni; Holm 1979, Scand. J. Stat. 6:65-70). Settled by simulation on the
synthetic basin: a finding in 3 % of 200 seeds without an effect, and of 200 others (``docs/experiment.md``).
"""

COLUMNS = (
    *("grid", "orbit", "reference", "metric", "condition", "n", "spearman", "low", "high"),
    *("partial", "p", "q", "expected", "reason"),
)
"""Columns of the table of `relate_errors`."""


@dataclass(frozen=True)
class Hypothesis:
    """An expectation, named before the data are looked at.

    Attributes
    ----------
    metric : str
        ``r``, ``abs_bias``, ``rmse`` or ``ubrmse``.
    condition : str
        Column of the conditions.
    sign : {"+", "-"}
        Whether the metric is expected to rise or to fall with it.
    """

    metric: str
    condition: str
    sign: str
    why: str


HYPOTHESES = (
    Hypothesis("ubrmse", "elevation_std", "+", "relief mixes slopes of different incidence and wetness"),
    Hypothesis("r", "elevation_std", "-", "the same, as a loss of common dynamics"),
    Hypothesis("abs_bias", "slope_mean", "+", "slopes change incidence and emission all the year round"),
    Hypothesis("ubrmse", "moisture_std", "+", "wet and dry ground under one footprint do not mix linearly"),
)
"""What is expected of terrain: few, so that few tests share the error."""


def cell_conditions(weights: CellWeights, layers: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Describe every cell by mean and standard deviation of fine layers.

    Parameters
    ----------
    weights : CellWeights
        From `smgee.validation.cell_weights`.
    layers : mapping of str to array (height, width)
        Such as ``{"elevation": …, "slope": …}``, on the lattice of the weights, NaN where unknown.

    Returns
    -------
    pandas.DataFrame
        cell, and for each layer NAME: NAME_mean, NAME_std (within the cell, in the layer's unit),
        NAME_coverage (0…1).
    """
    if not layers:
        raise InputError("No layer was given to describe the cells by; give elevation, slope or others.")
    table = pd.DataFrame({"cell": [c.name for c in weights.cells]})
    for name, values in layers.items():
        statistics = zonal_statistics(values, weights)
        for column in ("mean", "std", "coverage"):
            table[f"{name}_{column}"] = statistics[column]
    return table


def roughness(elevation: np.ndarray, scale_m: float, *, width_m: float = 600.0) -> np.ndarray:
    """Return the standard deviation of elevation in a square around every pixel.

    Parameters
    ----------
    elevation : array (height, width)
        m, NaN where unknown.
    scale_m : float
        Side of a pixel, m.
    width_m : float
        Side of the square, m, in an odd number of pixels; at least three.

    Returns
    -------
    numpy.ndarray (height, width)
        m; of what lies inside the map. NaN where the elevation is.
    """
    from scipy.ndimage import uniform_filter

    size = max(2 * round(width_m / scale_m / 2) + 1, 3)
    known = np.isfinite(elevation)
    middle = float(elevation[known].mean()) if known.any() else 0.0
    z = np.where(known, elevation - middle, 0.0).astype(float)
    share, first, second = (uniform_filter(v, size, mode="constant") for v in (known.astype(float), z, z * z))
    share = np.where(known, share, np.nan)
    return np.sqrt(np.maximum(second / share - (first / share) ** 2, 0.0))


def further_conditions(conditions: pd.DataFrame, zonal: pd.DataFrame) -> pd.DataFrame:
    """Add to a table of cells what follows from it and from the maps.

    Parameters
    ----------
    conditions : pandas.DataFrame
        From `cell_conditions`.
    zonal : pandas.DataFrame
        Means of the maps, with ``std`` within each cell and day.

    Returns
    -------
    pandas.DataFrame
        The same and ``moisture_std`` (m³ m⁻³, root mean square of the daily standard deviation of soil
        moisture within the cell) and, where northness and eastness are known, ``aspect_diversity`` (1 less
        the length of the mean vector of aspects: 0 where all slopes face one way, 1 where they face all ways
        alike).
    """
    spread = zonal.groupby("cell")["std"].agg(lambda s: float(np.sqrt((s**2).mean())))
    table = conditions.assign(moisture_std=conditions["cell"].map(spread))
    if {"northness_mean", "eastness_mean"} <= set(table):
        length = np.hypot(table["northness_mean"].to_numpy(float), table["eastness_mean"].to_numpy(float))
        table = table.assign(aspect_diversity=1.0 - np.minimum(length, 1.0))
    return table


def relate_errors(
    validation: pd.DataFrame,
    conditions: pd.DataFrame,
    *,
    columns: Iterable[str] | None = None,
    grid: str = "M09",
    metrics: Iterable[str] = HEADLINE,
    hypotheses: Iterable[Hypothesis] = HYPOTHESES,
    confidence: float = 0.95,
    count: int = 1999,
    seed: int = 0,
) -> pd.DataFrame:
    """Correlate, over the cells, SMAP's errors with the conditions in the cells.

    Parameters
    ----------
    validation : pandas.DataFrame
        From `smgee.validation.smap.validate`.
    conditions : pandas.DataFrame
        One row per cell: ``cell`` and numbers, as `cell_conditions` gives them.
    columns : iterable of str, optional
        Conditions to relate; by default every ``…_mean``, ``…_std``, ``…_diversity`` and ``…_entropy``.
    grid : str
        Cells of one grid are compared with each other.
    metrics : iterable of str
        Of ``r``, ``bias``, ``rmse``, ``ubrmse``. A bias enters by its size, |bias|, under the name
        ``abs_bias``.
    hypotheses : iterable of Hypothesis
        What was expected before the data were looked at. Those that `columns` and `metrics` hold are marked.
    confidence : float
        Of the interval of `spearman`.
    count, seed : int
        Surrogates behind each p-value, and their seed.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, one row per orbit × reference × metric × condition, all of them: n (cells), spearman with
        low and high, partial (spearman with the cell's level and variability taken out), p and q, expected,
        reason.

    Notes
    -----
    Cells under one footprint share what SMAP sees, so their bias and RMSE follow their own level, and R is
    low where soil moisture varies little, whatever SMAP does: both are taken out, as far as the validation
    table says them (columns ``level`` and ``variability``, the reference's mean and standard deviation).
    ``p`` is that of ``partial`` and heeds the likeness of neighbours
    (`smgee.validation.spatial.spatial_p`). ``q`` is ``p``
    adjusted for the number of rows (`benjamini_hochberg`), among the hypotheses named before and, on their
    own, among all others, and divided by the share of the 5 % that these have (`NAMED_SHARE`): no row with q
    above 0.05 is a finding. The interval, of Fisher's z with the
    standard error √((1 + ρ²/2) / (n − 3)) (Bonett & Wright 2000, Psychometrika 65:23-28), takes the cells for
    independent and heeds neither the level nor the number of rows.
    """
    metrics = list(metrics)
    absent = [c for c in ("grid", "cell", "orbit", "reference", *metrics) if c not in validation]
    if absent or "cell" not in conditions:
        raise InputError(
            f"The tables lack the column {(absent or ['cell'])[0]!r}; give those of validate() and "
            "cell_conditions()."
        )
    names = (
        list(columns)
        if columns is not None
        else [str(c) for c in conditions if str(c).endswith(("_mean", "_std", "_diversity", "_entropy"))]
    )
    unknown = [c for c in names if c not in conditions]
    if unknown or not names:
        raise InputError(
            f"The conditions have no column {(unknown or ['…_mean or …_std'])[0]!r}; they have "
            f"{', '.join(conditions.columns)}."
        )
    expected = {(h.metric, h.condition): h.sign for h in hypotheses}
    merged = validation[validation["grid"] == grid].merge(
        conditions[["cell", *names]], on="cell", how="inner", validate="m:1"
    )
    rows = []
    for (orbit, reference), part in merged.groupby(["orbit", "reference"], sort=True):
        known = [c for c in ("level", "variability") if c in part]
        level = part[known].to_numpy(float) if known else np.zeros((len(part), 1))
        for metric in metrics:
            values = part[metric].abs() if metric == "bias" else part[metric]
            title = "abs_bias" if metric == "bias" else metric
            for condition in names:
                x, y = part[condition].to_numpy(float), values.to_numpy(float)
                row = {"grid": grid, "orbit": orbit, "reference": reference, "metric": title}
                row |= {"condition": condition, "expected": expected.get((title, condition), "")}
                row |= _rank_correlation(y, x, confidence)
                row |= _without_level(y, x, level, part["cell"].tolist(), count, seed)
                rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for named, share in ((True, NAMED_SHARE), (False, 1 - NAMED_SHARE)):
        family = (table["expected"] != "") == named
        table.loc[family, "q"] = np.minimum(
            benjamini_hochberg(table.loc[family, "p"].to_numpy(float)) / share, 1.0
        )
    return table.astype({"q": float, "p": float})


def _without_level(
    y: np.ndarray, x: np.ndarray, level: np.ndarray, names: list[str], count: int, seed: int
) -> dict[str, float]:
    """Return the rank correlation with the cell's level and variability taken out, and its p-value."""
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(level).all(axis=1)
    if known.sum() < MIN_CELLS:
        return {"partial": math.nan, "p": math.nan}
    cells = [EaseCell.from_name(name) for name, use in zip(names, known, strict=True) if use]
    x, y, level = x[known], y[known], level[known]
    return {
        "partial": partial_rank_correlation(x, y, level),
        "p": spatial_p(x, y, level, cells, count=count, seed=seed),
    }


def _rank_correlation(x: np.ndarray, y: np.ndarray, confidence: float) -> dict[str, object]:
    from scipy.stats import norm

    n = int((np.isfinite(x) & np.isfinite(y)).sum())
    rho = score("rho", x, y)
    row = {"n": n, "spearman": rho, "low": math.nan, "high": math.nan}
    if math.isnan(rho):
        few = f"n = {n}: a rank correlation needs 3 cells"
        return row | {"reason": few if n < 3 else "a condition or metric is the same in all cells"}
    if n < MIN_CELLS:
        return row | {"reason": f"n = {n}: an interval needs {MIN_CELLS} cells"}
    half = norm.ppf(0.5 + confidence / 2) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    z = math.atanh(max(min(rho, 1 - 1e-12), -1 + 1e-12))
    return row | {"low": math.tanh(z - half), "high": math.tanh(z + half), "reason": ""}

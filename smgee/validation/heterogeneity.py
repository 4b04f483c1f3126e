"""Do SMAP's errors grow with the roughness of the terrain?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from smgee.errors import InputError
from smgee.metrics import HEADLINE, score
from smgee.validation.zonal import CellWeights, zonal_statistics

__all__ = ["cell_conditions", "relate_errors"]

MIN_CELLS = 5
"""Below this many cells a rank correlation is not given an interval."""


def cell_conditions(weights: CellWeights, layers: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Describe every cell by mean and standard deviation of fine layers.

    Parameters
    ----------
    weights : CellWeights
        From `smgee.validation.zonal.cell_weights`.
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


def relate_errors(
    validation: pd.DataFrame,
    conditions: pd.DataFrame,
    *,
    columns: Iterable[str] | None = None,
    grid: str = "M09",
    metrics: Iterable[str] = HEADLINE,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Correlate, over the cells, SMAP's errors with the conditions in the cells.

    Parameters
    ----------
    validation : pandas.DataFrame
        From `smgee.validation.smap.validate`.
    conditions : pandas.DataFrame
        One row per cell: ``cell`` and numbers, as `cell_conditions` gives them.
    columns : iterable of str, optional
        Conditions to relate; by default every ``…_mean`` and ``…_std``.
    grid : str
        Cells of one grid are compared with each other.
    metrics : iterable of str
        Of ``r``, ``bias``, ``rmse``, ``ubrmse``. A bias enters by its size, |bias|, under the name
        ``abs_bias``.
    confidence : float
        Of the interval.

    Returns
    -------
    pandas.DataFrame
        One row per orbit × reference × metric × condition: n (cells), spearman, low, high, reason.

    Notes
    -----
    The interval is Fisher's z with the standard error of Bonett and Wright 2000 (Psychometrika 65:23-28),
    √((1 + ρ²/2) / (n − 3)). It takes the cells for independent; neighbouring cells are alike, so it is too
    narrow rather than too wide.
    """
    absent = [c for c in ("grid", "cell", "orbit", "reference", *metrics) if c not in validation]
    if absent or "cell" not in conditions:
        raise InputError(
            f"The tables lack the column {(absent or ['cell'])[0]!r}; give those of validate() and "
            "cell_conditions()."
        )
    names = (
        list(columns)
        if columns is not None
        else [str(c) for c in conditions if str(c).endswith(("_mean", "_std"))]
    )
    unknown = [c for c in names if c not in conditions]
    if unknown or not names:
        raise InputError(
            f"The conditions have no column {(unknown or ['…_mean or …_std'])[0]!r}; they have "
            f"{', '.join(conditions.columns)}."
        )
    merged = validation[validation["grid"] == grid].merge(
        conditions[["cell", *names]], on="cell", how="inner", validate="m:1"
    )
    rows = []
    for (orbit, reference), part in merged.groupby(["orbit", "reference"], sort=True):
        for metric in metrics:
            values = part[metric].abs() if metric == "bias" else part[metric]
            for condition in names:
                rho, low, high, n, reason = _rank_correlation(
                    values.to_numpy(float), part[condition].to_numpy(float), confidence
                )
                rows.append(
                    {
                        "grid": grid,
                        "orbit": orbit,
                        "reference": reference,
                        "metric": "abs_bias" if metric == "bias" else metric,
                        "condition": condition,
                        "n": n,
                        "spearman": rho,
                        "low": low,
                        "high": high,
                        "reason": reason,
                    }
                )
    return pd.DataFrame(
        rows,
        columns=[
            "grid",
            "orbit",
            "reference",
            "metric",
            "condition",
            "n",
            "spearman",
            "low",
            "high",
            "reason",
        ],
    )


def _rank_correlation(
    x: np.ndarray, y: np.ndarray, confidence: float
) -> tuple[float, float, float, int, str]:
    from scipy.stats import norm

    n = int((np.isfinite(x) & np.isfinite(y)).sum())
    rho = score("rho", x, y)
    if math.isnan(rho):
        return (
            rho,
            math.nan,
            math.nan,
            n,
            f"n = {n}: a rank correlation needs 3 cells"
            if n < 3
            else "a condition or metric is the same in all cells",
        )
    if n < MIN_CELLS:
        return rho, math.nan, math.nan, n, f"n = {n}: an interval needs {MIN_CELLS} cells"
    half = norm.ppf(0.5 + confidence / 2) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    z = math.atanh(max(min(rho, 1 - 1e-12), -1 + 1e-12))
    return rho, math.tanh(z - half), math.tanh(z + half), n, ""

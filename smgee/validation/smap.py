"""SMAP beside its references, cell by cell.

Tables that go in and out (pandas, one row per …):

``smap``  date × orbit × cell
    date : datetime64, midnight — the UTC date under which the level-3 product files the retrieval
    orbit : ``"AM"`` (descending, about 06:00 local solar time) or ``"PM"`` (ascending, about 18:00)
    cell : name of an `EaseCell`, such as ``M09_r0320_c3001``
    soil_moisture : m³ m⁻³, NaN where there is no retrieval
    flag : 0 = recommended quality, anything else = not. Earth Engine's ``retrieval_qual_flag`` bands are
    already 0/1; files keep 16 bits, which `smgee.validation.hdf5.read_smap` reduces by the same rule
    time : optional, datetime64 UTC of the overpass

``zonal``  date × cell
    date, cell, soil_moisture, coverage, … as `smgee.validation.zonal.zonal_means` gives it

``insitu``  date × cell
    date, cell, soil_moisture, n_stations as `smgee.validation.references` makes it

References that hold an ``orbit`` are values at the overpass, under the product's own date; the others are
means of days.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from smgee.metrics import HEADLINE, MovingBlocks, assess, columns, contrast
from smgee.validation.pairs import ORBITS, PLAIN, UPSCALED, matched
from smgee.validation.references import station_cells

METRICS = (*HEADLINE, "rho", "kge", "mse_bias", "mse_corr", "mse_var")
"""Metrics of a validation table."""

GAINS = ("r", "rmse", "ubrmse")
"""Metrics whose gain by the maps is told; each is the same with satellite and reference swapped."""

COLUMNS = (
    *("grid", "cell", "row", "col", "lon", "lat", "orbit", "direction", "reference", "timing", "n", "n_eff"),
    *columns(METRICS),
    *(
        "block",
        "confidence",
        "reason",
        "first",
        "last",
        "level",
        "variability",
        "coverage",
        "n_stations",
        "training_stations",
    ),
    "warning",
    *(f"gain_{name}" for name in columns(GAINS)),
    "gain_n",
)
"""Columns of a validation table."""


def validate(
    smap: pd.DataFrame,
    zonal: pd.DataFrame | None = None,
    insitu: pd.DataFrame | None = None,
    *,
    references: Mapping[str, pd.DataFrame] | None = None,
    common: bool = False,
    periods: pd.DataFrame | None = None,
    recommended_only: bool = True,
    day: str = "utc",
    training_stations: pd.DataFrame | None = None,
    smap_is_predictor: bool = False,
    core_site: bool = False,
    block: int | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Validate SMAP in every cell, for both overpasses, against the upscaled maps and the plain in situ mean.

    Parameters
    ----------
    smap, zonal, insitu : pandas.DataFrame
        See the head of this module. A mean over stations outside a cell is no reference for it, so `insitu`
        has to say which cell each of its rows is of.
    references : mapping of str to pandas.DataFrame, optional
        Further references by name, such as `smgee.validation.references.station_references` gives. At least
        one reference is needed in all.
    common : bool
        Judge all references of a cell and orbit on the same passes, those at which every one that has any
        values there has one. Else each is judged on its own.
    periods : pandas.DataFrame, optional
        Unfrozen periods (start, end); other dates are left out.
    recommended_only : bool
        Use only retrievals with flag 0.
    day : {"utc", "solar"}
        Whose days the references are; see `overpass_dates`. A ``time`` column in `smap` is used for solar
        days where it is known.
    training_stations : pandas.DataFrame, optional
        station, lon, lat of the stations that trained the maps; the column ``training_stations`` counts those
        in each cell. A map is made of its stations as a mean is: neither has seen SMAP, so neither is the
        less independent of it for that. How good the map itself is, stations left out tell.
    smap_is_predictor : bool
        Say True when SMAP was among the predictors; every row of the upscaled references then carries a
        warning.
    core_site : bool
        Say True when the network helped to calibrate SMAP, as the core validation sites did: every row then
        carries a warning, since stations and maps made of them are equally dependent.
    block, confidence, resamples, seed
        Block length of the bootstrap, coverage of the intervals, and so on; see `smgee.metrics.assess`.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, one row per cell × orbit × reference, the 36 km grid first; none where `smap` has none.
        ``reference`` is ``upscaled``, ``insitu_mean`` or a name of `references`; ``timing`` is ``overpass``
        or ``day``; each of `METRICS` has its _low and _high; ``first`` and ``last`` are dates; ``level`` is
        the mean of the reference, ``variability`` its standard deviation in time, ``coverage`` the mean share
        of the cell that the maps cover, ``n_stations`` a median. References other than the
        plain mean also carry the gains: the metric with that reference minus the metric with the plain mean,
        over the ``gain_n`` common passes. bias = SMAP − reference.
    """
    tables = {name: t for name, t in ((UPSCALED, zonal), (PLAIN, insitu)) if t is not None}
    tables |= dict(references or {})
    trained = _training_counts(training_stations)
    options: dict[str, Any] = {"level": confidence, "resamples": resamples, "seed": seed}

    rows = []
    for cell, orbit, paired in matched(
        smap, tables, common=common, periods=periods, recommended_only=recommended_only, day=day
    ):
        lon, lat = cell.center
        for key, pairs in paired.items():
            days = MovingBlocks(pairs["date"].to_numpy(), block)
            found = assess(pairs["smap"], pairs["reference"], metrics=METRICS, resampler=days, **options)
            used = pairs.dropna(subset=["smap", "reference"])
            row = {
                "grid": cell.grid,
                "cell": cell.name,
                "row": cell.row,
                "col": cell.col,
                "lon": lon,
                "lat": lat,
                "orbit": orbit,
                "direction": ORBITS[orbit],
                "reference": key,
                "timing": "overpass" if "orbit" in tables[key] else "day",
                "n": found.n,
                "n_eff": found.n_eff,
                **found.as_row(),
                "block": found.block,
                "confidence": confidence,
                "reason": found.reason,
                "first": used["date"].min() if len(used) else pd.NaT,
                "last": used["date"].max() if len(used) else pd.NaT,
                "level": used["reference"].mean() if len(used) else math.nan,
                "variability": used["reference"].std(ddof=0) if len(used) else math.nan,
                "coverage": used["coverage"].mean() if "coverage" in used and len(used) else math.nan,
                "n_stations": used["n_stations"].median() if "n_stations" in used and len(used) else math.nan,
                "training_stations": trained.get(cell.name, 0) if trained is not None else pd.NA,
                "warning": _warn(key, smap_is_predictor, core_site, used),
            }
            if key != PLAIN:
                row |= _gain(paired, key, block, options)
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"training_stations": "Int64"})


def _gain(
    paired: Mapping[str, pd.DataFrame], key: str, block: int | None, options: Mapping[str, Any]
) -> dict[str, object]:
    if PLAIN not in paired:
        return {}
    both = paired[key][["filed", "smap", "reference"]].merge(
        paired[PLAIN][["filed", "reference"]], on="filed", suffixes=("", "_plain")
    )
    gain = contrast(
        both["reference"],
        both["reference_plain"],
        both["smap"],
        metrics=GAINS,
        resampler=MovingBlocks(both["filed"].to_numpy(), block),
        **options,
    )
    return {**gain.as_row("gain_"), "gain_n": gain.n}


def _training_counts(stations: pd.DataFrame | None) -> dict[str, int] | None:
    if stations is None:
        return None
    counts: dict[str, int] = {}
    for homes in station_cells(stations["station"], stations["lon"], stations["lat"]).values():
        for cell in homes.values():
            counts[cell.name] = counts.get(cell.name, 0) + 1
    return counts


def _warn(key: str, smap_is_predictor: bool, core_site: bool, used: pd.DataFrame) -> str:
    words = []
    if core_site:
        words.append("the network helped to calibrate SMAP: no reference made of it is independent")
    if key.startswith(UPSCALED) and smap_is_predictor:
        words.append("SMAP was a predictor of the map that judges it")
    if "n_stations" in used and len(used) and used["n_stations"].median() < 2:
        words.append("a single station stands for the whole cell")
    return "; ".join(words)

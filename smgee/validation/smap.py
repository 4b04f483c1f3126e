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

import numpy as np
import pandas as pd

from smgee.errors import InputError
from smgee.grid import EASE_GRIDS, EaseCell
from smgee.insitu.overpass import overpass_times
from smgee.metrics import HEADLINE, MovingBlocks, assess, columns, contrast
from smgee.validation.references import station_cells

__all__ = ["COLUMNS", "METRICS", "ORBITS", "overpass_dates", "select_dates", "validate"]

ORBITS: Mapping[str, str] = {"AM": "descending", "PM": "ascending"}
"""Direction of the satellite, by suffix of the level-3 bands; its hour is in `smgee.insitu.overpass`."""

UPSCALED, PLAIN = "upscaled", "insitu_mean"

METRICS = (*HEADLINE, "rho")
"""Metrics of a validation table."""

GAINS = ("r", "rmse", "ubrmse")
"""Metrics whose gain by the maps is told; each is the same with satellite and reference swapped."""

COLUMNS = (
    *("grid", "cell", "row", "col", "lon", "lat", "orbit", "direction", "reference", "n", "n_eff"),
    *columns(METRICS),
    *(
        "block",
        "confidence",
        "reason",
        "first",
        "last",
        "level",
        "coverage",
        "n_stations",
        "training_stations",
    ),
    "warning",
    *(f"gain_{name}" for name in columns(GAINS)),
    "gain_n",
)
"""Columns of a validation table."""


def overpass_dates(dates: Any, orbit: str, lon: float) -> pd.DatetimeIndex:
    """Return the local solar dates of overpasses that the product files under UTC dates.

    At 100° E the 06:00 overpass filed under 1 May takes place at 23:20 UTC, on the morning of 2 May there.
    References made of local solar days (``daily_means(..., day="solar")``) have to be joined on this date;
    those of UTC days on the product's own.

    Parameters
    ----------
    dates : datetimes
        UTC dates of the product.
    orbit : {"AM", "PM"}
        Which overpass.
    lon : float
        Degrees east.
    """
    local = overpass_times(dates, orbit, lon) + pd.Timedelta(hours=lon / 15.0)
    return pd.DatetimeIndex(local).normalize().as_unit("ns")


def select_dates(table: pd.DataFrame, periods: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of a table with a ``date`` inside any of the periods (columns start, end; inclusive), as
    `unfrozen_periods` gives them."""
    dates = pd.to_datetime(table["date"])
    keep = np.zeros(len(table), bool)
    for start, end in zip(pd.to_datetime(periods["start"]), pd.to_datetime(periods["end"]), strict=True):
        keep |= ((dates >= start) & (dates <= end)).to_numpy()
    return table[keep]


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
    cross_fitted: bool = False,
    smap_is_predictor: bool = False,
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
        station, lon, lat of the stations that trained the maps: a map is no independent judge in a cell that
        holds some of them, and the column ``warning`` says so.
    cross_fitted : bool
        Say True when the map in each cell was made by models that did not see that cell's stations; the
        warning is then not given.
    smap_is_predictor : bool
        Say True when SMAP was among the predictors; every row of the upscaled reference then carries a
        warning.
    block, confidence, resamples, seed
        Block length of the bootstrap, coverage of the intervals, and so on; see `smgee.metrics.assess`.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, one row per cell × orbit × reference, the 36 km grid first; none where `smap` has none.
        ``reference`` is ``upscaled``, ``insitu_mean`` or a name of `references`; each of `METRICS` has its
        _low and _high; ``first`` and ``last`` are dates; ``level`` is the mean of the reference, ``coverage``
        the mean share of the cell that the maps cover, ``n_stations`` a median. References other than the
        plain mean also carry the gains: the metric with that reference minus the metric with the plain mean,
        over the ``gain_n`` common passes. bias = SMAP − reference.
    """
    if day not in ("utc", "solar"):
        raise InputError(f"day={day!r} is not known; choose 'utc' or 'solar'.")
    tables = {name: t for name, t in ((UPSCALED, zonal), (PLAIN, insitu)) if t is not None}
    tables |= dict(references or {})
    if not tables:
        raise InputError(
            "No reference was given; pass the zonal means of the maps, the in situ means, or both."
        )
    satellite = _check_smap(smap)
    if recommended_only:
        satellite = satellite[satellite["flag"] == 0]
    tables = {name: _check_reference(table, name) for name, table in tables.items()}
    names = sorted(set(smap["cell"]), key=lambda n: (-EASE_GRIDS[EaseCell.from_name(n).grid].cell_size, n))
    trained = _training_counts(training_stations)
    options: dict[str, Any] = {"level": confidence, "resamples": resamples, "seed": seed}

    rows = []
    for name in names:
        cell = EaseCell.from_name(name)
        lon, lat = cell.center
        own = {key: t[t["cell"] == name] for key, t in tables.items()}
        for orbit, direction in ORBITS.items():
            passes = satellite[(satellite["cell"] == name) & (satellite["orbit"] == orbit)]
            paired = {key: _pair(passes, t, orbit, lon, day, periods) for key, t in own.items()}
            if common:
                paired = _common(paired)
            for key, pairs in paired.items():
                days = MovingBlocks(pairs["date"].to_numpy(), block)
                found = assess(pairs["smap"], pairs["reference"], metrics=METRICS, resampler=days, **options)
                used = pairs.dropna(subset=["smap", "reference"])
                row = {
                    "grid": cell.grid,
                    "cell": name,
                    "row": cell.row,
                    "col": cell.col,
                    "lon": lon,
                    "lat": lat,
                    "orbit": orbit,
                    "direction": direction,
                    "reference": key,
                    "n": found.n,
                    "n_eff": found.n_eff,
                    **found.as_row(),
                    "block": found.block,
                    "confidence": confidence,
                    "reason": found.reason,
                    "first": used["date"].min() if len(used) else pd.NaT,
                    "last": used["date"].max() if len(used) else pd.NaT,
                    "level": used["reference"].mean() if len(used) else math.nan,
                    "coverage": used["coverage"].mean() if "coverage" in used and len(used) else math.nan,
                    "n_stations": used["n_stations"].median()
                    if "n_stations" in used and len(used)
                    else math.nan,
                    "training_stations": trained.get(name, 0) if trained is not None else pd.NA,
                    "warning": _warn(key, name, trained, cross_fitted, smap_is_predictor, used),
                }
                if key != PLAIN:
                    row |= _gain(paired, key, block, options)
                rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"training_stations": "Int64"})


# --- below: what `validate` is made of
# ---------------------------------------------------------------------------------


def _check_smap(smap: pd.DataFrame) -> pd.DataFrame:
    absent = [c for c in ("date", "orbit", "cell", "soil_moisture", "flag") if c not in smap]
    if absent:
        raise InputError(
            f"The SMAP table has no column {absent[0]!r}; it needs date, orbit, cell, soil_moisture and flag."
        )
    unknown = sorted(set(smap["orbit"]) - set(ORBITS))
    if unknown:
        raise InputError(
            f"The SMAP table holds the orbit {unknown[0]!r}; AM (descending) and PM (ascending) are known."
        )
    table = smap.assign(date=pd.to_datetime(smap["date"]).dt.normalize().astype("datetime64[ns]"))
    twice = table.duplicated(["date", "orbit", "cell"])
    if twice.any():
        at = table[twice].iloc[0]
        raise InputError(
            f"The SMAP table holds {int(twice.sum())} repeated rows, the first {at['date']:%Y-%m-%d} "
            f"{at['orbit']} "
            f"{at['cell']}; keep one each."
        )
    values = table["soil_moisture"].to_numpy(float)
    if np.nanmax(values, initial=0) > 1.5 or np.nanmin(values, initial=0) < 0:
        raise InputError(
            "The SMAP table holds soil moisture outside 0…1 m3 m-3; turn fill values into NaN and per cent "
            "into fractions."
        )
    return table


def _check_reference(table: pd.DataFrame, name: str) -> pd.DataFrame:
    absent = [c for c in ("date", "cell", "soil_moisture") if c not in table]
    if absent:
        raise InputError(
            f"The table of the reference {name} has no column {absent[0]!r}; it needs date, cell and "
            "soil_moisture."
        )
    table = table.assign(date=pd.to_datetime(table["date"]).dt.normalize().astype("datetime64[ns]"))
    if table.duplicated(["date", "cell", *(["orbit"] if "orbit" in table else [])]).any():
        raise InputError(
            f"The table of the reference {name} holds the same date and cell more than once; keep one row "
            "each."
        )
    return table


def _pair(
    passes: pd.DataFrame,
    reference: pd.DataFrame,
    orbit: str,
    lon: float,
    day: str,
    periods: pd.DataFrame | None,
) -> pd.DataFrame:
    """Return date, smap and reference of every pass, and what else the reference's table says of it."""
    at_overpass = "orbit" in reference
    if at_overpass:
        reference = reference[reference["orbit"] == orbit]
    series = _by_reference_day(passes, orbit, lon, "utc" if at_overpass else day)
    if periods is not None:
        series = select_dates(series, periods)
    kept = [c for c in ("coverage", "n_stations") if c in reference]
    right = reference[["date", "soil_moisture", *kept]].rename(columns={"soil_moisture": "reference"})
    return series.merge(right, on="date", how="inner").sort_values("date", ignore_index=True)


def _by_reference_day(passes: pd.DataFrame, orbit: str, lon: float, day: str) -> pd.DataFrame:
    """Return date (of the reference's calendar), filed (date of the product) and smap."""
    filed = pd.DatetimeIndex(passes["date"])
    dates = filed
    if day == "solar":
        dates = overpass_dates(filed, orbit, lon)
        if "time" in passes:
            seen = pd.to_datetime(passes["time"]) + pd.Timedelta(hours=lon / 15.0)
            dates = pd.DatetimeIndex(np.where(seen.notna(), seen.dt.normalize(), dates)).as_unit("ns")
    table = pd.DataFrame({"date": dates, "filed": filed, "smap": passes["soil_moisture"].to_numpy(float)})
    # Near the poles a solar day can hold two passes of one direction.
    return table.groupby("date").agg(filed=("filed", "min"), smap=("smap", "mean")).reset_index()


def _common(paired: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Keep the passes that every reference with any values shares."""
    complete = {key: pairs.dropna(subset=["smap", "reference"]) for key, pairs in paired.items()}
    shared: set[Any] | None = None
    for pairs in complete.values():
        if len(pairs):
            shared = set(pairs["filed"]) if shared is None else shared & set(pairs["filed"])
    return {key: pairs[pairs["filed"].isin(shared or ())] for key, pairs in complete.items()}


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


def _warn(
    key: str,
    name: str,
    trained: dict[str, int] | None,
    cross_fitted: bool,
    smap_is_predictor: bool,
    used: pd.DataFrame,
) -> str:
    words = []
    if key == UPSCALED:
        if smap_is_predictor:
            words.append("SMAP was a predictor of the map that judges it")
        if trained is None:
            words.append("stations that trained the map not given, independence unknown")
        elif trained.get(name, 0) and not cross_fitted:
            words.append(
                f"{trained[name]} of the stations that trained the map lie in this cell: not independent"
            )
    elif "n_stations" in used and len(used) and used["n_stations"].median() < 2:
        words.append("a single station stands for the whole cell")
    return "; ".join(words)

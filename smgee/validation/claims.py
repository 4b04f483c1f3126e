"""Tables of what is claimed: that one reference judges SMAP better, and that SMAP meets its requirement."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd
import xarray as xr

from smgee.grid import EaseCell
from smgee.metrics import dependent_correlations, gain_tests
from smgee.metrics.gains import GAINS
from smgee.validation.pairs import PLAIN, UPSCALED, matched
from smgee.validation.references import (
    cell_station_means,
    overpass_station_means,
    station_cells,
    station_weights,
)
from smgee.validation.verdicts import FIGURES, TARGET, Verdict, verdict, verdict_by

STATIONS = "insitu_equal"
"""The reference of the stations' verdicts: their mean, departures averaged."""

GAIN_COLUMNS = (
    *("grid", "cell", "orbit", "reference", "baseline", "metric", "n", "gain", "p", "chance_low"),
    *("chance_high", "power", "detectable", "persistence", "p_williams", "p_steiger", "false_alarms"),
)
"""Columns of `gain_table`."""

VERDICT_COLUMNS = (
    *("grid", "cell", "orbit", "reference", "n", "stations", "error_level", "error_dynamics"),
    *(f"{name}{end}" for name in FIGURES for end in ("", "_corrected", "_low", "_high", "_perfect_gain")),
    *("target", "meets", "sentence"),
)
"""Columns of `verdict_table`."""


def gain_table(
    smap: pd.DataFrame,
    references: Mapping[str, pd.DataFrame],
    *,
    baseline: str = PLAIN,
    metrics: Iterable[str] = GAINS,
    verify: bool = False,
    level: float = 0.95,
    simulations: int = 1999,
    seed: int = 0,
    **pairing: Any,
) -> pd.DataFrame:
    """Test, in every cell and orbit, whether SMAP agrees better with a reference than with the baseline.

    Parameters
    ----------
    smap : pandas.DataFrame
        As `smgee.validation.validate` takes it.
    references : mapping of str to pandas.DataFrame
        References by name, the baseline among them.
    baseline : str
        What the others are compared with.
    metrics : iterable of str
        ``r``, ``ubrmse``, ``rmse``.
    verify, level, simulations, seed
        See `smgee.metrics.gain_tests`.
    **pairing
        common, periods, recommended_only and day of `smgee.validation.validate`.

    Returns
    -------
    pandas.DataFrame
        `GAIN_COLUMNS`: the gain (metric with the reference minus metric with the baseline, over their ``n``
        common passes), its p-value, what chance makes of two equally good references, the power of the test
        and the gain it could detect; for R also Williams' and Steiger's p-values on the effective number of
        times.
    """
    metrics = list(metrics)
    rows = []
    for cell, orbit, name, both in judged_twice(smap, references, baseline=baseline, **pairing):
        three, time = (both["reference"], both["baseline"], both["smap"]), both["filed"].to_numpy()
        classical = dependent_correlations(*three, time=time)
        tests = gain_tests(
            *three,
            metrics=metrics,
            time=time,
            level=level,
            simulations=simulations,
            verify=verify,
            # each row has cases of its own: with common ones the luck of a seed would stand in every row
            seed=seed + zlib.crc32(f"{cell.name} {orbit} {name}".encode()),
        )
        for one in tests:
            of_r = one.metric == "r" and not math.isnan(one.p)
            rows.append(
                {
                    "grid": cell.grid,
                    "cell": cell.name,
                    "orbit": orbit,
                    "reference": name,
                    "baseline": baseline,
                    "metric": one.metric,
                    "n": one.n,
                    "gain": one.value,
                    "p": one.p,
                    "chance_low": one.low,
                    "chance_high": one.high,
                    "power": one.power,
                    "detectable": one.detectable,
                    "persistence": one.persistence,
                    "p_williams": classical["williams"].p if of_r else math.nan,
                    "p_steiger": classical["steiger"].p if of_r else math.nan,
                    "false_alarms": one.false_alarms,
                }
            )
    return pd.DataFrame(rows, columns=list(GAIN_COLUMNS))


def judged_twice(
    smap: pd.DataFrame, references: Mapping[str, pd.DataFrame], *, baseline: str = PLAIN, **pairing: Any
) -> Iterator[tuple[EaseCell, str, str, pd.DataFrame]]:
    """Yield SMAP beside each reference and the baseline, in every cell and orbit.

    Yields
    ------
    (EaseCell, str, str, pandas.DataFrame)
        Orbit, name of the reference, and filed (date of the product), smap, reference, baseline (m³ m⁻³) of
        the passes that all have. Parameters as `gain_table`.
    """
    for cell, orbit, paired in matched(smap, references, **pairing):
        for name in paired if baseline in paired else ():
            if name != baseline:
                other = paired[baseline][["filed", "reference"]].rename(columns={"reference": "baseline"})
                yield cell, orbit, name, paired[name][["filed", "smap", "reference"]].merge(other, on="filed")


def verdict_table(
    smap: pd.DataFrame,
    stations: xr.Dataset,
    *,
    weights: str = "equal",
    target: float = TARGET,
    seed: int = 0,
    **pairing: Any,
) -> pd.DataFrame:
    """Judge SMAP in every cell with stations, their sampling error told apart from SMAP's own.

    Parameters
    ----------
    smap : pandas.DataFrame
        As `smgee.validation.validate` takes it.
    stations : xarray.Dataset
        Daily means, or, with a dimension ``orbit``, values at the overpass (`smgee.insitu.overpass_means`).
    weights : str
        See `smgee.validation.references.station_weights`.
    target : float
        Largest ubRMSE allowed, m³ m⁻³.
    **pairing
        periods, recommended_only and day of `smgee.validation.validate`.

    Returns
    -------
    pandas.DataFrame
        `VERDICT_COLUMNS`, one row per cell with stations and orbit: r, bias and ubrmse against the mean of
        the stations (departures averaged); corrected for its sampling error, with 95 % intervals; what a
        reference without error would gain; and the probability that the ubRMSE is at most `target`.
    """
    at_overpass = "orbit" in stations.dims
    means = overpass_station_means if at_overpass else cell_station_means
    homes = station_cells(stations["station"].values, stations["lon"].values, stations["lat"].values)
    judged = set(smap["cell"])
    found_in = {c.name: c for home in homes.values() for c in home.values() if c.name in judged}
    cells = [found_in[name] for name in sorted(found_in)]
    if not cells:
        return pd.DataFrame(columns=list(VERDICT_COLUMNS))
    table = means(stations, cells, weights=weights, anomalies=True)
    rows = []
    for cell, orbit, paired in matched(smap, {"stations": table}, **pairing):
        if cell not in cells:
            continue
        members = [name for name, home in homes.items() if home[cell.grid] == cell]
        own = stations.sel(station=members)
        own = own.sel(orbit=orbit) if at_overpass else own
        pairs = paired["stations"]
        values = own["soil_moisture"].transpose("time", "station").values
        series = pd.DataFrame(values, index=own["time"].values).reindex(pairs["date"])
        found = verdict(
            pairs["smap"].to_numpy(float),
            series.to_numpy(float),
            share=station_weights(own, cell, weights),
            time=pairs["date"].to_numpy(),
            target=target,
            seed=seed,
        )
        rows.append(_told(cell, orbit, STATIONS, found))
    return pd.DataFrame(rows, columns=list(VERDICT_COLUMNS))


def map_verdicts(
    smap: pd.DataFrame,
    maps: pd.DataFrame,
    left_out: pd.DataFrame,
    *,
    target: float = TARGET,
    seed: int = 0,
    **pairing: Any,
) -> pd.DataFrame:
    """Judge SMAP in every cell by the mean of the maps, whose error the maps without each station tell.

    Parameters
    ----------
    smap : pandas.DataFrame
        As `smgee.validation.validate` takes it.
    maps : pandas.DataFrame
        Means of the maps over cells: date, cell, soil_moisture, and orbit where they are moved to the
        overpass.
    left_out : pandas.DataFrame
        station (the one left out), date, cell, soil_moisture of the day.
    target, seed
        As for `verdict_table`.
    **pairing
        periods, recommended_only and day of `smgee.validation.validate`.

    Returns
    -------
    pandas.DataFrame
        `VERDICT_COLUMNS`. How a map without a station differs from the others of its day is taken for how it
        would at the overpass.
    """
    rows = []
    for cell, orbit, paired in matched(smap, {UPSCALED: maps}, **pairing):
        own = left_out[left_out["cell"] == cell.name]
        if own.empty:
            continue
        pairs = paired[UPSCALED]
        wide = own.pivot(index="date", columns="station", values="soil_moisture")
        means = wide.reindex(pd.to_datetime(pairs["date"])).to_numpy(float)
        reference = pairs["reference"].to_numpy(float)
        apart = means - means.mean(axis=1, keepdims=True)
        found = verdict_by(
            pairs["smap"].to_numpy(float),
            reference,
            (reference[:, None] + apart).T,
            time=pairs["date"].to_numpy(),
            target=target,
            seed=seed,
        )
        rows.append(_told(cell, orbit, UPSCALED, found))
    return pd.DataFrame(rows, columns=list(VERDICT_COLUMNS))


def _told(cell: EaseCell, orbit: str, reference: str, found: Verdict) -> dict[str, Any]:
    """A row of verdicts."""
    row: dict[str, Any] = {
        "grid": cell.grid,
        "cell": cell.name,
        "orbit": orbit,
        "reference": reference,
        "n": found.n,
        "stations": found.error.stations,
        "error_level": found.error.level,
        "error_dynamics": found.error.dynamics,
    }
    for name in FIGURES:
        low, high = found.intervals[name]
        row |= {
            name: found.values[name],
            f"{name}_corrected": found.corrected[name],
            f"{name}_low": low,
            f"{name}_high": high,
            f"{name}_perfect_gain": found.corrected[name] - found.values[name],
        }
    return row | {"target": found.target, "meets": found.meets, "sentence": found.sentence()}

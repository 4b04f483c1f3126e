"""SMAP beside its references in parts: season by season, year by year, as anomalies and as seasonal cycle;
and other products beside the same references.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from smgee.metrics import HEADLINE, MovingBlocks, assess, columns, seasonal_cycle
from smgee.validation.pairs import FOOTPRINT, PLAIN, UPSCALED, matched
from smgee.validation.smap import validate

METRICS = (*HEADLINE, "rho", "kge")
SEASONS = ("December to February", "March to May", "June to August", "September to November")
ANOMALIES, CYCLE = "anomalies", "seasonal cycle"
PART_COLUMNS = ("grid", "cell", "orbit", "reference", "part", "n", "n_eff", *columns(METRICS), "reason")
"""Columns of `validate_parts`."""

RESAMPLES = {"M36": 1000, "M09": 200}
SMALL = (PLAIN, UPSCALED, FOOTPRINT)
"""References of the 9 km cells, of which there are sixteen times as many."""

LEAST = 3
"""Fewer passes are no part."""

SHARED_GROUND = (
    "at 9 km products share what lies around the cell, and with it errors: one that agrees better with the "
    "cell need not be the better one, and neighbouring cells are no further tests"
)
"""Of products in 9 km cells: SPL3SMP_E sees some 33 km, SMAP level 4 takes in what the same antenna measured,
and a reanalysis follows weather on a wider grid.
"""


def validate_parts(
    smap: pd.DataFrame, references: Mapping[str, pd.DataFrame], *, seed: int = 0, **pairing: Any
) -> pd.DataFrame:
    """Validate SMAP in every cell and orbit against every reference, part by part.

    Parameters
    ----------
    smap : pandas.DataFrame
        As `smgee.validation.validate` takes it.
    **pairing
        common, periods and recommended_only of `smgee.validation.validate`.

    Returns
    -------
    pandas.DataFrame
        `PART_COLUMNS`, one row per cell × orbit × reference × part with passes, in the 9 km cells of the
        references of `SMALL`. ``part`` is a year; one of `SEASONS`, of all years; ``anomalies``, both series
        less their running means of 35 days (whose means are 0, so that KGE would say nothing); or ``seasonal
        cycle``, these means themselves. Of the cycle no intervals are given: a year holds one.
    """
    rows = []
    for cell, orbit, paired in matched(smap, references, **pairing):
        for name, pairs in paired.items():
            if cell.grid != "M36" and name not in SMALL:
                continue
            for part, both in _parts(pairs.dropna(subset=["smap", "reference"])):
                if len(both) < LEAST:
                    continue
                found = assess(
                    both["smap"],
                    both["reference"],
                    metrics=METRICS,
                    resampler=MovingBlocks(both["date"].to_numpy()),
                    resamples=RESAMPLES.get(cell.grid, 200),
                    seed=seed,
                )
                values = found.as_row()
                if part == CYCLE:
                    values |= {k: math.nan for k in values if k.endswith(("_low", "_high"))}
                if part == ANOMALIES:  # their means are 0, whose ratio the efficiency would be made of
                    values |= {k: math.nan for k in values if k.startswith("kge")}
                place = {"grid": cell.grid, "cell": cell.name, "orbit": orbit, "reference": name}
                counted = {"part": part, "n": found.n, "n_eff": found.n_eff}
                rows.append(place | counted | values | {"reason": found.reason})
    return pd.DataFrame(rows, columns=list(PART_COLUMNS))


def compare_products(
    smap: pd.DataFrame,
    others: pd.DataFrame,
    references: Mapping[str, pd.DataFrame],
    *,
    seed: int = 0,
    **pairing: Any,
) -> pd.DataFrame:
    """Judge SMAP and other products by the same references, on the passes that all of them have.

    Parameters
    ----------
    smap : pandas.DataFrame
        As `smgee.validation.validate` takes it, those retrievals that count.
    others : pandas.DataFrame
        From `smgee.validation.others.fetch_others`.
    references : mapping of str to pandas.DataFrame
        Of them the plain mean of the stations and the upscaled maps are used, in the 9 km cells the maps.
    **pairing
        periods, smap_is_predictor and core_site of `smgee.validation.validate`.

    Returns
    -------
    pandas.DataFrame
        As `smgee.validation.validate` returns it, with the column ``product`` before all others; in the 9 km
        cells ``warning`` is `SHARED_GROUND`.
    """
    key = ["date", "orbit", "cell"]
    used = {name: references[name] for name in (PLAIN, UPSCALED) if name in references}
    seen = smap.dropna(subset=["soil_moisture"])[[*key, "soil_moisture"]]
    tables = {"SMAP": seen}
    tables |= {str(n): t[[*key, "soil_moisture"]] for n, t in others.groupby("product", sort=False)}
    shared = seen[key]
    for table in tables.values():
        shared = shared.merge(table[key], on=key)
    found = []
    small = {UPSCALED: references[UPSCALED]} if UPSCALED in references else {}
    for name, table in tables.items():
        every = shared.merge(table, on=key).assign(flag=0)
        large = every["cell"].str.startswith("M36")
        for passes, own in ((every[large], used), (every[~large], small)):
            if passes.empty or not own:
                continue
            judged = validate(
                passes,
                references=own,
                common=True,
                recommended_only=False,
                resamples=500,
                seed=seed,
                **pairing,
            )
            judged.insert(0, "product", name)
            if own is small:
                judged["warning"] = [
                    f"{w}; {SHARED_GROUND}" if w else SHARED_GROUND for w in judged["warning"]
                ]
            found.append(judged)
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["product"])


def _parts(pairs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the parts of the pairs of a cell, orbit and reference."""
    dates = pd.DatetimeIndex(pairs["date"])
    for year in sorted(set(dates.year)):
        yield str(year), pairs[dates.year == year]
    season = dates.month % 12 // 3
    for k, name in enumerate(SEASONS):
        yield name, pairs[season == k]
    if len(pairs):
        cycle = pairs.assign(
            **{c: seasonal_cycle(pairs[c].to_numpy(float), dates) for c in ("smap", "reference")}
        )
        left = {c: pairs[c] - cycle[c] for c in ("smap", "reference")}
        yield ANOMALIES, pairs.assign(**left).dropna(subset=["smap", "reference"])
        yield CYCLE, cycle.dropna(subset=["smap", "reference"])

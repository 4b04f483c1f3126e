"""SMAP's error with no reference taken for the truth: collocation with stations or maps and third sources.

Stations and the maps made of them share their errors, and a model that SMAP's measurements go into shares
SMAP's; errors that go together would be counted as signal. So a set never holds both stations and maps, and
SMAP beside such a model only where a source of its own stands beside them (extended collocation).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from smgee.metrics import Collocation, collocate, seasonal_cycle
from smgee.validation.judges import TITLES as JUDGES
from smgee.validation.others import TITLES as PRODUCTS
from smgee.validation.pairs import PLAIN, UPSCALED, matched

SMAP = "SMAP"
REFERENCES = (PLAIN, UPSCALED)
"""What stands for the land beside SMAP and a third source."""

QUANTITIES = ("values", "anomalies")
"""What is collocated: soil moisture, and what is left without its running mean of 35 days. Products that
agree on the season alone look well by the first.
"""

FIGURES = ("error", "scaled_error", "r", "snr", "beta")
COLUMNS = (
    *("grid", "cell", "orbit", "quantity", "sets", "data_set", "n"),
    *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")),
    *("negative", "goes_with", "error_r", "error_r_low", "error_r_high", "reason", "caution"),
)
"""Columns of `collocation_table`."""

CAUTION_9KM = (
    "no member sees the cell alone (SMAP some 33 km): figures are of the signal that they share, not of the "
    "cell, and those of neighbours are one figure"
)
"""Of every 9 km cell. SPL3SMP_E is interpolated from footprints of some 33 km, coarse products follow the
weather of a wider area, and a map follows its network from day to day: what they have in common is the land
around. On the synthetic basin each agrees less with the cell's own soil moisture than collocation says.
"""

RESAMPLES = {"M36": 1000, "M09": 300}


def collocation_table(
    smap: pd.DataFrame,
    references: Mapping[str, pd.DataFrame],
    others: pd.DataFrame,
    *,
    of_smap: Iterable[str] = (),
    of_maps: Iterable[str] = (),
    seed: int = 0,
    **pairing: Any,
) -> pd.DataFrame:
    """Collocate SMAP, a reference and other products in every cell and orbit.

    Parameters
    ----------
    smap : pandas.DataFrame
        As `smgee.validation.validate` takes it.
    references : mapping of str to pandas.DataFrame
        By name; of them `REFERENCES` are used, in the 9 km cells the maps.
    others : pandas.DataFrame
        From `smgee.validation.others.fetch_others`.
    of_smap : iterable of str
        Products whose errors go with SMAP's.
    of_maps : iterable of str
        Products whose source the maps are made of too: they stand beside stations only.
    **pairing
        periods and recommended_only of `smgee.validation.validate`.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, one row per set of data sets and each of its members, over their ``n`` common passes:
        error (m³ m⁻³, in the member's own scale) and scaled_error (in that of the reference), r (with the
        truth), snr (dB), beta (factor to the reference's scale), each with a 95 % interval of blocks;
        negative (share of resamples with a negative variance; near 0 where all is well); for SMAP beside a
        product that it is in, that product and the correlation of their errors; caution (`CAUTION_9KM`).
    """
    shared, mapped = set(of_smap), set(of_maps)
    products = list(dict.fromkeys(others["product"]))
    own = [name for name in products if name not in shared]
    tables = {name: others[others["product"] == name] for name in products}
    used = {name: references[name] for name in REFERENCES if name in references}
    if not own or not used:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = []
    for cell, orbit, paired in matched(smap, used | tables, **pairing):
        for reference in used:
            if cell.grid != "M36" and reference != UPSCALED:
                continue
            free = [p for p in products if reference != UPSCALED or p not in mapped]
            thirds, fourths = [p for p in free if p in own], [p for p in free if p in shared]
            for members in _sets(reference, thirds, fourths):
                series = _joined(paired, members)
                if series.empty:
                    continue
                joined = [(SMAP, name) for name in members if name in shared]
                for quantity in QUANTITIES:
                    data = _anomalies(series) if quantity == "anomalies" else series
                    found = collocate(
                        {name: data[name] for name in (reference, SMAP, *members[1:])},
                        correlated=joined,
                        time=series.index.to_numpy(),
                        resamples=RESAMPLES.get(cell.grid, 300),
                        seed=seed,
                    )
                    place = {"grid": cell.grid, "cell": cell.name, "orbit": orbit, "quantity": quantity}
                    place["caution"] = CAUTION_9KM if cell.grid == "M09" else ""
                    rows += _rows(found, place | {"sets": " + ".join((SMAP, *members))})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def collocation_sentences(table: pd.DataFrame) -> list[str]:
    """Say how large SMAP's own error is by collocation: of each 36 km cell, and of the 9 km ones together."""
    said = []
    every = table[(table["data_set"] == SMAP) & (table["quantity"] == "values")]
    part = every[every["grid"] == "M36"]
    several = part["cell"].nunique() > 1
    for (cell, orbit), own in part.groupby(["cell", "orbit"], sort=True):
        where = f"{cell} {orbit}" if several else str(orbit)
        known = own[own["scaled_error"].notna()]
        if known.empty:
            said.append(f"{where}: collocation fails ({own['reason'].iloc[0]}).")
            continue
        parts = [
            f"{row['scaled_error']:.3f} [{row['scaled_error_low']:.3f}, {row['scaled_error_high']:.3f}] "
            f"by {_in_words(row['sets'])}"
            for _, row in known.iterrows()
        ]
        said.append(
            f"{where}: SMAP's own error, no reference taken for the truth, in the reference's scale (m³/m³), "
            f"is {'; '.join(parts)} (n = {int(known['n'].max())})."
        )
    small = every[(every["grid"] == "M09") & every["scaled_error"].notna()]
    if len(small):
        medians = small.groupby("orbit")["scaled_error"].median()
        told = ", ".join(f"{orbit} {value:.3f}" for orbit, value in medians.items())
        said.append(
            f"In the 9 km cells its median is {told} m³/m³, but {CAUTION_9KM}: it is no error "
            "of SMAP in a 9 km cell, and the cells are not as many tests."
        )
    return said


def _in_words(sets: str) -> str:
    """Name the members of a set but SMAP."""
    names = [JUDGES.get(n, PRODUCTS.get(n, n)) for n in sets.split(" + ")[1:]]
    return " and ".join([", ".join(names[:-1]), names[-1]])


def _sets(reference: str, own: Sequence[str], shared: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the members beside SMAP, the reference first: one source of its own, and with it each that SMAP
    is in."""
    for third in own:
        yield reference, third
        for fourth in shared:
            yield reference, third, fourth


def _joined(paired: Mapping[str, pd.DataFrame], members: Sequence[str]) -> pd.DataFrame:
    """Return SMAP and the members at the passes that all of them have, by date."""
    first = paired[members[0]].set_index("filed")
    table = pd.DataFrame({SMAP: first["smap"]})
    for name in members:
        table[name] = paired[name].set_index("filed")["reference"]
    return table.dropna().sort_index()


def _anomalies(series: pd.DataFrame) -> pd.DataFrame:
    time = series.index.to_numpy()
    return series.apply(lambda one: one - seasonal_cycle(one.to_numpy(), time))


def _rows(found: Collocation, place: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    together = {c.first: c for c in found.correlations}
    for one in found.sets:
        row: dict[str, Any] = {**place, "data_set": one.name, "n": found.n}
        for name in FIGURES:
            low, high = one.intervals[name]
            row |= {name: getattr(one, name), f"{name}_low": low, f"{name}_high": high}
        row |= {"negative": one.negative, "goes_with": "", "error_r": math.nan}
        if one.name in together:
            both = together[one.name]
            row |= {"goes_with": both.second, "error_r": both.correlation}
            row |= {"error_r_low": both.low, "error_r_high": both.high}
        # no signal-to-noise of a resample without error: the interval has no end there
        row |= {k: np.nan for k, v in row.items() if isinstance(v, float) and math.isinf(v)}
        rows.append(row | {"reason": one.reason})
    return rows

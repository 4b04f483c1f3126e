"""How good the map itself is, told by models that have not seen the stations they are compared with.

SMAP plays no part in it. What a map says of a station that trained it is no test of the map; what a model
says that was fitted without the station is. The same rule holds for every reference: the mean of the stations
is compared with a station that is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from smgee.grid import EaseCell
from smgee.metrics import HEADLINE, Clusters, assess, columns
from smgee.metrics.resamplers import Resampler
from smgee.validation.references import station_cells

COLUMNS = ("grid", "cell", "estimate", "of", "stations", "n", *columns(HEADLINE), "reason")
"""Columns of `map_accuracy`."""

BESIDE = ("network mean", "inverse distance")
"""Estimates without a map, under the same rule."""

STATIONS, TOGETHER = "stations", "stations left out together"
"""Of what: each station by itself, or the mean of those that one model has not seen, day by day. Not the mean
of all: each of them was seen by the models of the others, so together they would tell themselves.
"""


def map_accuracy(
    predictions: pd.DataFrame,
    places: pd.DataFrame,
    cells: Iterable[EaseCell],
    *,
    model: str,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare what a model says of stations it has not seen with what they measured, by cell.

    Parameters
    ----------
    predictions : pandas.DataFrame
        At stations left out: model, station, fold, time, predicted, observed (m³ m⁻³). Stations of a fold
        were left out together.
    places : pandas.DataFrame
        station, lon, lat.
    model : str
        The one that draws the maps; beside it stand those of `BESIDE` that `predictions` hold.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, for every cell with stations and every estimate: over all rows (``stations``; intervals
        redraw stations), and where a fold holds two stations of the cell and more, of the daily means over
        the stations of each fold (``stations left out together``; intervals redraw folds). bias = estimate −
        observed.
    """
    homes = station_cells(places["station"], places["lon"], places["lat"])
    rows = []
    for cell in cells:
        members = [name for name, home in homes.items() if home[cell.grid] == cell]
        inside = predictions[predictions["station"].astype(str).isin(members)]
        for estimate in (model, *BESIDE):
            own = inside[inside["model"] == estimate].dropna(subset=["predicted", "observed"])
            number = own["station"].nunique()
            for of, table, resampler in _views(own):
                found = assess(
                    table["predicted"], table["observed"], resampler=resampler, resamples=1000, seed=seed
                )
                row: dict[str, Any] = {"grid": cell.grid, "cell": cell.name, "estimate": estimate, "of": of}
                row |= {"stations": number, "n": found.n} | found.as_row()
                rows.append(row | {"reason": found.reason})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _views(own: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, Resampler]]:
    if own.empty:
        return
    yield STATIONS, own, Clusters(own["station"].to_numpy())
    if "fold" in own and (own.groupby("fold")["station"].nunique() > 1).any():
        days = own.groupby(["fold", "time"])[["predicted", "observed"]].mean().reset_index()
        yield TOGETHER, days, Clusters(days["fold"].to_numpy())

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
from smgee.metrics import HEADLINE, Clusters, MovingBlocks, assess, columns
from smgee.metrics.resamplers import Resampler
from smgee.validation.references import station_cells

__all__ = ["COLUMNS", "map_accuracy"]

COLUMNS = ("grid", "cell", "estimate", "of", "stations", "n", *columns(HEADLINE), "reason")
"""Columns of `map_accuracy`."""

BESIDE = ("network mean", "inverse distance")
"""Estimates without a map, under the same rule."""

STATIONS, TOGETHER = "stations", "mean of stations"
"""Of what: each station by itself, or the stations of a cell together, day by day."""


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
        At stations left out: model, station, time, predicted, observed (m³ m⁻³).
    places : pandas.DataFrame
        station, lon, lat.
    cells : iterable of EaseCell
    model : str
        The one that draws the maps; beside it stand those of `BESIDE` that `predictions` hold.
    seed : int

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, for every cell with stations and every estimate: over all rows (``stations``; intervals
        redraw stations), and of the daily means over the stations of the cell (``mean of stations``;
        intervals redraw stretches of days), where there are two and more. bias = estimate − observed.
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
    if own["station"].nunique() > 1:
        days = own.groupby("time")[["predicted", "observed"]].mean().reset_index()
        yield TOGETHER, days, MovingBlocks(days["time"].to_numpy())

"""From a network's table to what a model of state and place learns from.

Features come in named groups, so that they can be chosen group by group:

``state``     the network's state of the step and its recent change; one number over an image
``place``     what persists: the station's long-term mean of every dynamic column
``response``  how strongly the place follows the network's swings of the column
``spread``    the 10th and 90th percentile of the place's differences from the network
``static``    static columns as they are
``relative``  a dynamic column minus the network's mean of the step
``rain``      memory of rain (`smgee.models.rain`), absolute and minus the network's
``local``     dynamic columns as they are
``calendar``  two harmonics of the year

None of them is made from the target but ``state``, which `smgee.models.state` keeps free of the station.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smgee.errors import MissingDataError
from smgee.models.network import NetworkTable
from smgee.models.rain import rain_memory
from smgee.models.state import bridge, network_mean, station_effects

STATE = ("network_state", "network_change")
"""Names of the group ``state``."""


MAPPED = ("static", "local", "calendar")
"""Groups that every pixel of a map has too: what was made of a station's own series, or minus the network's
mean of a column, it has not.
"""


@dataclass(frozen=True, eq=False)
class Features:
    """Features of all rows but those of the state.

    Parameters
    ----------
    x : (n, p) float32
        Without gaps.
    names : tuple of str
        Columns of `x`.
    groups : mapping of str to tuple of str
        Names by group, ``state`` included.
    """

    x: np.ndarray
    names: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]


def build_features(table: NetworkTable, *, allowed: np.ndarray | None = None) -> Features:
    """Make every feature that needs no target.

    Parameters
    ----------
    allowed : (t,) bool, optional
        Steps that what persists may be told from; a design that holds time out holds it out here too.

    Raises
    ------
    MissingDataError
        If nothing varies.
    """
    steps = np.ones(len(table.times), bool) if allowed is None else allowed
    columns: dict[str, np.ndarray] = {}
    groups: dict[str, list[str]] = {name: [] for name in _GROUPS}

    def add(group: str, name: str, grid: np.ndarray, *, scale: np.ndarray | None = None) -> None:
        """Keep a feature that varies by more than rounding, of itself or of what it was made from."""
        if table.groups is not None and group not in table.groups:
            return
        values = table.rows(grid) if grid.ndim == 2 else grid[table.station]
        used = values[table.scored]
        size = float(np.abs(used if scale is None else scale).max())
        if np.ptp(used) > 1e-9 * max(size, 1e-30):
            columns[name] = values
            groups[group].append(name)

    for name, values in table.dynamic.items():
        grid = table.grid(values)
        network = _network(grid, table.days)
        relative = grid - network
        if name in table.rain:
            for key, memory in rain_memory(name, grid, table.days).items():
                add("rain", key, memory)
                add("rain", f"{key}_rel", memory - memory.mean(axis=0), scale=memory)
        add("local", name, _fill(grid, network))
        if not np.nanmax(np.abs(relative)) > 1e-6 * max(float(np.nanmax(np.abs(grid))), 1e-30):
            continue  # one weather station for all: what differs between places is only who was there when
        add("relative", f"{name}_rel", np.where(np.isfinite(relative), relative, 0.0))
        for key, place in _place(np.where(steps, grid, np.nan), table.days).items():
            add(_GROUP_OF[key], f"{name}_{key}", place)
    for name, place in table.static.items():
        add("static", name, place)
    if table.calendar:
        for name, row in harmonics(table.times).items():
            add("calendar", name, np.broadcast_to(row, table.shape))
    if not columns:
        raise MissingDataError(
            "None of the predictors varies among the rows, so there is nothing to learn from; name others."
        )
    named = {key: tuple(value) for key, value in groups.items() if value}
    x = np.stack(list(columns.values()), axis=1).astype("f4")
    return Features(np.ascontiguousarray(x), tuple(columns), {"state": STATE} | named)


_FEW = 5  # steps below which a swing is not told
_COVERED = 0.8  # share of the steps above which a mean needs no help from the network
_GROUPS = ("place", "response", "spread", "static", "relative", "rain", "local", "calendar")
_GROUP_OF = {"mean": "place", "response": "response", "p10": "spread", "p90": "spread"}


def _network(grid: np.ndarray, days: np.ndarray) -> np.ndarray:
    """The network's value of every step, shape (t,), made proof against gaps as its state is."""
    return bridge(network_mean(grid, station_effects(grid)), days)


def _place(grid: np.ndarray, days: np.ndarray) -> dict[str, np.ndarray]:
    """Long-term mean, response and percentiles per station, each (s,), over the steps that are known.

    The mean is the plain one where a station covers most steps (`_COVERED`); elsewhere it is told against the
    network on the same steps, so a station that lacks the winters is not taken for a warm one. So are the
    percentiles. The response is the slope of the station on the network, shrunk towards 1 as if `_FEW` more
    steps had shown it. A station without any value gets the median of the others.
    """
    out = {key: np.full(len(grid), np.nan) for key in _GROUP_OF}
    known = np.isfinite(grid)
    if not known.any():
        return {key: np.zeros(len(grid)) for key in out}
    network = _network(grid, days)
    there = known.any(axis=0)
    relative, level = grid - network, float(network[there].mean())
    swing = network - level
    usual = float((swing[there] ** 2).mean())
    for i, row in enumerate(known):
        if not row.any():
            continue
        difference, course = relative[i, row], swing[row] - swing[row].mean()
        covered = row.sum() >= _COVERED * there.sum()
        out["mean"][i] = grid[i, row].mean() if covered else difference.mean() + level
        if usual > 0:
            out["response"][i] = 1.0 + (difference * course).sum() / ((course**2).sum() + _FEW * usual)
        if row.sum() >= _FEW:
            out["p10"][i], out["p90"][i] = np.quantile(difference, (0.1, 0.9))
    for values in out.values():
        usual_value = np.median(values[np.isfinite(values)]) if np.isfinite(values).any() else 0.0
        values[~np.isfinite(values)] = usual_value
    return out


def _fill(grid: np.ndarray, network: np.ndarray) -> np.ndarray:
    """Gaps filled by the network's mean of the step."""
    return np.where(np.isfinite(grid), grid, network)


def harmonics(times: np.ndarray) -> dict[str, np.ndarray]:
    """Two harmonics of the year at some times, by name, each (t,)."""
    angle = 2 * np.pi * _day_of_year(times) / 365.25
    return {
        f"doy_{key}{harmonic}": wave(harmonic * angle)
        for harmonic in (1, 2)
        for key, wave in (("sin", np.sin), ("cos", np.cos))
    }


def _day_of_year(times: np.ndarray) -> np.ndarray:
    days = times.astype("datetime64[D]")
    return (days - days.astype("datetime64[Y]")).astype("f8") + 1.0

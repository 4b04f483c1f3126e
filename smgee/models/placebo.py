"""Placebo: the same learning on features that cannot mean anything.

What persists at a place is dealt anew among the stations, what the calendar says among the steps. A model
that does as well on these has learned labels of stations, not soils.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smgee.models.features import Features
from smgee.models.network import NetworkTable

PLACEBO = "placebo"
"""Name in tables."""


def shuffled(table: NetworkTable, features: Features, *, seed: int) -> Features:
    """Features with places dealt among stations and the calendar among steps."""
    rng = np.random.default_rng(seed)
    x = features.x.copy()
    position = {name: j for j, name in enumerate(features.names)}
    stations, steps = rng.permutation(len(table.names)), rng.permutation(len(table.times))
    for group, axis, order in (
        ("place", table.station, stations),
        ("response", table.station, stations),
        ("spread", table.station, stations),
        ("static", table.station, stations),
        ("calendar", table.step, steps),
    ):
        for name in features.groups.get(group, ()):
            each = np.full(len(order), np.nan)
            each[axis] = features.x[:, position[name]]
            known = np.flatnonzero(np.isfinite(each))
            dealt = each.copy()
            # stations or steps without a row have no value to deal
            dealt[known] = each[known[np.argsort(order[known], kind="stable")]]
            x[:, position[name]] = dealt[axis]
    return replace(features, x=x)

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

NO_PLACEBO = (
    "No placebo is told: what was deployed looks at nothing that could be dealt anew among stations or dates."
)
"""What is said where the row would repeat the deployed model."""

_DEALT = ("place", "response", "spread", "static", "calendar")


def dealt_names(features: Features) -> frozenset[str]:
    """Features that a placebo deals anew."""
    return frozenset(name for group in _DEALT for name in features.groups.get(group, ()))


def shuffled(table: NetworkTable, features: Features, *, seed: int) -> Features:
    """Features with places dealt among stations and the calendar among steps."""
    rng = np.random.default_rng(seed)
    x = features.x.copy()
    position = {name: j for j, name in enumerate(features.names)}
    stations, steps = rng.permutation(len(table.names)), rng.permutation(len(table.times))
    for group in _DEALT:
        axis, order = (table.step, steps) if group == "calendar" else (table.station, stations)
        for name in features.groups.get(group, ()):
            each = np.full(len(order), np.nan)
            each[axis] = features.x[:, position[name]]
            known = np.flatnonzero(np.isfinite(each))
            dealt = each.copy()
            # stations or steps without a row have no value to deal
            dealt[known] = each[known[np.argsort(order[known], kind="stable")]]
            x[:, position[name]] = dealt[axis]
    return replace(features, x=x)

"""Columns that several tables of a run have."""

from __future__ import annotations

from smgee.metrics import HEADLINE, METRICS
from smgee.tables import Column

MOISTURE = "m3 m-3"


def text(name: str, long_name: str = "", *, needed: bool = True) -> Column:
    return Column(name, kind="text", long_name=long_name, needed=needed)


def date(name: str, long_name: str = "", *, needed: bool = True) -> Column:
    return Column(name, kind="date", long_name=long_name, needed=needed)


def count(name: str, long_name: str, *, needed: bool = True) -> Column:
    return Column(name, "1", long_name, kind="count", needed=needed, low=0)


def loose(name: str) -> Column:
    """Return what is known of a column that no schema lists."""
    return Column(name, kind="any", needed=False)


JUDGED = (
    text("grid", "EASE-Grid 2.0 of the cell"),
    text("cell", "EASE-Grid 2.0 cell"),
    text("orbit", "AM (descending) or PM (ascending)"),
)


def metric_columns() -> tuple[Column, ...]:
    """Return the columns of every metric: its value and the ends of its interval."""
    found = []
    for name, metric in METRICS.items():
        units, low, high = metric.unit(MOISTURE), *metric.range
        title = f"{metric.long_name}, {{}} end of the interval"
        found += [
            Column(name, units, metric.long_name, needed=name in HEADLINE, low=low, high=high),
            Column(f"{name}_low", units, title.format("lower"), needed=False),
            Column(f"{name}_high", units, title.format("upper"), needed=False),
        ]
    return tuple(found)


def skill_columns() -> tuple[Column, ...]:
    """Return what scores tell beside the metrics, with the ends of intervals."""
    found = []
    for name, units, title in (
        ("skill", "1", "1 − MSE/MSE(network mean)"),
        ("level_r", "1", "R of the stations' means"),
        ("level_rmse", MOISTURE, "RMSE of the stations' means"),
        ("dynamics_r", "1", "R of what is left without the stations' means"),
        ("dynamics_rmse", MOISTURE, "RMSE of what is left without the stations' means"),
    ):
        ends = {"": title, "_low": f"{title}, lower end of the interval"}
        ends["_high"] = f"{title}, upper end of the interval"
        found += [Column(f"{name}{end}", units, words, needed=False) for end, words in ends.items()]
    return tuple(found)

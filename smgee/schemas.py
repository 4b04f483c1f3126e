"""The tables of a run: what each holds, declared once, checked whenever one is written."""

from __future__ import annotations

from smgee.metrics import HEADLINE, METRICS
from smgee.tables import Column, Schema

__all__ = [
    "CELLS",
    "HETEROGENEITY",
    "PERIODS",
    "PREDICTIONS",
    "QUALITY",
    "RANKING",
    "SCORES",
    "SHAP_VALUES",
    "SMAP",
    "SPREAD",
    "STATION_SCORES",
    "SUMMARY",
    "ZONAL",
    "metric_columns",
    "skill_columns",
    "validation_schema",
]

MOISTURE = "m3 m-3"


def _text(name: str, long_name: str = "", *, needed: bool = True) -> Column:
    return Column(name, kind="text", long_name=long_name, needed=needed)


def _date(name: str, long_name: str = "", *, needed: bool = True) -> Column:
    return Column(name, kind="date", long_name=long_name, needed=needed)


def _count(name: str, long_name: str, *, needed: bool = True) -> Column:
    return Column(name, "1", long_name, kind="count", needed=needed, low=0)


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
    """Return the columns that models of an anomaly have beside the metrics, with the ends of intervals."""
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


def _loose(name: str) -> Column:
    """Return what is known of a column that no schema lists."""
    return Column(name, kind="any", needed=False)


PERIODS = Schema(
    "unfrozen",
    "Unfrozen period of every year",
    (
        _count("year", "calendar year in which the period begins"),
        _date("start", "first unfrozen day"),
        _date("end", "last unfrozen day"),
        _count("days", "days from start to end, both included"),
        Column("start_observed", kind="flag", long_name="whether the frozen day before was seen"),
        Column("end_observed", kind="flag", long_name="whether the frozen day after was seen"),
        Column("stations", "1", "stations that reported, median"),
        _text("source", "what told frozen from unfrozen"),
    ),
    key=("year",),
)

SMAP = Schema(
    "smap",
    "SMAP soil moisture of the cells, both overpasses",
    (
        _date("date", "UTC day under which the product files the retrieval"),
        _text("orbit", "AM (descending) or PM (ascending)"),
        _text("cell", "EASE-Grid 2.0 cell"),
        Column("soil_moisture", MOISTURE, "retrieved soil moisture", low=0, high=1),
        _count("flag", "0 where the retrieval is recommended"),
        _text("collection", "data set on Earth Engine"),
    ),
    key=("date", "orbit", "cell"),
    others=_loose,
)

ZONAL = Schema(
    "zonal",
    "Means of the maps over the exact cells",
    (
        _date("date", "day of the map (UTC)"),
        _text("cell", "EASE-Grid 2.0 cell"),
        Column("soil_moisture", MOISTURE, "mean soil moisture, weighted by area"),
        Column("std", MOISTURE, "standard deviation within the cell, weighted by area"),
        Column("coverage", "1", "share of the cell with a value", low=0),
        _count("n_pixels", "pixels with a value"),
    ),
    key=("date", "cell"),
    others=_loose,
    number_format="%.9g",  # validation reads them from here: not a digit of the maps' float32 is lost
)

CELLS = Schema(
    "cells",
    "Terrain of the cells: mean and standard deviation within each",
    (_text("cell", "EASE-Grid 2.0 cell"),),
    key=("cell",),
    others=_loose,
)

SCORES = Schema(
    "scores",
    "Cross-validated scores of the models; bias = prediction − observation",
    (
        _text("model", "model"),
        _text("design", "what was held out"),
        *metric_columns(),
        *skill_columns(),
        _count("n", "rows"),
    ),
    others=_loose,
    number_format="%.6f",
)

STATION_SCORES = Schema(
    "station_scores",
    "Cross-validated scores at each station; bias = prediction − observation",
    (
        _text("model", "model"),
        _text("design", "what was held out"),
        _text("station", "station"),
        *metric_columns(),
        _count("n", "rows"),
    ),
    others=_loose,
    number_format="%.6f",
)

QUALITY = Schema(
    "stations_quality",
    "Records of every station that failed a check beyond the flags",
    (_text("station", "station"), _count("records", "records"), _count("dropped", "records left out")),
    key=("station",),
    others=_loose,
)

SUMMARY = Schema(
    "stations_summary",
    "The stations of the network, one row each",
    (_text("station", "station"), _count("records", "records"), _count("days", "days with a daily mean")),
    key=("station",),
    others=_loose,
    number_format="%.10g",
)

SPREAD = Schema(
    "stations_heterogeneity",
    "How different the stations of the network are",
    (_text("quantity", "what"), _text("part", "values, level or dynamics"), Column("value", "", "its value")),
    others=_loose,
)

PREDICTIONS = Schema(
    "cross_validation",
    "Predictions for rows held out",
    (
        _text("model", "model"),
        _text("design", "what was held out"),
        Column("predicted", MOISTURE, "prediction"),
        Column("observed", MOISTURE, "observation"),
    ),
    others=_loose,
)

RANKING = Schema(
    "ranking",
    "Predictors by mean absolute SHAP value",
    (_text("predictor", "predictor"),),
    key=("predictor",),
    others=_loose,
)

SHAP_VALUES = Schema(
    "shap_values",
    "SHAP values and predictors of the rows explained",
    (_count("row", "row of the training table"), Column("expected", MOISTURE, "mean prediction")),
    key=("row",),
    others=_loose,
)

HETEROGENEITY = Schema(
    "heterogeneity",
    "Rank correlation of SMAP's errors with the terrain of the cells",
    (
        _text("grid", "EASE-Grid 2.0 of the cells"),
        _text("orbit", "AM (descending) or PM (ascending)"),
        _text("reference", "what SMAP was compared with"),
        _text("metric", "its error"),
        _text("condition", "what the cells differ in"),
        _count("n", "cells"),
        Column("spearman", "1", "rank correlation"),
        Column("low", "1", "lower end of its interval"),
        Column("high", "1", "upper end of its interval"),
        Column("partial", "1", "the same with the cell's own level taken out", needed=False, low=-1, high=1),
        Column("p", "1", "of partial, heeding the likeness of neighbours", needed=False, low=0, high=1),
        Column("q", "1", "p adjusted for the number of rows", needed=False, low=0, high=1),
        _text("expected", "sign expected before the data were seen", needed=False),
        _text("reason", "why there is no interval", needed=False),
    ),
    others=_loose,
)


def validation_schema(grid: str) -> Schema:
    """Return the schema of the validation table of the ``36 km`` or ``9 km`` cells."""
    return Schema(
        f"validation_{grid.replace(' ', '')}",
        f"SMAP on the {grid} cells; bias = SMAP − reference",
        (
            _text("grid", "EASE-Grid 2.0 of the cell"),
            _text("cell", "EASE-Grid 2.0 cell"),
            _text("orbit", "AM (descending) or PM (ascending)"),
            _text("reference", "upscaled (the map) or insitu_mean (mean of the stations)"),
            _count("n", "pairs"),
            Column("n_eff", "1", "pairs that their autocorrelation leaves", needed=False),
            *metric_columns(),
            Column("level", MOISTURE, "mean of the reference", needed=False),
            Column("coverage", "1", "mean share of the cell that the maps cover", needed=False),
            Column("n_stations", "1", "stations of the plain mean, median", needed=False),
            Column("warning", kind="any", long_name="what speaks against the row", needed=False),
        ),
        others=_loose,
    )

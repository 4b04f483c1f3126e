"""Tables of models: scores, predictions of rows held out, distances."""

from __future__ import annotations

from smgee.metrics import METRICS
from smgee.schemas.columns import MOISTURE, count, loose, metric_columns, skill_columns, text
from smgee.tables import Column, Schema

SCORES = Schema(
    "scores",
    "Cross-validated scores of models and baselines; bias = prediction − observation",
    (
        text("model", "model or baseline"),
        text("design", "what was held out"),
        *metric_columns(),
        *skill_columns(),
        count("n", "rows"),
    ),
    others=loose,
    number_format="%.6f",
)


def _scores_by(column: Column) -> Schema:
    """Return the schema of scores told apart by one column."""
    told = [METRICS[name] for name in ("r", "r2", "rmse", "mae", "bias", "ubrmse", "rho")]
    figures = (Column(m.name, m.unit(MOISTURE), m.long_name, needed=False) for m in told)
    return Schema(
        f"scores_{column.name}",
        f"Cross-validated scores per {column.name}; bias = prediction − observation",
        (
            text("model", "model or baseline"),
            text("design", "what was held out"),
            column,
            count("n", "rows"),
            *figures,
            Column("skill", "1", "1 − MSE/MSE(network mean)", needed=False),
        ),
        key=("model", "design", column.name),
        others=loose,
        number_format="%.6f",
    )


SCORES_STATION = _scores_by(text("station", "station"))

SCORES_MONTH = _scores_by(count("month", "month of the year"))

SCORES_YEAR = _scores_by(count("year", "calendar year"))

SCORES_BY = {"station": SCORES_STATION, "month": SCORES_MONTH, "year": SCORES_YEAR}
"""Scores told apart, by what."""

DISTANCES = Schema(
    "distances",
    "How far places lie from the nearest station that is known: the map's, and those that designs test",
    (text("what", "whose distances"), Column("distance_m", "m", "distance", low=0)),
    number_format="%.1f",
)

PREDICTIONS = Schema(
    "cross_validation",
    "Predictions for rows held out",
    (
        text("model", "model"),
        text("design", "what was held out"),
        Column("predicted", MOISTURE, "prediction"),
        Column("observed", MOISTURE, "observation"),
    ),
    others=loose,
)

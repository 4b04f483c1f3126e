"""Tables of what SMAP is worth."""

from __future__ import annotations

from smgee.schemas.columns import JUDGED, MOISTURE, count, loose, metric_columns, text
from smgee.tables import Column, Schema


def validation_schema(grid: str) -> Schema:
    """Return the schema of the validation table of the ``36 km`` or ``9 km`` cells."""
    return Schema(
        f"validation_{grid.replace(' ', '')}",
        f"SMAP on the {grid} cells; bias = SMAP − reference",
        (
            text("grid", "EASE-Grid 2.0 of the cell"),
            text("cell", "EASE-Grid 2.0 cell"),
            text("orbit", "AM (descending) or PM (ascending)"),
            text("reference", "what SMAP is compared with: a mean of stations, or of the map"),
            text("timing", "overpass or day: when the reference is of", needed=False),
            count("n", "pairs"),
            Column("n_eff", "1", "pairs that their autocorrelation leaves", needed=False),
            *metric_columns(),
            Column("level", MOISTURE, "mean of the reference", needed=False),
            Column("variability", MOISTURE, "standard deviation of the reference in time", needed=False),
            Column("coverage", "1", "mean share of the cell that the maps cover", needed=False),
            Column("n_stations", "1", "stations of the plain mean, median", needed=False),
            Column("warning", kind="any", long_name="what speaks against the row", needed=False),
        ),
        others=loose,
    )


PARTS = Schema(
    "validation_parts",
    "SMAP beside its references by season and year, as anomalies and as seasonal cycle",
    (
        *JUDGED,
        text("reference", "what SMAP is compared with"),
        text("part", "year, season, anomalies from the running mean of 35 days, or that mean"),
        count("n", "pairs"),
        Column("n_eff", "1", "pairs that their autocorrelation leaves"),
        *metric_columns(),
        Column("reason", kind="any", long_name="why something is not given", needed=False),
    ),
    key=("cell", "orbit", "reference", "part"),
    others=loose,
)

COMPARISON = Schema(
    "comparison",
    "SMAP and other products beside the same references, on the passes that all have",
    (
        text("product", "SMAP or another"),
        *JUDGED,
        text("reference", "what it is compared with"),
        count("n", "pairs"),
        *metric_columns(),
    ),
    key=("product", "cell", "orbit", "reference"),
    others=loose,
)

MAP_ACCURACY = Schema(
    "map_accuracy",
    "The map at stations that its model has not seen, by cell; bias = estimate − observed",
    (
        text("grid", "EASE-Grid 2.0 of the cell"),
        text("cell", "EASE-Grid 2.0 cell"),
        text("estimate", "the model that draws the maps, or one without a map"),
        text("of", "stations by themselves, or the mean of those that one model has not seen"),
        count("stations", "stations in the cell"),
        count("n", "rows, or days"),
        *metric_columns(),
        Column("reason", kind="any", long_name="why something is not given", needed=False),
    ),
    key=("cell", "estimate", "of"),
)

GAINS = Schema(
    "gains",
    "Whether SMAP agrees better with a reference than with the plain mean of the stations",
    (
        *JUDGED,
        text("reference", "what SMAP was compared with"),
        text("baseline", "what that is compared with"),
        text("metric", "r, ubrmse or rmse"),
        count("n", "passes of all three"),
        Column("gain", "", "metric with the reference minus metric with the baseline"),
        Column("p", "1", "of two equally good references making such a gain by chance", low=0, high=1),
        Column("chance_low", "", "what chance makes, lower end of 95 %"),
        Column("chance_high", "", "what chance makes, upper end of 95 %"),
        Column("power", "1", "probability of finding a true gain of this size", low=0, high=1),
        Column("detectable", "", "gain that would be found with a probability of 80 %"),
        Column("persistence", "1", "lag-1 autocorrelation of the references' difference"),
        Column("p_williams", "1", "Williams' test on the effective number of passes (R)", low=0, high=1),
        Column("p_steiger", "1", "Steiger's test on the same (R)", low=0, high=1),
        Column("false_alarms", "1", "of the test on series like these, nominally 0.05", low=0, high=1),
    ),
    key=("cell", "orbit", "reference", "metric"),
)

VERDICTS = Schema(
    "verdicts",
    "SMAP with the error of its reference told apart, and whether it meets its requirement",
    (
        *JUDGED,
        text("reference", "what SMAP was judged by: the mean of the stations, or that of the maps"),
        count("n", "passes"),
        count("stations", "stations left out one by one"),
        Column("error_level", MOISTURE, "jackknife error of the reference, in level", low=0),
        Column("error_dynamics", MOISTURE, "the same, in time", low=0),
        *(
            Column(f"{name}{end}", unit, said)
            for name, unit in (("r", "1"), ("bias", MOISTURE), ("ubrmse", MOISTURE))
            for end, said in (
                ("", "against the reference"),
                ("_corrected", "against a reference without that error"),
                ("_low", "lower end of the 95 % interval of the corrected"),
                ("_high", "upper end of the 95 % interval of the corrected"),
                ("_perfect_gain", "what a reference without error gains"),
            )
        ),
        Column("target", MOISTURE, "largest ubRMSE that is allowed", low=0),
        Column(
            "meets", "1", "probability that the ubRMSE of the long run is at most the target", low=0, high=1
        ),
        text("sentence", "the same in words"),
    ),
    key=("cell", "orbit", "reference"),
)

LEDGER = Schema(
    "footprint_ledger",
    "SMAP's difference from the upscaled map of each cell: the footprint's part, and what is left",
    (
        *JUDGED,
        count("n", "passes"),
        Column("coverage_cell", "1", "share of the cell that the maps cover"),
        Column("coverage_footprint", "1", "share of the footprint that the maps cover"),
        Column("difference", MOISTURE, "mean of SMAP − cell"),
        Column("of_footprint", MOISTURE, "mean of footprint − cell"),
        Column("remainder", MOISTURE, "mean of SMAP − footprint"),
        Column("error_level", MOISTURE, "sampling error of the stations' mean in the cell, in level"),
        Column("error_map", MOISTURE, "standard error of the maps' mean over the 36 km cell around", low=0),
        Column("error_coverage", MOISTURE, "what the part of the footprint beside the maps may do", low=0),
        Column("own_low", MOISTURE, "lower end of what of the remainder is SMAP's own, 95 %"),
        Column("own_high", MOISTURE, "upper end of what of the remainder is SMAP's own, 95 %"),
        Column("spread", MOISTURE, "standard deviation in time of SMAP − cell", low=0),
        Column("spread_footprint", MOISTURE, "the same of footprint − cell", low=0),
        Column("spread_remainder", MOISTURE, "the same of SMAP − footprint", low=0),
        Column("error_dynamics", MOISTURE, "sampling error of the stations' mean in the cell, in time"),
    ),
    key=("cell", "orbit"),
)

HETEROGENEITY = Schema(
    "heterogeneity",
    "Rank correlation of SMAP's errors with the terrain of the cells",
    (
        text("grid", "EASE-Grid 2.0 of the cells"),
        text("orbit", "AM (descending) or PM (ascending)"),
        text("reference", "what SMAP was compared with"),
        text("metric", "its error"),
        text("condition", "what the cells differ in"),
        count("n", "cells"),
        Column("spearman", "1", "rank correlation"),
        Column("low", "1", "lower end of its interval"),
        Column("high", "1", "upper end of its interval"),
        Column(
            "partial",
            "1",
            "the same with the cell's own level and variability taken out",
            needed=False,
            low=-1,
            high=1,
        ),
        Column("p", "1", "of partial, heeding the likeness of neighbours", needed=False, low=0, high=1),
        Column("q", "1", "p adjusted for the number of rows", needed=False, low=0, high=1),
        text("expected", "sign expected before the data were seen", needed=False),
        text("reason", "why there is no interval", needed=False),
    ),
    others=loose,
)

COLLOCATION = Schema(
    "collocation",
    "Errors of SMAP, a reference and other products, none of them taken for the truth",
    (
        *JUDGED,
        text("quantity", "values, or anomalies from the running mean of 35 days"),
        text("sets", "what was collocated"),
        text("data_set", "the one that the row is of"),
        count("n", "passes that all have"),
        *(
            Column(f"{name}{end}", unit, f"{words}{said}", needed=not end)
            for name, unit, words in (
                ("error", MOISTURE, "standard deviation of its error"),
                ("scaled_error", MOISTURE, "the same in the scale of the reference"),
                ("r", "1", "correlation with the truth"),
                ("snr", "dB", "signal to noise, of variances"),
                ("beta", "1", "factor to the scale of the reference"),
            )
            for end, said in (
                ("", ""),
                ("_low", ", lower end of the 95 % interval"),
                ("_high", ", upper end of the 95 % interval"),
            )
        ),
        Column("negative", "1", "share of resamples in which a variance is negative", low=0, high=1),
        Column("goes_with", kind="any", long_name="data set whose errors may go with its own", needed=False),
        Column("error_r", "1", "correlation of the two errors", needed=False),
        Column("error_r_low", "1", "lower end of its 95 % interval", needed=False),
        Column("error_r_high", "1", "upper end of its 95 % interval", needed=False),
        Column("reason", kind="any", long_name="why something is not given", needed=False),
        Column(
            "caution", kind="any", long_name="what speaks against taking the row at its word", needed=False
        ),
    ),
    key=("cell", "orbit", "quantity", "sets", "data_set"),
)

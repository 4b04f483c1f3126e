"""The tables of a run: what each holds, declared once, checked whenever one is written."""

from __future__ import annotations

from smgee.metrics import HEADLINE, METRICS
from smgee.tables import Column, Schema

__all__ = [
    "CELLS",
    "COLLOCATION",
    "COLLOCATION_TRUTH",
    "COMPARISON",
    "CROSS_FITTED",
    "DISTANCES",
    "EXPERIMENT",
    "EXPERIMENT_CURVE",
    "EXPERIMENT_POWER",
    "EXPERIMENT_SUMMARY",
    "EXPORTS",
    "GAINS",
    "HELD_OUT_GROUPS",
    "HELD_OUT_RANKING",
    "HELD_OUT_SEASONS",
    "HETEROGENEITY",
    "LEDGER",
    "LEFT_OUT",
    "MAP_ACCURACY",
    "OTHERS",
    "PARTS",
    "PERIODS",
    "PREDICTIONS",
    "QUALITY",
    "RANKING",
    "REFERENCES",
    "SCORES",
    "SCORES_BY",
    "SCORES_MONTH",
    "SCORES_STATION",
    "SCORES_YEAR",
    "SHAP_VALUES",
    "SMAP",
    "SMAP_QUALITY",
    "SPREAD",
    "SUMMARY",
    "TRUTH",
    "TRUTH_CELLS",
    "TRUTH_LAYERS",
    "UNITS",
    "VERDICTS",
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
        _text("version", "version of the product", needed=False),
        _count("retrieval_qual_flag", "the product's own quality flag, all bits", needed=False),
        _count("surface_flag", "the product's own surface flag, all bits", needed=False),
        _date("time", "UTC time of the overpass", needed=False),
    ),
    key=("date", "orbit", "cell"),
    others=_loose,
)

SMAP_QUALITY = Schema(
    "smap_quality",
    "Retrievals on unfrozen days that each quality policy and surface condition leaves",
    (
        _text("grid", "EASE-Grid 2.0 of the product"),
        _text("orbit", "AM (descending) or PM (ascending)"),
        _text("rule", "quality policy, or a surface condition that takes out"),
        _count("cells", "cells of the study"),
        _count("retrievals", "values in all cells"),
        _count("kept", "of them kept"),
        _count("least", "kept in the cell with the fewest"),
        Column("note", kind="any", long_name="what the source does not tell", needed=False),
    ),
    key=("grid", "orbit", "rule"),
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
        Column("standard_error", MOISTURE, "jackknife standard error of the mean", needed=False, low=0),
        Column("cross_fitted", MOISTURE, "mean, each pixel without its nearest station", needed=False),
    ),
    key=("date", "cell"),
    others=_loose,
    number_format="%.9g",  # validation reads them from here: not a digit of the maps' float32 is lost
)

EXPORTS = Schema(
    "exports",
    "Maps exported by tasks of Earth Engine",
    (
        _text("name", "of the asset or file"),
        _text("place", "where it went"),
        _text("task", "id of its task", needed=False),
        _text("state", "of the task"),
        Column("eecu_s", "s", "compute time, EECU seconds", needed=False, low=0),
    ),
    key=("name",),
    others=_loose,
)

UNITS = Schema(
    "zonal_3km",
    "Means of the maps over 3 km cells, of which SMAP's footprint is put together",
    ZONAL.columns,
    key=("date", "cell"),
    others=_loose,
)

CROSS_FITTED = Schema(
    "zonal_cross_fitted",
    "Means over the cells of the map in which each pixel's model has not seen the nearest station",
    (
        _date("date", "day of the map (UTC)"),
        _text("cell", "EASE-Grid 2.0 cell"),
        Column("soil_moisture", MOISTURE, "mean soil moisture of the sampled pixels, weighted by area"),
    ),
    key=("date", "cell"),
    others=_loose,
)

LEFT_OUT = Schema(
    "zonal_left_out",
    "Means over the cells of the maps of models that have not seen one station",
    (
        _text("station", "which station was left out"),
        _date("date", "day of the map (UTC)"),
        _text("cell", "EASE-Grid 2.0 cell"),
        Column("soil_moisture", MOISTURE, "mean soil moisture of the sampled pixels, weighted by area"),
    ),
    key=("station", "date", "cell"),
    others=_loose,
)

REFERENCES = Schema(
    "references",
    "What SMAP was judged by, pass by pass",
    (
        _text("reference", "its name"),
        _date("date", "UTC day under which the product files the pass, or day of the mean"),
        _text("orbit", "AM or PM where it is a value at the overpass; empty where it is a mean of the day"),
        _text("cell", "EASE-Grid 2.0 cell"),
        Column("soil_moisture", MOISTURE, "mean soil moisture"),
        Column("std", MOISTURE, "standard deviation between stations or within the cell"),
        Column("coverage", "1", "share of the cell, or of the footprint, with a value"),
        _count("n_stations", "stations"),
    ),
    key=("reference", "date", "orbit", "cell"),
)

GAINS = Schema(
    "gains",
    "Whether SMAP agrees better with a reference than with the plain mean of the stations",
    (
        _text("grid", "EASE-Grid 2.0 of the cell"),
        _text("cell", "EASE-Grid 2.0 cell"),
        _text("orbit", "AM (descending) or PM (ascending)"),
        _text("reference", "what SMAP was compared with"),
        _text("baseline", "what that is compared with"),
        _text("metric", "r, ubrmse or rmse"),
        _count("n", "passes of all three"),
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
        _text("grid", "EASE-Grid 2.0 of the cell"),
        _text("cell", "EASE-Grid 2.0 cell"),
        _text("orbit", "AM (descending) or PM (ascending)"),
        _text("reference", "what SMAP was judged by: the mean of the stations, or that of the maps"),
        _count("n", "passes"),
        _count("stations", "stations left out one by one"),
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
        Column("meets", "1", "probability that the ubRMSE is at most the target", low=0, high=1),
        _text("sentence", "the same in words"),
    ),
    key=("cell", "orbit", "reference"),
)

LEDGER = Schema(
    "footprint_ledger",
    "SMAP's difference from the upscaled map of each cell: the footprint's part, and what is left",
    (
        _text("grid", "EASE-Grid 2.0 of the cell"),
        _text("cell", "EASE-Grid 2.0 cell"),
        _text("orbit", "AM (descending) or PM (ascending)"),
        _count("n", "passes"),
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

TRUTH_LAYERS = Schema(
    "truth_layers",
    "How often intervals hold the truth of the synthetic basin's pixels, and how far the map is from it",
    (
        _date("date", "day of the map (UTC)"),
        _text("where", "all pixels, or those inside or outside the area of applicability"),
        _count("n", "pixels"),
        Column("rmse", MOISTURE, "root mean square error of the map", low=0),
        Column("coverage", "1", "share of pixels whose interval holds the truth", low=0, high=1),
        Column("width", MOISTURE, "mean width of the interval", low=0),
        Column("leaf_coverage", "1", "the same share of the interval by leaf values", low=0, high=1),
        Column("standard_error", MOISTURE, "mean jackknife standard error", low=0),
    ),
    key=("date", "where"),
    others=_loose,
)

TRUTH_CELLS = Schema(
    "truth_cells",
    "How far the maps' means over cells are from the truth of the synthetic basin, and what was expected",
    (
        _text("grid", "EASE-Grid 2.0 of the cell"),
        _text("cell", "EASE-Grid 2.0 cell"),
        _count("n", "days"),
        Column("bias", MOISTURE, "mean of map minus truth"),
        Column("rmse", MOISTURE, "root mean square of the same", low=0),
        Column("standard_error", MOISTURE, "jackknife standard error, root mean square over days", low=0),
        Column("held", "1", "share of days on which ± 1.96 of it holds the truth", low=0, high=1),
    ),
    key=("cell",),
    others=_loose,
)

TRUTH = Schema(
    "truth",
    "References and what they say of SMAP, beside the truth of the synthetic basin",
    (
        _text("grid", "EASE-Grid 2.0 of the cell"),
        _text("cell", "EASE-Grid 2.0 cell"),
        _text("orbit", "AM (descending) or PM (ascending)"),
        _text("reference", "what is compared with the truth; SMAP: the satellite itself"),
        _count("n", "passes"),
        *(
            Column(f"{prefix}{m}{end}", "1" if m == "r" else MOISTURE, said, needed=not prefix)
            for prefix, ends in (
                ("", (("", "against the truth"),)),
                (
                    "smap_",
                    (
                        ("", "of SMAP by the reference"),
                        ("_low", "lower end of its 95 % interval"),
                        ("_high", "upper end of its 95 % interval"),
                        ("_true", "of SMAP by the truth"),
                        ("_held", "1 where the interval holds the truth"),
                    ),
                ),
            )
            for m in ("r", "bias", "rmse", "ubrmse")
            for end, said in ends
        ),
    ),
    key=("cell", "orbit", "reference"),
)

EXPERIMENT = Schema(
    "experiment",
    "Trials of networks on the synthetic basin: references, and what they say of SMAP, beside the truth",
    (
        _text("scenario", "network"),
        _count("year", "season"),
        _count("seed", "of places, probes and SMAP's errors"),
        _count("stations", "stations"),
        *TRUTH.columns,
    ),
    key=("scenario", "year", "seed", "orbit", "reference"),
    others=_loose,
)

EXPERIMENT_SUMMARY = Schema(
    "experiment_summary",
    "Errors of references against the truth, by network, over all trials",
    (
        _text("scenario", "network"),
        _text("reference", "what is compared with the truth"),
        _count("trials", "trials, both overpasses counted"),
        Column("r", "1", "median correlation with the truth"),
        Column("bias", MOISTURE, "median size of the bias"),
        Column("rmse", MOISTURE, "median RMSE"),
        Column("rmse_low", MOISTURE, "a tenth of the trials have a lower RMSE"),
        Column("rmse_high", MOISTURE, "a tenth of the trials have a higher RMSE"),
        Column("ubrmse", MOISTURE, "median ubRMSE"),
        Column("covered_r", "1", "share of the 95 % intervals of SMAP's R that hold the truth"),
        Column("covered_bias", "1", "the same of its bias"),
        Column("covered_ubrmse", "1", "the same of its ubRMSE"),
        Column("better", "1", "share of trials nearer to the truth than the plain mean"),
    ),
    key=("scenario", "reference"),
)

EXPERIMENT_POWER = Schema(
    "experiment_power",
    "How often upscaling helps, how often the tests say so, and whether the verdicts are right",
    (
        _text("scenario", "network"),
        _count("trials", "trials, both overpasses counted"),
        Column("helps", "1", "share in which the upscaled reference is nearer to the truth"),
        Column("gain_r", "1", "median gain of SMAP's R"),
        Column("gain_rmse", MOISTURE, "median gain of SMAP's RMSE; negative is better"),
        Column("claimed_r", "1", "share in which the test finds a gain in R"),
        Column("claimed_rmse", "1", "share in which the test finds a gain in RMSE"),
        Column("claimed_rightly", "1", "of those claimed in RMSE, share nearer to the truth"),
        Column("perfect_r", "1", "median of what the truth itself would gain in R"),
        Column("meets", "1", "median probability that SMAP meets its requirement"),
        Column("met", "1", "share in which it does"),
        Column("brier", "1", "mean squared error of that probability"),
        *(
            Column(f"held_{m}", "1", f"share of the verdicts' intervals of {m} that hold the truth")
            for m in ("r", "bias", "ubrmse")
        ),
        Column("map_skill", "1", "median skill of the maps over the network's mean, at true pixels"),
        Column("map_spatial_r", "1", "median correlation of the maps with the truth in space"),
        Column("believed", "1", "share in which something was added to the network's mean"),
    ),
    key=("scenario",),
)

EXPERIMENT_CURVE = Schema(
    "experiment_curve",
    "How often the tests find that upscaling helps, by how much it does, over all networks",
    (
        Column("low", MOISTURE, "gain above this: RMSE against the truth, plain mean minus upscaled"),
        Column("high", MOISTURE, "and up to this"),
        _count("trials", "trials, both overpasses counted"),
        Column("gain", MOISTURE, "median of the gain"),
        Column("claimed_rmse", "1", "share in which the test finds a gain in RMSE"),
        Column("claimed_r", "1", "share in which the test finds a gain in R"),
        Column("power_r", "1", "median power that the test of R was said to have"),
    ),
    key=("low",),
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
    "Cross-validated scores of models and baselines; bias = prediction − observation",
    (
        _text("model", "model or baseline"),
        _text("design", "what was held out"),
        *metric_columns(),
        *skill_columns(),
        _count("n", "rows"),
    ),
    others=_loose,
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
            _text("model", "model or baseline"),
            _text("design", "what was held out"),
            column,
            _count("n", "rows"),
            *figures,
            Column("skill", "1", "1 − MSE/MSE(network mean)", needed=False),
        ),
        key=("model", "design", column.name),
        others=_loose,
        number_format="%.6f",
    )


SCORES_STATION = _scores_by(_text("station", "station"))
SCORES_MONTH = _scores_by(_count("month", "month of the year"))
SCORES_YEAR = _scores_by(_count("year", "calendar year"))

SCORES_BY = {"station": SCORES_STATION, "month": SCORES_MONTH, "year": SCORES_YEAR}
"""Scores told apart, by what."""

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
    (
        _text("quantity", "what"),
        _text("part", "values, level or dynamics"),
        Column("value", "", "its value"),
        Column("low", "", "lower end of its 95 % interval", needed=False),
        Column("high", "", "upper end of its 95 % interval", needed=False),
        Column("p", "1", "of rearranged stations giving as much", needed=False, low=0, high=1),
        _count("n", "days, stations or pairs behind it", needed=False),
        _text("unit", "unit of the value", needed=False),
    ),
    others=_loose,
)

DISTANCES = Schema(
    "distances",
    "How far places lie from the nearest station that is known: the map's, and those that designs test",
    (_text("what", "whose distances"), Column("distance_m", "m", "distance", low=0)),
    number_format="%.1f",
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

_AGAINST_PLACEBO = (
    Column("mean_abs_shap", MOISTURE, "mean absolute SHAP value at stations left out", low=0),
    Column("low", MOISTURE, "lower end of its 95 % interval over stations", low=0),
    Column("high", MOISTURE, "upper end of its 95 % interval over stations", low=0),
    Column("placebo", MOISTURE, "the same of the placebo", low=0),
    Column("excess_low", MOISTURE, "lower end for the difference to the placebo"),
    Column("above_placebo", "", "whether that end is above 0", kind="flag"),
    Column("skill", "1", "skill of the state plus this part over the state alone", high=1),
    Column("skill_low", "1", "lower end of its 95 % interval over stations", high=1),
    Column("skill_high", "1", "upper end of its 95 % interval over stations", high=1),
    _count("n", "rows"),
    _count("stations", "stations"),
)

HELD_OUT_RANKING = Schema(
    "held_out_ranking",
    "Predictors by mean absolute SHAP value at stations left out, beside a placebo",
    (
        _text("predictor", "predictor"),
        _text("group", "group of predictors that go together"),
        *_AGAINST_PLACEBO,
    ),
    key=("predictor",),
)

HELD_OUT_GROUPS = Schema(
    "held_out_groups",
    "Groups of predictors that go together, by the mean absolute sum of their SHAP values",
    (_text("group", "group"), _text("predictors", "its predictors"), *_AGAINST_PLACEBO),
    key=("group",),
)

HELD_OUT_SEASONS = Schema(
    "held_out_seasons",
    "Mean absolute SHAP value at stations left out, by season of the year",
    (
        _text("season", "season, by months"),
        _text("predictor", "predictor"),
        Column("mean_abs_shap", MOISTURE, "mean absolute SHAP value", low=0),
        Column("placebo", MOISTURE, "the same of the placebo", low=0),
        _count("n", "rows"),
    ),
    key=("season", "predictor"),
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
            _text("reference", "what SMAP is compared with: a mean of stations, or of the map"),
            _text("timing", "overpass or day: when the reference is of", needed=False),
            _count("n", "pairs"),
            Column("n_eff", "1", "pairs that their autocorrelation leaves", needed=False),
            *metric_columns(),
            Column("level", MOISTURE, "mean of the reference", needed=False),
            Column("variability", MOISTURE, "standard deviation of the reference in time", needed=False),
            Column("coverage", "1", "mean share of the cell that the maps cover", needed=False),
            Column("n_stations", "1", "stations of the plain mean, median", needed=False),
            Column("warning", kind="any", long_name="what speaks against the row", needed=False),
        ),
        others=_loose,
    )


OTHERS = Schema(
    "other_products",
    "Soil moisture of other products in SMAP's cells, drawn in time to its passes",
    (
        _text("product", "product"),
        _date("date", "UTC day under which SMAP's product files the pass"),
        _text("orbit", "AM (descending) or PM (ascending)"),
        _text("cell", "EASE-Grid 2.0 cell"),
        Column("soil_moisture", MOISTURE, "mean of the cell"),
        _text("collection", "data set on Earth Engine"),
    ),
    key=("product", "date", "orbit", "cell"),
)

_JUDGED = (
    _text("grid", "EASE-Grid 2.0 of the cell"),
    _text("cell", "EASE-Grid 2.0 cell"),
    _text("orbit", "AM (descending) or PM (ascending)"),
)

PARTS = Schema(
    "validation_parts",
    "SMAP beside its references by season and year, as anomalies and as seasonal cycle",
    (
        *_JUDGED,
        _text("reference", "what SMAP is compared with"),
        _text("part", "year, season, anomalies from the running mean of 35 days, or that mean"),
        _count("n", "pairs"),
        Column("n_eff", "1", "pairs that their autocorrelation leaves"),
        *metric_columns(),
        Column("reason", kind="any", long_name="why something is not given", needed=False),
    ),
    key=("cell", "orbit", "reference", "part"),
    others=_loose,
)

MAP_ACCURACY = Schema(
    "map_accuracy",
    "The map at stations that its model has not seen, by cell; bias = estimate − observed",
    (
        _text("grid", "EASE-Grid 2.0 of the cell"),
        _text("cell", "EASE-Grid 2.0 cell"),
        _text("estimate", "the model that draws the maps, or one without a map"),
        _text("of", "stations by themselves, or the mean of those that one model has not seen"),
        _count("stations", "stations in the cell"),
        _count("n", "rows, or days"),
        *metric_columns(),
        Column("reason", kind="any", long_name="why something is not given", needed=False),
    ),
    key=("cell", "estimate", "of"),
)

COMPARISON = Schema(
    "comparison",
    "SMAP and other products beside the same references, on the passes that all have",
    (
        _text("product", "SMAP or another"),
        *_JUDGED,
        _text("reference", "what it is compared with"),
        _count("n", "pairs"),
        *metric_columns(),
    ),
    key=("product", "cell", "orbit", "reference"),
    others=_loose,
)

COLLOCATION = Schema(
    "collocation",
    "Errors of SMAP, a reference and other products, none of them taken for the truth",
    (
        *_JUDGED,
        _text("quantity", "values, or anomalies from the running mean of 35 days"),
        _text("sets", "what was collocated"),
        _text("data_set", "the one that the row is of"),
        _count("n", "passes that all have"),
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

COLLOCATION_TRUTH = Schema(
    "collocation_truth",
    "What collocation says of SMAP and other products, beside the truth of the synthetic basin",
    (
        *_JUDGED,
        _text("sets", "what was collocated"),
        _text("data_set", "the one that the row is of"),
        _count("n", "passes that all have"),
        *(
            Column(f"{name}{end}", unit, said)
            for name, unit in (("r", "1"), ("error", MOISTURE))
            for end, said in (
                ("", "by collocation"),
                ("_low", "lower end of its 95 % interval"),
                ("_high", "upper end of its 95 % interval"),
                ("_true", "by the truth"),
                ("_held", "1 where the interval holds the truth"),
            )
        ),
    ),
    key=("cell", "orbit", "sets", "data_set"),
)

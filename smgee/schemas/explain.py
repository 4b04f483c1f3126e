"""Tables of explanations by SHAP values."""

from smgee.schemas.columns import MOISTURE, count, loose, text
from smgee.tables import Column, Schema

RANKING = Schema(
    "ranking",
    "Predictors by mean absolute SHAP value",
    (text("predictor", "predictor"),),
    key=("predictor",),
    others=loose,
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
    count("n", "rows"),
    count("stations", "stations"),
)

HELD_OUT_RANKING = Schema(
    "held_out_ranking",
    "Predictors by mean absolute SHAP value at stations left out, beside a placebo",
    (
        text("predictor", "predictor"),
        text("group", "group of predictors that go together"),
        *_AGAINST_PLACEBO,
    ),
    key=("predictor",),
)

HELD_OUT_GROUPS = Schema(
    "held_out_groups",
    "Groups of predictors that go together, by the mean absolute sum of their SHAP values",
    (text("group", "group"), text("predictors", "its predictors"), *_AGAINST_PLACEBO),
    key=("group",),
)

HELD_OUT_SEASONS = Schema(
    "held_out_seasons",
    "Mean absolute SHAP value at stations left out, by season of the year",
    (
        text("season", "season, by months"),
        text("predictor", "predictor"),
        Column("mean_abs_shap", MOISTURE, "mean absolute SHAP value", low=0),
        Column("placebo", MOISTURE, "the same of the placebo", low=0),
        count("n", "rows"),
    ),
    key=("season", "predictor"),
)

INTERACTIONS = Schema(
    "interactions",
    "SHAP interaction values at stations left out, by season of the year",
    (
        text("season", "season, by months, or all of them"),
        text("predictor", "predictor"),
        text("partner", "the other predictor; the same: what it does by itself"),
        Column("mean_abs_interaction", MOISTURE, "mean absolute half of what both do together", low=0),
        count("n", "rows"),
    ),
    key=("season", "predictor", "partner"),
)

SHAP_VALUES = Schema(
    "shap_values",
    "SHAP values and predictors of the rows explained",
    (count("row", "row of the training table"), Column("expected", MOISTURE, "mean prediction")),
    key=("row",),
    others=loose,
)

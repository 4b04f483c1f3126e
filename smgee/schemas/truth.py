"""Tables of estimates beside the truth of the synthetic basin."""

from smgee.schemas.columns import JUDGED, MOISTURE, count, date, loose, text
from smgee.tables import Column, Schema

TRUTH = Schema(
    "truth",
    "References and what they say of SMAP, beside the truth of the synthetic basin",
    (
        *JUDGED,
        text("reference", "what is compared with the truth; SMAP: the satellite itself"),
        count("n", "passes"),
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

TRUTH_LAYERS = Schema(
    "truth_layers",
    "How often intervals hold the truth of the synthetic basin's pixels, and how far the map is from it",
    (
        date("date", "day of the map (UTC)"),
        text("where", "all pixels, or those inside or outside the area of applicability"),
        count("n", "pixels"),
        Column("rmse", MOISTURE, "root mean square error of the map", low=0),
        Column("coverage", "1", "share of pixels whose interval holds the truth", low=0, high=1),
        Column("width", MOISTURE, "mean width of the interval", low=0),
        Column("leaf_coverage", "1", "the same share of the interval by leaf values", low=0, high=1),
        Column("standard_error", MOISTURE, "mean jackknife standard error", low=0),
    ),
    key=("date", "where"),
    others=loose,
)

TRUTH_CELLS = Schema(
    "truth_cells",
    "How far the maps' means over cells are from the truth of the synthetic basin, and what was expected",
    (
        text("grid", "EASE-Grid 2.0 of the cell"),
        text("cell", "EASE-Grid 2.0 cell"),
        count("n", "days"),
        Column("bias", MOISTURE, "mean of map minus truth"),
        Column("rmse", MOISTURE, "root mean square of the same", low=0),
        Column("standard_error", MOISTURE, "jackknife standard error, root mean square over days", low=0),
        Column("held", "1", "share of days on which ± 1.96 of it holds the truth", low=0, high=1),
    ),
    key=("cell",),
    others=loose,
)

COLLOCATION_TRUTH = Schema(
    "collocation_truth",
    "What collocation says of SMAP and other products, beside the truth of the synthetic basin",
    (
        *JUDGED,
        text("sets", "what was collocated"),
        text("data_set", "the one that the row is of"),
        count("n", "passes that all have"),
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

EXPERIMENT = Schema(
    "experiment",
    "Trials of networks on the synthetic basin: references, and what they say of SMAP, beside the truth",
    (
        text("scenario", "network"),
        count("year", "season"),
        count("seed", "of places, probes and SMAP's errors"),
        count("stations", "stations"),
        *TRUTH.columns,
    ),
    key=("scenario", "year", "seed", "orbit", "reference"),
    others=loose,
)

EXPERIMENT_SUMMARY = Schema(
    "experiment_summary",
    "Errors of references against the truth, by network, over all trials",
    (
        text("scenario", "network"),
        text("reference", "what is compared with the truth"),
        count("trials", "trials, both overpasses counted"),
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
        text("scenario", "network"),
        count("trials", "trials, both overpasses counted"),
        Column("helps", "1", "share in which the upscaled reference is nearer to the truth"),
        Column("gain_r", "1", "median gain of SMAP's R"),
        Column("gain_rmse", MOISTURE, "median gain of SMAP's RMSE; negative is better"),
        Column("claimed_r", "1", "share in which the test finds a gain in R"),
        Column("claimed_rmse", "1", "share in which the test finds a gain in RMSE"),
        Column("claimed_rightly", "1", "of those claimed in RMSE, share nearer to the truth"),
        Column("perfect_r", "1", "median of what the truth itself would gain in R"),
        Column("meets", "1", "median probability that SMAP meets its requirement"),
        Column("met", "1", "share in whose passes alone it does"),
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
        count("trials", "trials, both overpasses counted"),
        Column("gain", MOISTURE, "median of the gain"),
        Column("claimed_rmse", "1", "share in which the test finds a gain in RMSE"),
        Column("claimed_r", "1", "share in which the test finds a gain in R"),
        Column("power_r", "1", "median power that the test of R was said to have"),
    ),
    key=("low",),
)

"""The rules that no public source settles, and small cases that documentation does: asked of both backends by
``smgee doctor --live``.

Each probe builds a small graph. Where it needs no catalog data, the embedded answer is computed; where it
does, `assumed` states what this implementation takes for granted. A difference means that a rule here must
change.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smgee.doctor import graphs
from smgee.late import ee


@dataclass(frozen=True)
class Probe:
    """One question: `build` makes the computed object, `assumed` is the answer where the embedded backend
    has no data for it.
    """

    key: str
    question: str
    build: Callable[[], Any]
    assumed: Any = None
    catalog: bool = False


PROBES: tuple[Probe, ...] = (
    Probe(
        "hls-types",
        "Are HLS bands 32-bit floats, and Fmask bytes?",
        graphs.hls_types,
        assumed={
            "B4": {"type": "PixelType", "precision": "float"},
            "Fmask": {"type": "PixelType", "precision": "int", "min": 0, "max": 255},
        },
        catalog=True,
    ),
    Probe(
        "hls-thermal", "Are HLS L30 thermal bands degrees Celsius?", graphs.thermal, assumed=1, catalog=True
    ),
    Probe(
        "smap-grid",
        "Does the 0.08° grid of SPL3SMP_E begin at -180°, 85.0445019°?",
        graphs.smap_origin,
        assumed=[0.08, 0, -180, 0, -0.08, 85.04450187981],
        catalog=True,
    ),
    Probe("smap-tb-flag", "Does 1 in tb_qual_flag mean bad?", graphs.smap_flag, assumed=1, catalog=True),
    Probe(
        "cast-range",
        "Do integer casts truncate towards zero and clamp to the range?",
        lambda: graphs.at(
            graphs.image([300.7, -1.9, -300.0]).toInt8().addBands(graphs.image([300.7, 1.9]).toUint8())
        ),
    ),
    Probe(
        "arithmetic-properties",
        "Which properties does the sum of two images keep?",
        lambda: graphs.image(1).set("a", 1).add(graphs.image(2).set("b", 2)).propertyNames(),
    ),
    Probe(
        "median-type",
        "What is the type of the median of integer images?",
        lambda: graphs.band_types(graphs.small_collection(1, 2).median()),
    ),
    Probe(
        "mean-type",
        "What is the type of the mean of integer images?",
        lambda: graphs.band_types(graphs.small_collection(1, 2).mean()),
    ),
    Probe(
        "classify-type",
        "What is the type of a regression's classification band?",
        lambda: graphs.band_types(graphs.ensemble("REGRESSION")),
    ),
    Probe(
        "classify-missing",
        "What does FeatureCollection.classify give where a property is missing?",
        graphs.missing_property,
    ),
    Probe("single-leaf", "May a tree be one root line with an asterisk?", graphs.stump),
    Probe(
        "ensemble-default",
        "What does an ensemble give without an output mode?",
        lambda: graphs.at(graphs.ensemble("")),
    ),
    Probe(
        "ensemble-mean",
        "Is REGRESSION the mean of the trees?",
        lambda: graphs.at(graphs.ensemble("REGRESSION")),
    ),
    Probe(
        "ensemble-raw",
        "Is RAW_REGRESSION one value per tree?",
        lambda: graphs.at(graphs.ensemble("RAW_REGRESSION")),
    ),
    Probe("weights", "How are fractional weights quantised?", graphs.weighted_sum),
    Probe(
        "reduce-null",
        "What does the mean over no valid pixel give?",
        lambda: (
            graphs.image(1)
            .updateMask(0)
            .rename("a")
            .reduceRegion(graphs.reducer("mean"), graphs.region(), 10000)
        ),
    ),
    Probe(
        "composite-projection",
        "Do composites of equal grids have the 1° projection?",
        lambda: (
            graphs.small_collection(1, 2)
            .map(lambda i: i.setDefaultProjection("EPSG:32647", None, 30))
            .median()
            .projection()
        ),
    ),
    Probe("divide-zero", "Is x / 0 zero?", lambda: graphs.at(graphs.image(1).divide(0))),
    Probe(
        "divide-integers", "Is 1 / 2 of integer images a half?", lambda: graphs.at(graphs.image(1).divide(2))
    ),
    Probe(
        "expression-floor",
        "Does '/' in an expression floor integers?",
        lambda: graphs.at(graphs.image(10).expression("b(0) / 20")),
    ),
    Probe(
        "normalized-negative",
        "Does normalizedDifference mask negative inputs?",
        lambda: graphs.at(graphs.image([-0.1, 0.3]).normalizedDifference()),
    ),
    Probe(
        "duplicate-bands",
        "Is a repeated band name suffixed _1?",
        lambda: graphs.image([1, 2, 3]).addBands(graphs.image(4)).bandNames(),
    ),
    Probe(
        "calendar-wrap",
        "Does calendarRange wrap around the year?",
        lambda: (
            graphs.small_collection(1)
            .map(lambda i: i.set("system:time_start", 0))
            .filter(graphs.calendar(300, 10))
            .size()
        ),
    ),
    Probe(
        "percentile-interpolation",
        "Are percentiles interpolated linearly between ranks?",
        lambda: graphs.reduced([1, 2, 4, 8], "percentile", [10, 50, 90]),
    ),
    Probe(
        "mode-tie",
        "Is the least of equally frequent values the mode?",
        lambda: graphs.reduced([3, 3, 1, 1, 2], "mode"),
    ),
    Probe(
        "kurtosis",
        "Is the kurtosis the excess of the population's?",
        lambda: graphs.reduced([1, 2, 2, 9], "kurtosis"),
    ),
    Probe("skew", "Is the skewness the population's?", lambda: graphs.reduced([1, 2, 2, 9], "skew")),
    Probe(
        "sample-of-one",
        "Is the sample variance of one value null?",
        lambda: graphs.reduced([1], "sampleVariance"),
    ),
    Probe("sum-of-none", "Is the sum of nothing 0?", lambda: graphs.reduced([], "sum")),
    Probe("product-of-none", "Is the product of nothing null?", lambda: graphs.reduced([], "product")),
    Probe("all-of-none", "Is allNonZero of nothing null?", lambda: graphs.reduced([], "allNonZero")),
    Probe(
        "histogram-buckets",
        "How are buckets chosen, and what is the mean of an empty one?",
        lambda: graphs.reduced([1, 2, 9.5], "histogram", 8),
    ),
    Probe(
        "frequency-keys",
        "How are the keys of fractions and whole numbers written?",
        lambda: graphs.reduced([1, 1.5, 2], "frequencyHistogram"),
    ),
    Probe(
        "regression-residuals",
        "Is the residual the root of the mean square over all elements?",
        lambda: graphs.reduced([[1, 1, 1], [1, 2, 3], [1, 3, 2], [1, 4, 5]], "linearRegression", 2, 1),
    ),
    Probe(
        "robust-default",
        "Which margin does robustLinearRegression take by default?",
        lambda: graphs.reduced(
            [[1, 1, 1], [1, 2, 2], [1, 3, 3], [1, 4, 4], [1, 5, 5.1], [1, 6, 20]],
            "robustLinearRegression",
            2,
            1,
        ),
    ),
    Probe(
        "ridge",
        "Is the intercept of ridgeRegression not penalised, and what is pValue?",
        lambda: graphs.reduced([[1, 1], [2, 2.5], [3, 2.9], [4, 4.2]], "ridgeRegression", 1, 1, 0.5),
    ),
    Probe(
        "sens-offset",
        "Is the offset of sensSlope the median of y - slope * x?",
        lambda: graphs.reduced([[1, 1], [2, 3], [3, 2], [4, 9]], "sensSlope"),
    ),
    Probe(
        "kendall",
        "What are kendallsCorrelation's outputs, and is its p-value asymptotic?",
        lambda: graphs.reduced([[1, 1], [2, 3], [3, 2], [4, 9]], "kendallsCorrelation", 2),
    ),
    Probe(
        "spearman",
        "What are spearmansCorrelation's outputs?",
        lambda: graphs.reduced([[1, 1], [2, 3], [3, 2], [4, 9]], "spearmansCorrelation"),
    ),
    Probe(
        "covariance",
        "Does covariance divide by n?",
        lambda: graphs.reduced([[1, 2], [3, 5], [4, 4]], "covariance"),
    ),
    Probe(
        "null-not-equal",
        "Does notEquals fail where the property is missing?",
        lambda: graphs.filtered("neq", "a", 5),
    ),
    Probe(
        "null-at-least",
        "Does greaterThanOrEquals fail where the property is missing?",
        lambda: graphs.filtered("gte", "a", 0),
    ),
    Probe(
        "sort-missing",
        "Where does sort put elements without the property?",
        lambda: graphs.features().sort("a").aggregate_array("system:index"),
    ),
    Probe(
        "number-cast",
        "Do casts of numbers truncate, though those of arrays round?",
        lambda: graphs.value(lambda ee: ee.Number(1.7).toInt()),
    ),
    Probe(
        "integer-range-sum",
        "Does the sum of int8 arrays leave their range?",
        lambda: graphs.value(lambda ee: ee.Array([127]).toInt8().add(ee.Array([1]).toInt8())),
    ),
    Probe(
        "float-text",
        "How does ee.String write a whole float?",
        lambda: graphs.value(lambda ee: ee.String(ee.Number(10).divide(2))),
    ),
    Probe(
        "average-month",
        "Is the average year 365.2425 days?",
        lambda: graphs.value(lambda ee: ee.Date.unitRatio("year", "day")),
    ),
    Probe(
        "fractional-advance",
        "How does a date advance by half a month?",
        lambda: graphs.value(lambda ee: ee.Date("2021-01-31").advance(1.5, "month").format()),
    ),
    Probe(
        "gaussian-size",
        "Is the Gaussian kernel of radius 3 five pixels wide?",
        lambda: graphs.value(lambda ee: ee.Algorithms.Describe(ee.Kernel.gaussian(3))),
    ),
    Probe(
        "distance-meters",
        "Is the distance to a pixel three columns away, by a kernel in meters, three nominal pixel sizes?",
        lambda: graphs.on_ramp(graphs.distance_in_meters()),
    ),
    Probe(
        "roberts-focus",
        "Where is the focus of the Roberts kernel?",
        lambda: graphs.value(lambda ee: ee.Algorithms.Describe(ee.Kernel.roberts())),
    ),
    Probe("columns", "How are the columns of a collection typed?", lambda: graphs.features()),
    Probe(
        "sphere-distance",
        "Which radius has the sphere of distance(spherical)?",
        lambda: graphs.value(
            lambda ee: ee.Geometry.Point(0, 0).distance(ee.Geometry.Point(1, 0), spherical=True)
        ),
    ),
    Probe(
        "collection-geometry",
        "Is Collection.geometry not dissolved?",
        lambda: graphs.overlapping().geometry().type(),
    ),
    Probe(
        "integer-sum-type",
        "Does the sum of two byte images have the range 0 to 510?",
        lambda: graphs.band_types(graphs.image(200).toUint8().add(graphs.image(100).toUint8())),
    ),
    Probe(
        "real-type",
        "Is the square root of an integer image double?",
        lambda: graphs.band_types(graphs.image(2).sqrt()),
    ),
    Probe(
        "round-type",
        "Does round keep the type of a floating-point image?",
        lambda: graphs.band_types(graphs.image(2.5).round()),
    ),
    Probe(
        "round-half",
        "Are halves rounded upwards?",
        lambda: graphs.at(graphs.image([-2.5, -0.5, 0.5, 2.5]).round()),
    ),
    Probe(
        "sum-type",
        "What is the type of the sum of a collection?",
        lambda: graphs.band_types(graphs.small_collection(1, 2).sum()),
    ),
    Probe(
        "region-deviation",
        "Does stdDev in reduceRegion count every pixel once, whatever part of it lies inside?",
        lambda: graphs.weighted_region("stdDev"),
    ),
    Probe(
        "region-median",
        "Does median in reduceRegion count every pixel once, whatever part of it lies inside?",
        lambda: graphs.weighted_region("median"),
    ),
    Probe(
        "expression-negative",
        "Does '/' in an expression cut the quotient of negative integers towards zero?",
        lambda: graphs.at(graphs.image([-7, 7]).expression("b(0) / 2")),
    ),
    Probe(
        "first-masked",
        "Does the reducer `first` take a pixel whose first band is masked?",
        lambda: graphs.at(graphs.image(1).rename("a").updateMask(0).addBands(graphs.image(2).rename("b"))),
    ),
    Probe(
        "convolve-order",
        "Is the kernel laid over the image as written, not turned round?",
        lambda: graphs.on_ramp(graphs.ramp().convolve(graphs.kernel([0, 0, 0], [0, 0, 1], [0, 0, 0]))),
    ),
    Probe(
        "convolve-mask",
        "Is a convolution masked where a neighbour with a weight is?",
        lambda: graphs.on_ramp(
            graphs.gap(graphs.ramp()).convolve(graphs.kernel([0, 0, 0], [1, 1, 1], [0, 0, 0])).mask()
        ),
    ),
    Probe(
        "focal-mask",
        "Do focal filters fill masked pixels?",
        lambda: graphs.on_ramp(graphs.gap(graphs.ramp()).focalMax(1).mask()),
    ),
    Probe(
        "gradient",
        "Is the gradient per metre, x to the east and y to the north?",
        lambda: graphs.on_ramp(graphs.ramp().gradient()),
    ),
    Probe(
        "derivative",
        "Is the derivative half the difference of the neighbours, rows downwards?",
        lambda: graphs.on_ramp(graphs.ramp().derivative()),
    ),
    Probe(
        "update-mask",
        "Does updateMask multiply fractional masks?",
        lambda: graphs.at(graphs.fraction(0.5).updateMask(0.5).mask()),
    ),
    Probe(
        "fractional-minimum",
        "Is the mask of a sum the least of the masks?",
        lambda: graphs.at(graphs.fraction(0.5).add(graphs.fraction(0.25)).mask()),
    ),
    Probe(
        "fractional-mean",
        "Are masks the weights of a collection's mean?",
        lambda: graphs.at(graphs.collection(graphs.fraction(0.25), graphs.image(5).rename("a")).mean()),
    ),
    Probe(
        "fractional-mosaic",
        "Does a mosaic take the topmost pixel whole, with its mask?",
        lambda: graphs.at(
            graphs.collection(graphs.image(5).rename("a"), graphs.fraction(0.25))
            .mosaic()
            .addBands(graphs.collection(graphs.image(5).rename("a"), graphs.fraction(0.25)).mosaic().mask())
        ),
    ),
    Probe(
        "nan",
        "What do reducers make of NaN?",
        lambda: graphs.image(-1).sqrt().reduceRegion(graphs.reducer("mean"), graphs.region(), 10000),
    ),
    Probe(
        "constant-left",
        "Does a constant on the left leave the result of an operation on the 1° grid?",
        lambda: (
            graphs.image(1).subtract(graphs.ramp().setDefaultProjection("EPSG:32647", None, 30)).projection()
        ),
    ),
    Probe(
        "unmask-clip",
        "Does unmask after clip fill the region alone, and leave the pixels on its border?",
        lambda: graphs.on_squares(graphs.image(1).clip(graphs.square(1.5)).unmask(0), "sum", "count"),
    ),
    Probe(
        "best-effort",
        "Is the scale doubled until a region fits, with bestEffort?",
        lambda: graphs.image(1).reduceRegion(
            graphs.reducer("count"), graphs.region(), 1000, bestEffort=True, maxPixels=1000
        ),
    ),
    Probe(
        "outer-matches",
        "Has an element without matches an empty list of them, after Join.saveAll(outer=True)?",
        lambda: graphs.unmatched().aggregate_array("m"),
    ),
    Probe("flat-aspect", "Is the aspect of flat ground 0?", lambda: graphs.on_ramp(graphs.flat())),
    Probe(
        "pixel-coordinates",
        "Are pixelCoordinates those of pixel centres, the transform applied?",
        graphs.pixel_position,
    ),
    Probe(
        "images-index",
        "Does a collection of a list of images count them anew, whatever index they had?",
        lambda: graphs.collection(graphs.image(1).set("system:index", "x")).aggregate_array("system:index"),
    ),
    Probe(
        "quality-tie",
        "Does qualityMosaic take the first of equally good images?",
        lambda: graphs.at(
            graphs.collection(*(graphs.image([v, 1]).rename("a", "q") for v in (1, 2))).qualityMosaic("q")
        ),
    ),
    Probe(
        "visualize-half",
        "Does visualize round halves to even bytes?",
        lambda: graphs.at(graphs.image([0.5, 1.5, 2.5]).visualize(min=0, max=255)),
    ),
    Probe(
        "number-text",
        "Does ee.String write small and large floats with a power of ten, as Java does?",
        lambda: graphs.value(lambda ee: ee.List([0.0001, 12345678.5]).join(" ")),
    ),
)


def answers_agree(one: Any, other: Any) -> bool:
    """Whether two JSON answers are equal, numbers to a relative 1e-6."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one == other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(answers_agree(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(answers_agree, one, other))
    return one == other


def ask(probe: Probe) -> Any:
    """Return the connected backend's answer to a probe; a refusal is an answer too."""
    try:
        return probe.build().getInfo()
    except ee.EEException as error:
        return f"error: {error}"

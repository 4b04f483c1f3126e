"""Agreement of one series with another: one table of metrics, with intervals.

`METRICS` holds every figure of the project, `score` gives the plain value of one, `assess` values with
intervals, and `contrast` the difference between two estimates judged by the same reference. Intervals come
from a resampler: `MovingBlocks` redraws stretches of consecutive days of one long series, `Clusters` redraws
whole stations of a table of many.

All differences are ``x - y``: the estimate or satellite minus the reference.
"""

from smgee.metrics.assessment import Assessment, assess, contrast
from smgee.metrics.collocation import Collocation, collocate
from smgee.metrics.cycles import seasonal_cycle
from smgee.metrics.dependent import dependent_correlations, perfect_reference, steiger, williams
from smgee.metrics.gains import Gain, false_alarms, gain_tests
from smgee.metrics.pairing import paired
from smgee.metrics.persistence import block_length, effective_size, lag1
from smgee.metrics.resamplers import Clusters, Draws, MovingBlocks, Resampler
from smgee.metrics.table import HEADLINE, METRICS, Metric, columns, score, scores

__all__ = [
    "HEADLINE",
    "METRICS",
    "Assessment",
    "Clusters",
    "Collocation",
    "Draws",
    "Gain",
    "Metric",
    "MovingBlocks",
    "Resampler",
    "assess",
    "block_length",
    "collocate",
    "columns",
    "contrast",
    "dependent_correlations",
    "effective_size",
    "false_alarms",
    "gain_tests",
    "lag1",
    "paired",
    "perfect_reference",
    "score",
    "scores",
    "seasonal_cycle",
    "steiger",
    "williams",
]

"""The predictors of a run, told of the network that some of them compare with."""

from __future__ import annotations

from smgee.predictors import PredictorSet
from smgee.workflow.steps.stations import STATIONS
from smgee.workflow.work import Work

__all__ = ["predictors_of"]


def predictors_of(work: Work) -> PredictorSet:
    """Return the study's predictors, at the run's stations where they need to know them; the step may read
    `STATIONS`.
    """
    predictors = work.study.predictor_set
    if not predictors.needs_network:
        return predictors
    stations = work.read(STATIONS)
    return predictors.at_stations(stations["lon"].values, stations["lat"].values)

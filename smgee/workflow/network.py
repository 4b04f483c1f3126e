"""The predictors of a run, told of the network that some of them compare with."""

from __future__ import annotations

from pathlib import Path

from smgee.predictors import PredictorSet
from smgee.study import Study
from smgee.workflow.steps.stations import STATIONS
from smgee.workflow.work import Work


def predictors_of(work: Work) -> PredictorSet:
    """Return the study's predictors, at the run's stations where they need to know them; the step may read
    `STATIONS`.
    """
    predictors = work.study.predictor_set
    if not predictors.needs_network:
        return predictors
    stations = work.read(STATIONS)
    return predictors.at_stations(stations["lon"].values, stations["lat"].values)


def beside_models(study: Study, models: Path) -> PredictorSet:
    """Return the study's predictors; where they need to know the network, and the models (a folder, or a file
    in it) lie in a run folder, at the stations of that run.
    """
    predictors = study.predictor_set
    folder = models if models.is_dir() else models.parent
    stations = folder.parent / STATIONS.path
    if not predictors.needs_network or not stations.is_file():
        return predictors
    network = STATIONS.read(folder.parent)
    return predictors.at_stations(network["lon"].values, network["lat"].values)

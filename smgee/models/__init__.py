"""Tree ensembles trained on the sample table, scored where they have not been, and kept as plain trees."""

from smgee.estimators import ESTIMATORS, EstimatorSpec, make
from smgee.models.applicability import Applicability, area_of_applicability
from smgee.models.baselines import BASELINES
from smgee.models.candidates import Candidate
from smgee.models.crossval import cross_validate
from smgee.models.designs import (
    DESIGNS,
    DateKFold,
    Design,
    GroupedKFold,
    SpatialBlockKFold,
    StationKFold,
    spatial_blocks,
)
from smgee.models.foldmodels import FoldModel, load_fold_models
from smgee.models.holdout import HOLDOUTS, Fold, Holdout
from smgee.models.nested import Choice, Effort
from smgee.models.network import NetworkTable
from smgee.models.run import NetworkResult, train_run
from smgee.models.scores import best_model, write_breakdowns, write_scores
from smgee.models.skill import breakdown, skill_table
from smgee.models.store import TrainedModel, list_models, load_model, save_model
from smgee.models.table import TrainingTable, describe
from smgee.models.training import TrainingResult, fit_models, train_models
from smgee.models.uncertainty import Uncertainty, leave_out

__all__ = [
    "BASELINES",
    "DESIGNS",
    "ESTIMATORS",
    "HOLDOUTS",
    "Applicability",
    "Candidate",
    "Choice",
    "DateKFold",
    "Design",
    "Effort",
    "EstimatorSpec",
    "Fold",
    "FoldModel",
    "GroupedKFold",
    "Holdout",
    "NetworkResult",
    "NetworkTable",
    "SpatialBlockKFold",
    "StationKFold",
    "TrainedModel",
    "TrainingResult",
    "TrainingTable",
    "Uncertainty",
    "area_of_applicability",
    "best_model",
    "breakdown",
    "cross_validate",
    "describe",
    "fit_models",
    "leave_out",
    "list_models",
    "load_fold_models",
    "load_model",
    "make",
    "save_model",
    "skill_table",
    "spatial_blocks",
    "train_models",
    "train_run",
    "write_breakdowns",
    "write_scores",
]

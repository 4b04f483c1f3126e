"""Predictors of soil moisture as Earth Engine images: families of them, listed by the study."""

from smgee.predictors.base import Cadence, Family, Integers, Predictor, Site, When
from smgee.predictors.calendar import is_alias, refuse_alias
from smgee.predictors.edges import Edges, fit_edges
from smgee.predictors.formulas import indices_of
from smgee.predictors.pieces import Piece, PredictorSet, cells
from smgee.predictors.registry import Predictors, families, register

__all__ = [
    "Cadence",
    "Edges",
    "Family",
    "Integers",
    "Piece",
    "Predictor",
    "PredictorSet",
    "Predictors",
    "Site",
    "When",
    "cells",
    "families",
    "fit_edges",
    "indices_of",
    "is_alias",
    "refuse_alias",
    "register",
]

"""The images of a study by cadence, for callers that do not go by pieces yet."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from smgee.predictors.base import Cadence, When

if TYPE_CHECKING:
    import ee

__all__ = ["Step", "predictor_image", "static_image", "step_image", "steps"]

Step = When


def steps(study: Any) -> list[When]:
    """Return the composite steps of a study, in time order."""
    return list(study.predictor_set.steps())


def step_image(study: Any, step: When) -> ee.Image:
    """Return the predictors that change with the step: float bands in model order."""
    return _images(study, step.start, Cadence.STEP)[0]


def static_image(study: Any) -> ee.Image | None:
    """Return the predictors that do not change with time; None when the study has none."""
    return next(iter(_images(study, study.start, Cadence.STATIC)), None)


def predictor_image(study: Any, step: When, day: date) -> ee.Image:
    """Return every predictor of a day, float bands in model order."""
    return study.predictor_set.image(day)


def _images(study: Any, day: date, cadence: Cadence) -> list[ee.Image]:
    return [piece.image for piece in study.predictor_set.pieces([day]) if piece.cadence is cadence]

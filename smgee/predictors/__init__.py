"""Predictors of soil moisture as Earth Engine images: harmonised HLS composites, spectral indices,
terrain, and the calendar.
"""

from __future__ import annotations

from smgee.predictors.stack import Step, predictor_image, static_image, step_image, steps

__all__ = ["Step", "predictor_image", "static_image", "step_image", "steps"]

"""The study: what a run is, in one YAML file."""

from __future__ import annotations

from smgee.study.model import Study
from smgee.study.sections import MODELS

__all__ = ["MODELS", "Study"]

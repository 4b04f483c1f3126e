"""The study: what a run is, in one YAML file."""

from smgee.study.model import Study
from smgee.study.sections import MODELS

__all__ = ["MODELS", "Study"]

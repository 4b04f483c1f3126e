"""Runs: the steps from stations to a validated SMAP product, on one run folder."""

from __future__ import annotations

from smgee.workflow.folder import RunFolder
from smgee.workflow.run import STEPS, run_steps

__all__ = ["STEPS", "RunFolder", "run_steps"]

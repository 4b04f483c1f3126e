"""The xee route: predictors are pulled to this machine, and the trees are applied here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from smgee.predictors import PredictorSet
from smgee.trees import TreeEnsemble
from smgee.upscale.bands import BandSource, predict_day
from smgee.upscale.blocks import MapJob, Maps
from smgee.upscale.daily import DailyModel
from smgee.upscale.kept import KeptBands
from smgee.upscale.pull import Puller
from smgee.upscale.route import Cost, check_model
from smgee.upscale.store import SOIL_MOISTURE


class XeeRoute:
    """Pulls each predictor once per block and change, and predicts every day here.

    Parameters
    ----------
    predictors : PredictorSet
        On the lattice of the maps.
    model : TreeEnsemble or DailyModel
        Trained on these predictors, or some of them.
    kept : KeptBands, optional
        Keeps static predictors for later steps; it does not travel to workers.
    """

    name = "xee"

    def __init__(
        self,
        predictors: PredictorSet,
        model: TreeEnsemble | DailyModel,
        *,
        kept: KeptBands | None = None,
    ):
        self.predictors = predictors
        self.model = DailyModel.of(model)
        check_model(predictors, self.model)
        self.source = BandSource(predictors, self.model.needs, kept=kept)

    def __reduce__(self) -> tuple[Any, ...]:
        return XeeRoute, (self.predictors, self.model)

    @property
    def puller(self) -> Puller:
        """What pulls, and keeps what was pulled."""
        return self.source.puller

    def groups(self, days: Sequence[date]) -> list[tuple[date, ...]]:
        """Return the days in groups that the same pulled pixels serve."""
        return self.source.groups(days)

    def run(self, job: MapJob) -> Maps:
        """Return the maps of a job, (days, height, width) float32 m³ m⁻³, NaN where a predictor is masked."""
        bands = self.source.pull(job)
        out = np.empty((len(job.days), job.block.height, job.block.width), np.float32)
        for k, day in enumerate(job.days):
            predict_day(self.model, day, bands, self.predictors.constants(day), out[k])
        return {SOIL_MOISTURE.name: out}

    def cost(self, job: MapJob) -> Cost:
        """Return what must be pulled for the job, were nothing kept."""
        return self.source.cost(job)

"""The xee route: predictors are pulled to this machine, and the trees are applied here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np

from smgee.predictors import Cadence, Piece, PredictorSet
from smgee.trees import TreeEnsemble
from smgee.upscale.blocks import MapJob, Maps, day_groups
from smgee.upscale.daily import DailyModel
from smgee.upscale.pull import Puller
from smgee.upscale.route import Cost, check_model
from smgee.upscale.store import DAYS_PER_CHUNK, SOIL_MOISTURE

__all__ = ["XeeRoute"]


class XeeRoute:
    """Pulls each predictor once per block and change, and predicts every day here.

    Parameters
    ----------
    predictors : PredictorSet
        On the lattice of the maps.
    model : TreeEnsemble or DailyModel
        Trained on these predictors, or some of them.
    """

    name = "xee"

    def __init__(self, predictors: PredictorSet, model: TreeEnsemble | DailyModel):
        self.predictors = predictors
        self.model = DailyModel.of(model)
        check_model(predictors, self.model)

    def __reduce__(self) -> tuple[Any, ...]:
        return XeeRoute, (self.predictors, self.model)

    @cached_property
    def puller(self) -> Puller:
        """What pulls, and keeps what was pulled."""
        return Puller(self.predictors.site.grid)

    def _pieces(self, days: Sequence[date]) -> list[Piece]:
        return self.predictors.pieces(days, names=self.model.needs)

    def groups(self, days: Sequence[date]) -> list[tuple[date, ...]]:
        """Return the days in groups that the same pulled pixels serve."""
        changes = [p.days for p in self._pieces(days) if p.cadence is Cadence.STEP]
        return day_groups(days, changes, DAYS_PER_CHUNK)

    def run(self, job: MapJob) -> Maps:
        """Return the maps of a job, (days, height, width) float32 m³ m⁻³, NaN where a predictor is masked."""
        bands: dict[tuple[date, str], np.ndarray] = {}
        for piece in self._pieces(job.days):
            pulled = self.puller.pull(
                (piece.names, piece.when),
                job.block,
                names=piece.names,
                image=lambda piece=piece: piece.image,  # type: ignore[misc]
            )
            bands |= {(day, n): band for day in piece.days for n, band in zip(piece.names, pulled)}
        out = np.empty((len(job.days), job.block.height, job.block.width), np.float32)
        for k, day in enumerate(job.days):
            if not self.model.needs:
                out[k] = self.model.number(day)
                continue
            constants = self.predictors.constants(day)
            trees = self.model.for_day(day)
            layers = [
                np.float32(constants[n]) if n in constants else bands[day, n] for n in trees.feature_names
            ]
            if all(np.ndim(layer) == 0 for layer in layers):
                layers[0] = np.full(out[k].shape, layers[0], np.float32)
            trees.predict_bands(layers, out=out[k], keep_missing=False)
            if self.model.series is not None:  # the trees of this day may not test all that is masked
                for name in self.model.needs:
                    if name not in constants:
                        out[k][np.isnan(bands[day, name])] = np.nan
        return {SOIL_MOISTURE.name: out}

    def cost(self, job: MapJob) -> Cost:
        """Return what must be pulled for the job, were nothing kept."""
        return Cost(
            {
                (f"{piece.when.start} {','.join(piece.names)}", job.block): 4
                * len(piece.names)
                * job.block.size
                for piece in self._pieces(job.days)
            }
        )

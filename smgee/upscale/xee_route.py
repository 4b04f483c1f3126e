"""The xee route: predictors are pulled to this machine, and the trees are applied here."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np

from smgee.grid import PixelGrid
from smgee.predictors import Cadence, Piece, PredictorSet, cells
from smgee.trees import TreeEnsemble
from smgee.upscale.blocks import Block, MapJob, Maps, day_groups
from smgee.upscale.daily import DailyModel
from smgee.upscale.pull import Puller
from smgee.upscale.route import Cost, check_model
from smgee.upscale.store import DAYS_PER_CHUNK, SOIL_MOISTURE

__all__ = ["XeeRoute"]


class XeeRoute:
    """Pulls each predictor once per block and change, and predicts every day here.

    Predictors that are one number for a day go to the trees as they are, not by way of
    `TreeEnsemble.specialize`: leaves would be summed in another order, and maps move in their last digit, by
    6e-8 m³ m⁻³.

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
        self._pullers: dict[PixelGrid, Puller] = {}
        self._turn = threading.Lock()

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
        bands: dict[tuple[date, str], np.ndarray | _Coarse] = {}
        for piece in self._pieces(job.days):
            bands |= self._pull(piece, job.block)
        out = np.empty((len(job.days), job.block.height, job.block.width), np.float32)
        for k, day in enumerate(job.days):
            if not self.model.needs:
                out[k] = self.model.number(day)
                continue
            constants = self.predictors.constants(day)
            trees = self.model.for_day(day)
            layers = [
                np.float32(constants[n]) if n in constants else np.asarray(bands[day, n])
                for n in trees.feature_names
            ]
            if all(np.ndim(layer) == 0 for layer in layers):
                layers[0] = np.full(out[k].shape, layers[0], np.float32)
            trees.predict_bands(layers, out=out[k], keep_missing=False)
            if self.model.series is not None:  # the trees of this day may not test all that is masked
                for name in self.model.needs:
                    if name not in constants:
                        out[k][np.isnan(np.asarray(bands[day, name]))] = np.nan
        return {SOIL_MOISTURE.name: out}

    def _pull(self, piece: Piece, block: Block) -> Mapping[tuple[date, str], np.ndarray | _Coarse]:
        """Return a piece's predictors in a block, by day and name."""
        if piece.lattice is None:
            pulled = self.puller.pull(
                (piece.names, piece.when), block, names=piece.bands, image=lambda: piece.image
            )
            return piece.by_day(list(pulled))
        lattice = piece.lattice
        at = self.puller.pull(lattice, block, names=("cell",), image=lambda: cells(lattice))
        whole = self._coarse(lattice).pull(
            (piece.names, piece.when),
            _all_of(lattice),
            names=piece.bands,
            image=lambda: piece.image,
        )
        where = at[0].astype(np.int32)
        return piece.by_day([_Coarse(values.ravel(), where) for values in whole])

    def _coarse(self, lattice: PixelGrid) -> Puller:
        """Return what pulls coarse pixels, all of them at once and for all blocks."""
        with self._turn:
            return self._pullers.setdefault(lattice, Puller(lattice))

    def cost(self, job: MapJob) -> Cost:
        """Return what must be pulled for the job, were nothing kept."""
        found = {}
        for piece in self._pieces(job.days):
            block = job.block
            if piece.lattice is not None:
                found[f"cells of {piece.lattice.transform}", block] = 4 * block.size
                block = _all_of(piece.lattice)
            found[f"{piece.when.start} {','.join(piece.names)}", block] = 4 * len(piece.bands) * block.size
        return Cost(found)


class _Coarse:
    """Values of coarse pixels, spread over a block when they are needed."""

    def __init__(self, values: np.ndarray, where: np.ndarray):
        self.values = values
        self.where = where

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.values[self.where]


def _all_of(lattice: PixelGrid) -> Block:
    return Block(0, 0, lattice.height, lattice.width)

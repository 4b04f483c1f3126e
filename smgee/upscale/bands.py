"""Predictors pulled to this machine, and a day's map from them by any number of models."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np

from smgee.grid import PixelGrid
from smgee.predictors import Cadence, Integers, Piece, PredictorSet, cells
from smgee.upscale.blocks import Block, MapJob, day_groups
from smgee.upscale.daily import DailyModel
from smgee.upscale.kept import KeptBands
from smgee.upscale.pull import KEPT_BYTES, Puller
from smgee.upscale.route import Cost
from smgee.upscale.store import DAYS_PER_CHUNK


class Coarse:
    """Values of coarse pixels, spread over a block when they are needed."""

    def __init__(self, values: np.ndarray, where: np.ndarray):
        self.values = values
        self.where = where

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.values[self.where]

    def every(self, step: int, start: int) -> Coarse:
        """Return only one pixel in `step`, both ways."""
        return Coarse(self.values, self.where[start::step, start::step])


Bands = Mapping[tuple[date, str], "np.ndarray | Coarse"]
"""Predictors of a block by day and name, each (height, width) float32."""


class BandSource:
    """Pulls each predictor once per block and change.

    Parameters
    ----------
    predictors : PredictorSet
        On the lattice of the maps.
    names : sequence of str
        Which of them.
    keep_bytes : int
        Pixels kept for later requests, at most.
    kept : KeptBands, optional
        Keeps static predictors on disk, for other sources too.
    """

    def __init__(
        self,
        predictors: PredictorSet,
        names: Sequence[str],
        *,
        keep_bytes: int = KEPT_BYTES,
        kept: KeptBands | None = None,
    ):
        self.predictors = predictors
        self.names = tuple(names)
        self.keep_bytes = keep_bytes
        self.kept = kept
        self._keys: dict[str, str] = {}
        self._pullers: dict[PixelGrid, Puller] = {}
        self._turn = threading.Lock()

    @cached_property
    def puller(self) -> Puller:
        """What pulls, and keeps what was pulled."""
        return Puller(self.predictors.site.grid, keep_bytes=self.keep_bytes)

    def _pieces(self, days: Sequence[date]) -> list[Piece]:
        return self.predictors.pieces(days, names=self.names)

    def groups(self, days: Sequence[date], *, most: int = DAYS_PER_CHUNK) -> list[tuple[date, ...]]:
        """Return the days in groups, of so many at most, that the same pulled pixels serve."""
        changes = [p.days for p in self._pieces(days) if p.cadence is Cadence.STEP]
        return day_groups(days, changes, most)

    def pull(self, job: MapJob) -> dict[tuple[date, str], np.ndarray | Coarse]:
        """Return the predictors of a job, those aside that are one number for a day."""
        bands: dict[tuple[date, str], np.ndarray | Coarse] = {}
        for piece in self._pieces(job.days):
            bands |= self._pull(piece, job.block)
        return bands

    def _pull(self, piece: Piece, block: Block) -> Mapping[tuple[date, str], np.ndarray | Coarse]:
        """Return a piece's predictors in a block, by day and name."""
        if piece.lattice is None:
            found: dict[str, np.ndarray] = {}
            for part in piece.integers:
                found |= part.derive(dict(zip(part.bands, self._steps(part, piece, block), strict=True)))
            if piece.others and piece.cadence is Cadence.STATIC and self.kept is not None:
                pulled = self._static(piece, block, self.kept)
                found |= dict(zip(piece.others, pulled, strict=True))
            elif piece.others:
                found |= dict(zip(piece.others, self._others(piece, piece.others, block), strict=True))
            return piece.by_day([found[name] for name in piece.names])
        lattice = piece.lattice
        at = self.puller.pull(lattice, block, names=("cell",), image=lambda: cells(lattice))
        whole = self._coarse(lattice).pull(
            (piece.names, piece.when),
            _all_of(lattice),
            names=piece.bands,
            image=lambda: piece.image,
        )
        where = at[0].astype(np.int32)
        return piece.by_day([Coarse(values.ravel(), where) for values in whole])

    def _others(self, piece: Piece, names: tuple[str, ...], block: Block) -> np.ndarray:
        """Return some predictors of a piece that come as they are."""
        return self.puller.pull(
            (names, piece.when), block, names=names, image=lambda: piece.image.select(list(names))
        )

    def _static(self, piece: Piece, block: Block, kept: KeptBands) -> np.ndarray:
        """Return predictors that never change, from disk where they are kept there."""
        what = (piece.others, piece.when)
        held = self.puller.kept(what, block)
        if held is not None:
            return held
        found: dict[str, np.ndarray] = {}
        for name in piece.others:
            band = kept.read(self._key(name, piece), block)
            if band is not None:
                found[name] = band
        missing = tuple(name for name in piece.others if name not in found)
        if missing:
            pulled = self._others(piece, missing, block)
            for name, band in zip(missing, pulled, strict=True):
                kept.write(self._key(name, piece), block, band)
                found[name] = band
            if missing == piece.others:
                return pulled
        bands = np.stack([found[name] for name in piece.others])
        self.puller.keep(what, block, bands)
        return bands

    def _key(self, name: str, piece: Piece) -> str:
        """Return what a static predictor is kept by, whichever others it was pulled with."""
        if name not in self._keys:
            (alone,) = self.predictors.pieces(piece.days[:1], names=[name])
            self._keys[name] = alone.key
        return self._keys[name]

    def _steps(self, part: Integers, piece: Piece, block: Block) -> np.ndarray:
        """Return the bands that predictors follow from here, pulled as whole numbers."""
        numbers = self.puller.pull(
            (part.source, part.bands, piece.when),
            block,
            names=part.bands,
            image=lambda: part.build(part.bands),
            integers=True,
        )
        return numbers / np.float32(part.per_unit)

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
            for part in piece.integers:
                found[f"{piece.when.start} {','.join(part.bands)}", block] = 2 * len(part.bands) * block.size
            if piece.others:
                bands = len(piece.bands) // len(piece.names) * len(piece.others)
                found[f"{piece.when.start} {','.join(piece.others)}", block] = 4 * bands * block.size
        return Cost(found)


def predict_day(
    model: DailyModel, day: date, bands: Bands, constants: Mapping[str, float], out: np.ndarray
) -> None:
    """Map a day by one model.

    Predictors that are one number for a day go to the trees as they are, not by way of
    `TreeEnsemble.specialize`: leaves would be summed in another order, and maps move in their last digit, by
    6e-8 m³ m⁻³.

    Parameters
    ----------
    bands : Bands
        All that the model needs but `constants`.
    constants : mapping of str to float
        Predictors that are one number for the whole site on this day.
    out : (height, width) float32
        Filled, with 0 where the model is below; NaN where a predictor is masked.
    """
    if not model.needs:
        out[...] = model.number(day)
        return
    trees = model.for_day(day)
    layers = [
        np.float32(constants[n]) if n in constants else np.asarray(bands[day, n]) for n in trees.feature_names
    ]
    if all(np.ndim(layer) == 0 for layer in layers):
        layers[0] = np.full(out.shape, layers[0], np.float32)
    trees.predict_bands(layers, out=out, keep_missing=False)
    np.maximum(out, 0.0, out=out)
    if model.series is not None:  # the trees of this day may not test all that is masked
        for name in model.needs:
            if name not in constants:
                out[np.isnan(np.asarray(bands[day, name]))] = np.nan


def predict_told(
    model: DailyModel,
    days: Sequence[date],
    bands: Bands,
    constants: Mapping[date, Mapping[str, float]],
    out: np.ndarray,
) -> None:
    """Map some days by one of many models: as `predict_day` but for the last digit of float32.

    What is one number for a day is told to the trees as a band, so they are prepared once for all days.

    Parameters
    ----------
    bands : Bands
        All that the model needs but `constants`.
    constants : mapping of date to mapping of str to float
        Predictors that are one number for the whole site, by day.
    out : (days, height, width) float32
        Filled, with 0 where the model is below; NaN where a predictor is masked.
    """
    if not model.needs:
        for k, day in enumerate(days):
            out[k] = model.number(day)
        return
    told = [{**constants[day], **model.constants(day)} for day in days]
    layers: list[Any] = []
    for name in model.ensemble.feature_names:
        if name not in told[0]:
            every = [np.asarray(bands[day, name]) for day in days]
        elif len(days) == 1:
            layers.append(np.float32(told[0][name]))
            continue
        else:
            every = [np.full(out.shape[1:], t[name], np.float32) for t in told]
        layers.append(every[0] if len(days) == 1 else np.concatenate(every))
    if all(np.ndim(layer) == 0 for layer in layers):
        layers[0] = np.full(out.shape[1:], layers[0], np.float32)
    model.ensemble.predict_bands(layers, out=out.reshape(-1, out.shape[2]), keep_missing=False)
    for k, day in enumerate(days):
        out[k] += np.float32(model.level(day))
    np.maximum(out, 0.0, out=out)


def _all_of(lattice: PixelGrid) -> Block:
    return Block(0, 0, lattice.height, lattice.width)

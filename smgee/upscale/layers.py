"""Layers beside the map of a day: its interval, its standard error, and where the model may be asked at all.

What they are drawn from is made after training (`smgee.models.uncertainty`). Both routes draw the same
layers: here from pulled predictors, on Earth Engine by the classifiers of the models without some stations,
by array sorting, and by distances to constants.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from smgee.errors import InputError
from smgee.late import ee
from smgee.models.uncertainty import Uncertainty
from smgee.predictors import PredictorSet
from smgee.trees.transports import REQUEST_LIMIT, RESERVE
from smgee.upscale.bands import Bands, BandSource, predict_told
from smgee.upscale.blocks import MapJob, Maps, day_groups
from smgee.upscale.classifier_route import map_image, send
from smgee.upscale.daily import DailyModel
from smgee.upscale.kept import KeptBands
from smgee.upscale.pull import KEPT_BYTES, Puller
from smgee.upscale.route import Cost, RouteName, check_model
from smgee.upscale.store import DAYS_PER_CHUNK, Variable

_MOISTURE = "m3 m-3"

LAYERS: Mapping[str, tuple[Variable, ...]] = MappingProxyType(
    {
        "interval": (
            Variable("lower", _MOISTURE, "lower end of the interval of soil moisture, CV+ over stations"),
            Variable("upper", _MOISTURE, "upper end of the interval of soil moisture, CV+ over stations"),
        ),
        "standard_error": (
            Variable("standard_error", _MOISTURE, "jackknife standard error, one station left out at a time"),
        ),
        "applicability": (
            Variable("dissimilarity", "1", "distance to the nearest training row over their mean distance"),
            Variable("applicability", "1", "1 inside the area of applicability, 0 outside"),
        ),
        "density": (Variable("density", "1", "stations in conditions like those of the pixel"),),
        "leaf_interval": (
            Variable("leaf_lower", _MOISTURE, "soil moisture plus the low quantile of errors in its leaves"),
            Variable("leaf_upper", _MOISTURE, "soil moisture plus the high quantile of errors in its leaves"),
        ),
        "leaf_stations": (
            Variable("leaf_stations", "1", "training stations in the pixel's leaves, mean over the trees"),
        ),
    }
)
"""What may be drawn, by the names of ``upscale.layers``, and the variables that each gives."""

MOST_POINTS = 500
"""Training conditions to which Earth Engine may be asked for distances, each a few nodes of the request."""


@dataclass(frozen=True, eq=False)
class LayerModels:
    """The models behind the layers that were asked for and can be drawn.

    Parameters
    ----------
    deployed : DailyModel
        Draws the map itself.
    told : Uncertainty
        Made for this very model.
    layers : tuple of str
        Of `LAYERS`.
    """

    deployed: DailyModel
    told: Uncertainty
    layers: tuple[str, ...]

    @classmethod
    def of(cls, deployed: DailyModel, told: Uncertainty, layers: Sequence[str]) -> LayerModels:
        """Keep those of the layers that can be drawn.

        Raises
        ------
        InputError
            If the uncertainty belongs to another model, or a layer is unknown.
        """
        unknown = [name for name in layers if name not in LAYERS]
        if unknown:
            raise InputError(f"There is no layer {unknown[0]!r}; choose from {', '.join(LAYERS)}.")
        if told.model != deployed.hash:
            raise InputError(
                "The uncertainty was made for another model than the one that draws the maps; run "
                "`smgee uncertainty` again."
            )
        possible = {
            "interval": told.interval.rank > 0,
            "standard_error": len(told.stations) > 1,
            "applicability": told.area is not None,
            "density": told.area is not None,
            "leaf_interval": "lower" in told.leaves,
            "leaf_stations": "stations" in told.leaves,
        }
        return cls(deployed, told, tuple(name for name in LAYERS if name in layers and possible[name]))

    @property
    def variables(self) -> tuple[Variable, ...]:
        """What is drawn, in the order of `LAYERS`."""
        return tuple(v for name in self.layers for v in LAYERS[name])

    @cached_property
    def folds(self) -> tuple[DailyModel, ...]:
        """The models of the interval."""
        wanted = "interval" in self.layers
        return tuple(DailyModel.without(f) for f in self.told.folds) if wanted else ()

    @cached_property
    def stations(self) -> tuple[DailyModel, ...]:
        """The models of the jackknife."""
        wanted = "standard_error" in self.layers
        return tuple(DailyModel.without(s) for s in self.told.stations) if wanted else ()

    @cached_property
    def leaves(self) -> dict[str, DailyModel]:
        """The deployed trees with other leaf values, by the variable they give."""
        found = {}
        for leaf, trees in self.told.leaves.items():
            if any(v.name == f"leaf_{leaf}" for v in self.variables):
                found[f"leaf_{leaf}"] = self.deployed.like(trees, adds=leaf != "stations")
        return found

    @property
    def distant(self) -> bool:
        """Whether distances to the training rows are wanted."""
        return bool({"applicability", "density"} & set(self.layers))

    @property
    def models(self) -> list[DailyModel]:
        """Every model that is asked."""
        jackknife = [self.deployed, *self.stations] if self.stations else []
        return [*self.folds, *jackknife, *self.leaves.values()]

    @property
    def nodes(self) -> int:
        """Nodes of the trees of all models that are asked."""
        return sum(model.ensemble.n_nodes for model in self.models)

    @property
    def needs(self) -> tuple[str, ...]:
        """Predictors that images must supply."""
        area = self.told.area.predictors if self.distant and self.told.area is not None else ()
        return tuple(dict.fromkeys([*(n for model in self.models for n in model.needs), *area]))


def make_layers(
    name: RouteName, predictors: PredictorSet, models: LayerModels, *, kept: KeptBands | None = None
) -> XeeLayers | ClassifierLayers:
    """Return what draws the layers, by the name of its route; by route xee with what is kept of the pixels
    that the maps were made of.
    """
    return XeeLayers(predictors, models, kept=kept) if name == "xee" else ClassifierLayers(predictors, models)


class XeeLayers:
    """Draws the layers on this machine, from pulled predictors.

    Parameters
    ----------
    predictors : PredictorSet
        On the lattice of the maps.
    models : LayerModels
        Trained on these predictors, or some of them.
    kept : KeptBands, optional
        Keeps static predictors from one step of a run to the next.
    """

    name = "xee"

    def __init__(self, predictors: PredictorSet, models: LayerModels, *, kept: KeptBands | None = None):
        self.predictors = predictors
        self.models = models
        for model in models.models:
            check_model(predictors, model)
        # a cell of 36 km at 30 m with a dozen predictors: what follows need not be pulled again
        self.source = BandSource(predictors, models.needs, keep_bytes=2 * KEPT_BYTES, kept=kept)

    def __reduce__(self) -> tuple[Any, ...]:
        return XeeLayers, (self.predictors, self.models)

    def groups(self, days: Sequence[date]) -> list[tuple[date, ...]]:
        """Return the days in groups that the same pulled pixels serve."""
        return self.source.groups(days)

    def cost(self, job: MapJob) -> Cost:
        """Return what must be pulled for the job, were nothing kept."""
        return self.source.cost(job)

    def run(self, job: MapJob) -> Maps:
        """Return the layers of a job, each (days, height, width) float32; NaN where a predictor is masked."""
        bands = self.source.pull(job)
        shape = (len(job.days), job.block.height, job.block.width)
        out = {v.name: np.empty(shape, np.float32) for v in self.models.variables}
        before: tuple[list[Any], dict[str, np.ndarray]] = ([], {})
        for k, day in enumerate(job.days):
            found = self._of_models(day, bands, shape[1:])
            if self.models.distant:
                # what does not change is worked out once
                names = self._area.predictors
                now = [bands[day, n] for n in names]
                if len(before[0]) != len(now) or any(a is not b for a, b in zip(now, before[0], strict=True)):
                    before = now, self._distances(now, shape[1:])
                found |= before[1]
            for name, values in out.items():
                values[k] = found[name]
        return out

    @property
    def _area(self) -> Any:
        return self.models.told.area

    def _of_models(self, day: date, bands: Bands, shape: tuple[int, int]) -> dict[str, np.ndarray]:
        constants = {day: self.predictors.constants(day)}

        def mapped(model: DailyModel) -> np.ndarray:
            one = np.empty((1, *shape), np.float32)
            predict_told(model, [day], bands, constants, one)
            return one[0]

        found: dict[str, np.ndarray] = {}
        if self.models.folds:
            folds = np.stack([mapped(model) for model in self.models.folds])
            found["lower"], found["upper"] = self.models.told.interval.bounds(folds)
        if self.models.stations:
            whole = mapped(self.models.deployed).astype("f8")
            first, second = np.zeros(shape), np.zeros(shape)
            for model in self.models.stations:
                apart = mapped(model) - whole
                first += apart
                second += apart**2
            count = len(self.models.stations)
            variance = np.maximum(second / count - (first / count) ** 2, 0.0)
            found["standard_error"] = np.sqrt((count - 1) * variance)
        for name, model in self.models.leaves.items():
            found[name] = mapped(model)
        return found

    def _distances(self, bands: Sequence[Any], shape: tuple[int, int]) -> dict[str, np.ndarray]:
        x = np.stack([np.asarray(band).ravel() for band in bands], axis=1)
        every = self._area.distances(x)
        nearest = every.min(axis=1)
        known = np.isfinite(nearest)
        inside = np.where(known, nearest <= self._area.threshold, np.nan)
        density = np.where(known, (every <= self._area.threshold).sum(axis=1), np.nan)
        found = {"dissimilarity": nearest, "applicability": inside, "density": density}
        return {name: values.reshape(shape) for name, values in found.items()}


class ClassifierLayers:
    """Draws the layers on Earth Engine; those of a job come in one request.

    A reducer over bands passes over what is masked and weighs by what is partly masked, so masks are taken
    off before and put on again.

    Parameters
    ----------
    predictors : PredictorSet
        On the lattice of the maps.
    models : LayerModels
        Trained on these predictors, or some of them.

    Raises
    ------
    InputError
        If distances to more than `MOST_POINTS` training conditions are asked for.
    """

    name = "classifier"

    def __init__(self, predictors: PredictorSet, models: LayerModels):
        self.predictors = predictors
        self.models = models
        for model in models.models:
            check_model(predictors, model)
        area = models.told.area
        if models.distant and area is not None and len(area.points) > MOST_POINTS:
            raise InputError(
                f"The layers applicability and density need distances to {len(area.points)} training "
                f"conditions, and a request to Earth Engine holds {MOST_POINTS}; draw them by route xee, or "
                "leave them out of upscale.layers."
            )
        self._turn = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return ClassifierLayers, (self.predictors, self.models)

    @cached_property
    def puller(self) -> Puller:
        """What pulls; finished layers are asked for once, so none is kept."""
        return Puller(self.predictors.site.grid)

    def groups(self, days: Sequence[date]) -> list[tuple[date, ...]]:
        """Return the days in groups of a few: a day has as many images as models."""
        return day_groups(days, [], max(1, DAYS_PER_CHUNK // max(len(self.models.models), 1)))

    def cost(self, job: MapJob) -> Cost:
        """Return what must be pulled for the job: its finished layers."""
        each = 4 * len(self.models.variables) * len(job.days) * job.block.size
        return Cost({(f"layers from {job.days[0]}", job.block): each})

    def run(self, job: MapJob) -> Maps:
        """Return the layers of a job, each (days, height, width) float32; NaN where a predictor is masked."""
        names = [v.name for v in self.models.variables]
        pulled = self.puller.pull(
            job.days,
            job.block,
            names=[f"{name}_{day:%Y%m%d}" for name in names for day in job.days],
            image=lambda: self.image(job.days),
            keep=False,
        )
        parts = pulled.reshape(len(names), len(job.days), *pulled.shape[1:])
        return dict(zip(names, parts, strict=True))

    def image(self, days: Sequence[date]) -> ee.Image:
        """Return the layers of some days on Earth Engine, bands ``NAME_YYYYMMDD``."""
        made = {day: self._of_day(day) for day in days}
        return ee.Image.cat(
            [
                made[day][v.name].toFloat().rename(f"{v.name}_{day:%Y%m%d}")
                for v in self.models.variables
                for day in days
            ]
        )

    @cached_property
    def _sent(self) -> dict[int, ee.Classifier]:
        """The trees of every model, together within one request or by way of assets."""
        models = [m for m in self.models.models if m.needs]
        share = RESERVE + (REQUEST_LIMIT - RESERVE) // max(len(models), 1)
        return {id(m): send(m, limit=share) for m in models}

    def _of_day(self, day: date) -> dict[str, ee.Image]:
        image = self.predictors.image(day) if self.models.needs else None
        with self._turn:  # trees that go by way of assets are written once
            sent = self._sent

        def mapped(model: DailyModel) -> ee.Image:
            return map_image(model, day, image, sent.get(id(model))).toDouble()

        found: dict[str, ee.Image] = {}
        if self.models.folds:
            found["lower"], found["upper"] = self._bounds([mapped(m) for m in self.models.folds])
        if self.models.stations:
            whole = mapped(self.models.deployed)
            apart = ee.Image.cat([mapped(m).subtract(whole) for m in self.models.stations])
            count = len(self.models.stations)
            known = apart.mask().reduce(ee.Reducer.min())
            error = apart.mask(1).reduce(ee.Reducer.variance()).multiply(count - 1).sqrt()
            found["standard_error"] = error.updateMask(known)
        for name, model in self.models.leaves.items():
            found[name] = mapped(model)
        if self.models.distant and image is not None:
            found |= self._distances(image)
        return found

    def _bounds(self, folds: Sequence[ee.Image]) -> tuple[ee.Image, ee.Image]:
        """Both ends of the interval: one in order of size among the errors that may become it."""
        interval = self.models.told.interval
        sides: list[list[ee.Image]] = [[], []]
        for k, mapped in enumerate(folds):
            a, b, least = (float(v) for v in interval.difficulty)
            size = mapped.multiply(b).add(a).max(least)
            for side, errors in zip(sides, interval.tails(k), strict=True):
                side.append(mapped.add(size.multiply(ee.Image.constant(errors.tolist()))))
        rank = interval.rank
        low, high = (ee.Image.cat(side).toArray().arraySort() for side in sides)
        count = sum(len(interval.tails(k)[1]) for k in range(interval.folds))
        return low.arrayGet([rank - 1]).max(0), high.arrayGet([count - rank])

    def _distances(self, image: ee.Image) -> dict[str, ee.Image]:
        """Distance to the nearest condition of every station, and what follows from it."""
        area = self.models.told.area
        assert area is not None
        names = list(area.predictors)
        bands = image.select(names)
        known, scaled = bands.mask().reduce(ee.Reducer.min()), bands.mask(1).toFloat().toDouble()
        for how, values in (("subtract", area.centre), ("divide", area.scale), ("multiply", area.weights)):
            scaled = getattr(scaled, how)(ee.Image.constant(values.tolist()))
        each: list[ee.Image] = []
        for s in range(int(area.station.max()) + 1):
            to_points = [
                scaled.subtract(ee.Image.constant(point.tolist())).pow(2).reduce(ee.Reducer.sum()).sqrt()
                for point in area.points[area.station == s]
            ]
            each.append(ee.Image.cat(to_points).reduce(ee.Reducer.min()))
        every = ee.Image.cat(each).divide(area.mean_distance)
        nearest = every.reduce(ee.Reducer.min())
        found = {
            "dissimilarity": nearest,
            "applicability": nearest.lte(area.threshold),
            "density": every.lte(area.threshold).reduce(ee.Reducer.sum()),
        }
        return {name: layer.updateMask(known) for name, layer in found.items()}

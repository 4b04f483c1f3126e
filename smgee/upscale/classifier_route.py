"""The classifier route: the trees run on Earth Engine; finished maps are pulled, or stay there.

The trees of a request travel in the form that needs fewer bytes: once for all its days, or those of each day,
with what is constant over its image folded in.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from datetime import date
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from smgee.late import ee
from smgee.predictors import Cadence, PredictorSet
from smgee.session import current_session
from smgee.trees import TreeEnsemble
from smgee.trees.ensemble import Transport
from smgee.trees.transports import REQUEST_LIMIT, RESERVE, inline_classifier
from smgee.upscale.blocks import MapJob, Maps, day_groups
from smgee.upscale.daily import DailyModel
from smgee.upscale.pull import Puller
from smgee.upscale.route import Cost, check_model
from smgee.upscale.store import DAYS_PER_CHUNK, SOIL_MOISTURE


class ClassifierRoute:
    """Lets Earth Engine evaluate the trees; the days of a job come in one request.

    Parameters
    ----------
    predictors : PredictorSet
        On the lattice of the maps.
    model : TreeEnsemble or DailyModel
        Trained on these predictors, or some of them. Trees of the anomaly travel once for all days; the state
        of a day is a constant band of its image, and one number that is added.
    transport : {"auto", "inline", "table", "blob", "classifier"}
        How the trees travel (see `TreeEnsemble.to_classifier`).
    """

    name = "classifier"

    def __init__(
        self, predictors: PredictorSet, model: TreeEnsemble | DailyModel, *, transport: Transport = "auto"
    ):
        self.predictors = predictors
        self.model = DailyModel.of(model)
        check_model(predictors, self.model)
        self.transport = transport
        self._turn = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.predictors, self.model, self.transport)

    @cached_property
    def puller(self) -> Puller:
        """What pulls; finished maps are asked for once, so none is kept."""
        return Puller(self.predictors.site.grid)

    @cached_property
    def _built(self) -> ee.Classifier:
        return send(self.model, transport=self.transport)

    @property
    def classifier(self) -> ee.Classifier:
        """The trees; ones too large for a request go by way of an asset of the connected project."""
        with self._turn:
            return self._built

    def groups(self, days: Sequence[date]) -> list[tuple[date, ...]]:
        """Return the days in groups that the same composites serve."""
        pieces = self.predictors.pieces(days, names=self.model.needs)
        return day_groups(days, [p.days for p in pieces if p.cadence is Cadence.STEP], DAYS_PER_CHUNK)

    def trees_of(self, days: Sequence[date]) -> dict[date, TreeEnsemble]:
        """Return the trees that go to Earth Engine for each of some days of one request.

        Those of the day alone where they need fewer bytes together than the trees of all days, or fit into a
        request where those do not.
        """
        whole = self.model.ensemble
        shared = dict.fromkeys(days, whole)
        if self.transport not in ("auto", "inline") or not any(self._told(day) for day in days):
            return shared
        own: dict[date, TreeEnsemble] = {}
        nodes = 0
        for day in days:
            own[day] = self._of_day(day)
            nodes += own[day].n_nodes
            if nodes >= whole.n_nodes or not own[day].feature_names:
                return shared  # a node takes much the same in either
        room = REQUEST_LIMIT - RESERVE
        needed = sum(self.bytes_of(trees) for trees in own.values())
        return own if needed < min(self.bytes_of(whole), room) else shared

    def _told(self, day: date) -> dict[str, float]:
        """Return what the trees are told that is one number for the day, as a float32 pixel has it."""
        known = self.predictors.constants(day) | self.model.constants(day)
        return {n: float(np.float32(known[n])) for n in self.model.ensemble.feature_names if n in known}

    @cached_property
    def _tested(self) -> tuple[str, ...]:
        """The predictors that the trees test; a pixel masked in one of them is masked in the map."""
        trees = self.model.ensemble
        return tuple(trees.feature_names[k] for k in np.unique(trees.feature) if k >= 0)

    @cached_property
    def _of_day(self) -> Callable[[date], TreeEnsemble]:
        return lru_cache(maxsize=DAYS_PER_CHUNK)(lambda day: self.model.ensemble.specialize(self._told(day)))

    @cached_property
    def bytes_of(self) -> Callable[[TreeEnsemble], int]:
        """Measure what trees take of a request; they are told apart by identity."""
        return lru_cache(maxsize=4 * DAYS_PER_CHUNK)(lambda trees: len(json.dumps(trees.to_ee_strings())))

    def image(self, day: date) -> ee.Image:
        """Return the map of a day on Earth Engine, one band ``soil_moisture``, m³ m⁻³, masked where a
        predictor is.
        """
        return self.images([day])[day]

    def images(self, days: Sequence[date]) -> dict[date, ee.Image]:
        """Return the maps of days that go into one request, as `image` gives each."""
        trees = self.trees_of(days) if self.model.needs else {}
        return {day: self._map(day, trees.get(day)) for day in days}

    def stack(self, days: Sequence[date]) -> ee.Image:
        """Return the maps of days as bands ``dYYYYMMDD`` of one image: what one request asks for."""
        return ee.Image.cat([m.rename(f"d{day:%Y%m%d}") for day, m in self.images(days).items()])

    def _map(self, day: date, trees: TreeEnsemble | None) -> ee.Image:
        if trees is None:
            return map_image(self.model, day, None, None)
        image = self.predictors.image(day)
        if trees is self.model.ensemble:
            return map_image(self.model, day, image, self.classifier)
        classifier = inline_classifier(trees.to_ee_strings())
        found = trees.classify(image, classifier=classifier, band_name=SOIL_MOISTURE.name)
        told_of = self._told(day)
        varying = [n for n in self._tested if n not in told_of]
        if varying:  # the trees of this day may not test all that is masked
            masks = image.select(varying).mask().reduce(ee.Reducer.min())
            found = found.updateMask(masks.gt(0))
        return _finished(found, self.model.level(day))

    def run(self, job: MapJob) -> Maps:
        """Return the maps of a job, (days, height, width) float32 m³ m⁻³, NaN where a predictor is masked."""
        pulled = self.puller.pull(
            job.days,
            job.block,
            names=[f"d{day:%Y%m%d}" for day in job.days],
            image=lambda: self.stack(job.days),
            keep=False,
        )
        return {SOIL_MOISTURE.name: pulled}

    def cost(self, job: MapJob) -> Cost:
        """Return what must be pulled for the job: its finished maps."""
        return Cost({(f"maps from {job.days[0]}", job.block): 4 * len(job.days) * job.block.size})


def send(model: DailyModel, *, transport: Transport = "auto", limit: int = REQUEST_LIMIT) -> ee.Classifier:
    """Return a model's trees as a classifier; ones too large for a request, or for their share of one
    (`limit`, bytes), go by way of an asset of the connected project.
    """
    session = current_session()
    asset = None if session is None else f"{session.asset_root}/smgee_trees_{model.ensemble.hash[:16]}"
    return model.ensemble.to_classifier(transport, asset_id=asset, limit=limit)


def map_image(
    model: DailyModel, day: date, image: ee.Image | None, classifier: ee.Classifier | None
) -> ee.Image:
    """Return a day's map by one model on Earth Engine, one band.

    Parameters
    ----------
    image : ee.Image or None
        The predictors of the day; not needed by a model that is one number for the day.
    classifier : ee.Classifier or None
        The model's trees.
    """
    if image is None or not model.needs:  # the network's state, or trees of it alone
        return ee.Image.constant(model.number(day)).toFloat().rename(SOIL_MOISTURE.name)
    constants = model.constants(day)
    if constants:
        told = [ee.Image.constant(v).toFloat().rename(name) for name, v in constants.items()]
        image = image.addBands(ee.Image.cat(told))
    found = model.ensemble.classify(image, classifier=classifier, band_name=SOIL_MOISTURE.name)
    return _finished(found, model.level(day))


def _finished(found: ee.Image, level: float) -> ee.Image:
    """Add the level to what the trees give, and draw as 0 what is below."""
    return (found.add(ee.Image.constant(level)) if level else found).max(0)


def _restored(predictors: PredictorSet, model: DailyModel, transport: Transport) -> ClassifierRoute:
    return ClassifierRoute(predictors, model, transport=transport)

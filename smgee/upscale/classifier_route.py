"""The classifier route: the trees run on Earth Engine, and the finished maps are pulled."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from smgee.predictors import Cadence, PredictorSet
from smgee.session import current_session
from smgee.trees import TreeEnsemble
from smgee.trees.ensemble import Transport
from smgee.upscale.blocks import MapJob, Maps, day_groups
from smgee.upscale.daily import DailyModel
from smgee.upscale.pull import Puller
from smgee.upscale.route import Cost, check_model
from smgee.upscale.store import DAYS_PER_CHUNK, SOIL_MOISTURE

if TYPE_CHECKING:
    import ee

__all__ = ["ClassifierRoute"]


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
        session = current_session()
        asset = (
            None if session is None else f"{session.asset_root}/smgee_trees_{self.model.ensemble.hash[:16]}"
        )
        return self.model.ensemble.to_classifier(self.transport, asset_id=asset)

    @property
    def classifier(self) -> ee.Classifier:
        """The trees; ones too large for a request go by way of an asset of the connected project."""
        with self._turn:
            return self._built

    def groups(self, days: Sequence[date]) -> list[tuple[date, ...]]:
        """Return the days in groups that the same composites serve."""
        pieces = self.predictors.pieces(days, names=self.model.needs)
        return day_groups(days, [p.days for p in pieces if p.cadence is Cadence.STEP], DAYS_PER_CHUNK)

    def _image(self, days: Sequence[date]) -> ee.Image:
        import ee

        return ee.Image.cat([self.image(day).rename(f"d{day:%Y%m%d}") for day in days])

    def image(self, day: date) -> ee.Image:
        """Return the map of a day as an image of Earth Engine, m³ m⁻³."""
        import ee

        if not self.model.needs:  # one number for the day: the network's state, or trees of it alone
            return ee.Image.constant(self.model.number(day)).toFloat()
        image = self.predictors.image(day)
        constants = self.model.constants(day)
        if constants:
            told = [ee.Image.constant(v).toFloat().rename(name) for name, v in constants.items()]
            image = image.addBands(ee.Image.cat(told))
        found = self.model.ensemble.classify(image, classifier=self.classifier, band_name=SOIL_MOISTURE.name)
        level = self.model.level(day)
        return found.add(ee.Image.constant(level)) if level else found

    def run(self, job: MapJob) -> Maps:
        """Return the maps of a job, (days, height, width) float32 m³ m⁻³, NaN where a predictor is masked."""
        pulled = self.puller.pull(
            job.days,
            job.block,
            names=[f"d{day:%Y%m%d}" for day in job.days],
            image=lambda: self._image(job.days),
            keep=False,
        )
        return {SOIL_MOISTURE.name: pulled}

    def cost(self, job: MapJob) -> Cost:
        """Return what must be pulled for the job: its finished maps."""
        return Cost({(f"maps from {job.days[0]}", job.block): 4 * len(job.days) * job.block.size})


def _restored(predictors: PredictorSet, model: DailyModel, transport: Transport) -> ClassifierRoute:
    return ClassifierRoute(predictors, model, transport=transport)

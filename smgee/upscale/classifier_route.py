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
    model : TreeEnsemble
        Trained on these predictors, or some of them.
    transport : {"auto", "inline", "table", "blob", "classifier"}
        How the trees travel (see `TreeEnsemble.to_classifier`).
    """

    name = "classifier"

    def __init__(self, predictors: PredictorSet, model: TreeEnsemble, *, transport: Transport = "auto"):
        check_model(predictors, model)
        self.predictors = predictors
        self.model = model
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
        asset = None if session is None else f"{session.asset_root}/smgee_trees_{self.model.hash[:16]}"
        return self.model.to_classifier(self.transport, asset_id=asset)

    @property
    def classifier(self) -> ee.Classifier:
        """The trees; ones too large for a request go by way of an asset of the connected project."""
        with self._turn:
            return self._built

    def groups(self, days: Sequence[date]) -> list[tuple[date, ...]]:
        """Return the days in groups that the same composites serve."""
        pieces = self.predictors.pieces(days, names=self.model.feature_names)
        return day_groups(days, [p.days for p in pieces if p.cadence is Cadence.STEP], DAYS_PER_CHUNK)

    def _image(self, days: Sequence[date]) -> ee.Image:
        import ee

        layers = [
            self.model.classify(
                self.predictors.image(day), classifier=self.classifier, band_name=SOIL_MOISTURE.name
            ).rename(f"d{day:%Y%m%d}")
            for day in days
        ]
        return ee.Image.cat(layers)

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


def _restored(predictors: PredictorSet, model: TreeEnsemble, transport: Transport) -> ClassifierRoute:
    return ClassifierRoute(predictors, model, transport=transport)

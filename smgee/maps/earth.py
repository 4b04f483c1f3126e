"""Layers that Earth Engine draws while one looks: composites, predictors, and the map itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from smgee.errors import InputError
from smgee.late import ee
from smgee.maps.content import Layer, RunContent
from smgee.maps.looks import VIRIDIS, Look, limits
from smgee.predictors import Cadence, Predictor
from smgee.predictors.base import dated
from smgee.predictors.reflectance import Reflectance
from smgee.remote import call
from smgee.upscale import ClassifierRoute
from smgee.workflow.steps.sample import SAMPLES
from smgee.workflow.steps.train import MODELS, deployed_model

LIVE = "computed_on_earth_engine"
_COMPOSITES: dict[str, tuple[str, tuple[str, str, str], dict[str, Any]]] = {
    "natural": ("HLS composite, natural colours", ("red", "green", "blue"), {"max": 0.16, "gamma": 1.3}),
    "false": ("HLS composite, SWIR, NIR and red", ("swir1", "nir", "red"), {"max": 0.5, "gamma": 1.2}),
}


class EarthLayers:
    """The layers of a run that the connected backend computes; needs a session.

    Parameters
    ----------
    content : RunContent
        The run.
    """

    def __init__(self, content: RunContent):
        self.content = content
        self._urls: dict[tuple[str, date | None], str] = {}
        self._built: dict[str, tuple[Layer, Callable[[date], ee.Image], dict[str, Any]]] = {}
        for name, (title, bands, vis) in _COMPOSITES.items():
            layer = Layer(name, title, "Composites", True, None, remote=True)
            self._built[name] = layer, self._composite(bands), {"min": 0.0, **vis}
        samples = content.read(SAMPLES)
        for predictor in content.predictors.predictors:
            if predictor.name in self._constant():
                continue
            sampled = samples is not None and predictor.name in samples.predictors
            known = samples.x[:, samples.predictors.index(predictor.name)] if sampled else np.empty(0)
            layer = _of_predictor(predictor, known)
            assert layer.look is not None
            self._built[layer.name] = layer, self._predictor(predictor.name), layer.look.vis()
        if content.work.has(MODELS):
            look = content.layers["soil_moisture"].look
            assert look is not None
            title = "soil moisture, computed while you look"
            self._built[LIVE] = (
                Layer(LIVE, title, "Maps by Earth Engine", True, look, remote=True),
                self._live,
                look.vis(),
            )

    def _constant(self) -> set[str]:
        """Names of predictors that are one number for the whole map."""
        return set(self.content.predictors.constants(self.content.days[0]))

    @property
    def layers(self) -> dict[str, Layer]:
        """The layers, by name."""
        return {name: layer for name, (layer, _, _) in self._built.items()}

    def image(self, name: str, day: date) -> tuple[ee.Image, dict[str, Any]]:
        """Return the image of a layer on a day, and how it is drawn; `InputError` for a layer that there is
        not.
        """
        if name not in self._built:
            raise InputError(f"The layer {name!r:.60} is not known; choose from {', '.join(self._built)}.")
        _, build, vis = self._built[name]
        return build(day), vis

    def url(self, name: str, day: date) -> str:
        """Return the address of a layer's tiles, with {z}, {x} and {y} in it; `SmgeeError` when the backend
        refuses the image.
        """
        key = name, day if name in self._built and self._built[name][0].daily else None
        if key not in self._urls:
            image, vis = self.image(name, day)
            found = call(lambda: image.getMapId(vis))
            self._urls[key] = str(found["tile_fetcher"].url_format)
        return self._urls[key]

    def _composite(self, bands: tuple[str, str, str]) -> Callable[[date], ee.Image]:
        predictors = self.content.predictors
        own = [f for f in predictors.families if isinstance(f, Reflectance)]
        family = replace(predictors, families=(own[0] if own else Reflectance(),))

        def build(day: date) -> ee.Image:
            return family.pieces([day], names=bands)[0].image.select(list(bands))

        return build

    def _predictor(self, name: str) -> Callable[[date], ee.Image]:
        def build(day: date) -> ee.Image:
            (piece,) = self.content.predictors.pieces([day], names=[name])
            return piece.image.select([name if piece.lattice is None else dated(name, day)])

        return build

    def _live(self, day: date) -> ee.Image:
        route = ClassifierRoute(self.content.predictors, deployed_model(self.content.work))
        return route.image(day)


def _of_predictor(predictor: Predictor, known: np.ndarray) -> Layer:
    units = "" if predictor.units == "1" else predictor.units
    title = f"{predictor.name}: {predictor.long_name}"
    look = Look(*limits(known), VIRIDIS, units)
    return Layer(
        predictor.name, title, "Predictors", predictor.cadence is not Cadence.STATIC, look, remote=True
    )

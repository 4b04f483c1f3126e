"""The two routes to a map: trees applied here to xee tiles, or converted into a classifier that runs on
Earth Engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, Literal

import ee
import numpy as np

from smgee.errors import InputError
from smgee.predictors import Cadence, Piece
from smgee.remote import call
from smgee.session import current_session
from smgee.study import Study
from smgee.trees import TreeEnsemble
from smgee.upscale.maps import MapStore
from smgee.upscale.tiles import pull_bands

__all__ = ["Route", "map_day", "map_season", "pull_static"]

Route = Literal["xee", "classifier"]
Transport = Literal["auto", "inline", "table", "blob", "classifier"]


def map_day(
    study: Study, model: TreeEnsemble, day: date, *, route: Route = "xee", transport: Transport = "auto"
) -> np.ndarray:
    """Return the soil moisture map of one day.

    Parameters
    ----------
    study : Study
        Predictors and lattice.
    model : TreeEnsemble
        Trained on the predictors of `study`.
    day : date
        A day of the study's period.
    route : {"xee", "classifier"}
        Where the trees are evaluated.
    transport : {"auto", "inline", "table", "blob", "classifier"}
        How the trees travel to Earth Engine, for the classifier (see `TreeEnsemble.to_classifier`).

    Returns
    -------
    (y, x) float32
        m³ m⁻³, NaN where a predictor is masked.
    """
    check_predictors(study, model)
    if route == "xee":
        return next(_through_xee(study, model, [day], None))[1]
    return next(_on_earth_engine(study, _classifier(model, transport), [day], model))[1]


def map_season(
    study: Study,
    model: TreeEnsemble,
    store: MapStore,
    *,
    route: Route = "xee",
    progress: Callable[[date], Any] | None = None,
) -> None:
    """Fill a map store with every day it still lacks; an interrupted run goes on where it stopped.

    Parameters
    ----------
    study, model
        As in `map_day`.
    store : MapStore
        Where maps go; its days must lie in the study's period.
    route : {"xee", "classifier"}
        Where the trees are evaluated.
    progress : callable, optional
        Called with each day when its map is written.
    """
    check_predictors(study, model)
    missing = set(store.missing)
    static = None
    classifier = _classifier(model, "auto") if route == "classifier" and missing else None
    for step in study.predictor_set.steps():
        days = [d for d in step.days if d in missing]
        if not days:
            continue
        if classifier is not None:
            maps = _on_earth_engine(study, classifier, days, model)
        else:
            static = pull_static(study) if static is None else static
            maps = _through_xee(study, model, days, static)
        for day, values in maps:
            store.write(day, values)
            if progress is not None:
                progress(day)


def _classifier(model: TreeEnsemble, transport: Transport) -> ee.Classifier:
    """Return the trees as a classifier; ones too large for a request go by way of an asset of the
    connected project.
    """
    session = current_session()
    asset = None if session is None else f"{session.asset_root}/smgee_trees_{model.hash[:16]}"
    return model.to_classifier(transport, asset_id=asset)


def check_predictors(study: Study, model: TreeEnsemble) -> None:
    """Refuse a model that was trained on other predictors than the study builds."""
    missing = [n for n in model.feature_names if n not in study.predictors.names]
    if missing:
        raise InputError(
            f"The model needs the predictors {missing}, which the study does not build; train on the study's "
            "own samples, or add them to it."
        )


def pull_static(study: Study) -> dict[str, np.ndarray]:
    """Return the static predictors of a study on its lattice, (y, x) float32 each, NaN where masked."""
    pieces = study.predictor_set.pieces([study.start])
    return {n: v for p in pieces if p.cadence is Cadence.STATIC for n, v in _pull(p).items()}


def _pull(piece: Piece) -> dict[str, np.ndarray]:
    pulled = call(lambda: pull_bands(piece.image, piece.names, grid=piece.grid).load())
    return dict(zip(piece.names, pulled.values, strict=True))


def _through_xee(
    study: Study, model: TreeEnsemble, days: Sequence[date], static: dict[str, np.ndarray] | None
) -> Iterator[tuple[date, np.ndarray]]:
    """Pull the predictors of some days, each piece once, and predict here."""
    predictors = study.predictor_set
    pieces = predictors.pieces(days, names=model.feature_names)
    bands: dict[str, Any] = dict(static or {})
    pending = [p for p in pieces if static is None or p.cadence is not Cadence.STATIC]
    for day in days:
        for piece in [p for p in pending if day in p.days]:
            pending.remove(piece)
            bands |= _pull(piece)
        bands |= {name: np.float32(value) for name, value in predictors.constants(day).items()}
        yield day, model.predict_bands([bands[n] for n in model.feature_names], keep_missing=False)


def _on_earth_engine(
    study: Study, classifier: ee.Classifier, days: Sequence[date], model: TreeEnsemble
) -> Iterator[tuple[date, np.ndarray]]:
    """Let Earth Engine evaluate the trees, and pull the finished maps."""
    for day in days:
        image = model.classify(
            study.predictor_set.image(day), classifier=classifier, band_name="soil_moisture"
        )
        pulled = call(lambda image=image: pull_bands(image, ["soil_moisture"], grid=study.grid).load())  # type: ignore[misc]
        yield day, pulled.values[0]

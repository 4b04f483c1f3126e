"""Classifiers: decision trees, output modes, classification of images and features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from smgee.eelocal.classifiers.classified import Classified, Constant
from smgee.eelocal.classifiers.classifier import Classifier, TreeClassifier
from smgee.eelocal.classifiers.treetext import parse_forest
from smgee.eelocal.engine.coerce import coercion
from smgee.eelocal.engine.registry import algorithm, algorithms
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.geometry import Feature
from smgee.eelocal.values.image import Image


@coercion("Classifier")
def to_classifier(value: Any) -> Any:
    """Return a classifier."""
    return value if isinstance(value, Classifier) else NotImplemented


@algorithm("Classifier.decisionTree")
def decision_tree(treeString: str) -> Classifier:
    """Return the classifier of one tree, or of several in one text."""
    return TreeClassifier("decisionTree", forest=parse_forest([treeString]))


@algorithm("Classifier.decisionTreeEnsemble")
def decision_tree_ensemble(treeStrings: list[str]) -> Classifier:
    """Return the classifier of many trees."""
    return TreeClassifier("decisionTreeEnsemble", forest=parse_forest(treeStrings))


@algorithm("Classifier.schema")
def schema(classifier: Classifier) -> list[str] | None:
    """Return the names of the inputs."""
    return None if classifier.schema is None else list(classifier.schema)


def _schema(classifier: Classifier, what: str) -> tuple[str, ...]:
    names = classifier.schema
    if names is None:
        raise EEError(f"{what}: The classifier has not been trained.")
    return names


@algorithm("Image.classify")
def classify_image(image: Image, classifier: Classifier, outputName: str) -> Image:
    """Classify an image by the bands that the classifier names."""
    names = _schema(classifier, "Image.classify")
    missing = [n for n in names if n not in image.names]
    if missing:
        raise EEError(
            f"Image.classify: The image has no band '{missing[0]}'. The classifier needs "
            f"[{', '.join(names)}], "
            f"the image has [{', '.join(image.names)}]."
        )
    bands = [image.band(n) for n in names]
    place = bands[0] if bands else image.first
    kind = classifier.type
    node = Classified(classifier, [b.node for b in bands] or [place.node], kind.dtype)
    if not bands:  # a constant tree: only the mask of the image matters
        node = Classified(Constant(classifier), [place.node], kind.dtype)
    return image.computed([place.holding(node, kind, name=outputName)])


@algorithm("FeatureCollection.classify")
def classify_features(features: Collection, classifier: Classifier, outputName: str) -> Collection:
    """Classify features by the properties that the classifier names."""
    names = _schema(classifier, "FeatureCollection.classify")

    def classified() -> list[Feature]:
        members = list(features)
        rows = np.array([_row(f, names) for f in members], "f8").reshape(len(members), len(names))
        predicted: Any = classifier.predict(np.ascontiguousarray(rows.T)) if members else []
        integral = classifier.type.is_int
        return [
            replace(f, properties={**f.properties, outputName: _plain(p, integral)})
            for f, p in zip(members, predicted, strict=True)
        ]

    return features.derive(classified)


def _plain(value: Any, integral: bool) -> Any:
    if isinstance(value, np.ndarray) and value.ndim:
        return Array(value)
    return int(value) if integral else float(value)


def _row(feature: Any, names: Sequence[str]) -> list[float]:
    values = []
    for name in names:
        value = feature.properties.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            found = "missing" if value is None else f"of type {type(value).__name__}"
            raise EEError(
                f"Property '{name}' of feature '{feature.id}' is {found}; the classifier needs a number."
            )
        values.append(float(value))
    return values


algorithms(
    {
        "Classifier.setOutputMode": lambda classifier, mode: classifier.with_mode(mode),
        "Classifier.mode": lambda classifier: classifier.mode,
        "Classifier.explain": lambda classifier: classifier.explain(),
    }
)

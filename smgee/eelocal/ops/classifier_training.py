"""Classifiers and clusterers that are trained on features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from smgee.eelocal.classifiers.classified import Classified
from smgee.eelocal.classifiers.classifier import Classifier
from smgee.eelocal.classifiers.trained import Centroids, SklearnClassifier
from smgee.eelocal.engine.coerce import coercion
from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.pixels.randomness import uniform_at
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.confusion import ConfusionMatrix
from smgee.eelocal.values.geometry import Feature
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.made import Made
from smgee.eelocal.values.pixeltype import NAMED_TYPES

# -- constructors

_TRAINED = "trained here, by the same method with other random numbers and ties: scores and maps are similar"
_CLUSTERED = (
    "clustered here, by the same method with other random numbers: other numbers of clusters, similar groups"
)
_TREES = ("CLASSIFICATION", "REGRESSION", "PROBABILITY", "MULTIPROBABILITY")


def _trees(kind: str, regression: bool) -> Any:
    from sklearn import ensemble, tree

    names = {
        "tree": (tree, "DecisionTree"),
        "forest": (ensemble, "RandomForest"),
        "boost": (ensemble, "GradientBoosting"),
    }
    module, name = names[kind]
    return getattr(module, f"{name}{'Regressor' if regression else 'Classifier'}")


def _leaves(nodes: int | None) -> int | None:
    if nodes is not None and nodes < 2:
        raise EEError(f"maxNodes must be at least 2, got {nodes}.")
    return nodes


@algorithm("Classifier.smileCart", approximate=_TRAINED)
def smile_cart(maxNodes: int | None, minLeafPopulation: int) -> Classifier:
    """Return an untrained CART."""

    def build(regression: bool, features: int) -> Any:
        return _trees("tree", regression)(
            max_leaf_nodes=_leaves(maxNodes), min_samples_leaf=minLeafPopulation, random_state=0
        )

    return SklearnClassifier("smileCart", build=build, modes=_TREES)


@algorithm("Classifier.smileRandomForest", approximate=_TRAINED)
def smile_random_forest(
    numberOfTrees: int,
    variablesPerSplit: int | None,
    minLeafPopulation: int,
    bagFraction: float,
    maxNodes: int | None,
    seed: int,
) -> Classifier:
    """Return an untrained random forest."""
    if numberOfTrees < 1:
        raise EEError(f"numberOfTrees must be positive, got {numberOfTrees}.")
    if not 0 < bagFraction <= 1:
        raise EEError(f"bagFraction must be in (0, 1], got {bagFraction}.")

    def build(regression: bool, features: int) -> Any:
        variables = (
            max(1, int(features**0.5)) if variablesPerSplit is None else min(variablesPerSplit, features)
        )
        return _trees("forest", regression)(
            n_estimators=numberOfTrees,
            max_features=variables,
            min_samples_leaf=minLeafPopulation,
            max_samples=bagFraction,
            max_leaf_nodes=_leaves(maxNodes),
            random_state=seed,
            n_jobs=1,
        )

    return SklearnClassifier("smileRandomForest", build=build, modes=(*_TREES, "RAW", "RAW_REGRESSION"))


_LOSSES = {"LeastSquares": "squared_error", "LeastAbsoluteDeviation": "absolute_error", "Huber": "huber"}


@algorithm("Classifier.smileGradientTreeBoost", approximate=_TRAINED)
def smile_gradient_tree_boost(
    numberOfTrees: int, shrinkage: float, samplingRate: float, maxNodes: int | None, loss: str, seed: int
) -> Classifier:
    """Return untrained boosted trees."""
    if loss not in _LOSSES:
        raise EEError(f"Unknown loss '{loss}': use {', '.join(_LOSSES)}.")

    def build(regression: bool, features: int) -> Any:
        options: dict[str, Any] = {"loss": _LOSSES[loss]} if regression else {}
        return _trees("boost", regression)(
            n_estimators=numberOfTrees,
            learning_rate=shrinkage,
            subsample=samplingRate,
            max_leaf_nodes=_leaves(maxNodes),
            max_depth=None,
            random_state=seed,
            **options,
        )

    return SklearnClassifier("smileGradientTreeBoost", build=build, modes=_TREES)


_METRICS = {"EUCLIDEAN": "euclidean", "MANHATTAN": "manhattan", "BRAYCURTIS": "braycurtis"}


@algorithm("Classifier.smileKNN", approximate=_TRAINED)
def smile_knn(k: int, searchMethod: str, metric: str) -> Classifier:
    """Return an untrained nearest-neighbour classifier."""
    if metric not in _METRICS:
        raise UnsupportedAlgorithmError(f"Classifier.smileKNN with metric {metric}")

    def build(regression: bool, features: int) -> Any:
        from sklearn import neighbors

        # A k-d tree does not use the metric selected.
        euclidean = searchMethod == "KD_TREE" or (searchMethod == "AUTO" and features < 10)
        kind = neighbors.KNeighborsRegressor if regression else neighbors.KNeighborsClassifier
        return kind(n_neighbors=k, metric="euclidean" if euclidean else _METRICS[metric])

    return SklearnClassifier("smileKNN", build=build, modes=_TREES)


@algorithm("Classifier.smileNaiveBayes", approximate=_TRAINED)
def smile_naive_bayes(lambda_: float) -> Classifier:
    """Return an untrained naive Bayes classifier of counts."""

    def build(regression: bool, features: int) -> Any:
        from sklearn.naive_bayes import MultinomialNB

        return MultinomialNB(alpha=lambda_)

    return SklearnClassifier(
        "smileNaiveBayes", build=build, modes=("CLASSIFICATION", "PROBABILITY", "MULTIPROBABILITY")
    )


@algorithm("Classifier.minimumDistance")
def minimum_distance(metric: str, kNearest: int) -> Classifier:
    """Return an untrained minimum-distance classifier."""
    if metric == "mahalanobis":
        raise UnsupportedAlgorithmError("Classifier.minimumDistance with metric mahalanobis")
    if metric not in ("euclidean", "cosine", "manhattan"):
        raise EEError(f"Unknown metric '{metric}': use euclidean, cosine, mahalanobis or manhattan.")
    if kNearest < 1:
        raise EEError(f"kNearest must be positive, got {kNearest}.")
    return Centroids("minimumDistance", metric=metric, nearest=int(kNearest))


# -- training


def _names(features: Collection, inputs: Sequence[str] | None, leave: str | None) -> list[str]:
    if inputs is not None:
        return list(inputs)
    order = features.properties.get("band_order")
    if order is None:
        raise EEError(
            "Property 'band_order' is missing: specify inputProperties, or train on the result of "
            "Image.sample."
        )
    return [n for n in order if n != leave]


def _table(features: Collection, names: Sequence[str], share: float, seed: int) -> np.ndarray:
    """Return the numeric properties of features, (features, names); those with a null among them are left
    out.
    """
    rows = []
    for feature in features:
        row = []
        for name in names:
            value = feature.properties.get(name)
            if isinstance(value, bool) or not isinstance(value, (int, float, type(None))):
                raise EEError(
                    f"Property '{name}' of feature '{getattr(feature, 'id', None)}' is not a number."
                )
            row.append(np.nan if value is None else float(value))
        rows.append(row)
    table = np.array(rows, "f8").reshape(len(rows), len(names))
    if share < 1:
        index = np.arange(len(table))
        table = table[uniform_at(index, np.zeros(1, np.int64), seed) < share]
    return table[np.isfinite(table).all(1)]


@algorithm("Classifier.train")
def train(
    classifier: Classifier,
    features: Collection,
    classProperty: str,
    inputProperties: list[str] | None,
    subsampling: float,
    subsamplingSeed: int,
) -> Classifier:
    """Train a classifier on the properties of features."""
    names = _names(features, inputProperties, classProperty)
    table = _table(features, [*names, classProperty], subsampling, subsamplingSeed)
    return classifier.train(table[:, :-1], table[:, -1], names)


@algorithm("Classifier.confusionMatrix")
def confusion_matrix(classifier: Classifier) -> Any:
    """Return the confusion matrix of the training data."""
    if (
        not isinstance(classifier, (SklearnClassifier, Centroids))
        or classifier.rows is None
        or classifier.target is None
    ):
        raise EEError("The classifier has not been trained.")
    predicted = classifier.with_mode("CLASSIFICATION").predict(np.ascontiguousarray(classifier.rows.T))
    return ConfusionMatrix.of_pairs(
        [(int(a), int(p)) for a, p in zip(classifier.target, predicted, strict=True)]
    )


# -- clusterers


@dataclass(frozen=True, eq=False)
class Clusterer(Made):
    """A clusterer: `build` takes the scaled training rows and returns a fitted scikit-learn clusterer.
    Approximate.
    """

    name: str
    build: Callable[[np.ndarray], Any]
    names: tuple[str, ...] | None = None
    low: np.ndarray | None = None
    span: np.ndarray | None = None
    fitted: list[Any] = field(default_factory=list)

    @property
    def schema(self) -> tuple[str, ...] | None:
        """Names of the inputs, None before training."""
        return self.names

    def describe(self) -> dict[str, Any]:
        """Return the `getInfo` form."""
        return {"type": f"Clusterer.{self.name}"}

    def train(self, rows: np.ndarray, names: Sequence[str]) -> Clusterer:
        """Return the clusterer trained on rows shaped (n, features); attributes are scaled to 0…1, as
        Weka's distances do.
        """
        if len(rows) == 0:
            raise EEError("No data was found in clusterer training input.")
        low, span = rows.min(0), np.ptp(rows, axis=0)
        span = np.where(span == 0, 1.0, span)
        return replace(self, names=tuple(names), low=low, span=span, fitted=[self.build((rows - low) / span)])

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return the cluster of rows shaped (features, n)."""
        if not self.fitted:
            raise EEError("The clusterer has not been trained.")
        data = np.nan_to_num((rows.T - self.low) / self.span)
        return self.fitted[0].predict(data) if len(data) else np.empty(0)


@coercion("Clusterer")
def to_clusterer(value: Any) -> Any:
    """Return a clusterer."""
    return value if isinstance(value, Clusterer) else NotImplemented


def _euclidean(name: str, distance: str) -> None:
    if distance == "Manhattan":
        raise UnsupportedAlgorithmError(f"{name} with the Manhattan distance")
    if distance != "Euclidean":
        raise EEError(f"Unknown distanceFunction '{distance}': use Euclidean or Manhattan.")


@algorithm("Clusterer.wekaKMeans", approximate=_CLUSTERED)
def weka_kmeans(
    nClusters: int,
    init: int,
    canopies: bool,
    maxCandidates: int,
    periodicPruning: int,
    minDensity: int,
    t1: float,
    t2: float,
    distanceFunction: str,
    maxIterations: int | None,
    preserveOrder: bool,
    fast: bool,
    seed: int,
) -> Clusterer:
    """Return an untrained k-means clusterer."""
    _euclidean("Clusterer.wekaKMeans", distanceFunction)

    def build(rows: np.ndarray) -> Any:
        from sklearn.cluster import KMeans

        count = min(nClusters, len(np.unique(rows, axis=0)))
        return KMeans(
            count,
            init="k-means++" if init == 1 else "random",
            n_init=1,
            max_iter=maxIterations or 500,
            random_state=seed,
        ).fit(rows)

    return Clusterer("wekaKMeans", build)


@algorithm("Clusterer.wekaCascadeKMeans", approximate=_CLUSTERED)
def weka_cascade_kmeans(
    minClusters: int,
    maxClusters: int,
    restarts: int,
    manual: bool,
    init: bool,
    distanceFunction: str,
    maxIterations: int | None,
) -> Clusterer:
    """Return an untrained k-means clusterer that chooses the number of clusters by the Calinski–Harabasz
    criterion.
    """
    _euclidean("Clusterer.wekaCascadeKMeans", distanceFunction)

    def build(rows: np.ndarray) -> Any:
        from sklearn.cluster import KMeans
        from sklearn.metrics import calinski_harabasz_score

        best, score = None, -np.inf
        distinct = len(np.unique(rows, axis=0))
        for count in range(minClusters, min(maxClusters, distinct - 1) + 1):
            model = KMeans(
                count,
                init="k-means++" if init else "random",
                n_init=restarts,
                max_iter=maxIterations or 300,
                random_state=0,
            ).fit(rows)
            value = calinski_harabasz_score(rows, model.labels_)
            if value > score:
                best, score = model, value
        if best is None:
            raise EEError(f"There are too few distinct rows ({distinct}) for {minClusters} clusters.")
        return best

    return Clusterer("wekaCascadeKMeans", build)


@algorithm("Clusterer.train")
def train_clusterer(
    clusterer: Clusterer,
    features: Collection,
    inputProperties: list[str] | None,
    subsampling: float,
    subsamplingSeed: int,
) -> Clusterer:
    """Train a clusterer on the properties of features."""
    names = _names(features, inputProperties, None)
    return clusterer.train(_table(features, names, subsampling, subsamplingSeed), names)


@algorithm("Clusterer.schema")
def clusterer_schema(clusterer: Clusterer) -> list[str] | None:
    """Return the names of the inputs."""
    return None if clusterer.schema is None else list(clusterer.schema)


@algorithm("Image.cluster")
def cluster_image(image: Image, clusterer: Clusterer, outputName: str) -> Image:
    """Assign every pixel to a cluster."""
    if clusterer.names is None:
        raise EEError("The clusterer has not been trained.")
    bands = [image.band(n) for n in clusterer.names]
    kind = NAMED_TYPES["int32"]
    node = Classified(clusterer, [b.node for b in bands], kind.dtype)
    return image.computed([bands[0].holding(node, kind, name=outputName)])


@algorithm("FeatureCollection.cluster")
def cluster_features(features: Collection, clusterer: Clusterer, outputName: str) -> Collection:
    """Assign every feature to a cluster."""
    names = clusterer.names
    if names is None:
        raise EEError("The clusterer has not been trained.")

    def clustered() -> list[Feature]:
        members = list(features)
        rows = np.array([[float(f.properties[n]) for n in names] for f in members], "f8").reshape(
            len(members), len(names)
        )
        found = clusterer.predict(np.ascontiguousarray(rows.T))
        return [
            replace(f, properties={**f.properties, outputName: int(c)})
            for f, c in zip(members, found, strict=True)
        ]

    return features.derive(clustered)

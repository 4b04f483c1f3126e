"""Classifiers that are trained here, by scikit-learn: their methods are those of Earth Engine's, their random
numbers and details are not.

Results therefore are approximate: they have the same meaning and much the same skill, but not the same
values. `explain` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from smgee.eelocal.classifiers.classifier import Classifier
from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.values.pixeltype import DOUBLE, NAMED_TYPES, PixelType

NOTE = "Approximate: trained by scikit-learn, not by Earth Engine's own code."
_REGRESSIONS = frozenset({"REGRESSION", "RAW_REGRESSION"})


@dataclass(frozen=True, eq=False)
class _Trainable(Classifier):
    names: tuple[str, ...] | None = None
    rows: np.ndarray | None = None
    target: np.ndarray | None = None
    fitted: dict[bool, Any] = field(default_factory=dict)
    modes: tuple[str, ...] = ("CLASSIFICATION",)  # of output, that it has

    def with_mode(self, mode: str) -> Classifier:
        chosen = super().with_mode(mode)
        if mode not in self.modes:
            raise UnsupportedAlgorithmError(
                f"Output mode {mode} of Classifier.{self.name}", "is not computed"
            )
        return chosen

    @property
    def schema(self) -> tuple[str, ...] | None:
        return self.names

    @property
    def classes(self) -> np.ndarray:
        """The distinct targets, in ascending order."""
        assert self.target is not None
        return np.unique(self.target)

    def train(self, rows: np.ndarray, target: np.ndarray, names: Sequence[str]) -> Classifier:
        if len(rows) == 0:
            raise EEError("Classifier.train: No data was found in classifier training input.")
        return replace(self, rows=rows, target=target, names=tuple(names), fitted={})

    @property
    def _data(self) -> tuple[np.ndarray, np.ndarray]:
        if self.rows is None or self.target is None:
            raise EEError("The classifier has not been trained.")
        return self.rows, self.target


@dataclass(frozen=True, eq=False)
class SklearnClassifier(_Trainable):
    """One of scikit-learn's estimators.

    `build` takes (regression, number of features) and returns an unfitted estimator.
    """

    build: Callable[[bool, int], Any] | None = None

    @property
    def type(self) -> PixelType:
        if self.mode == "CLASSIFICATION":
            integral = self.target is None or bool((self.target == np.floor(self.target)).all())
            return NAMED_TYPES["int32"] if integral else DOUBLE
        return DOUBLE.array(1) if self.mode in ("MULTIPROBABILITY", "RAW", "RAW_REGRESSION") else DOUBLE

    def model(self) -> Any:
        """Return the fitted estimator; the fit is made once per kind."""
        rows, target = self._data
        regression = self.mode in _REGRESSIONS
        if regression not in self.fitted:
            assert self.build is not None
            estimator = self.build(regression, rows.shape[1])
            self.fitted[regression] = estimator.fit(
                rows, target if regression else np.searchsorted(self.classes, target)
            )
        return self.fitted[regression]

    def predict(self, rows: np.ndarray) -> np.ndarray:
        model = self.model()
        data = np.ascontiguousarray(rows.T)
        if len(data) == 0:
            return np.empty((0, 1) if self.type.dimensions else 0)
        data = np.nan_to_num(data)
        if self.mode == "REGRESSION":
            return model.predict(data)
        if self.mode in ("RAW", "RAW_REGRESSION"):
            votes = np.column_stack([tree.predict(data) for tree in model.estimators_])
            return votes if self.mode == "RAW_REGRESSION" else self.classes[votes.astype(int)]
        if self.mode == "CLASSIFICATION":
            return self.classes[model.predict(data)]
        shares = model.predict_proba(data)
        if self.mode == "MULTIPROBABILITY":
            return shares
        return shares[:, 1] if shares.shape[1] == 2 else shares.max(1)

    def explain(self) -> dict[str, Any]:
        info: dict[str, Any] = {"mode": self.mode, "note": NOTE}
        if self.rows is None:
            return info
        model = self.model()
        info["classes"] = [v.item() for v in self.classes] if self.mode not in _REGRESSIONS else []
        if hasattr(model, "feature_importances_"):
            info["importance"] = dict(
                zip(self.names or (), map(float, model.feature_importances_), strict=True)
            )
        labels = None if self.mode in _REGRESSIONS else self.classes
        if hasattr(model, "tree_"):
            info["tree"] = tree_text(model.tree_, self.names or (), labels)
        elif type(model).__name__.startswith("RandomForest"):
            info["numberOfTrees"] = len(model.estimators_)
            info["trees"] = [tree_text(t.tree_, self.names or (), labels) for t in model.estimators_]
            if hasattr(model, "oob_score_"):
                info["outOfBagErrorEstimate"] = 1 - float(model.oob_score_)
        return info


def tree_text(tree: Any, names: Sequence[str], classes: np.ndarray | None) -> str:
    """Return a scikit-learn tree in the text form of `Classifier.decisionTree`."""
    lines = []
    stack = [(0, 1, "root")]
    while stack:
        node, identifier, condition = stack.pop()
        left, right = tree.children_left[node], tree.children_right[node]
        value = tree.value[node][0]
        prediction = classes[int(np.argmax(value))] if classes is not None else value[0]
        leaf = left == right
        count = int(tree.n_node_samples[node])
        lines.append(
            f"{identifier}) {condition} {count} {_fixed(tree.impurity[node])} "
            f"{_fixed(prediction)}{' *' if leaf else ''}"
        )
        if not leaf:
            name, threshold = names[tree.feature[node]], _fixed(tree.threshold[node])
            stack.append((right, 2 * identifier + 1, f"{name} > {threshold}"))
            stack.append((left, 2 * identifier, f"{name} <= {threshold}"))
    return "\n".join(lines)


def _fixed(value: Any) -> str:
    return np.format_float_positional(float(value), unique=True, trim="-")


@dataclass(frozen=True, eq=False)
class Centroids(_Trainable):
    """`minimumDistance`: the nearest class mean. Exact."""

    metric: str = "euclidean"
    nearest: int = 1
    modes: tuple[str, ...] = ("CLASSIFICATION", "REGRESSION", "RAW")

    @property
    def type(self) -> PixelType:
        scalar = NAMED_TYPES["int32"] if self.mode == "CLASSIFICATION" else DOUBLE
        return scalar.array(1) if self.mode == "RAW" or self.nearest > 1 else scalar

    def predict(self, rows: np.ndarray) -> np.ndarray:
        data, target = self._data
        classes = self.classes
        means = np.stack([data[target == c].mean(0) for c in classes])
        points = rows.T
        if self.metric == "cosine":
            norm = np.linalg.norm(points, axis=1)[:, None] * np.linalg.norm(means, axis=1)[None]
            distance = np.arccos(np.clip(points @ means.T / np.where(norm == 0, 1, norm), -1, 1))
        elif self.metric == "manhattan":
            distance = np.stack([np.abs(points - m).sum(1) for m in means], 1)
        else:
            distance = np.stack([np.sqrt(((points - m) ** 2).sum(1)) for m in means], 1)
        if self.mode == "RAW":
            return distance
        order = np.argsort(distance, axis=1, kind="stable")[:, : min(self.nearest, len(classes))]
        result = classes[order] if self.mode == "CLASSIFICATION" else np.take_along_axis(distance, order, 1)
        return result if self.nearest > 1 else result[:, 0]

    def explain(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "metric": self.metric,
            "classes": [] if self.target is None else [v.item() for v in self.classes],
        }

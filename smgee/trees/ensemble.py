"""`TreeEnsemble`: the one form in which a trained tree model travels through smgee.

The class is data, and beside it the face of this package: its methods hand over to the modules above it, and
import them when they are called. These are the only imports of smgee that point upward; pyproject.toml allows
them to this module alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from smgee.errors import InputError

if TYPE_CHECKING:
    from smgee.trees.simplify import Simplified

Comparison = Literal["lt", "le"]
Aggregation = Literal["sum", "mean"]
Transport = Literal["auto", "inline", "table", "blob", "classifier"]
Digits = Literal["exact", "short"]
LEAF = -1


@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """An ensemble of binary decision trees as flat arrays, one entry per node.

    A row goes left at an internal node when ``x < threshold`` (`comparison` ``"lt"``) or ``x <= threshold``
    (``"le"``), both sides in `threshold_dtype`; NaN goes left where `missing_left` is set. The prediction is
    ``base_score + sum(leaves)`` or, with `aggregation` ``"mean"``, ``base_score + mean(leaves)``.

    Parameters
    ----------
    feature : (nodes,) int32
        Index of the predictor tested, `LEAF` at a leaf.
    threshold : (nodes,) float64
        Exactly the trained number; of no meaning at a leaf.
    left, right : (nodes,) int32
        Node indices of the children, `LEAF` at a leaf.
    value : (nodes,) float64
        Leaf value, in the unit of the target; of no meaning at an internal node.
    missing_left : (nodes,) bool
        Where NaN goes.
    roots : (trees,) int32
        Node index of each tree's root.
    feature_names : tuple of str
        Predictor names, in column order.
    comparison : {"lt", "le"}
        Which test sends a row left.
    threshold_dtype : {"float32", "float64"}
        The type in which the model compares.
    aggregation : {"sum", "mean"}
        How leaves become a prediction.
    base_score : float
        Added to the aggregate.
    allows_missing : bool
        Whether the model accepts NaN; if not, prediction refuses it.
    metadata : dict
        Provenance: family, library version, units, name mapping.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    missing_left: np.ndarray
    roots: np.ndarray
    feature_names: tuple[str, ...]
    comparison: Comparison
    threshold_dtype: Literal["float32", "float64"] = "float32"
    aggregation: Aggregation = "sum"
    base_score: float = 0.0
    allows_missing: bool = True
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        types = {
            "feature": "i4",
            "threshold": "f8",
            "left": "i4",
            "right": "i4",
            "value": "f8",
            "missing_left": "?",
            "roots": "i4",
        }
        for name, dtype in types.items():
            array = np.array(getattr(self, name), dtype=dtype)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        nodes = {len(getattr(self, n)) for n in types if n != "roots"}
        if len(nodes) != 1 or not len(self.roots):
            raise InputError(
                f"Tree arrays of lengths {sorted(nodes)} with {len(self.roots)} roots do not describe an "
                "ensemble; the model is damaged."
            )
        object.__setattr__(self, "feature_names", tuple(str(n) for n in self.feature_names))
        object.__setattr__(self, "base_score", float(self.base_score))
        object.__setattr__(self, "metadata", dict(self.metadata))
        self._check()

    def _check(self) -> None:
        """Refuse arrays that do not describe binary trees over the named predictors."""
        choices = {
            "comparison": ("lt", "le"),
            "threshold_dtype": ("float32", "float64"),
            "aggregation": ("sum", "mean"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"The {name} {getattr(self, name)!r} of an ensemble is not known; use one of "
                    f"{', '.join(allowed)}."
                )
        if len(set(self.feature_names)) != len(self.feature_names):
            raise InputError("Two predictors of an ensemble share one name; give every predictor its own.")
        internal = self.feature != LEAF
        n = len(self.feature)
        f = self.feature[internal]
        if len(f) and not (f.min() >= 0 and f.max() < len(self.feature_names)):
            raise InputError(
                f"A node tests predictor number {int(f.max() if f.min() >= 0 else f.min())}, but "
                f"{len(self.feature_names)} "
                "predictors are named; "
                "name every predictor of the model, in column order."
            )
        if np.isnan(self.threshold[internal]).any():
            raise InputError(
                "A node has the threshold NaN, which no value can be compared with; the model is damaged."
            )
        most = np.abs(self.value[~internal]).max(initial=0.0) * len(self.roots) + abs(self.base_score)
        if not most <= np.finfo(np.float32).max:  # which predictions are
            raise InputError(
                "A leaf or the base score is not a finite number, or so large that predictions are not; the "
                "model is damaged or its training diverged."
            )
        edges = np.concatenate([self.left[internal], self.right[internal]])
        if len(edges) and not (edges.min() >= 0 and edges.max() < n):
            raise InputError("A node points to a child that does not exist; the model is damaged.")
        if not (self.roots.min() >= 0 and self.roots.max() < n):
            raise InputError("A root points to a node that does not exist; the model is damaged.")
        parents = np.bincount(edges, minlength=n) + np.bincount(self.roots, minlength=n)
        if parents.max() > 1:
            raise InputError("A node has two parents, so the arrays are no trees; the model is damaged.")

    @property
    def n_nodes(self) -> int:
        """Number of nodes of all trees, leaves included."""
        return len(self.feature)

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.roots)

    @property
    def n_features(self) -> int:
        """Number of predictors."""
        return len(self.feature_names)

    @property
    def n_leaves(self) -> int:
        """Number of leaves of all trees."""
        return int(np.count_nonzero(self.feature == LEAF))

    @cached_property
    def depth(self) -> int:
        """Edges from a root to the deepest leaf; 0 when every tree is a single leaf."""
        from smgee.trees.layout import levels

        return len(levels(self.left, self.right, self.roots)) - 1

    @cached_property
    def hash(self) -> str:
        """SHA-256 over everything that decides a prediction; metadata does not enter."""
        from smgee.trees.persistence import content_hash

        return content_hash(self)

    @property
    def ee_names(self) -> dict[str, str]:
        """The Earth Engine band name of each predictor, by predictor name; equal wherever the name is
        legal already.
        """
        from smgee.trees.names import legal_names

        return dict(zip(self.feature_names, legal_names(self.feature_names), strict=True))

    def __repr__(self) -> str:
        family = self.metadata.get("family", "unknown origin")
        return (
            f"TreeEnsemble({family}: {self.n_trees} trees, {self.n_nodes} nodes, depth {self.depth}, "
            f"{self.n_features} "
            "predictors, "
            f"{self.aggregation} of leaves, base {self.base_score:g})"
        )

    # ------------------------------------------------------------------ ways in

    @classmethod
    def from_model(
        cls, model: Any, feature_names: Sequence[str] | None = None, *, iterations: int | None = None
    ) -> TreeEnsemble:
        """Convert a trained model, or a model file of XGBoost, CatBoost or LightGBM, exactly.

        Parameters
        ----------
        model : object or path
            See `smgee.trees.importers.convert` for what is understood.
        feature_names : sequence of str, optional
            Predictor names in column order; by default the names that the model itself carries.
        iterations : int, optional
            Use the first so many boosting rounds only; by default as many as the model's own ``predict``.

        Raises
        ------
        UnsupportedError
            For a model that cannot be converted exactly (a classifier, a categorical split, a loss with a
            link, ...).
        InputError
            For names that do not fit the model, or a damaged file.
        """
        from smgee.trees.importers import convert

        return convert(model, feature_names=feature_names, iterations=iterations)

    @classmethod
    def from_ee_strings(
        cls, strings: str | Iterable[str], feature_names: Sequence[str] | None = None, *, strict: bool = True
    ) -> TreeEnsemble:
        """Read Earth Engine's tree text strictly; see `smgee.trees.parse.from_ee_strings`."""
        from smgee.trees.parse import from_ee_strings

        return from_ee_strings(strings, feature_names=feature_names, strict=strict)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TreeEnsemble:
        """Read a file that `save` wrote; see `smgee.trees.persistence`. Nothing in the file is executed."""
        from smgee.trees.persistence import load

        return load(path)

    # ------------------------------------------------------------------ ways out

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one documented, versioned file; see `smgee.trees.persistence`."""
        from smgee.trees.persistence import save

        save(self, path)

    def predict(self, X: Any, *, n_threads: int | None = None) -> np.ndarray:
        """Predict with the fast kernel; see `smgee.trees.kernel.predict`.

        Parameters
        ----------
        X : (rows, features) array or table
            Predictors in the order of `feature_names`, or a table that has columns of these names.
        n_threads : int, optional
            Threads to use; all processors by default.

        Returns
        -------
        prediction : (rows,) array, in the unit of the target
        """
        from smgee.trees.kernel import predict

        return predict(self, X, n_threads=n_threads)

    def predict_bands(self, bands: Any, **options: Any) -> np.ndarray:
        """Predict over band-major rasters with the fast kernel; see `smgee.trees.kernel.predict_bands`."""
        from smgee.trees.kernel import predict_bands

        return predict_bands(self, bands, **options)

    def predict_reference(self, X: Any) -> np.ndarray:
        """Predict by walking every tree as the class docstring says, summing leaves in float64; slow and
        simple.

        Parameters
        ----------
        X : (rows, features) array or table

        Returns
        -------
        prediction : (rows,) float64, in the unit of the target
        """
        from smgee.trees.reference import predict

        return predict(self, X)

    def iter_ee_strings(self, *, digits: Digits = "exact", max_depth: int | None = None) -> Iterator[str]:
        """Yield Earth Engine's tree text, one string per tree; see `smgee.trees.text.iter_ee_strings`."""
        from smgee.trees.text import MAX_DEPTH, iter_ee_strings

        return iter_ee_strings(self, digits=digits, max_depth=MAX_DEPTH if max_depth is None else max_depth)

    def to_ee_strings(self, *, digits: Digits = "exact", max_depth: int | None = None) -> list[str]:
        """Return Earth Engine's tree text, one string per tree, whose **mean** is the prediction; see
        `smgee.trees.text`.
        """
        return list(self.iter_ee_strings(digits=digits, max_depth=max_depth))

    def to_classifier(self, transport: Transport = "auto", **options: Any) -> Any:
        """Return an `ee.Classifier` that predicts the same on Earth Engine; see
        `smgee.trees.transports.to_classifier`.
        """
        from smgee.trees.transports import to_classifier

        return to_classifier(self, transport, **options)

    def classify(self, image: Any, *, classifier: Any = None, band_name: str = "prediction") -> Any:
        """Predict over an `ee.Image`; see `smgee.trees.transports.classify`."""
        from smgee.trees.transports import classify

        return classify(self, image, classifier=classifier, band_name=band_name)

    # ------------------------------------------------------------------ changes of form

    def specialize(self, values: Mapping[str, float] | None = None, **named: float) -> TreeEnsemble:
        """Fix predictors that are constant over an image (``doy=153``); see
        `smgee.trees.reshape.specialize`.
        """
        from smgee.trees.reshape import specialize

        return specialize(self, {**(values or {}), **named})

    def merge(self) -> TreeEnsemble:
        """Drop what changes no prediction: implied tests, equal siblings, trees of equal shape; see
        `smgee.trees.merge.merge`.
        """
        from smgee.trees.merge import merge

        return merge(self)

    def bound_depth(self, max_depth: int) -> TreeEnsemble:
        """Cut trees deeper than `max_depth` into several; see `smgee.trees.reshape.bound_depth`."""
        from smgee.trees.reshape import bound_depth

        return bound_depth(self, max_depth)

    def simplify(
        self,
        max_bytes: int,
        X: Any,
        *,
        y: Any = None,
        test: tuple[Any, Any] | None = None,
        digits: Digits = "short",
    ) -> Simplified:
        """Fit the tree text into a byte budget, with its measured price; see
        `smgee.trees.simplify.simplify`.
        """
        from smgee.trees.simplify import simplify

        return simplify(self, max_bytes, X=X, y=y, test=test, digits=digits)

    def with_names(self, feature_names: Sequence[str]) -> TreeEnsemble:
        """Return the same ensemble with other predictor names, in the same order."""
        if len(feature_names) != self.n_features:
            raise InputError(
                f"{len(feature_names)} names were given for an ensemble of {self.n_features} predictors; "
                "give one for each."
            )
        return replace(self, feature_names=tuple(feature_names))

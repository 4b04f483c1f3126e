"""`TreeEnsemble`: the one form in which a trained tree model travels through smgee."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from smgee.errors import InputError

Comparison = Literal["lt", "le"]
Aggregation = Literal["sum", "mean"]
LEAF = -1


@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """An ensemble of binary decision trees as flat arrays, one entry per node.

    A row goes left at an internal node when ``x < threshold`` (`comparison` ``"lt"``) or ``x <= threshold`` (``"le"``), both sides in
    `threshold_dtype`; NaN goes left where `missing_left` is set. The prediction is ``base_score + sum(leaves)`` or, with
    `aggregation` ``"mean"``, ``base_score + mean(leaves)``.

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
        types = {"feature": "i4", "threshold": "f8", "left": "i4", "right": "i4", "value": "f8", "missing_left": "?", "roots": "i4"}
        for name, dtype in types.items():
            array = np.array(getattr(self, name), dtype=dtype)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        nodes = {len(getattr(self, n)) for n in types if n != "roots"}
        if len(nodes) != 1 or not len(self.roots):
            raise InputError(f"Tree arrays of lengths {sorted(nodes)} with {len(self.roots)} roots do not describe an ensemble.")
        object.__setattr__(self, "feature_names", tuple(self.feature_names))

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

"""Whether all ways to a prediction give the same numbers: library, kernel, tree text, and a classifier on the
connected backend.

The measure is the definition of the ensemble itself, walked in float64 (`smgee.trees.reference`). Rows are
sampled from real ones, and planted on every threshold and its two neighbours, where conversions go wrong
first.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from smgee.errors import InputError, ParityError, UnsupportedError
from smgee.late import ee
from smgee.remote import call
from smgee.trees.ensemble import Digits, Transport, TreeEnsemble
from smgee.trees.parse import from_ee_strings
from smgee.trees.planted import planted_rows
from smgee.trees.text import iter_ee_strings

TOLERANCE = 1e-6  # of the largest prediction, at least of one: float32 rounding of sums of hundreds of leaves
ROWS_PER_REQUEST = 1000


@dataclass(frozen=True)
class Comparison:
    """One way of predicting against the definition, on one kind of rows; `max_difference` in the unit of
    the target.
    """

    method: str
    rows: str
    count: int
    max_difference: float


@dataclass(frozen=True)
class ParityReport:
    """What `check_parity` found.

    Attributes
    ----------
    tolerance : float
        In the unit of the target.
    text_bytes, text_trees : int
        Size of the tree text and the number of trees it has.
    skipped : dict of str to str
        Ways that were not tried, and why.
    """

    ensemble: TreeEnsemble
    comparisons: list[Comparison]
    tolerance: float
    text_bytes: int
    text_trees: int
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def worst(self) -> Comparison:
        """The comparison that differs most; one that is not a number counts as worst."""
        return max(
            self.comparisons, key=lambda c: math.inf if math.isnan(c.max_difference) else c.max_difference
        )

    @property
    def passed(self) -> bool:
        """Whether every comparison is within the tolerance."""
        return all(c.max_difference <= self.tolerance for c in self.comparisons)

    def require(self) -> ParityReport:
        """Return the report itself; raise `ParityError` if it did not pass."""
        if not self.passed:
            w = self.worst
            raise ParityError(
                f"The {w.method} differs by up to {w.max_difference:.3g} from the trees on {w.rows} rows, "
                "and "
                f"{self.tolerance:.3g} is allowed; "
                "do not use this conversion."
            )
        return self


def check_parity(
    model: Any,
    *,
    rows: Any = None,
    n: int = 500,
    planted: int = 3000,
    feature_names: Sequence[str] | None = None,
    backend: bool = False,
    transport: Transport = "auto",
    asset_id: str | None = None,
    upload: Callable[[Path], str] | None = None,
    digits: Digits = "exact",
    tolerance: float | None = None,
    seed: int = 0,
) -> ParityReport:
    """Compare all ways of predicting with a model.

    Parameters
    ----------
    model : object, path or TreeEnsemble
        What `smgee.trees.importers.convert` takes. The library's own prediction takes part unless it is a
        `TreeEnsemble` or its file.
    rows : (rows, features) array or table, optional
        Real rows to sample from; by default rows are drawn between the model's thresholds.
    n, planted : int
        How many rows to sample, and to plant on thresholds.
    feature_names : sequence of str, optional
        See `convert`.
    backend : bool
        Whether to classify on the Earth Engine that `ee` is connected to.
    transport, asset_id, upload : optional
        How the trees travel there, see `smgee.trees.transports.to_classifier`.
    digits : {"exact", "short"}
        How the text is written; short digits are compared on float32 rows, which they are made for.
    tolerance : float, optional
        Largest difference allowed, in the unit of the target; by default a millionth of the largest
        prediction or of one.
    seed : int
        For the choice of rows.

    Returns
    -------
    ParityReport
        `ParityReport.require` raises where it did not pass.
    """
    ensemble = TreeEnsemble.from_model(model, feature_names=feature_names)
    kind = "float32" if digits == "short" else ensemble.threshold_dtype
    rng = np.random.default_rng(seed)
    pool = drawn_rows(ensemble, 10 * n, seed=seed) if rows is None else _matrix(ensemble, rows)
    sample = pool[rng.choice(len(pool), min(n, len(pool)), replace=False)].astype(kind)
    # NaN stays in the real rows if the model takes it; Earth Engine gets what it could see, so planted rows
    # are complete.
    complete = pool[np.isfinite(pool).all(axis=1)]
    background = complete if len(complete) else drawn_rows(ensemble, n, seed=seed)
    kinds = {
        "drawn" if rows is None else "real": sample,
        "planted": planted_rows(ensemble, background.astype(kind), limit=planted, dtype=kind, seed=seed),
    }

    texts = list(iter_ee_strings(ensemble, digits=digits))
    reread = from_ee_strings(texts, feature_names=list(ensemble.ee_names.values()))
    methods: dict[str, Callable[[np.ndarray], np.ndarray]] = {"kernel": ensemble.predict}
    skipped = {}
    library = library_predictor(model)
    if library is None:
        skipped["library"] = "the model is given as trees alone"
    else:
        methods = {"library": library, **methods}
    methods["text"] = reread.predict_reference
    if backend:
        classifier = ensemble.to_classifier(transport, asset_id=asset_id, upload=upload, digits=digits)
        methods["classifier"] = lambda x: classify_rows(ensemble, classifier, x)
        methods["classifier, pixels"] = lambda x: classify_pixels(ensemble, classifier, x)
    else:
        skipped["classifier"] = "no backend was asked for"

    comparisons, largest = [], 1.0
    for name, x in kinds.items():
        if not ensemble.allows_missing:
            x = x[~np.isnan(x).any(axis=1)]
        expected = ensemble.predict_reference(x)
        largest = max(largest, float(np.abs(expected).max(initial=0.0)))
        seen = np.isfinite(x).all(axis=1)
        for method, predict in methods.items():
            use = np.ones(len(x), dtype=bool) if method in ("library", "kernel") else seen
            if use.any():
                difference = np.abs(np.asarray(predict(x[use]), dtype=np.float64) - expected[use])
                comparisons.append(Comparison(method, name, int(use.sum()), float(difference.max())))
    if not comparisons:
        raise InputError(
            "No row could be compared, because every row has gaps that this model refuses; give rows without "
            "NaN."
        )
    size = sum(map(len, texts))
    return ParityReport(
        ensemble,
        comparisons,
        TOLERANCE * largest if tolerance is None else tolerance,
        size,
        len(texts),
        skipped,
    )


def drawn_rows(ensemble: TreeEnsemble, n: int, *, seed: int = 0) -> np.ndarray:
    """Draw rows evenly between the lowest and highest threshold of each predictor, and a little beyond.
    Shape (n, features).
    """
    rng = np.random.default_rng(seed)
    rows = rng.random((n, ensemble.n_features)) * 1.2 - 0.1
    for f in range(ensemble.n_features):
        cuts = ensemble.threshold[ensemble.feature == f]
        cuts = cuts[np.isfinite(cuts) & (np.abs(cuts) < 1e30)]
        low, high = (cuts.min(), cuts.max()) if len(cuts) else (0.0, 1.0)
        rows[:, f] = low + rows[:, f] * ((high - low) or 1.0)
    return rows.astype(ensemble.threshold_dtype)


def library_predictor(model: Any) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the library's own prediction for a model or a model file, or None for trees alone."""
    if isinstance(model, TreeEnsemble):
        return None
    if isinstance(model, (str, os.PathLike)):
        model = _open(Path(model))
        if model is None:
            return None
    if type(model).__module__.startswith("xgboost") and type(model).__name__ == "Booster":
        # No DMatrix: it refuses infinite values.
        return lambda x: np.asarray(model.inplace_predict(x, validate_features=False), dtype=np.float64)
    if type(model).__module__.startswith("lightgbm") and hasattr(model, "booster_"):
        model = model.booster_
    return lambda x: np.asarray(model.predict(x), dtype=np.float64)


def _open(path: Path) -> Any:
    """Open a model file with its library; None for trees alone."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return None
    if suffix == ".txt":
        import lightgbm

        return lightgbm.Booster(model_file=str(path))
    if suffix in (".ubj", ".ubjson") or (
        suffix == ".json" and '"learner"' in path.read_text(encoding="utf-8")[:1_000_000]
    ):
        import xgboost

        booster = xgboost.Booster(model_file=str(path))
        if booster.attr("best_iteration") is not None and booster.attr("scikit_learn") is not None:
            return booster[: booster.best_iteration + 1]
        return booster
    if suffix in (".cbm", ".json"):
        import catboost

        model = catboost.CatBoost()
        model.load_model(str(path), format="json" if suffix == ".json" else "cbm")
        return model
    raise UnsupportedError(f"The model file {path} has no library that would open it here.")


def _matrix(ensemble: TreeEnsemble, rows: Any) -> np.ndarray:
    """Return real rows as an array, without those that the model refuses."""
    if hasattr(rows, "columns"):
        absent = [name for name in ensemble.feature_names if name not in rows.columns]
        if absent:
            raise InputError(
                f"The rows lack the predictors {', '.join(absent)}; give a table with columns of these names."
            )
        rows = rows[list(ensemble.feature_names)].to_numpy()
    rows = np.asarray(rows, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != ensemble.n_features:
        raise InputError(f"The rows have shape {rows.shape}; the model takes (rows, {ensemble.n_features}).")
    rows = rows if ensemble.allows_missing else rows[~np.isnan(rows).any(axis=1)]
    if not len(rows):
        raise InputError("The table has no row that this model takes; give rows without gaps.")
    return rows


def classify_rows(ensemble: TreeEnsemble, classifier: ee.Classifier, rows: np.ndarray) -> np.ndarray:
    """Classify rows as features on the connected Earth Engine.

    Parameters
    ----------
    ensemble : TreeEnsemble
        For the predictors' names.
    rows : (rows, features) array
        Finite.

    Returns
    -------
    prediction : (rows,) float64
    """
    names = list(ensemble.ee_names.values())
    result = np.full(len(rows), np.nan)
    for start in range(0, len(rows), ROWS_PER_REQUEST):
        part = rows[start : start + ROWS_PER_REQUEST].astype(np.float64).tolist()
        features = [
            ee.Feature(None, {**dict(zip(names, row, strict=True)), "smgee_row": start + i})
            for i, row in enumerate(part)
        ]
        done = ee.FeatureCollection(features).classify(classifier, "smgee_prediction")
        answer = ee.List([done.aggregate_array("smgee_row"), done.aggregate_array("smgee_prediction")])
        index, values = call(answer.getInfo) or ([], [])
        if len(index) != len(values):
            raise ParityError(
                f"Earth Engine classified {len(values)} of {len(index)} rows; the rest lack a predictor."
            )
        result[np.asarray(index, dtype=int)] = values
    return result


def classify_pixels(ensemble: TreeEnsemble, classifier: ee.Classifier, rows: np.ndarray) -> np.ndarray:
    """Classify rows as pixels of an image, one beside the other, on the connected Earth Engine: the way that
    maps take.

    Parameters and result are those of `classify_rows`.
    """
    legal = ensemble.with_names(list(ensemble.ee_names.values()))
    step = 0.001  # degrees; any grid does
    grid = {
        "crsCode": "EPSG:4326",
        "affineTransform": {"scaleX": step, "scaleY": -step, "translateX": 0, "translateY": 0},
    }
    result = []
    for start in range(0, len(rows), ROWS_PER_REQUEST):
        part = rows[start : start + ROWS_PER_REQUEST].astype(np.float64)
        column = (
            ee.Image.pixelCoordinates(ee.Projection("EPSG:4326", [step, 0, 0, 0, -step, 0]))
            .select("x")
            .floor()
            .int()
        )
        bands = [ee.Image(ee.Array(values.tolist())).arrayGet(column) for values in part.T]
        image = legal.classify(
            ee.Image.cat(bands).rename(list(legal.feature_names)), classifier=classifier
        ).toDouble()
        size = {"width": len(part), "height": 1}
        request = {"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": {**grid, "dimensions": size}}
        answer = call(lambda request=request: ee.data.computePixels(request))  # type: ignore[misc]
        result.append(answer["prediction"][0])
    return np.concatenate(result).astype(np.float64)

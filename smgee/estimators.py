"""The five tree ensembles and a line in steps, with the settings that are used where nothing is tuned.

The settings were written down by hand, for some thousand rows and ten to twenty predictors and with trees
small enough to travel to Earth Engine; no data chose them. Settings that data choose are candidates
(`smgee.models.candidates`), searched inside grouped folds (`smgee.models.nested`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from threading import Lock
from types import MappingProxyType
from typing import Any

import numpy as np

from smgee.errors import InputError


@dataclass(frozen=True)
class EstimatorSpec:
    """One kind of model: the library's class and the settings that smgee gives it.

    Parameters
    ----------
    name, title : str
        Key in `ESTIMATORS` (also the file name of a saved model), and the name for tables and figures.
    class_name : str
        The regressor.
    library, package : str
        Distribution name (for the recorded version) and the module that holds `class_name`.
    settings : mapping
        Fixed keyword arguments.
    seed_name, threads_name : str or None
        Keywords that take the seed and the number of threads; None where the class has no such keyword.
    accepts_missing : bool
        Whether the regressor itself copes with NaN predictors in all supported versions of its library.
    reference : str
        Where the method is published.
    grouped : bool
        Whether ``fit`` takes the station of every row as ``groups``, and makes its own choices by it.
    kind : str
        ``trees`` or ``line``: members of one kind err alike.
    """

    name: str
    title: str
    class_name: str
    reference: str
    library: str = "scikit-learn"
    package: str = "sklearn.ensemble"
    seed_name: str | None = "random_state"
    threads_name: str | None = "n_jobs"
    accepts_missing: bool = False
    grouped: bool = False
    kind: str = "trees"
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    def fit_options(self, station: np.ndarray) -> dict[str, np.ndarray]:
        """What ``fit`` is told beside predictors and target, by keyword, from the station of every row."""
        return {"groups": station} if self.grouped else {}


_SPECS = (
    EstimatorSpec(
        name="rf",
        title="RF",
        class_name="RandomForestRegressor",
        reference="Breiman (2001), Mach. Learn. 45, 5-32",
        # A third of the predictors per split is Breiman's advice for regression. Half of the rows per tree
        # halves time and size: rows of one station are near copies of each other.
        settings={"n_estimators": 80, "max_samples": 0.5, "min_samples_leaf": 2, "max_features": 1 / 3},
    ),
    EstimatorSpec(
        name="ert",
        title="ERT",
        class_name="ExtraTreesRegressor",
        reference="Geurts et al. (2006), Mach. Learn. 63, 3-42",
        # all predictors per split is the authors' default for regression: the random thresholds decorrelate
        # the trees already
        settings={"n_estimators": 64, "min_samples_leaf": 3, "max_features": 1.0},
    ),
    EstimatorSpec(
        name="gbdt",
        title="GBDT",
        class_name="GradientBoostingRegressor",
        threads_name=None,
        reference="Friedman (2001), Ann. Stat. 29, 1189-1232; subsampling: Friedman (2002), Comput. Stat. "
        "Data Anal. 38, 367-378",
        settings={
            "n_estimators": 120,
            "max_depth": 5,
            "learning_rate": 0.12,
            "subsample": 0.5,
            "max_features": 1 / 3,
            "min_samples_leaf": 10,
        },
    ),
    EstimatorSpec(
        name="xgboost",
        title="XGBoost",
        library="xgboost",
        package="xgboost",
        class_name="XGBRegressor",
        accepts_missing=True,
        reference="Chen & Guestrin (2016), KDD, 785-794",
        settings={
            "n_estimators": 300,
            "max_depth": 6,
            "learning_rate": 0.05,
            "subsample": 0.8,
            "colsample_bytree": 0.8,
            "max_bin": 128,
            "tree_method": "hist",
        },
    ),
    EstimatorSpec(
        name="catboost",
        title="CatBoost",
        library="catboost",
        package="catboost",
        class_name="CatBoostRegressor",
        seed_name="random_seed",
        threads_name="thread_count",
        accepts_missing=True,
        reference="Prokhorenkova et al. (2018), NeurIPS 31",
        settings={
            "iterations": 300,
            "depth": 6,
            "learning_rate": 0.1,
            "border_count": 64,
            "boosting_type": "Plain",
            # never write a catboost_info folder beside the user's work, nor print a line per tree
            "allow_writing_files": False,
            "verbose": False,
        },
    ),
    EstimatorSpec(
        name="linear",
        title="Linear",
        package="smgee.trees.linear",
        class_name="SteppedRidge",
        seed_name=None,
        threads_name=None,
        reference="Hoerl & Kennard (1970), Technometrics 12, 55-67; in steps, as one tree per predictor",
        grouped=True,
        kind="line",
        settings={"steps": 64},
    ),
)

ESTIMATORS: Mapping[str, EstimatorSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""The models by name: ``rf``, ``ert``, ``gbdt``, ``xgboost``, ``catboost``, ``linear``."""


def find(name: str) -> EstimatorSpec:
    """The spec of a model by its name or title, whatever the case; `InputError` if there is no such model."""
    for spec in ESTIMATORS.values():
        if name.strip().lower() in (spec.name, spec.title.lower()):
            return spec
    raise InputError(f"There is no model named {name!r}; choose from {', '.join(ESTIMATORS)}.")


# Fits begin in several threads; libraries that import each other half way cannot be imported by two at once.
_ONE_IMPORT = Lock()


def title_of(name: str) -> str:
    """Name for tables and figures of a model or candidate."""
    return ESTIMATORS[name].title if name in ESTIMATORS else name


def make(name: str, *, seed: int = 0, n_jobs: int = 1, **settings: Any) -> Any:
    """An unfitted regressor with smgee's settings.

    Parameters
    ----------
    name : str
        A key of `ESTIMATORS`.
    seed : int
        Seed of everything random in the model; the same seed gives the same trees.
    n_jobs : int
        Threads for one fit (GBDT has no use for more than one).
    **settings
        Keyword arguments of the library's class that replace the fixed ones.

    Returns
    -------
    regressor
        With scikit-learn's ``fit(X, y)`` and ``predict(X)``.

    Raises
    ------
    InputError
        If there is no such model.
    """
    spec = find(name)
    keywords = dict(spec.settings)
    if spec.seed_name:
        keywords[spec.seed_name] = seed
    if spec.threads_name:
        keywords[spec.threads_name] = n_jobs
    with _ONE_IMPORT:
        library = import_module(spec.package)
    return getattr(library, spec.class_name)(**(keywords | settings))

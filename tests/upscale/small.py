"""A small study of composites and days, and a tree over its predictors."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from smgee.study import Study
from smgee.trees import TreeEnsemble

COMPOSITES = {
    "kind": "reflectance",
    "bands": ["red", "nir"],
    "composite": {"window_days": 8, "fill_days": 8, "step_days": 8},
}
CALENDAR = {"kind": "calendar", "allow_alias": True}


def small_study(*families: dict[str, Any], **area: Any) -> Study:
    """Return the demo's study on the days from 1 to 16 July 2021, with `families` between composites and
    calendar.
    """
    content = Study.demo().model_dump(mode="json") | {
        "name": "small",
        "start": "2021-07-01",
        "end": "2021-07-17",
    }
    content["area"] = area
    content["predictors"] = [COMPOSITES, *families, CALENDAR]
    return Study.parse(content)


def small_tree(study: Study, *, depth: int) -> TreeEnsemble:
    """Return a tree over every predictor, the day of the year among them."""
    rng = np.random.default_rng(4)
    names = study.predictor_set.names
    spread = {"doy": (180, 200), "elevation": (3000, 4200), "slope": (0, 40)}
    X = np.column_stack([rng.uniform(*spread.get(n, (0, 0.6)), 3000) for n in names]).astype("f4")
    y = (X - X.mean(axis=0)) @ (rng.normal(0, 1, len(names)) / X.std(axis=0)) * 0.05 + 0.5
    return TreeEnsemble.from_model(DecisionTreeRegressor(max_depth=depth, random_state=0).fit(X, y), names)

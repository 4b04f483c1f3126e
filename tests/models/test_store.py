"""Trained models as they are kept."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from smgee.errors import UnsupportedError
from smgee.models.store import TrainedModel
from smgee.trees import TreeEnsemble


def test_a_model_of_the_anomaly_draws_no_map() -> None:
    x = np.array([[0.1], [0.2], [0.3], [0.4]])
    trees = TreeEnsemble.from_model(
        DecisionTreeRegressor(max_depth=1).fit(x, x[:, 0]), feature_names=["network_state"]
    )
    whole = TrainedModel("rf", trees, {"title": "RF"})
    assert whole.map_trees is trees
    anomaly = TrainedModel("deployed", trees, {"title": "deployed", "offset": "network_state"})
    with pytest.raises(UnsupportedError, match="anomaly from network_state"):
        _ = anomaly.map_trees
    assert anomaly.predict(x) == pytest.approx(trees.predict(x) + x[:, 0])

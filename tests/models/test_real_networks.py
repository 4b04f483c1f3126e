"""Real networks: the figures that every model has to beat, computed independently."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee.models import HOLDOUTS, NetworkTable
from smgee.models.baselines import predict_baselines
from smgee.models.problem import make_problem


@pytest.mark.realdata
def test_the_mean_of_the_others_on_txson(real_data):
    table = NetworkTable.read(
        real_data / "txson" / "paired_10day.csv",
        target="sm",
        station=["Network", "Station"],
        time="StartDate",
        predictors=["nir", "swir1", "NDVI", "doy"],
        where='Network == "TxSON"',
        derive={"nir": "B8A/10000", "swir1": "B11/10000", "NDVI": "(B8A-B4)/(B8A+B4)"},
    )
    assert (int(table.scored.sum()), len(table.names)) == (3210, 35)
    frame = pd.read_csv(real_data / "txson" / "paired_10day.csv")
    frame = frame[(frame["Network"] == "TxSON") & frame["sm"].notna()]
    wide = frame.pivot_table(index="StartDate", columns="Station", values="sm")
    names = np.array([n.split("/")[1] for n in table.names])
    for fold in HOLDOUTS["station"].split(table, 5, 0)[:2]:
        problem = make_problem(table, fold)
        held = names[np.unique(table.station[problem.test])]
        others = wide.drop(columns=list(held)).mean(axis=1)
        stamps = pd.DatetimeIndex(table.times[table.step[problem.test]]).strftime("%Y-%m-%d")
        np.testing.assert_allclose(
            predict_baselines(problem)["network mean"], others.loc[stamps].to_numpy(), atol=1e-12
        )

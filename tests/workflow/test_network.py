"""Predictors that compare with the network are told where it is, by the run that the models lie in."""

from __future__ import annotations

import numpy as np
import xarray as xr

from smgee.workflow.network import beside_models
from tests.predictors.conftest import study_of


def test_the_stations_of_the_run_are_the_network(tmp_path):
    study = study_of({"kind": "weather", "names": ["era5_rain_relative"]})
    (tmp_path / "models").mkdir()
    assert beside_models(study, tmp_path / "models").needs_network
    stations = xr.Dataset(coords={"station": ["a", "b"]}).assign(
        lon=("station", np.array([99.7, 99.9])), lat=("station", np.array([37.4, 37.6]))
    )
    stations.to_netcdf(tmp_path / "stations.nc")
    for models in (tmp_path / "models", tmp_path / "models" / "deployed.npz"):
        (family,) = beside_models(study, models).families
        assert family._network == ((99.7, 37.4), (99.9, 37.6))
    plain = study_of({"kind": "terrain"})
    assert beside_models(plain, tmp_path / "models") == plain.predictor_set

"""Intervals at stations never seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee.errors import InputError
from smgee.models import conformal_interval


def _predictions(seed: int, stations: int = 20, rows: int = 30, design: str = "station") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    station = np.repeat(np.arange(stations), rng.integers(3, rows, stations))
    error = rng.normal(0, 0.05, stations)[station] + rng.normal(0, 0.01, len(station))
    return pd.DataFrame(
        {"model": "RF", "design": design, "station": station, "observed": 0.2, "predicted": 0.2 + error}
    )


def test_a_new_station_is_covered_as_promised():
    covered = []
    for trial in range(300):
        everyone = _predictions(trial)
        new = everyone["station"] == 19
        interval = conformal_interval(everyone[~new], "RF", level=0.8)
        error = np.abs(everyone["predicted"] - everyone["observed"])[new]
        covered.append(float(np.mean(error <= interval.half_width)))
    # the promise is at least 0.8 on average; 300 stations of which each is nearly all in or out: standard
    # error 0.02
    assert 0.76 <= np.mean(covered) <= 0.90


def test_every_station_weighs_the_same():
    residual = {0: [0.01] * 1000, 1: [0.2], 2: [0.02], 3: [0.03]}
    rows = [(s, r) for s, values in residual.items() for r in values]
    frame = pd.DataFrame(rows, columns=["station", "predicted"]).assign(
        model="RF", design="loso", observed=0.0
    )
    # masses 1/5 each at 0.01, 0.02, 0.03, 0.2, and 1/5 at infinity
    assert conformal_interval(frame, "RF", level=0.6).half_width == pytest.approx(0.03)
    assert conformal_interval(frame, "RF", level=0.61).half_width == pytest.approx(0.2)
    assert conformal_interval(frame, "RF", level=0.8).half_width == pytest.approx(0.2)
    too_much = conformal_interval(frame, "RF", level=0.81)
    assert np.isinf(too_much.half_width)
    assert np.isnan(too_much.coverage)


def test_coverage_is_that_of_each_station_by_the_others():
    frame = _predictions(1, stations=12)
    interval = conformal_interval(frame, "RF", level=0.8)
    error = np.abs(frame["predicted"] - frame["observed"])
    by_hand = [
        np.mean(
            error[frame["station"] == s]
            <= conformal_interval(frame[frame["station"] != s], "RF", level=0.8).half_width
        )
        for s in range(12)
    ]
    assert interval.coverage == pytest.approx(np.mean(by_hand))
    assert interval.stations == 12


def test_random_folds_cannot_calibrate():
    with pytest.raises(InputError, match="at stations left out"):
        conformal_interval(_predictions(0, design="random"), "RF")
    with pytest.raises(InputError, match="between 0 and 1"):
        conformal_interval(_predictions(0), "RF", level=90)

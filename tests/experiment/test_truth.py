"""The truth of cells at the overpass, and what it says of references and verdicts."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from smgee import insitu
from smgee.errors import MissingDataError
from smgee.experiment import compare_with_truth, true_means
from smgee.experiment.truth import SMAP_ITSELF, truth_sentences
from smgee.grid import EaseCell
from smgee.twin import Basin
from smgee.validation.pairs import PLAIN, UPSCALED


@pytest.fixture(scope="module")
def basin() -> Basin:
    return Basin(extent="M09")


@pytest.mark.parametrize("orbit", ["AM", "PM"])
def test_the_mean_of_the_window_is_that_of_the_pixels(basin, orbit):
    """Against the true maps of the hours of the window, averaged over the land of the cell."""
    day = pd.Timestamp("2021-07-12")
    found = true_means(basin, [basin.cell], orbits=[orbit])
    value = found.set_index("date").loc[day, "soil_moisture"]
    at = insitu.overpass_times([day], orbit, basin.centre[0])[0]
    inside = (basin.cell_index == 0) & basin.land()
    first = (at - pd.Timedelta("3h")).round("h")
    hours = pd.date_range(first, periods=6, freq="h")
    maps = [np.nanmean(basin.truth_hour(datetime(h.year, h.month, h.day, h.hour))[inside]) for h in hours]
    assert value == pytest.approx(np.mean(maps), abs=2e-4)
    daily = basin.truth(day.date())[inside]
    if orbit == "AM":  # 23:20 UTC is half a day away from the middle of the UTC day
        assert abs(value - np.nanmean(daily)) > abs(value - np.mean(maps))


def test_cells_elsewhere_have_no_truth(basin):
    with pytest.raises(MissingDataError, match="nothing is known"):
        true_means(basin, [EaseCell("M36", 10, 10)])


def table(values: np.ndarray, dates: pd.DatetimeIndex, cell: str) -> pd.DataFrame:
    return pd.DataFrame({"date": dates, "orbit": "AM", "cell": cell, "soil_moisture": values})


def test_errors_of_references_and_of_what_they_say():
    rng = np.random.default_rng(1)
    dates = pd.date_range("2021-05-10", periods=80, freq="2D")
    true = 0.25 + 0.06 * np.sin(np.arange(80) / 5)
    cell = "M36_r0079_c0749"
    smap = table(true + rng.normal(0, 0.02, 80) - 0.01, dates, cell)
    references = {
        "good": table(true, dates, cell),
        "wet": table(true + 0.05, dates, cell),
        "day": table(true + rng.normal(0, 0.05, 80), dates, cell).drop(columns="orbit"),
    }
    found = compare_with_truth(smap, references, table(true, dates, cell))
    own = found.set_index("reference")
    assert own.loc["good", "rmse"] == pytest.approx(0.0, abs=1e-12)
    assert own.loc["wet", "bias"] == pytest.approx(0.05)
    assert own.loc["good", "smap_bias"] == own.loc[SMAP_ITSELF, "bias"] == own.loc["wet", "smap_bias_true"]
    assert own.loc["wet", "smap_bias_held"] == 0
    assert own.loc["good", "smap_bias_held"] == own.loc["good", "smap_r_held"] == 1
    assert own.loc["day", "smap_ubrmse_held"] == 0
    named = found.replace({"reference": {"good": UPSCALED, "wet": PLAIN}})
    assert truth_sentences(named)[1] == (
        "The mean of the map errs by 0.0000 m³/m³, the plain mean of the stations by 0.0500: "
        "upscaling gained 0.0500 here."
    )
    verdicts = pd.DataFrame({"cell": [cell], "orbit": ["AM"], "meets": [0.99]})
    said = truth_sentences(found, verdicts)
    assert "Nearest to the truth of all references is good" in said[0]
    size = own.loc[SMAP_ITSELF, "ubrmse"]
    assert said[1].endswith(
        "in the long run was given the probability 0.99; on these passes alone its true ubRMSE is "
        f"{size:.3f} m³/m³."
    )
    few = truth_sentences(compare_with_truth(smap[:5], references, table(true, dates, cell)))
    assert few[0].endswith("Passes are too few for intervals (n = 5).")

"""Memory of rain, what persists at a place, folds that match distances, and weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from smgee.errors import InputError
from smgee.models.features import build_features
from smgee.models.knndm import area_points, fold_distances, knndm_folds, map_distances
from smgee.models.kriging import Variogram, fit_variogram, kriging_weights
from smgee.models.network import NetworkTable
from smgee.models.rain import antecedent, is_rain, rain_memory, windowed
from smgee.models.weights import PRIOR, believed_weight, paired_gain
from tests.models.networks import frame, network

_RAIN = ("rain", "Precip_wrcc", "ppt", "tp", "prcp_mm", "RAIN", "gpm_precip", "pr", "P", "RR")
_SUMS = ("total_precipitation_sum", "precipitation_sum", "rain_sum", "tp_sum", "PRECTOTCORR", "P_mm")


@pytest.mark.parametrize(
    "name", ["rain", "Precip_wrcc", "ppt", "tp", "prcp_mm", "RAIN", "gpm_precip", "pr", "P", "RR", *_SUMS]
)
def test_rain_is_known_by_its_name(name):
    assert is_rain(name)


_OTHERS = ("rain_sum_7", "precipitable_water", "rain_yesterday", "pH", "tprate")


@pytest.mark.parametrize("name", ["Precip_cum", "rain_10d", "api", "pressure", "terrain", "temp", *_OTHERS])
def test_sums_and_others_are_no_rain(name):
    assert not is_rain(name)


def test_a_short_name_is_rain_where_it_behaves_so():
    dry_days = np.array([0.0, 0.0, 3.2, np.nan, 11.0])
    assert is_rain("P", dry_days)
    assert not is_rain("P", np.array([612.0, 613.0, 611.0]))  # pressure
    assert not is_rain("pr", dry_days - 1.0)


def test_the_index_is_its_recursion_over_days():
    rain = np.array([[0.0, 10.0, 0.0, 0.0, 4.0]])
    days = np.array([0.0, 1.0, 2.0, 5.0, 6.0])
    api = antecedent(rain, days, 0.9)[0]
    assert api[1] == pytest.approx(0.9 * api[0] + 10)
    assert api[3] == pytest.approx(api[2] * 0.9**3)  # three days passed
    # a constant rain is in equilibrium from the first day on
    steady = antecedent(np.full((1, 50), 2.0), np.arange(50.0), 0.95)
    np.testing.assert_allclose(steady, 2.0 / 0.05)


def test_windows_count_days_not_rows():
    rain = np.array([[1.0, 2.0, 4.0, 8.0]])
    np.testing.assert_allclose(windowed(rain, np.array([0.0, 1.0, 2.0, 9.0]), 3), [[1, 3, 7, 8]])


def test_gaps_of_a_gauge_are_filled_by_the_network():
    rain = np.array([[5.0, np.nan], [5.0, 8.0], [5.0, 4.0]])
    assert rain_memory("rain", rain, np.array([0.0, 1.0]))["rain_3d"][0, 1] == pytest.approx(5 + 6)


def test_place_is_free_of_when_a_station_was_there():
    rows = frame(stations=6, days=200, gaps=0.0)
    rows["ndvi"] = 0.3 + 0.2 * np.sin(rows["date"].dt.day_of_year / 20) + 0.05 * rows["clay"]
    late = (rows["station"] == "S02") & (rows["date"] < "2020-09-01")
    table = network(rows[~late])
    features = build_features(table)
    mean = features.x[:, features.names.index("ndvi_mean")]
    of_station = [float(mean[table.station == i][0]) for i in range(6)]
    clay = rows.groupby("station")["clay"].first().to_numpy()
    assert np.corrcoef(of_station, clay)[0, 1] > 0.99


def test_one_weather_station_for_all_makes_no_place():
    rows = frame(stations=6, days=80, gaps=0.3)
    rows["rain"] = rows.groupby("date")["rain"].transform("first")
    groups = build_features(network(rows)).groups
    assert not [n for g in ("place", "spread", "relative") for n in groups[g] if n.startswith("rain")]
    assert "rain_api90" in groups["rain"]
    assert "rain_api90_rel" not in groups["rain"]


def test_long_term_means_keep_to_the_steps_allowed():
    table = network(days=80)
    allowed = np.arange(len(table.times)) < 40
    whole, part = build_features(table), build_features(table, allowed=allowed)
    later = np.where(np.arange(len(table.times)) < 40, 0.0, 5.0)
    moved = replace(
        table, dynamic={**table.dynamic, "ndvi": table.dynamic["ndvi"] * (1.0 + later[table.step])}
    )
    again = build_features(moved, allowed=allowed)
    for name in part.groups["place"]:
        j = part.names.index(name)
        np.testing.assert_allclose(part.x[:, j], again.x[:, j], atol=1e-6)
    assert whole.groups == part.groups


def test_constant_predictors_become_static_and_changing_static_ones_are_refused():
    rows = frame(stations=6, days=20)
    table = NetworkTable.from_frame(rows, target="sm", predictors=["rain", "clay"])
    assert list(table.static) == ["clay"]
    assert "taken as static: clay" in table.notes[0]
    with pytest.raises(InputError, match="changes within stations"):
        NetworkTable.from_frame(rows, target="sm", predictors=["rain"], static=["ndvi"])


def test_a_sparse_predictor_costs_no_row():
    rows = frame(stations=6, days=40)
    rows["lst"] = np.where(np.arange(len(rows)) % 3 == 0, rows["ndvi"], np.nan)
    rows.loc[rows.index % 10 == 0, "ndvi"] = np.nan
    table = NetworkTable.from_frame(rows, target="sm", predictors=["rain", "ndvi", "lst"])
    assert table.scored.sum() == rows["ndvi"].notna().sum()
    assert "lst (66%)" in " ".join(table.notes)
    assert np.isfinite(build_features(table).x).all()


def _cluster(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.random((6, 2)) * 100
    return centres[rng.integers(0, 6, 60)] + rng.normal(0, 1.0, (60, 2))


@pytest.mark.parametrize("seed", range(5))
def test_knndm_matches_clustered_stations_better_than_random_folds(seed):
    xy = _cluster(seed)
    distance = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    points = np.stack(np.meshgrid(np.linspace(0, 100, 30), np.linspace(0, 100, 30)), axis=-1).reshape(-1, 2)
    fold = knndm_folds(distance, xy, points, folds=5)
    assert set(fold) == set(range(5))
    assert np.bincount(fold).max() < 0.5 * len(xy)
    wanted = map_distances(xy, points)
    dealt = np.random.default_rng(0).permutation(np.arange(60) % 5)
    gap = wasserstein_distance(fold_distances(distance, fold), wanted)
    assert gap < 0.6 * wasserstein_distance(fold_distances(distance, dealt), wanted)


def test_knndm_deals_random_folds_where_stations_are_spread_like_the_map():
    # Linnenbrink et al. (2024): for a random sample of the area the method falls back to random folds
    xy = np.random.default_rng(3).random((80, 2)) * 100
    distance = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    fold = knndm_folds(distance, xy, area_points(xy), folds=5, seed=1)
    expected = np.empty(80, int)
    expected[np.random.default_rng(1).permutation(80)] = np.arange(80) % 5
    np.testing.assert_array_equal(fold, expected)


def test_kriging_weights_are_those_of_gstools():
    import gstools

    rng = np.random.default_rng(0)
    xy, value = rng.random((12, 2)) * 1000, rng.random(12)
    target = np.array([[333.0, 444.0], [10.0, 990.0]])
    model = gstools.Exponential(dim=2, var=0.5, len_scale=300.0, nugget=0.1)
    theirs, _ = gstools.krige.Ordinary(model, xy.T, value, exact=False)(target.T)
    between = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    towards = np.linalg.norm(xy[:, None] - target[None], axis=2)
    weights = kriging_weights(Variogram(0.1, 0.5, 300.0), between, towards)
    np.testing.assert_allclose(weights.sum(axis=0), 1.0)
    np.testing.assert_allclose(value @ weights, theirs, atol=1e-9)


def test_a_pooled_variogram_finds_the_model_behind_many_days():
    rng = np.random.default_rng(1)
    xy = rng.random((40, 2)) * 1000
    distance = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    covariance = 0.8 * np.exp(-distance / 200.0) + 0.2 * np.eye(40)
    values = np.linalg.cholesky(covariance) @ rng.normal(size=(40, 400))
    values[rng.random(values.shape) < 0.2] = np.nan
    found = fit_variogram(values, distance)
    assert found.nugget + found.sill == pytest.approx(1.0, abs=0.15)
    assert found.length == pytest.approx(200.0, rel=0.5)


def test_weights_believe_what_is_sure_and_nothing_else():
    rng = np.random.default_rng(0)
    station = np.repeat(np.arange(30), 20)
    truth = rng.normal(0, 1, 600)
    assert believed_weight(truth, truth, station) == pytest.approx(1.0)
    assert believed_weight(truth, 4 * truth, station) == pytest.approx(0.25)
    assert believed_weight(truth, -truth, station) == 0.0
    assert believed_weight(truth, np.zeros(600), station) == 0.0
    # constants per station without any meaning: most are refused, the others not believed beyond the prior
    weights = []
    for _ in range(200):
        level, guess = rng.normal(0, 1, 30)[station], rng.normal(0, 1, 30)[station]
        weights.append(believed_weight(level, guess, station))
    assert np.mean(np.array(weights) == 0.0) > 0.7
    assert np.mean(weights) < PRIOR / 2
    # the same with a half of the truth in it: believed by about what it is worth, from as many stations
    weights = []
    for _ in range(200):
        level, noise = rng.normal(0, 1, 30)[station], rng.normal(0, 1, 30)[station]
        weights.append(believed_weight(level, level + noise, station))
    assert 0.25 < np.mean(weights) < 0.5


def test_gain_and_its_error_are_over_stations():
    rng = np.random.default_rng(2)
    station = np.repeat(np.arange(25), 40)
    level = rng.normal(0, 1, 25)[station]
    gain, error = paired_gain(level, np.zeros(1000), 0.5 * level, station)
    assert gain == pytest.approx(0.75 * (level**2).mean())
    by_station = 0.75 * level[::40] ** 2
    assert error == pytest.approx(by_station.std(ddof=1) / 5, rel=1e-9)

"""Intervals at stations never seen."""

from __future__ import annotations

import numpy as np
import pytest

from smgee.errors import InputError
from smgee.models.intervals import POINTS, attainable, difficulty_at, fit_interval


def network(rng: np.random.Generator, stations: int, rows: int = 30) -> tuple[np.ndarray, ...]:
    """Predictions and what is observed at stations whose errors hang together and grow with wetness."""
    station = np.repeat(np.arange(stations), rng.integers(3, rows, stations))
    predicted = rng.uniform(0.05, 0.4, len(station))
    size = 0.2 + 2 * predicted
    error = rng.gamma(1.5, 0.02, stations)[station] - 0.03 + rng.normal(0, 0.01, len(station))
    return predicted, np.maximum(predicted + size * error, 0.0), station


def test_a_new_station_is_covered_as_promised():
    covered = []
    for trial in range(300):
        rng = np.random.default_rng(trial)
        predicted, observed, station = network(rng, 31)
        new = station == 30
        known = (predicted[~new], observed[~new], station[~new], station[~new] % 5)
        low, high = fit_interval(*known, level=0.9).bounds(predicted[new])
        covered.append(float(np.mean((low <= observed[new]) & (observed[new] <= high))))
    # each station is nearly all in or out: standard error 0.017
    assert 0.86 <= np.mean(covered) <= 0.95


def test_ends_are_in_order_among_every_models_errors():
    """CV+ by hand: all candidates of all models at every place, sorted."""
    rng = np.random.default_rng(1)
    predicted, observed, station = network(rng, 24)
    fold = station % 3
    interval = fit_interval(predicted, observed, station, fold, level=0.8)
    maps = rng.uniform(0.05, 0.4, (3, 4, 7))
    low, high = interval.bounds(maps)
    a, b, least = interval.difficulty
    difficulty = np.maximum(a + b * predicted, least)
    share = (np.arange(POINTS) + 0.5) / POINTS
    for at in np.ndindex(4, 7):
        candidates = []
        for s in range(24):
            own = station == s
            mu = maps[(s % 3, *at)]
            errors = np.quantile((observed[own] - predicted[own]) / difficulty[own], share)
            candidates.extend(mu + errors * max(a + b * mu, least))
        candidates.sort()
        # 25 masses of 1/25, the last at infinity; a tenth may lie beyond either end
        inside = np.arange(1, len(candidates) + 1) / (POINTS * 25)
        assert high[at] == pytest.approx(candidates[np.flatnonzero(inside >= 0.9 - 1e-12)[0]])
        assert low[at] == pytest.approx(max(candidates[::-1][np.flatnonzero(inside >= 0.9 - 1e-12)[0]], 0.0))


def test_ends_are_taken_apart():
    rng = np.random.default_rng(2)
    predicted, _, station = network(rng, 60)
    error = rng.gamma(1.0, 0.02, 60)[station] * (0.2 + 2 * predicted)  # never below 0
    interval = fit_interval(predicted, predicted + error, station, station % 5, level=0.8)
    low, high = interval.bounds(np.array([0.3]))
    assert low[0] >= 0.3
    mirrored = fit_interval(predicted, predicted - error, station, station % 5, level=0.8)
    for a, b in zip((low, high), mirrored.bounds(np.array([0.3]))[::-1], strict=True):
        assert a[0] - 0.3 == pytest.approx(0.3 - b[0])
    assert difficulty_at(interval.difficulty, 0.4) > difficulty_at(interval.difficulty, 0.1)


def test_every_station_weighs_the_same():
    """The rows of one station a hundred times over change nothing but the line of difficulty."""
    station = np.repeat(np.arange(20), 10)
    rng = np.random.default_rng(3)
    error = rng.normal(0, 0.03, 20)[station]
    predicted = np.full(len(station), 0.2)
    many = np.concatenate([np.arange(len(station)), np.repeat(np.flatnonzero(station == 7), 100)])
    once = fit_interval(predicted, predicted + error, station, station % 4, level=0.8)
    often = fit_interval(
        predicted[many], (predicted + error)[many], station[many], station[many] % 4, level=0.8
    )
    for a, b in zip(once.bounds(predicted[:1]), often.bounds(predicted[:1]), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)
    assert once.coverage == pytest.approx(often.coverage)


def test_coverage_is_that_of_each_station_by_the_others():
    rng = np.random.default_rng(4)
    predicted, observed, station = network(rng, 24)
    interval = fit_interval(predicted, observed, station, station % 4, level=0.8)
    difficulty = difficulty_at(interval.difficulty, predicted)
    share = (np.arange(POINTS) + 0.5) / POINTS
    covered, width = [], []
    for s in range(24):
        errors = []
        for other in set(range(24)) - {s}:
            own = station == other
            errors.extend(np.quantile((observed[own] - predicted[own]) / difficulty[own], share))
        errors = np.sort(errors)
        needed = int(np.ceil(0.9 * POINTS * 24 - 1e-9))  # of 23 stations and the one not seen
        own = station == s
        low = np.maximum(predicted[own] + errors[len(errors) - needed] * difficulty[own], 0)
        high = predicted[own] + errors[needed - 1] * difficulty[own]
        covered.append(((low <= observed[own]) & (observed[own] <= high)).mean())
        width.append((high - low).mean())
    assert interval.coverage == pytest.approx(np.mean(covered))
    assert interval.width == pytest.approx(np.mean(width))


def test_too_few_stations_promise_nothing():
    rng = np.random.default_rng(5)
    predicted, observed, station = network(rng, 18)
    interval = fit_interval(predicted, observed, station, station % 3, level=0.9)
    assert interval.rank == 0
    assert np.isnan(interval.coverage)
    low, high = interval.bounds(predicted)
    assert (low == 0).all()
    assert np.isinf(high).all()
    assert attainable(18) == pytest.approx(1 - 2 / 19)
    assert fit_interval(predicted, observed, station, station % 3, level=attainable(18) - 1e-6).rank == 1


def test_a_masked_pixel_has_no_interval():
    rng = np.random.default_rng(6)
    predicted, observed, station = network(rng, 30)
    interval = fit_interval(predicted, observed, station, station % 2)
    low, high = interval.bounds(np.array([[0.2, np.nan], [0.2, 0.2]]))
    np.testing.assert_array_equal(np.isnan(low), [False, True])
    np.testing.assert_array_equal(np.isnan(high), [False, True])


def test_unusable_input_is_refused():
    rng = np.random.default_rng(7)
    predicted, observed, station = network(rng, 20)
    with pytest.raises(InputError, match="between 0 and 1"):
        fit_interval(predicted, observed, station, station % 5, level=90)
    with pytest.raises(InputError, match="at least two folds"):
        fit_interval(predicted, observed, station, station * 0)
    with pytest.raises(InputError, match="several folds"):
        fit_interval(predicted, observed, station, np.arange(len(station)) % 2)
    interval = fit_interval(predicted, observed, station, station % 5)
    with pytest.raises(InputError, match="of its 5"):
        interval.bounds(np.zeros((3, 10)))

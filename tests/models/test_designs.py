"""Splitters: what they hold out, and how scikit-learn sees them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_predict

from smgee.errors import InputError
from smgee.models import DESIGNS, DateKFold, GroupedKFold, StationKFold, spatial_blocks
from smgee.models.designs import require_station_design


@given(st.lists(st.integers(0, 12), min_size=12, max_size=200), st.integers(2, 6), st.integers(0, 5))
def test_every_group_is_held_out_exactly_once(labels, folds, seed):
    groups = np.array(labels)
    if len(set(labels)) < folds:
        return
    seen: list[int] = []
    for train, test in GroupedKFold(folds, seed=seed).split(groups, groups=groups):
        assert len(test)
        assert not set(groups[train]) & set(groups[test])
        assert sorted([*train, *test]) == list(range(len(groups)))
        seen += sorted(set(groups[test].tolist()))
    assert sorted(seen) == sorted(set(labels))


@given(st.lists(st.integers(1, 400), min_size=5, max_size=40), st.integers(0, 50))
def test_folds_differ_by_no_more_rows_than_the_largest_station_has(rows, seed):
    groups = np.repeat(np.arange(len(rows)), rows)
    sizes = [len(test) for _, test in StationKFold(5, seed=seed).split(groups, groups=groups)]
    assert max(sizes) - min(sizes) <= max(rows)


@pytest.mark.parametrize("rows", [np.full(20, 50), np.arange(1, 21) * 5, np.arange(20) % 2 * 90 + 10])
def test_every_seed_deals_anew_however_unequal_the_stations(rows):
    groups = np.repeat(np.arange(20), rows)
    first = np.concatenate([[0], np.cumsum(rows)[:-1]])
    together = np.zeros((20, 20))
    for seed in range(200):
        fold = np.empty(len(groups), int)
        for k, (_, test) in enumerate(StationKFold(5, seed=seed).split(groups, groups=groups)):
            fold[test] = k
        together += fold[first][:, None] == fold[first]
    # no two are always parted, none always together
    share = together[np.triu_indices(20, 1)] / 200
    assert share.min() > 0
    assert share.max() < 0.6


def test_one_station_at_a_time(table):
    splits = list(StationKFold(None).split(table.x, groups=table.station))
    assert len(splits) == StationKFold(None).get_n_splits(groups=table.station) == 12
    assert all(len(set(table.station[test])) == 1 for _, test in splits)


def test_contiguous_dates_are_unbroken_and_leave_none_out(table):
    folds = [
        np.unique(table.time[test])
        for _, test in DateKFold(5, contiguous=True).split(table.x, groups=table.time)
    ]
    assert all(a.max() < b.min() for a, b in itertools.pairwise(folds))
    assert len(np.concatenate(folds)) == 30


def test_splitters_serve_scikit_learn(table):
    predicted = cross_val_predict(
        clone(LinearRegression()), table.x, table.y, cv=StationKFold(4), groups=table.station
    )
    assert predicted.shape == table.y.shape


@pytest.mark.parametrize("name", list(DESIGNS))
def test_designs_partition_the_table(table, name):
    splits = DESIGNS[name].split(table, folds=6, seed=3)
    assert sorted(np.concatenate([test for _, test in splits]).tolist()) == list(range(len(table)))
    again = DESIGNS[name].split(table, folds=6, seed=3)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(splits, again, strict=True))


def test_more_folds_than_stations_means_one_each(table):
    assert len(DESIGNS["station"].split(table, folds=50)) == 12


def test_blocks_are_squares_of_equal_area():
    # 9 km EASE-Grid 2.0 columns are 0.0933° wide at every latitude
    assert len(set(spatial_blocks(np.array([0.01, 0.09, 0.10]), np.array([0.01, 0.01, 0.01])))) == 2
    wide = spatial_blocks(np.linspace(99.5, 100.5, 11), np.full(11, 37.5), size_km=200)
    assert len(set(wide)) <= 2


@pytest.mark.parametrize(
    "wrong", [lambda: StationKFold(1), lambda: list(StationKFold(3).split([0, 1], groups=["a", "a"]))]
)
def test_senseless_folds_are_refused(wrong):
    with pytest.raises(InputError):
        wrong()


def test_groups_and_coordinates_are_asked_for(table):
    with pytest.raises(InputError, match="station of every row"):
        list(StationKFold(2).split(table.x))
    with pytest.raises(InputError, match="positive"):
        spatial_blocks(table.lon, table.lat, size_km=0)
    with pytest.raises(InputError, match="missing or beyond"):
        spatial_blocks(np.array([np.nan]), np.array([1.0]))


@pytest.mark.parametrize("names", [["random"], ["random", "date"], []])
def test_random_alone_is_refused(names):
    with pytest.raises(InputError, match="design"):
        require_station_design(names)

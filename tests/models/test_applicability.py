"""Where a model may be asked."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from smgee.errors import InputError, MissingDataError
from smgee.models import DESIGNS, TrainingTable, area_of_applicability


@pytest.fixture
def folds(table):
    fold = np.empty(len(table), dtype=int)
    for k, (_, test) in enumerate(DESIGNS["station"].split(table, folds=4)):
        fold[test] = k
    return fold


def test_dissimilarity_follows_its_definition(table, folds):
    importance = np.array([2.0, 1.0, 0.0, 1.0])
    area = area_of_applicability(table, importance=importance, folds=folds)
    x = table.x.astype("f8")
    scaled = (x - x.mean(0)) / x.std(0) * importance / importance[importance > 0].mean()
    assert area.mean_distance == pytest.approx(pdist(scaled).mean())
    di = (
        np.array([np.linalg.norm(scaled[folds != folds[i]] - scaled[i], axis=1).min() for i in range(len(x))])
        / pdist(scaled).mean()
    )
    whisker = np.quantile(di, 0.75) + 1.5 * np.subtract(*np.quantile(di, [0.75, 0.25]))
    assert area.threshold == pytest.approx(di[di <= whisker].max())
    rows = np.array([x[3], x[5] + [0.5, 10, 100, 3]])
    there = (rows - x.mean(0)) / x.std(0) * importance / importance[importance > 0].mean()
    direct = [np.linalg.norm(scaled - row, axis=1).min() / pdist(scaled).mean() for row in there]
    np.testing.assert_allclose(area.dissimilarity(rows), direct, atol=1e-12)


def test_training_rows_lie_inside_and_strange_ones_outside(table, folds):
    area = area_of_applicability(table, importance=np.ones(4), folds=folds)
    assert area.inside(table.x).all()
    np.testing.assert_allclose(area.dissimilarity(table.x), 0, atol=1e-9)
    strange = table.x[:5].astype("f8")
    strange[:, 1] += 5000
    assert not area.inside(strange).any()


def test_a_missing_predictor_is_outside(table, folds):
    area = area_of_applicability(table, importance=np.ones(4), folds=folds)
    row = table.x[:1].copy()
    row[0, 2] = np.nan
    assert np.isnan(area.dissimilarity(row)).all()
    assert not area.inside(row).any()


def test_what_does_not_matter_does_not_count(table, folds):
    area = area_of_applicability(table, importance=[1, 1, 0, 1], folds=folds)
    row = table.x[:1].astype("f8")
    row[0, 2] = 1e6
    assert area.inside(row).all()


def test_unusable_input_is_refused(table, folds):
    for importance, fold in (
        ([1, 1], folds),
        ([1, 1, 1, -1], folds),
        (np.ones(4), folds[:5]),
        (np.ones(4), folds * 0),
    ):
        with pytest.raises(InputError):
            area_of_applicability(table, importance=importance, folds=fold)
    with pytest.raises(MissingDataError, match="matters"):
        area_of_applicability(table, importance=np.zeros(4), folds=folds)
    holed = TrainingTable(**{**table.__dict__, "x": np.where(table.x > 0, table.x, np.nan)})
    with pytest.raises(MissingDataError, match="missing predictors"):
        area_of_applicability(holed, importance=np.ones(4), folds=folds)
    with pytest.raises(InputError, match="takes"):
        area_of_applicability(table, importance=np.ones(4), folds=folds).dissimilarity(np.zeros((2, 3)))

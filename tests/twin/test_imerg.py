"""Rain by the half hour: official ids and lattice, right by the month, doubtful by the day."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from smgee.datasets import IMERG
from smgee.source import CollectionInfo
from smgee.twin import TwinSource
from smgee.twin.imerg import HALF_HOURS, Imerg
from smgee.twin.products import Products


@pytest.fixture(scope="module")
def imerg(basin):
    return Imerg(basin, Products(basin))


def test_images_are_half_hours_on_the_official_lattice(source):
    assert isinstance(source.get(IMERG.id), CollectionInfo)
    images = source.images(IMERG.id)
    assert len(images) == 365 * HALF_HOURS
    first, second = images[:2]
    assert (first.id, second.id) == (f"{IMERG.id}/20210101000000", f"{IMERG.id}/20210101003000")
    assert first.end_ms == second.start_ms == first.start_ms + 30 * 60 * 1000
    assert first.properties["synthetic"] == 1
    band = first.bands[0]
    step, _, x0, _, _, y0 = band.grid.transform
    assert (band.name, step) == ("precipitation", IMERG.grid.transform[0])
    assert (x0 + 180.0) / step == pytest.approx(round((x0 + 180.0) / step), abs=1e-6)
    assert (90.0 - y0) / step == pytest.approx(round((90.0 - y0) / step), abs=1e-6)


def test_a_day_of_images_holds_the_rain_of_the_day(source, imerg, basin):
    day = int(imerg.daily.mean(axis=(1, 2)).argmax())
    start = pd.Timestamp(basin.days[day])
    total = np.zeros(imerg.daily.shape[1:])
    rates = []
    for k in range(HALF_HOURS):
        stamp = start + timedelta(minutes=30 * k)
        values, valid = source.read(f"{IMERG.id}/{stamp:%Y%m%d%H%M%S}", "precipitation", 0, 0, *total.shape)
        assert values.dtype == np.float32
        assert valid.all()
        total += values * 0.5
        rates.append(values.max())
    np.testing.assert_allclose(total, imerg.daily[day], rtol=1e-5)
    assert 0 < np.count_nonzero(rates) < HALF_HOURS  # it does not rain all day


def test_right_by_the_month_and_doubtful_by_the_day(imerg, basin):
    (rain, _), seen = Products(basin).rain(imerg.grid), imerg.daily
    summer = slice(basin.day("2021-05-01"), basin.day("2021-10-01"))
    row, col = (n // 2 for n in seen.shape[1:])
    assert 0.35 < np.corrcoef(rain[summer, row, col], seen[summer, row, col])[0, 1] < 0.8
    true, seen = rain.mean(axis=(1, 2)), seen.mean(axis=(1, 2))
    months = pd.DatetimeIndex(basin.days).month
    ratio = pd.Series(seen).groupby(months).sum() / pd.Series(true).groupby(months).sum()
    assert ratio[5:9].between(0.75, 1.25).all()
    # storms of the afternoon and evening sun: 12 to 24 h at 99.8° E are 5 to 17 h UTC
    late = imerg.shares[:, 10:35].sum(axis=1)
    assert np.median(late) > 0.8


def test_each_year_has_its_own(basin):
    source = TwinSource(basin, years=[2020, 2021])
    assert len(source.images(IMERG.id)) == (366 + 365) * HALF_HOURS

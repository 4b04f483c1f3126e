"""SMAP from collections on the embedded Earth Engine: each cell its value, versions by row, no image."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

import smgee
from smgee.datasets import SMAP_9KM
from smgee.errors import InputError
from smgee.grid import EASE_CRS, EaseCell, PixelGrid, ease_cell_at, transformer
from smgee.source import BandInfo, CollectionInfo, ImageInfo
from smgee.study import Study
from smgee.validation import fetch_smap
from smgee.validation.sources import COLUMNS, Collection, absent, fetch, sources_of

LARGE = "projects/a-study/assets/SPL3SMP"
CELL = ease_cell_at(99.8, 37.5)
BESIDE = EaseCell("M36", CELL.row, CELL.col + 1)
FIRST, SEAM, LAST = date(2023, 12, 2), date(2023, 12, 4), date(2023, 12, 6)
LEFT, BOTTOM, RIGHT, TOP = CELL.bounds
SIDE = RIGHT - LEFT
EXACT = PixelGrid(EASE_CRS, (SIDE, 0.0, LEFT - SIDE, 0.0, -SIDE, TOP + SIDE), 4, 3)
WARPED = PixelGrid("EPSG:4326", (0.08, 0.0, 99.0, 0.0, -0.08, 38.2), 20, 20)
NAMES = ("soil_moisture_am", "retrieval_qual_flag_am", "soil_moisture_pm", "retrieval_qual_flag_pm")


def moisture(cell: EaseCell, day: date, evening: bool) -> float:
    """Return a value that tells cell, day and overpass apart."""
    return round(
        0.05 + 0.001 * (cell.row % 20) + 0.02 * (cell.col % 20) / 20 + 0.01 * day.day + 0.1 * evening, 6
    )


def _values(grid: PixelGrid, level: str, day: date, band: str) -> np.ndarray:
    if "flag" in band:
        return np.full(grid.shape, int(day == FIRST), "u2")
    a, _, c, _, e, f = grid.transform
    x, y = np.meshgrid(c + a * (np.arange(grid.width) + 0.5), f + e * (np.arange(grid.height) + 0.5))
    lon, lat = transformer(grid.crs, "EPSG:4326").transform(x, y)
    cells = [ease_cell_at(u, v, level) for u, v in zip(lon.ravel(), lat.ravel())]
    return np.array([moisture(c, day, band.endswith("pm")) for c in cells], "f4").reshape(grid.shape)


class Smap:
    """Daily images from FIRST to LAST: 36 km on the exact grid, 9 km as Earth Engine's warped copy."""

    def __init__(self) -> None:
        self.collections: dict[str, list[ImageInfo]] = {LARGE: [], SMAP_9KM[0].id: [], SMAP_9KM[1].id: []}
        for k in range((LAST - FIRST).days + 1):
            day = FIRST + timedelta(days=k)
            for collection, grid in ((LARGE, EXACT), (SMAP_9KM[int(day >= SEAM)].id, WARPED)):
                bands = tuple(BandInfo(n, "uint16" if "flag" in n else "float32", grid) for n in NAMES)
                start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
                info = ImageInfo(f"{collection}/{day:%Y%m%d}", bands, {}, start, start)
                self.collections[collection].append(info)

    def get(self, asset_id):
        if asset_id in self.collections:
            return CollectionInfo(asset_id)
        known = {i.id: i for images in self.collections.values() for i in images}
        return known.get(asset_id)

    def list(self, parent):
        return [] if parent else list(self.collections)

    def images(self, collection_id):
        return self.collections[collection_id]

    def read(self, image_id, band, row, col, height, width):
        collection, _, stamp = image_id.rpartition("/")
        grid, level = (EXACT, "M36") if collection == LARGE else (WARPED, "M09")
        day = date(int(stamp[:4]), int(stamp[4:6]), int(stamp[6:]))
        values = _values(grid, level, day, band)[row : row + height, col : col + width]
        return values, np.ones(values.shape, bool)

    def features(self, table_id):
        return None


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    with smgee.connect(sources=[Smap()], store=tmp_path_factory.mktemp("store")) as found:
        yield found


def study(start: date, end: date, **smap: object) -> Study:
    area = {"lon": 99.8, "lat": 37.5, "crs": "EPSG:32647", "scale_m": 500}
    return Study(
        name="s", start=start, end=end, area=area, smap={"collection_36km": LARGE, "nine_km": True} | smap
    )


def test_every_cell_its_own_value_across_the_seam(session):
    table = fetch_smap(study(FIRST, LAST + timedelta(days=1)))
    assert tuple(table) == COLUMNS
    assert len(table) == 17 * 2 * 5
    expected = [
        moisture(EaseCell.from_name(r.cell), r.date.date(), r.orbit == "PM") for r in table.itertuples()
    ]
    np.testing.assert_allclose(table["soil_moisture"], expected, atol=1e-6)
    assert (table["flag"] == (table["date"] == pd.Timestamp(FIRST))).all()
    small = table[table["cell"].str.startswith("M09")]
    assert set(small.loc[small["date"] < pd.Timestamp(SEAM), "version"]) == {"005"}
    assert set(small.loc[small["date"] >= pd.Timestamp(SEAM), "version"]) == {"006"}
    large = table[table["cell"] == CELL.name]
    assert set(large["version"]) == {""}
    assert set(large["collection"]) == {LARGE}


def test_several_cells(session):
    done: list[float] = []
    source = Collection(LARGE, "M36")
    table = fetch([source], [CELL, BESIDE], start=FIRST, end=SEAM, progress=done.append)
    assert list(table["cell"].unique()) == [CELL.name, BESIDE.name]
    assert table.groupby("cell")["soil_moisture"].nunique().tolist() == [4, 4]
    assert done == [1.0]
    with pytest.raises(InputError, match="not of the grid M36"):
        source.read(CELL.children()[:1], FIRST, SEAM)


def test_no_image_in_the_period_is_an_empty_table_and_a_sentence(session):
    without = study(date(2022, 5, 1), date(2022, 6, 1))
    table = fetch_smap(without)
    assert len(table) == 0
    assert tuple(table) == COLUMNS
    assert table["date"].dtype.kind == "M"
    said = absent(without, table)
    assert len(said) == 2
    assert "no image between 2022-05-01 and 2022-06-01" in said[0]
    assert SMAP_9KM[0].id in said[1]


def test_only_9_km_is_told(session):
    only = study(FIRST, SEAM, collection_36km=None)
    assert [s.grid for s in sources_of(only)] == ["M09"]
    table = fetch_smap(only)
    assert len(table) == 16 * 2 * 2
    assert absent(only, table) == ["SMAP at 36 km is not judged: the study names no product of that grid."]

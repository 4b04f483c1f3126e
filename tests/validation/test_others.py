"""Other products and land cover over cells, read from the embedded Earth Engine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

import smgee
from smgee.errors import InputError
from smgee.grid import PixelGrid, ease_cell_at
from smgee.source import BandInfo, CollectionInfo, ImageInfo
from smgee.study import Study
from smgee.validation.land_cover import entropy, land_cover_entropy, land_cover_shares
from smgee.validation.others import Product, at_passes, fetch_others, products_of

CELL = ease_cell_at(99.8, 37.5)
CHILDREN = CELL.children()
MODEL, COVER, TWO = (f"projects/a-study/assets/{n}" for n in ("model", "cover", "two_bands"))
COARSE = PixelGrid("EPSG:4326", (0.05, 0.0, 99.0, 0.0, -0.05, 38.2), 30, 30)
FINE = PixelGrid("EPSG:4326", (0.005, 0.0, 99.4, 0.0, -0.005, 37.9), 170, 160)
FIRST, DAYS = date(2021, 6, 1), 5


def wetness(when: datetime) -> np.ndarray:
    """Return per cent of saturation: wetter to the east and with every three hours."""
    hours = (when - datetime(2021, 6, 1, tzinfo=UTC)).total_seconds() / 3600
    return np.broadcast_to(20 + np.arange(30) * 0.5 + 0.05 * hours, (30, 30)).astype("f4")


def cover() -> np.ndarray:
    """Return classes: the northern half grass, the southern half in stripes of grass, bare and water."""
    found = np.full(FINE.shape, 30, "u1")
    lat = FINE.transform[5] + FINE.transform[4] * (np.arange(FINE.height) + 0.5)
    south = lat < CELL.center[1]
    stripes = np.array([30, 60, 80], "u1")[np.arange(FINE.width) % 3]
    found[south] = stripes
    return found


class Land:
    """A model of eight images a day, classes of land cover, and an image of two bands."""

    def __init__(self) -> None:
        self.found: list[ImageInfo] = []
        for k in range(DAYS * 8):
            start = datetime(2021, 6, 1, tzinfo=UTC) + timedelta(hours=3 * k)
            begin = int(start.timestamp() * 1000)
            band = (BandInfo("wet", "float32", COARSE),)
            self.found.append(ImageInfo(f"{MODEL}/{start:%Y%m%d_%H%M}", band, {}, begin, begin + 10_800_000))
        classes = (BandInfo("classes", "uint8", FINE, "MODE"),)
        self.single = {
            COVER: ImageInfo(COVER, classes, {}, 0, 0),
            TWO: ImageInfo(TWO, (*classes, BandInfo("more", "uint8", FINE)), {}, 0, 0),
        }

    def get(self, asset_id):
        if asset_id == MODEL:
            return CollectionInfo(asset_id)
        return self.single.get(asset_id) or {i.id: i for i in self.found}.get(asset_id)

    def list(self, parent):
        return [] if parent else [MODEL, *self.single]

    def images(self, collection_id):
        return self.found

    def read(self, image_id, band, row, col, height, width):
        if image_id in self.single:
            values = cover()
        else:
            when = datetime.strptime(image_id.rsplit("/", 1)[1], "%Y%m%d_%H%M").replace(tzinfo=UTC)
            values = wetness(when)
        part = values[row : row + height, col : col + width]
        return part, np.ones(part.shape, bool)

    def features(self, table_id):
        return None


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    with smgee.connect(sources=[Land()], store=tmp_path_factory.mktemp("store")) as found:
        yield found


def mean_of(cell) -> float:
    """Return the mean over a cell of what does not change in time, m³ m⁻³."""
    west, _, east, _ = cell.polygon("EPSG:4326").bounds
    edges = 99.0 + 0.05 * np.arange(31)
    inside = np.clip(np.minimum(edges[1:], east) - np.maximum(edges[:-1], west), 0, None)
    return float((inside * (20 + np.arange(30) * 0.5)).sum() / inside.sum()) / 100


def passes() -> pd.DataFrame:
    rows = []
    for cell in (CELL, CHILDREN[5]):
        for k in range(DAYS - 1):
            day = pd.Timestamp(FIRST) + pd.Timedelta(days=k)
            time = day + pd.Timedelta("11h20min")
            rows.append({"date": day, "orbit": "PM", "cell": cell.name, "soil_moisture": 0.2, "time": time})
            rows.append({"date": day, "orbit": "AM", "cell": cell.name, "soil_moisture": 0.2, "time": pd.NaT})
    return pd.DataFrame(rows)


def test_each_cell_its_mean_at_the_hour_of_each_pass(session):
    product = Product("model", MODEL, "wet", factor=0.01)
    found = fetch_others([product], passes(), start=FIRST, end=FIRST + timedelta(days=DAYS - 1))
    assert len(found) == len(passes())
    assert set(found["product"]) == {"model"}
    assert set(found["collection"]) == {MODEL}
    for row in found.to_dict("records"):
        cell = CELL if row["cell"] == CELL.name else CHILDREN[5]
        # without a time of its own the morning's pass is at 06:00 local solar time, late on the UTC day
        clock = 11 + 1 / 3 if row["orbit"] == "PM" else (6 - cell.center[0] / 15) % 24
        hours = (row["date"] - pd.Timestamp(FIRST)).days * 24 + clock
        # images are of three hours, so one speaks of its middle
        assert row["soil_moisture"] == pytest.approx(mean_of(cell) + 0.0005 * (hours - 1.5), abs=2e-4)


def test_no_value_is_drawn_over_a_long_silence():
    hours = pd.to_datetime(["2021-06-01T00", "2021-06-01T12", "2021-06-04T12"])
    series = pd.DataFrame({"cell": CELL.name, "time": hours, "soil_moisture": [0.1, 0.2, 0.4]})
    times = pd.to_datetime(
        ["2021-05-31T19", "2021-06-01T06", "2021-06-01T15", "2021-06-03T00", "2021-06-04T10", "2021-06-05T00"]
    )
    asked = pd.DataFrame(
        {"date": times.normalize(), "orbit": list("abcdef"), "cell": CELL.name, "time": times}
    )
    found = at_passes(series, asked).set_index("orbit")["soil_moisture"]
    assert found.to_dict() == pytest.approx({"a": 0.1, "b": 0.15, "c": 0.2, "e": 0.4})


def test_what_a_study_names(session):
    smap = {
        "others": [
            {"id": "ECMWF/ERA5_LAND/DAILY_AGGR"},
            {"id": "NASA/SMAP/SPL4SMGP/008"},
            {"id": "projects/a/assets/ASCAT H121", "band": "sm", "factor": 0.01},
        ]
    }
    area = {"lon": 99.8, "lat": 37.5, "crs": "EPSG:32647", "scale_m": 500}
    content = {"name": "s", "start": "2021-06-01", "end": "2021-07-01", "area": area, "smap": smap}
    found = products_of(Study.parse(content))
    assert [(p.name, p.band, p.of_smap) for p in found] == [
        ("era5_land", "volumetric_soil_water_layer_1", False),
        ("smap_l4", "sm_surface", True),
        ("ascat_h121", "sm", False),
    ]
    with pytest.raises(InputError, match="band of projects/a/assets/own is not known"):
        Study.parse(content | {"smap": {"others": [{"id": "projects/a/assets/own"}]}})
    with pytest.raises(InputError, match=r"smap\.others\.bnd is not known \(did you mean band\?\)"):
        Study.parse(content | {"smap": {"others": [{"id": "a/b", "bnd": "x"}]}})
    twice = [{"id": "a/b", "band": "x", "name": "one"}, {"id": "c/d", "band": "x", "name": "one"}]
    with pytest.raises(InputError, match="share a name"):
        Study.parse(content | {"smap": {"others": twice}})


def test_entropy():
    assert entropy({"a": 1.0}) == 0.0
    assert entropy({"a": 2, "b": 2, "c": 2, "d": 0}) == pytest.approx(math.log(3))
    assert math.isnan(entropy({}))


def test_classes_are_counted_by_the_share_of_their_pixels(session):
    north, south = CHILDREN[1], CHILDREN[13]
    shares = land_cover_shares(COVER, [north, south])
    assert set(shares[north.name]) == {"30"}
    assert sum(shares[north.name].values()) == pytest.approx(9.008055**2, rel=1e-4)
    found = land_cover_entropy(COVER, [CELL, north, south]).set_index("cell")
    assert found.loc[north.name, "land_cover_entropy"] == 0.0
    assert found.loc[south.name, "land_cover_entropy"] == pytest.approx(math.log(3), abs=0.01)
    # half the cell is grass, the other half a third each
    expected = entropy({"grass": 1 / 2 + 1 / 6, "bare": 1 / 6, "water": 1 / 6})
    assert found.loc[CELL.name, "land_cover_entropy"] == pytest.approx(expected, abs=0.02)
    assert list(found["land_cover_classes"]) == [3, 1, 3]


def test_an_image_of_several_bands_is_refused(session):
    with pytest.raises(InputError, match="bands classes, more"):
        land_cover_shares(TWO, CHILDREN[:1])

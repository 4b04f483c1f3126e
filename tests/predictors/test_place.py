"""Statistics of the clear scenes of a period, against NumPy on the scenes' own arrays."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import spyndex

from smgee.datasets import HLS, ROLES
from smgee.errors import InputError
from smgee.predictors import Cadence, Site, When
from smgee.predictors.place import Place
from tests.predictors.conftest import study_of
from tests.predictors.scenes import GRID, pixels, stacked

JULY = When(date(2021, 7, 1), date(2021, 8, 1), date(2021, 7, 16))


def made(place: Place, when: When = JULY) -> dict[str, np.ndarray]:
    names = [p.name for p in place.predictors()]
    found = pixels(place.image(Site.of(GRID), when, names))
    assert list(found) == names
    return found


def index(name: str, layers: dict[str, np.ndarray]) -> np.ndarray:
    return spyndex.computeIndex(name, {ROLES[role]: v for role, v in layers.items()})


@pytest.fixture
def july(scenes) -> dict[str, np.ndarray]:
    """Clear reflectance of July's scenes by role, (scene, y, x), NaN where not clear."""
    return {role: stacked(scenes, role, range(32)).astype("f8") for role in ("red", "nir", "swir1")}


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_statistics_are_those_of_numpy(july):
    names = ("m_nir", "p10_NDMI", "s_NDVI", "clear_count", "i_red", "m_NDVI", "p90_NDMI", "s_red")
    found = made(Place(names=names))
    ndvi, ndmi = index("NDVI", _of(july, "nir", "red")), index("NDMI", _of(july, "nir", "swir1"))
    expected = {
        "m_nir": np.nanmedian(july["nir"], axis=0),
        "p10_NDMI": np.nanpercentile(ndmi, 10, axis=0),
        "s_NDVI": np.nanstd(ndvi, axis=0),
        "clear_count": np.isfinite(july["red"]).sum(axis=0),
        "i_red": np.subtract(*np.nanpercentile(july["red"], [75, 25], axis=0)),
        "m_NDVI": np.nanmedian(ndvi, axis=0),
        "p90_NDMI": np.nanpercentile(ndmi, 90, axis=0),
        "s_red": np.nanstd(july["red"], axis=0),
    }
    assert expected["clear_count"].max() >= 4
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=2e-5, atol=2e-6, err_msg=name)
    assert np.isnan(found["m_nir"][0, 0])
    assert found["clear_count"][0, 0] == 0  # snow in every scene


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_an_index_of_medians_is_not_the_median_of_an_index(july):
    late = made(Place(names=("m_NDVI", "s_NDVI"), index_of="medians"))
    of_medians = index("NDVI", {r: np.nanmedian(july[r], axis=0) for r in ("nir", "red")})
    np.testing.assert_allclose(late["m_NDVI"], of_medians, rtol=2e-5, atol=2e-6)
    early = made(Place(names=("m_NDVI", "s_NDVI")))
    assert np.nanmax(np.abs(early["m_NDVI"] - late["m_NDVI"])) > 0.01
    np.testing.assert_array_equal(early["s_NDVI"], late["s_NDVI"])
    told = [p.long_name for p in Place(names=("m_NDVI",), index_of="medians").predictors()]
    assert told == ["NDVI of the median reflectance of clear scenes, the study's start to the study's end"]
    (said,) = Place(names=("p10_NDVI",), months=(7, 5)).predictors()
    assert said.long_name.startswith("percentile 10 of NDVI of each clear scene")
    assert said.long_name.endswith("months 5, 7")


def _of(layers: dict[str, np.ndarray], *roles: str) -> dict[str, np.ndarray]:
    return {r: layers[r] for r in roles}


def test_nothing_outside_the_period_is_read(scenes, july):
    """A period's statistics stay the same whatever is in the scenes of other days."""
    held_back = Place(names=("m_nir", "clear_count"), end=date(2021, 7, 7))
    before = made(held_back)
    clear = stacked(scenes, "nir", range(7))
    np.testing.assert_array_equal(before["clear_count"], np.isfinite(clear).sum(axis=0))
    later = [i.id for s in HLS.values() for i in scenes.images(s.id) if int(i.id[-9:-7]) >= 7]
    assert len(later) == 2
    kept = {key: values.copy() for key, values in scenes.arrays.items()}
    for image, band in kept:
        if image in later and band != "Fmask":
            scenes.arrays[image, band] = np.full_like(kept[image, band], 0.9)
    try:
        after = made(held_back)
        whole = made(Place(names=("m_nir",)))
    finally:
        scenes.arrays.update(kept)
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values)
    assert np.nanmax(np.abs(whole["m_nir"] - made(Place(names=("m_nir",)))["m_nir"])) > 0.05


def test_only_the_months_count(scenes):
    months = Place(
        names=("clear_count", "m_red"), start=date(2020, 1, 1), end=date(2022, 1, 1), months=(7, 8)
    )
    count = made(months, When(date(2021, 5, 1), date(2021, 6, 1), date(2021, 5, 16)))["clear_count"]
    np.testing.assert_array_equal(count, np.isfinite(stacked(scenes, "red", range(32))).sum(axis=0))
    found = made(months.model_copy(update={"months": (6, 8)}))
    assert not found["clear_count"].any()
    assert np.isnan(found["m_red"]).all()


def test_what_is_read_is_said():
    place = Place(names=("m_NDVI", "clear_count"))
    read = place.datasets(date(2021, 1, 1), date(2022, 1, 1))
    assert read == ("NASA/HLS/HLSL30/v002", "NASA/HLS/HLSS30/v002")
    assert place.bands_of(read[1]) == ("B4", "B8A", "Fmask")
    assert place.datasets(date(2014, 1, 1), date(2015, 1, 1)) == read[:1]
    early = Place(start=date(2014, 1, 1), end=date(2015, 1, 1))
    assert early.datasets(date(2021, 1, 1), date(2022, 1, 1)) == read[:1]
    with pytest.raises(InputError, match="no scenes of 2010-01-01 to 2011-01-01"):
        place.datasets(date(2010, 1, 1), date(2011, 1, 1))
    with pytest.raises(InputError, match="holds no day; give both start and end"):
        Place(start=date(2023, 1, 1)).datasets(date(2021, 1, 1), date(2022, 1, 1))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"names": ["NDVI"]}, "'NDVI' is not known; give clear_count, or m_"),
        ({"names": ["p100_nir"]}, "'p100_nir' is not known"),
        ({"names": ["m_thermal"]}, "m_thermal: The index 'thermal' is not in Awesome Spectral Indices"),
        ({"names": ["m_CIRE"]}, "RE1"),
        ({"names": []}, "names is empty"),
        ({"start": "2021-05-01", "end": "2021-05-01"}, "holds no day"),
        ({"months": [13]}, "at most 12"),
        ({"scenes": {"sensors": ["S2"]}}, "S2"),
    ],
)
def test_what_cannot_be_made_is_refused(options, said):
    with pytest.raises(InputError, match=said):
        study_of({"kind": "place", **options})


def test_it_is_pulled_once():
    study = study_of({"kind": "place", "names": ["m_NDVI", "s_NDVI"]}, {"kind": "reflectance"})
    days = [date(2021, 7, 2), date(2021, 7, 19)]
    pieces = study.predictor_set.pieces(days)
    assert (pieces[0].cadence, pieces[0].days) == (Cadence.STATIC, tuple(days))
    assert [len(p.names) for p in pieces] == [2, 6, 6]


def test_cells_are_described_by_greenness_and_not_by_every_band():
    study = study_of(
        {"kind": "place", "names": ["m_nir", "m_NDVI", "m_NDMI", "s_NDVI"]},
        {"kind": "terrain", "names": ["elevation", "slope"]},
    )
    assert study.predictor_set.conditions == ("m_NDVI", "elevation", "slope")
    assert study_of({"kind": "place", "names": ["m_nir"]}).predictor_set.conditions == ()

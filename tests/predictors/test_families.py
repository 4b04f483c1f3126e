"""The families of a study: how they are read, what they share, and what is refused."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

import ee
import pytest
from pydantic import create_model

import smgee
from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.predictors import Cadence, Predictors, Site, families
from smgee.predictors.composite import Composite
from smgee.predictors.indices import Indices
from smgee.predictors.reflectance import Reflectance
from smgee.study import Study

ASKED = {"kind": "calendar", "allow_alias": True}
"""The day of the year in a study of one season, as older files ask for it."""


def study_with(predictors: object) -> Study:
    return Study.parse(Study.demo().model_dump(mode="json") | {"predictors": predictors})


@pytest.mark.parametrize(
    ("flat", "listed"),
    [
        ({}, [*({"kind": k} for k in ("reflectance", "indices", "terrain")), ASKED]),
        (
            {"bands": ["red", "nir"], "indices": ["NDVI"], "terrain": [], "calendar": []},
            [{"kind": "reflectance", "bands": ["red", "nir"]}, {"kind": "indices", "names": ["NDVI"]}],
        ),
        (
            {"bands": [], "indices": ["NDMI"], "sensors": ["S30"], "mask": ["cloud"], "window_days": 10},
            [
                {
                    "kind": "indices",
                    "names": ["NDMI"],
                    "composite": {"sensors": ["S30"], "mask": ["cloud"], "window_days": 10},
                },
                {"kind": "terrain"},
                ASKED,
            ],
        ),
        (
            {"fill_days": 20, "step_days": 4, "dem": "USGS/SRTMGL1_003", "terrain": ["slope"]},
            [
                {"kind": "reflectance", "composite": {"fill_days": 20, "step_days": 4}},
                {"kind": "indices"},
                {"kind": "terrain", "names": ["slope"], "dem": "USGS/SRTMGL1_003"},
                ASKED,
            ],
        ),
    ],
)
def test_older_study_files_are_read(flat, listed):
    old, new = study_with(flat), study_with(listed)
    assert old == new
    assert old.predictor_set == new.predictor_set


@pytest.mark.parametrize(
    ("predictors", "said"),
    [
        ({"sensors": []}, "sensors is empty; choose from L30, S30"),
        ({"bandz": ["red"]}, "bandz is not known .did you mean bands"),
        ({"indices": ["NDVI", "NDVI"]}, r"\['NDVI'\] are named twice"),
        ({"bands": ["infrared"]}, "infrared"),
        ({"fill_days": 4}, "fill_days 4 is shorter than window_days 16"),
        ({"bands": [], "indices": [], "terrain": [], "calendar": []}, "no predictor is left"),
        ([], "no predictor is left; list some of the families reflectance, indices, terrain, calendar"),
        ([{"kind": "reflectence"}], r"the kind reflectence is not known \(did you mean reflectance\?\)"),
        (
            [{"kind": "wind"}],
            "the kind wind is not known; choose from reflectance, indices, terrain, calendar",
        ),
        ([{"names": ["slope"]}], "predictors needs a kind: reflectance, indices, terrain, calendar"),
        ([{"kind": "terrain", "nmaes": ["slope"]}], r"terrain\.nmaes is not known \(did you mean names\?\)"),
        ([{"kind": "indices", "names": ["NDXX"]}], "'NDXX' is not in Awesome Spectral Indices"),
        ([{"kind": "indices", "names": ["CIRE"]}], "RE1"),
        ([{"kind": "terrain", "names": ["height"]}], "height"),
        ([{"kind": "terrain", "dem": "SRTM"}], "SRTM"),
    ],
)
def test_what_cannot_be_made_is_refused(predictors, said):
    with pytest.raises(InputError, match=said) as caught:
        study_with(predictors)
    assert "\n" not in str(caught.value)


def test_a_study_file_keeps_its_families(tmp_path):
    study = study_with(
        [
            ASKED,
            {"kind": "indices", "names": ["NDVI"], "composite": {"window_days": 20}},
            {"kind": "terrain", "names": ["slope"]},
        ]
    )
    study.to_yaml(tmp_path / "study.yml")
    again = Study.from_yaml(tmp_path / "study.yml")
    assert again == study
    assert again.predictors.names == ("doy", "NDVI", "slope")


def test_the_schema_lists_every_registered_family(register):
    def options(schema):
        return set(schema["$defs"]["Predictors"]["items"]["discriminator"]["mapping"])

    before = options(Study.model_json_schema())
    assert before == {*families()} > {"reflectance", "indices", "terrain", "calendar"}
    register(create_model("More", __base__=Reflectance, kind=(Literal["more"], "more")))
    assert options(Study.model_json_schema()) == {*families()} == before | {"more"}


def test_families_with_equal_composites_share_one_image():
    families = (Reflectance(bands=("red", "nir")), Indices(names=("NDMI",)))
    shared = [f.among(families) for f in families]
    assert {f.composite for f in shared} == {Composite()}
    assert {frozenset({*f.roles(), *f._shared}) for f in shared} == {frozenset({"red", "nir", "swir1"})}
    own = Indices(names=("NDMI",), composite=Composite(window_days=5, step_days=2))
    apart = [f.among((families[0], own)) for f in (families[0], own)]
    assert [f.composite for f in apart] == [Composite(), own.composite]
    assert [set(f._shared) for f in apart] == [{"red", "nir"}, {"nir", "swir1"}]


EVERY = [*({"kind": k} for k in ("reflectance", "indices", "terrain")), ASKED]


def test_pieces_pull_nothing_twice():
    """Over any set of days each predictor is in one piece a day, and those of one cadence are together."""
    predictors = study_with(EVERY).predictor_set
    days = [date(2021, 6, 30) + timedelta(days=i) for i in range(11)]
    pieces = predictors.pieces(reversed(days))
    assert [p.cadence for p in pieces] == [Cadence.STATIC, *[Cadence.STEP] * (len(pieces) - 1)]
    assert len(pieces[0].names) == 4
    assert pieces[0].days == tuple(days)
    assert [d for p in pieces[1:] for d in p.days] == days
    for piece in pieces[1:]:
        assert len(piece.names) == 19
        assert set(piece.days) <= set(piece.when.days)
    for day in days:
        columns = [n for p in pieces if day in p.days for n in p.names]
        assert sorted([*columns, *predictors.constants(day)]) == sorted(predictors.names)
    assert predictors.constants(date(2021, 7, 1)) == {"doy": 182.0}


def test_pieces_of_some_names_and_days():
    predictors = study_with(EVERY).predictor_set
    day = date(2021, 7, 1)
    assert [p.names for p in predictors.pieces([day], names=["doy", "NDVI", "red"])] == [("red", "NDVI")]
    with pytest.raises(InputError, match="height"):
        predictors.pieces([day], names=["height"])
    with pytest.raises(InputError, match="2021-11-01 lies outside the study's period"):
        predictors.pieces([date(2021, 11, 1)])


def test_equal_keys_mean_equal_requests():
    with smgee.connect():
        study = study_with(EVERY)
        days = [date(2021, 7, 1), date(2021, 7, 2), date(2021, 8, 1)]
        pieces = study.predictor_set.pieces(days)
        keys = [p.key for p in pieces]
        assert len(set(keys)) == 3
        assert [p.key for p in study_with(EVERY).predictor_set.pieces(days)] == keys
        fewer = study.predictor_set.pieces(days, names=["NDVI", "slope"])
        assert not {p.key for p in fewer} & set(keys)
        wider = study_with([{"kind": "reflectance", "composite": {"window_days": 20}}, {"kind": "indices"}])
        assert not {p.key for p in wider.predictor_set.pieces(days)} & set(keys)


def test_a_site_across_the_antimeridian_reads_scenes_on_both_sides():
    site = Site.of(PixelGrid("EPSG:32660", (300.0, 0.0, 700000.0, 0.0, -300.0, 5000000.0), 500, 100))
    west, _, east, _ = site.outline
    assert 179 < west < 180 < east < 182
    with smgee.connect(sources=[]):
        near = [ee.Geometry.Point([lon, 45.0]) for lon in (179.9, -179.9)]
        far = ee.Geometry.Point([0.0, 45.0])
        found = ee.List([site.region.intersects(p, 1) for p in (*near, far)]).getInfo()
    assert found == [True, True, False]


def test_what_a_published_map_says():
    predictors = study_with([{"kind": "reflectance", "composite": {"mask": ["cloud"]}}, {"kind": "indices"}])
    assert predictors.predictor_set.properties() == {"mask_classes": "cloud"}
    assert Predictors().on(Study.demo().predictor_set.site, date(2021, 1, 1), date(2021, 2, 1)).properties()

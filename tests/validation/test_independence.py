"""What is said of what references share with SMAP follows from the study."""

from __future__ import annotations

from smgee.study import Study
from smgee.validation.independence import independence_sentences, products_in_the_maps


def a_study(*predictors: dict, others: tuple[str, ...] = (), core_site: bool = False) -> Study:
    content = Study.demo().model_dump(mode="json") | {"predictors": list(predictors)}
    content["smap"] |= {"others": [{"id": name} for name in others], "core_site": core_site}
    return Study.parse(content)


ERA5, L4 = "ECMWF/ERA5_LAND/DAILY_AGGR", "NASA/SMAP/SPL4SMGP/008"
WEATHER = {"kind": "weather", "names": ["era5_air_temperature"]}


def test_shared_ancillary_data_are_named_by_what_the_map_sees():
    (terrain,) = [" ".join(independence_sentences(a_study({"kind": "terrain"})))]
    assert "ancillary" not in terrain
    both = " ".join(independence_sentences(a_study({"kind": "place"}, {"kind": "soil"})))
    assert "climatology of NDVI; the texture of the soil." in both
    assert "weather model" not in both
    assert "climatology of NDVI" in " ".join(independence_sentences(Study.demo()))


def test_a_core_site_and_predictors_of_smap_break_independence():
    said = " ".join(independence_sentences(a_study({"kind": "terrain"}, core_site=True)))
    assert "core validation site" in said
    smap = {"kind": "smap", "allow_dependence": True}
    study = a_study({"kind": "terrain"}, smap)
    said = " ".join(independence_sentences(study))
    assert f"predictors {', '.join(study.predictors.of_smap)} are made of SMAP's measurements" in said
    assert "rows say so" in " ".join(independence_sentences(None))


def test_products_of_which_the_map_is_made_are_found_by_their_source():
    assert products_in_the_maps(a_study({"kind": "terrain"}, WEATHER, others=(ERA5, L4))) == ("era5_land",)
    assert products_in_the_maps(a_study({"kind": "terrain"}, others=(ERA5, L4))) == ()
    said = " ".join(independence_sentences(a_study({"kind": "terrain"}, WEATHER, others=(ERA5,))))
    assert "source of era5_land" in said

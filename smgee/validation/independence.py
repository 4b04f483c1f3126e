"""What the references of a study share with SMAP, and with the products that stand beside it.

SMAP's passive retrieval takes more than brightness temperatures: the vegetation's water from a climatology of
NDVI, the texture of the soil, and its temperature from a weather model (O'Neill et al. 2019, SMAP ATBD for
levels 2 and 3, JPL D-66480). A map that learns from data of the same kind may err where the retrieval errs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from smgee.study import Study

_GREEN = "vegetation, which SMAP's retrieval takes from a climatology of NDVI"
SHARED_KINDS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("place", "reflectance", "indices", "unmixing"), _GREEN),
        "soil": "the texture of the soil",
        **dict.fromkeys(
            ("weather", "thermal"), "temperature, which the retrieval takes from a weather model"
        ),
    }
)
"""Families of predictors by what kind of data they share with SMAP's retrieval."""


def products_in_the_maps(study: Study) -> tuple[str, ...]:
    """Return the other products of a study whose source the maps' predictors are made of too.

    Of these the error may go with the map's, so no collocation takes the two for independent.
    """
    read = {_source(name) for name in study.predictor_set.datasets()}
    return tuple(o.title for o in study.smap.others if _source(o.id) in read)


def _source(dataset: str) -> str:
    """Return what makes a data set: collections of one producer and model share it."""
    parts = dataset.split("/")
    return dataset if parts[0] == "projects" else "/".join(parts[:2])


def independence_sentences(study: Study | None) -> list[str]:
    """Say of what a study's references are independent, and of what they are not.

    Parameters
    ----------
    study : Study or None
        Where it is not known, what holds for every study is said.
    """
    said = [
        "A mean of stations has not seen SMAP, and a map trained on stations has not seen it by them: "
        "neither is the less independent of SMAP for being made of stations of the same cell."
    ]
    if study is None:
        said.append(
            "Where SMAP is a predictor of the map, or the network helped to calibrate SMAP, rows say so."
        )
    else:
        said += _of_study(study)
    said.append(
        "How good a map is by itself, stations left out tell, not SMAP; and of the map judged without each "
        "place's nearest station, no pixel has seen the station beside it. The same rule holds for the mean "
        "of the stations: a station is compared with the others only."
    )
    return said


def _of_study(study: Study) -> Iterable[str]:
    made_of = study.predictors.of_smap
    if made_of:
        yield (
            f"But the map's predictors {', '.join(made_of)} are made of SMAP's measurements, so no reference "
            "made of the map is independent of SMAP."
        )
    if study.smap.core_site:
        yield (
            "But the network is a core validation site, by which SMAP was calibrated: no reference made "
            "of it is independent of SMAP, maps included."
        )
    shared = list(
        dict.fromkeys(SHARED_KINDS[f.kind] for f in study.predictors.root if f.kind in SHARED_KINDS)
    )
    if shared:
        yield (
            f"With SMAP's retrieval the map shares kinds of ancillary data: {'; '.join(shared)}. Errors that "
            "these make in both would pass for agreement, which the mean of the stations, without such data, "
            "cannot gain; a gain in R by the map is to be read so."
        )
    beside = products_in_the_maps(study)
    if beside:
        yield (
            f"Predictors of the map come from the source of {', '.join(beside)}: collocation never takes the "
            "two for independent."
        )

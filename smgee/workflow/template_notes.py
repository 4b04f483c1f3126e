"""What a new study file says beside its settings: what was found, and what is to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

from smgee.area import utm_zone
from smgee.grid import EaseCell
from smgee.insitu.layout import Layout
from smgee.workflow.answers import OWN_FILES, QLB, TEMPLATES, Answers

_SMAP_36 = (
    "Earth Engine has SMAP's 9 km product, and no 36 km one. Download SPL3SMP from NSIDC "
    "(nsidc.org/data/spl3smp), and bring it in under an id of your own: with your own files by `smgee "
    "catalog add projects/PROJECT/assets/SPL3SMP FILES.h5 --catalog FOLDER`, or on either backend by `smgee "
    "smap ingest FILES.h5`, which makes an image collection on the exact EASE-Grid 2.0. Left out, 36 km is "
    "not judged.",
)


def head_of(answers: Answers) -> list[str]:
    """Return the lines at the top of the file."""
    own = answers.template == OWN_FILES and answers.project is not None
    purpose = "your own stations and the real Earth Engine" if own else TEMPLATES[answers.template]
    return [
        f"A study of smgee: {purpose}.",
        "A line that begins with # and no blank is a setting at its default: take the # away to change it. "
        "Paths are relative to this file. `smgee init --check` reads it and says what is wrong, line by "
        "line; `smgee init --schema study.schema.json` writes what editors need to complete it.",
    ]


def notes_of(
    answers: Answers,
    cell: EaseCell,
    lon: float,
    lat: float,
    layout: Layout | None,
    unsure: Sequence[str],
) -> dict[str, list[str]]:
    """Return what stands above settings of the file."""
    zone = utm_zone(lon, lat)
    place = (
        f"The point lies in the 36 km EASE-Grid 2.0 cell {cell.name}, which is mapped as a whole. Its maps "
        f"are in {zone}, the UTM zone of the place."
    )
    check = [f"CHECK: {text}." for text in unsure]
    notes: dict[str, list[str]] = {
        "area.lon": [place, *(text for text in check if text.startswith("CHECK: where the network"))],
        "smap.collection_36km": list(_SMAP_36),
        "publish.enabled": ["On the real service nothing is published unless this or --publish says so."],
    }
    if answers.template != QLB:
        notes["training.target"] = [
            "An anomaly needs the network on the days that are mapped; its certificate says whether the map "
            "is better than the mean of the stations."
        ]
    if layout is None:
        notes["stations.source"] = ["REPLACE: the path of your stations. No file was given to `smgee init`."]
    else:
        notes["stations.source"] = [f"Recognised: {'; '.join(layout.found)}.", *check]
    if answers.project is None:
        notes["backend.catalog"] = [
            "Your files under Earth Engine's ids: `smgee catalog add NASA/HLS/HLSS30/v002 FILES --catalog "
            "FOLDER`, and so on; `smgee run` names what is missing."
        ]
        notes["backend.project"] = [
            "The real service needs a project, here or as EARTHENGINE_PROJECT, and a login (`earthengine "
            "authenticate`)."
        ]
    if answers.template == QLB:
        notes["name"] = [
            "The paper's own figures stand beside those of a run in the tables of its report where the name "
            "holds qlb, the place is the Qinghai Lake basin, and the years are among 2019–2023."
        ]
        notes["start"] = [
            "Qin et al. found the soil unfrozen from 3–13 May to 8–18 October, 2019–2023. Their stations and "
            "the depth of their probes are not part of smgee: take them from the data's own description."
        ]
        if layout is None:
            notes["stations.table"] = [
                "One row for each station and hour: time, station, soil_moisture (m³/m³), soil_temperature "
                "(°C, tells the unfrozen period), lon, lat. Rename the columns, or say here what yours are "
                "called; unit: '%' for per cent, utc_offset_hours: 8 for Beijing time."
            ]
        notes["training.models"] = [
            "The five families of the study, which reports R and RMSE (m³/m³) of CatBoost 0.910 and 0.027, "
            "GBDT 0.893 and 0.034, ERT 0.702 and 0.048, RF 0.790 and 0.037, XGBoost 0.909 and 0.025."
        ]
    return notes

"""Tables of SMAP and other products: values, quality, references."""

from smgee.schemas.columns import MOISTURE, count, date, loose, text
from smgee.tables import Column, Schema

SMAP = Schema(
    "smap",
    "SMAP soil moisture of the cells, both overpasses",
    (
        date("date", "UTC day under which the product files the retrieval"),
        text("orbit", "AM (descending) or PM (ascending)"),
        text("cell", "EASE-Grid 2.0 cell"),
        Column("soil_moisture", MOISTURE, "retrieved soil moisture", low=0, high=1),
        count("flag", "0 where the retrieval is recommended"),
        text("collection", "data set on Earth Engine"),
        text("version", "version of the product", needed=False),
        count("retrieval_qual_flag", "the product's own quality flag, all bits", needed=False),
        count("surface_flag", "the product's own surface flag, all bits", needed=False),
        date("time", "UTC time of the overpass", needed=False),
    ),
    key=("date", "orbit", "cell"),
    others=loose,
)

SMAP_QUALITY = Schema(
    "smap_quality",
    "Retrievals on unfrozen days that each quality policy and surface condition leaves",
    (
        text("grid", "EASE-Grid 2.0 of the product"),
        text("orbit", "AM (descending) or PM (ascending)"),
        text("rule", "quality policy, or a surface condition that takes out"),
        count("cells", "cells of the study"),
        count("retrievals", "values in all cells"),
        count("kept", "of them kept"),
        count("least", "kept in the cell with the fewest"),
        Column("note", kind="any", long_name="what the source does not tell", needed=False),
    ),
    key=("grid", "orbit", "rule"),
)

OTHERS = Schema(
    "other_products",
    "Soil moisture of other products in SMAP's cells, drawn in time to its passes",
    (
        text("product", "product"),
        date("date", "UTC day under which SMAP's product files the pass"),
        text("orbit", "AM (descending) or PM (ascending)"),
        text("cell", "EASE-Grid 2.0 cell"),
        Column("soil_moisture", MOISTURE, "mean of the cell"),
        text("collection", "data set on Earth Engine"),
    ),
    key=("product", "date", "orbit", "cell"),
)

REFERENCES = Schema(
    "references",
    "What SMAP was judged by, pass by pass",
    (
        text("reference", "its name"),
        date("date", "UTC day under which the product files the pass, or day of the mean"),
        text("orbit", "AM or PM where it is a value at the overpass; empty where it is a mean of the day"),
        text("cell", "EASE-Grid 2.0 cell"),
        Column("soil_moisture", MOISTURE, "mean soil moisture"),
        Column("std", MOISTURE, "standard deviation between stations or within the cell"),
        Column("coverage", "1", "share of the cell, or of the footprint, with a value"),
        count("n_stations", "stations"),
    ),
    key=("reference", "date", "orbit", "cell"),
)

"""Tables of maps over cells."""

from smgee.schemas.columns import MOISTURE, count, date, loose, text
from smgee.tables import Column, Schema

ZONAL = Schema(
    "zonal",
    "Means of the maps over the exact cells",
    (
        date("date", "day of the map (UTC)"),
        text("cell", "EASE-Grid 2.0 cell"),
        Column("soil_moisture", MOISTURE, "mean soil moisture, weighted by area"),
        Column("std", MOISTURE, "standard deviation within the cell, weighted by area"),
        Column("coverage", "1", "share of the cell with a value", low=0),
        count("n_pixels", "pixels with a value"),
        Column("standard_error", MOISTURE, "jackknife standard error of the mean", needed=False, low=0),
        Column("cross_fitted", MOISTURE, "mean, each pixel without its nearest station", needed=False),
    ),
    key=("date", "cell"),
    others=loose,
    number_format="%.9g",  # validation reads them from here: not a digit of the maps' float32 is lost
)

UNITS = Schema(
    "zonal_3km",
    "Means of the maps over 3 km cells, of which SMAP's footprint is put together",
    ZONAL.columns,
    key=("date", "cell"),
    others=loose,
)

CROSS_FITTED = Schema(
    "zonal_cross_fitted",
    "Means over the cells of the map in which each pixel's model has not seen the nearest station",
    (
        date("date", "day of the map (UTC)"),
        text("cell", "EASE-Grid 2.0 cell"),
        Column("soil_moisture", MOISTURE, "mean soil moisture of the sampled pixels, weighted by area"),
    ),
    key=("date", "cell"),
    others=loose,
)

LEFT_OUT = Schema(
    "zonal_left_out",
    "Means over the cells of the maps of models that have not seen one station",
    (
        text("station", "which station was left out"),
        date("date", "day of the map (UTC)"),
        text("cell", "EASE-Grid 2.0 cell"),
        Column("soil_moisture", MOISTURE, "mean soil moisture of the sampled pixels, weighted by area"),
    ),
    key=("station", "date", "cell"),
    others=loose,
)

CELLS = Schema(
    "cells",
    "Terrain of the cells: mean and standard deviation within each",
    (text("cell", "EASE-Grid 2.0 cell"),),
    key=("cell",),
    others=loose,
)

EXPORTS = Schema(
    "exports",
    "Maps exported by tasks of Earth Engine",
    (
        text("name", "of the asset or file"),
        text("place", "where it went"),
        text("task", "id of its task", needed=False),
        text("state", "of the task"),
        Column("eecu_s", "s", "compute time, EECU seconds", needed=False, low=0),
    ),
    key=("name",),
    others=loose,
)

"""The sections of the report on SMAP in parts, and on other products beside it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from smgee.report.contents import Contents
from smgee.report.page import Section
from smgee.report.tables import shown, titled
from smgee.schemas import COLLOCATION, COLLOCATION_TRUTH, COMPARISON, MAP_ACCURACY, PARTS
from smgee.tables import Schema
from smgee.validation.collocation import collocation_sentences
from smgee.validation.others import TITLES as PRODUCTS
from smgee.validation.pairs import PLAIN, UPSCALED
from smgee.validation.parts import SHARED_GROUND

_PARTS = ("cell", "orbit", "reference", "part", "n", "n_eff", "r", "rho", "bias", "rmse", "ubrmse", "kge")
_COMPARED = ("product", "cell", "orbit", "reference", "n", "r", "rho", "bias", "rmse", "ubrmse", "kge")


def parts_section(c: Contents, folder: Path) -> list[Section]:
    """Return SMAP by season and year, as anomalies and as seasonal cycle."""
    if c.parts is None:
        return []
    text = (
        "The same by season and year; as anomalies, both less their running means of 35 days; and of these "
        "means, the seasonal cycle. A product may follow the season and not the weather: then only the "
        "anomalies say so. Of the cycle no interval is given, since a year holds one. All cells and "
        "references: validation_parts.csv."
    )
    large = c.parts[(c.parts["grid"] == "M36") & c.parts["reference"].isin([PLAIN, UPSCALED])]
    small = c.parts[(c.parts["grid"] == "M09") & (c.parts["reference"] == UPSCALED)]
    tables = []
    if len(large):
        tables.append((_named(large, _PARTS), "36 km: n, value and 95 % interval."))
    if len(small):
        wanted = small.groupby(["orbit", "part"], sort=False)[["n", "r", "bias", "rmse", "ubrmse", "kge"]]
        median = wanted.median().reset_index()
        median.insert(2, "cells", small.groupby(["orbit", "part"], sort=False).size().to_numpy())
        tables.append((median, "9 km, the upscaled map: medians over the cells."))
    return [Section("Seasons, years, anomalies", text, [], tables)]


def products_section(c: Contents, folder: Path) -> list[Section]:
    """Return other products beside the same references, and what collocation says of SMAP's own error."""
    if c.comparison is None and c.collocation is None:
        return []
    said = [
        "Other products of soil moisture at SMAP's passes: their images are means of hours or of a day, and "
        "the hour of the pass is drawn between them."
    ]
    points: list[str] = []
    tables = []
    if c.comparison is not None:
        large = c.comparison[c.comparison["grid"] == "M36"]
        page = _named(large, _COMPARED)
        page["product"] = large["product"].map(PRODUCTS).fillna(large["product"])
        tables.append((page, "comparison.csv, 36 km: each product beside the same references, same passes."))
        if (c.comparison["grid"] == "M09").any():
            points.append(f"Beware of the 9 km cells of comparison.csv: {SHARED_GROUND}.")
    if c.collocation is not None:
        said.append(
            "Collocation takes none of them for the truth: data sets that see one signal, each with errors "
            "of its own, tell them by their covariances. Stations and the maps made of them count as one "
            "source; SMAP level 4, which takes SMAP in, only joins where a source of its own stands beside "
            "it, and the errors of both may then go together; a product whose source the map learned from "
            "only joins the stations. Errors that two models share, of the same weather, would make both of "
            "them look better than they are: SMAP's retrieval takes the temperature of the soil from a "
            "weather model, as a reanalysis does."
        )
        points += collocation_sentences(c.collocation)
        page = _page(c.collocation[c.collocation["grid"] == "M36"], COLLOCATION)
        caption = (
            "collocation.csv, 36 km: error (in the set's own scale, and in that of the reference), "
            "correlation with the truth, signal to noise (dB), factor to the reference, with 95 % intervals; "
            "negative: share of resamples in which a variance comes out negative; error_r: correlation of "
            "SMAP's errors with those of the product that it is in."
        )
        tables.append((page, caption))
    return [Section("Other products", " ".join(said), [], tables, points)]


def accuracy_table(table: pd.DataFrame, grid: str) -> tuple[pd.DataFrame, str]:
    """Return how good the map is at stations that its model has not seen, and the caption."""
    caption = (
        "map_accuracy.csv: the map by itself, SMAP apart: what a model says of stations that it has not "
        "seen, and what their neighbours say without a map, at the stations of the cell and in the daily "
        "mean of those that were left out together; bias = estimate − observed."
    )
    page = shown(table[table["grid"] == grid], MAP_ACCURACY)
    names = ("cell", "estimate", "of", "stations", "n", "r", "bias", "rmse", "ubrmse")
    return page[[n for n in names if n in page]], caption


def collocation_truth(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the table of what collocation says beside the truth, and its caption."""
    caption = (
        "collocation_truth.csv: correlation with the truth and error by collocation, what is true, and "
        "whether the interval holds that (1) or not (0)."
    )
    return _page(table[table["grid"] == "M36"], COLLOCATION_TRUTH), caption


def _page(part: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    return shown(part, schema).drop(columns=["grid", "reason", "caution"], errors="ignore")


def _named(part: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    page = titled(shown(part, COMPARISON if "product" in part else PARTS))
    return page[[n for n in names if n in page]]

"""The sections of the report that judge SMAP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from smgee.experiment.truth import truth_sentences
from smgee.grid import EaseCell
from smgee.report import figures
from smgee.report.contents import Contents
from smgee.report.judging_figure import references_figure
from smgee.report.page import Section
from smgee.report.products import accuracy_table, collocation_truth, parts_section, products_section
from smgee.report.tables import shown, titled
from smgee.report.verdicts import gain_sentences, requirement_sentences, warnings_of
from smgee.schemas import GAINS, HETEROGENEITY, LEDGER, SMAP_QUALITY, TRUTH, VERDICTS, validation_schema
from smgee.validation.independence import independence_sentences
from smgee.validation.judges import TITLES
from smgee.validation.pairs import FOOTPRINT, PLAIN, UPSCALED
from smgee.validation.quality import select_retrievals

SHOWN = ("grid", "cell", "orbit", "reference", "timing", "n", "n_eff", "r", "rho", "bias", "rmse", "ubrmse")


def cells_of(c: Contents, grid: str) -> list[EaseCell]:
    """Return the cells of a study that are judged, ``M36`` or ``M09``."""
    large = list(c.study.cells) if c.study is not None else []
    return large if grid == "M36" else [cell for k in large for cell in k.children("M09")]


def _large(c: Contents, folder: Path) -> list[Section]:
    if c.large is None:
        return []
    drawn: list[tuple[Path, str]] = []
    cells = cells_of(c, "M36")
    for cell in cells:
        rows = c.large[c.large["cell"] == cell.name]
        end = "36km" if len(cells) == 1 else f"36km_{cell.name}"
        title = "36 km cell" if len(cells) == 1 else f"36 km cell {cell.name}"
        side = references_figure(rows, folder / f"references_{end}.png", title=title, synthetic=c.synthetic)
        drawn.append(
            (side, "SMAP judged by each reference, on the same passes: value and 95 % interval of blocks.")
        )
        pairs = _pairs(c, cell)
        if pairs.empty:
            continue
        series = figures.series_figure(
            pairs, folder / f"series_{end}.png", title=title, synthetic=c.synthetic
        )
        scatter = figures.scatter_figure(pairs, rows, folder / f"scatter_{end}.png", synthetic=c.synthetic)
        drawn.append((series, "SMAP and two of its references through the season."))
        drawn.append((scatter, "SMAP against each of the two."))
    text = " ".join(["SMAP beside every reference, on the passes that all of them share.", *c.judged])
    points = [
        *gain_sentences(c.large, c.gains, c.verdicts),
        *requirement_sentences(c.verdicts, grid="M36"),
        " ".join(independence_sentences(c.study)),
        *warnings_of(c.large),
    ]
    tables = [(_validated(c.large, "36 km"), "validation_36km.csv: bias = SMAP − reference.")]
    tables += _claims(c, "M36")
    if c.accuracy is not None and len(c.accuracy):
        tables.append(accuracy_table(c.accuracy, "M36"))
    return [Section("SMAP 36 km", text, drawn, tables, [point for point in points if point])]


def _small(c: Contents, folder: Path) -> list[Section]:
    if c.small is None:
        return []
    drawn = []
    if (c.small["reference"] == UPSCALED).any():
        file = figures.cells_figure(
            c.small, cells_of(c, "M09"), folder / "cells_9km.png", synthetic=c.synthetic
        )
        drawn.append((file, "R, bias and ubRMSE by cell and overpass, against the upscaled map."))
    text = (
        "Each of the 9 km cells on its own. A retrieval of SPL3SMP_E sees some 33 km, so a cell's bias "
        "against its own mean is the difference between the cell and its neighbours as much as an error of "
        f"SMAP; the {TITLES[FOOTPRINT]} takes that out, as far as the maps reach. "
        "In the form of the paper: tables/smap_9km.csv, .md, .tex. " + " ".join(warnings_of(c.small))
    )
    if c.large is None:
        text = " ".join([text, *independence_sentences(c.study)])
    tables = [(_validated(c.small, "9 km"), "validation_9km.csv: bias = SMAP − reference.")]
    return [Section("SMAP 9 km", text, drawn, [*tables, *_claims(c, "M09")])]


def _quality(c: Contents, folder: Path) -> list[Section]:
    if c.quality is None:
        return []
    policy = c.study.smap.quality if c.study is not None else "recommended"
    text = f"Retrievals on unfrozen days, and what each rule leaves of them. Used here: {policy}."
    caption = (
        "smap_quality.csv: recommended, successful, all; for a surface condition, the recommended ones that "
        "it does not meet. least: in the cell with the fewest."
    )
    return [Section("Which retrievals count", text, [], [(shown(c.quality, SMAP_QUALITY), caption)])]


def _terrain(c: Contents, folder: Path) -> list[Section]:
    if c.heterogeneity is None:
        return []
    caption = (
        "Rank correlation over the 9 km cells, with n and interval; partial: with the cell's own level and "
        "variability taken out; p heeds that neighbours are alike, q also that the rows are many. Only q up "
        "to 0.05 is a finding; expected is the sign that was named before."
    )
    named = c.heterogeneity["expected"].fillna("") != ""
    tables = []
    for part, title in (
        (c.heterogeneity[named], "Hypotheses named before."),
        (c.heterogeneity[~named], "All other pairs."),
    ):
        found = int((part["q"] <= 0.05).sum())
        if len(part):
            said = f"{title} {found} of {len(part)} rows are findings. {caption}"
            tables.append((shown(part, HETEROGENEITY), said))
    text = "How the errors go with what is inside the 9 km cells, for both overpasses and every reference."
    return [Section("Terrain and SMAP's errors", text, [], tables)]


def _truth(c: Contents, folder: Path) -> list[Section]:
    if c.truth is None:
        return []
    text = " ".join(
        [
            "Of the synthetic basin the truth is known: the mean over every pixel of the cell, at the hours "
            "of each overpass. How far each reference is from it, and whether what it says of SMAP holds:",
            *truth_sentences(c.truth, c.verdicts),
        ]
    )
    tables = []
    for grid, size in (("M36", "36 km"), ("M09", "9 km")):
        part = c.truth[c.truth["grid"] == grid]
        if part.empty:
            continue
        caption = (
            f"truth.csv, {size}: r, bias, rmse and ubrmse of each reference against the truth; smap_…: what "
            "the reference says of SMAP, what is true, and whether its interval holds that (1) or not (0)."
        )
        tables.append((titled(shown(part, TRUTH)), caption))
    if c.collocation_truth is not None:
        tables.append(collocation_truth(c.collocation_truth))
    return [Section("The truth", text, [], tables)]


SMAP_SECTIONS = (_quality, _large, _small, parts_section, products_section, _terrain, _truth)
"""Builders of the sections, in order."""


def _validated(table: pd.DataFrame, size: str) -> pd.DataFrame:
    """Return the columns of a validation table that a page has room for."""
    page = shown(table, validation_schema(size))
    return titled(page[[n for n in (*SHOWN, "level", "coverage", "n_stations", "warning") if n in page]])


def _claims(c: Contents, grid: str) -> list[tuple[pd.DataFrame, str]]:
    tables = []
    if c.gains is not None and (c.gains["grid"] == grid).any():
        caption = (
            "gains.csv: metric with the reference minus metric with the plain mean of the stations; p of "
            "equally good references, what chance makes, power for a gain of this size, the gain that could "
            "be detected, and the false alarms of the test on series like these (nominal 0.05). A gain says "
            "that SMAP and a reference agree better, not that the reference is nearer to the truth: an error "
            "that both share, such as a bias of the same sign, gains too."
        )
        part = c.gains[c.gains["grid"] == grid].drop(columns="baseline")
        tables.append((titled(shown(part, GAINS)), caption))
    if c.verdicts is not None and (c.verdicts["grid"] == grid).any():
        caption = (
            "verdicts.csv: the reference's error taken out of r, bias and ubRMSE, which is that of the long "
            "run: few and persistent passes hide a part of it; what a reference without error would gain; "
            "meets: probability that the ubRMSE is at most the target."
        )
        part = c.verdicts[c.verdicts["grid"] == grid].drop(columns="sentence")
        tables.append((titled(shown(part, VERDICTS)), caption))
    if c.ledger is not None and (c.ledger["grid"] == grid).any():
        caption = (
            "footprint_ledger.csv: SMAP's difference from the map of the cell = of_footprint (what lies "
            "around the cell and SMAP cannot help seeing) + remainder (its own, and the maps' error: "
            "error_map of their mean, error_coverage of what lies beside them; own: what is left to SMAP, "
            "95 %); "
            "spread…: standard deviation of the same in time; error_level, error_dynamics: of the maps' "
            "mean, or of the stations; "
            "coverage_footprint: share of the footprint that the maps reach."
        )
        tables.append((shown(c.ledger[c.ledger["grid"] == grid], LEDGER), caption))
    return tables


def _pairs(c: Contents, cell: EaseCell) -> pd.DataFrame:
    """Return SMAP (those retrievals that count) and two references of a cell, by date and orbit."""
    columns = ["date", "orbit", "smap", UPSCALED, PLAIN]
    if c.smap is None or c.references is None or c.study is None:
        return pd.DataFrame(columns=columns)
    rules: dict[str, Any] = {"policy": c.study.smap.quality, "without": c.study.smap.without}
    smap = select_retrievals(c.smap[c.smap["cell"] == cell.name], **rules)
    pairs = smap[["date", "orbit", "soil_moisture"]].rename(columns={"soil_moisture": "smap"}).dropna()
    own = c.references[c.references["cell"] == cell.name]
    for name in (UPSCALED, PLAIN):
        part = own[own["reference"] == name]
        keys = ["date", "orbit"] if (part["orbit"] != "").any() else ["date"]
        right = part[[*keys, "soil_moisture"]].rename(columns={"soil_moisture": name})
        pairs = pairs.merge(right, on=keys)
    return pairs[columns]

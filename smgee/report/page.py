"""The report: one HTML file with everything inside it."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.drawn import in_words
from smgee.io import atomic_path
from smgee.report.tables import number


@dataclass(frozen=True)
class Section:
    """One part of the report: a title, a paragraph of plain text, points of a list, figures and tables.

    One that leads stands above what the run is, and the questions of its points are set off.
    """

    title: str
    text: str
    figures: Sequence[tuple[Path, str]] = ()
    tables: Sequence[tuple[pd.DataFrame, str]] = ()
    points: Sequence[str] = ()
    leads: bool = False


def write_report(
    path: str | Path, *, title: str, synthetic: bool, facts: Mapping[str, Any], sections: Sequence[Section]
) -> Path:
    """Write a self-contained report.

    Parameters
    ----------
    path : path-like
        The HTML file.
    title : str
        Name of the run.
    synthetic : bool
        Mark every item as synthetic.
    facts : mapping
        Label and value of what the run is, in a box at the top or below the part that leads.
    sections : sequence of Section
        The parts, in order; figures are embedded.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape

    environment = Environment(
        loader=PackageLoader("smgee.report", "."),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["embed"] = _embed
    environment.filters["cell"] = _cell
    environment.filters["said"] = _said
    environment.filters["beside"] = partial(_beside, page=Path(path))
    html = environment.get_template("report.html.j2").render(
        title=title, synthetic=synthetic, facts=facts, sections=sections
    )
    with atomic_path(path) as scratch:
        scratch.write_text(html, encoding="utf-8")
    return Path(path)


def _embed(file: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(Path(file).read_bytes()).decode()


def _said(file: Path) -> str:
    """Return what a figure shows, in words, from its numbers; empty where it has none."""
    values = Path(file).with_suffix(".csv")
    return in_words(pd.read_csv(values)) if values.is_file() else ""


def _beside(file: Path, page: Path) -> list[tuple[str, str]]:
    """Return name and link of what lies beside a figure: its SVG, and its numbers."""
    there = [("SVG", Path(file).with_suffix(".svg")), ("data (CSV)", Path(file).with_suffix(".csv"))]
    return [(n, os.path.relpath(p, page.parent).replace(os.sep, "/")) for n, p in there if p.is_file()]


def _cell(value: Any) -> str:
    """Write a table cell: three decimals for fractions, a day without its hour, nothing for missing."""
    if pd.isna(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value) if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, pd.Timestamp) and value == value.normalize():
        return f"{value:%Y-%m-%d}"
    return str(value)

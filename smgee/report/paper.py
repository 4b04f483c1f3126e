"""The tables of Qin et al. 2025 (Land 14, 2098), made of a run: as CSV, Markdown and LaTeX.

The paper's own figures stand beside those of a run only where the study is its own, the Qinghai Lake network
in 2019–2023; beside any other data they would say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from smgee.grid import EaseCell
from smgee.io import atomic_path
from smgee.report.contents import Contents
from smgee.report.style import SYNTHETIC_MARK
from smgee.study import Study
from smgee.validation.judges import TITLES
from smgee.validation.pairs import ORBITS, PLAIN, UPSCALED

METRICS = (("r", "R"), ("bias", "bias"), ("rmse", "RMSE"), ("ubrmse", "ubRMSE"))
UNIT = "m³/m³"

# As the paper reports them.
PAPER_MODELS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "CatBoost": (0.910, 0.027),
        "GBDT": (0.893, 0.034),
        "ERT": (0.702, 0.048),
        "RF": (0.790, 0.037),
        "XGBoost": (0.909, 0.025),
    }
)
PAPER_TEST = ("XGBoost", 0.941, 0.047)
"""R and RMSE on the paper's independent test set."""

PAPER_36KM: Mapping[str, float] = MappingProxyType({PLAIN: 0.818, UPSCALED: 0.858})
PAPER_PERIODS = "3–13 May to 8–18 October"
_PLACE = (98.5, 36.0, 101.5, 38.5)  # west, south, east, north of the Qinghai Lake basin


@dataclass(frozen=True)
class PaperTable:
    """One table.

    Attributes
    ----------
    name : str
        Of its files.
    frame : pandas.DataFrame
        Columns as they are shown; numbers are numbers.
    """

    name: str
    caption: str
    frame: pd.DataFrame


def is_the_paper_s(study: Study | None) -> bool:
    """Whether a study is the paper's own: its network, place and years, on real data."""
    if study is None or study.is_synthetic or "qlb" not in study.name.casefold():
        return False
    (lon, lat), (west, south, east, north) = study.area.center, _PLACE
    years = set(study.years)
    return west <= lon <= east and south <= lat <= north and years <= set(range(2019, 2024))


def paper_tables(c: Contents, periods: pd.DataFrame | None) -> list[PaperTable]:
    """Return the tables that a run allows.

    Parameters
    ----------
    c : Contents
        What the run holds.
    periods : pandas.DataFrame, optional
        ``unfrozen.csv``.
    """
    own = is_the_paper_s(c.study)
    found = []
    if periods is not None and len(periods):
        found.append(_periods(periods, own))
    if c.scores is not None and len(c.scores):
        found.append(_models(c.scores, own))
    if c.small is not None and (c.small["reference"] == UPSCALED).any():
        found.append(_cells(c.small, own))
    if c.large is not None:
        found.append(_large(c.large, own))
    return found


def write_paper_tables(tables: Sequence[PaperTable], folder: Path, *, synthetic: bool) -> list[Path]:
    """Write each table as ``NAME.csv``, ``NAME.md`` and ``NAME.tex``; those of an earlier run are removed.

    Parameters
    ----------
    synthetic : bool
        Mark every table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*"):
        old.unlink()
    written = []
    for table in tables:
        caption = f"{SYNTHETIC_MARK}. {table.caption}" if synthetic else table.caption
        frame = table.frame.assign(synthetic=1) if synthetic else table.frame
        texts = {
            "csv": frame.to_csv(index=False, float_format="%.6g"),
            "md": _markdown(table.frame, caption),
            "tex": _latex(table.frame, caption, table.name),
        }
        for ending, text in texts.items():
            path = folder / f"{table.name}.{ending}"
            with atomic_path(path) as scratch:
                scratch.write_text(text, encoding="utf-8")
            written.append(path)
    return written


def _periods(periods: pd.DataFrame, own: bool) -> PaperTable:
    frame = pd.DataFrame(
        {
            "year": periods["year"].astype(int),
            "start": pd.to_datetime(periods["start"]).dt.strftime("%Y-%m-%d"),
            "end": pd.to_datetime(periods["end"]).dt.strftime("%Y-%m-%d"),
            "days": periods["days"].astype(int),
        }
    )
    if own:
        frame["paper"] = PAPER_PERIODS
    return PaperTable("unfrozen_periods", "Unfrozen period of every year.", frame)


def _models(scores: pd.DataFrame, own: bool) -> PaperTable:
    kept = [n for n in ("model", "design", "n", "r", "rmse", "skill") if n in scores]
    frame = scores[kept].rename(columns={"r": "R", "rmse": f"RMSE, {UNIT}"}).reset_index(drop=True)
    if own:
        for k, name in enumerate(("R, paper", f"RMSE, {UNIT}, paper")):
            figure = {model: values[k] for model, values in PAPER_MODELS.items()}
            # the paper splits at random; beside stations left out its figures would mislead
            at_random = scores["design"].to_numpy() == "random"
            frame[name] = np.where(at_random, scores["model"].map(figure), np.nan)
    caption = (
        "Cross-validated scores of models and baselines, by what was held out; skill = 1 − MSE/MSE(network "
        "mean)."
    )
    if own:
        model, r, rmse = PAPER_TEST
        caption += (
            " The paper's figures stand beside rows split at random alone; beside stations left out they "
            f"would mislead. On the paper's independent test set {model} has R {r:.3f} and RMSE {rmse:.3f}."
        )
    return PaperTable("models", caption, frame)


def _cells(small: pd.DataFrame, own: bool) -> PaperTable:
    part = small[small["reference"] == UPSCALED]
    names = sorted(
        part["cell"].unique(), key=lambda n: (EaseCell.from_name(n).row, EaseCell.from_name(n).col)
    )
    rows = []
    for number, name in enumerate(names, start=1):
        row: dict[str, object] = {"Grid ID": number, "cell": name}
        for orbit, direction in ORBITS.items():
            found = part[(part["cell"] == name) & (part["orbit"] == orbit)]
            for metric, title in (("n", "n"), *METRICS):
                value = found[metric].iloc[0] if len(found) else np.nan
                row[f"{direction} {title}"] = value
        rows.append(row)
    frame = pd.DataFrame(rows)
    counts = [c for c in frame if str(c).endswith(" n")]
    frame = frame.astype(dict.fromkeys(counts, "Int64"))
    caption = (
        "SMAP 9 km against the upscaled map. Grid ID: cells are numbered row by row, from the north-west to "
        "the south-east. Sixteen cells under one footprint of some 33 km are no sixteen tests of SMAP. bias "
        f"= SMAP − reference; bias, RMSE and ubRMSE in {UNIT}."
    )
    if own:
        caption += " The paper's figures by cell are not at hand, and its numbers may run otherwise."
    return PaperTable("smap_9km", caption, frame)


def _large(large: pd.DataFrame, own: bool) -> PaperTable:
    several = large["cell"].nunique() > 1
    frame = pd.DataFrame(
        {
            **({"cell": large["cell"]} if several else {}),
            "reference": large["reference"].map(TITLES).fillna(large["reference"]),
            "overpass": large["orbit"].map(ORBITS),
            "n": large["n"].astype(int),
            **{title: large[metric] for metric, title in METRICS},
            "R, low": large["r_low"],
            "R, high": large["r_high"],
        }
    ).reset_index(drop=True)
    if own:
        frame["R, paper"] = large["reference"].map(PAPER_36KM).to_numpy()
    caption = (
        "SMAP 36 km against each reference on the same passes, with the 95 % interval of R; bias = SMAP − "
        f"reference; bias, RMSE and ubRMSE in {UNIT}."
    )
    if own:
        caption += " The paper gives one R for each reference, here beside both overpasses."
    return PaperTable("smap_36km", caption, frame)


def _cell(value: object) -> str:
    """Write a cell: three decimals for fractions, a dash for missing."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _markdown(frame: pd.DataFrame, caption: str) -> str:
    lines = [caption, "", f"| {' | '.join(map(str, frame.columns))} |"]
    lines.append("|" + "|".join("---" if _is_text(frame[c]) else "---:" for c in frame.columns) + "|")
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in frame.itertuples(index=False)]
    return "\n".join([*lines, ""])


def _latex(frame: pd.DataFrame, caption: str, name: str) -> str:
    columns = "".join("l" if _is_text(frame[c]) else "r" for c in frame.columns)
    rows = [" & ".join(_escape(_cell(v)) for v in row) + r" \\" for row in frame.itertuples(index=False)]
    lines = [
        r"\begin{table}",
        rf"\caption{{{_escape(caption)}}}",
        rf"\label{{tab:{name}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(_escape(str(c)) for c in frame.columns) + r" \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)


_ESCAPES = {"\\": r"\textbackslash{}", "–": "--", "−": "$-$", "³": "$^3$"}
_ESCAPES |= {c: "\\" + c for c in "&%$#_{}"}


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(c, c) for c in text)


def _is_text(column: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(column)

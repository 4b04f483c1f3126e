"""The report of a run: which figures, tables and sentences it shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import MissingDataError
from smgee.estimators import title_of
from smgee.grid import PixelGrid
from smgee.models.deployment import OFFSET
from smgee.report import figures
from smgee.report.account import account_sections
from smgee.report.agreement import held_out_sections, network_sections, smap_at_a_glance, terrain_map
from smgee.report.cell_series import cell_series
from smgee.report.contents import Contents
from smgee.report.layers_figure import layers_figure
from smgee.report.network_figures import heterogeneity_figure
from smgee.report.opening import opening
from smgee.report.page import Section, write_report
from smgee.report.score_figures import distances_figure, scores_figure
from smgee.report.smap import SMAP_SECTIONS, cells_of
from smgee.report.tables import shown
from smgee.report.verdicts import explained_in_words, spread_in_words
from smgee.schemas import SCORES, SPREAD

STATE_AND_PLACE = (
    "The models learn how a place differs from the state of the network, the mean of its stations on that "
    "day, which the maps add again."
)
"""What scores of models of an anomaly stand under."""

ABSOLUTE = "The models learn soil moisture itself from the predictors."
"""What scores of models of soil moisture itself stand under."""

SKILL = (
    "Skill is 1 − MSE/MSE(mean of the other stations): above 0 a model beats that mean. A random split "
    "shares stations between training and test, and flatters: what counts for a map are the stations held "
    "out."
)
"""How scores are to be read."""


def write_pages(
    contents: Contents, page: Path, *, folder: Path, progress: Callable[[float], Any] = lambda share: None
) -> int:
    """Draw every figure that the contents allow, and write the page.

    Parameters
    ----------
    contents : Contents
        What there is.
    page : Path
        The HTML file.
    folder : Path
        Where figures go; those of an earlier report are removed.
    progress : callable
        Told the share done.

    Returns
    -------
    int
        Number of figures.

    Raises
    ------
    MissingDataError
        When there is nothing to report at all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in (f for end in ("png", "svg", "csv") for f in folder.glob(f"*.{end}")):
        old.unlink()
    builders = (
        opening,
        _maps,
        _layers,
        network_sections,
        _network,
        _models,
        held_out_sections,
        _explained,
        *SMAP_SECTIONS,
        smap_at_a_glance,
        cell_series,
        terrain_map,
    )
    sections = []
    for k, build in enumerate(builders):
        sections += build(contents, folder)
        progress((k + 1) / (len(builders) + 1))
    sections = _joined(sections)
    if not sections:
        raise MissingDataError(
            f"The run {contents.name} holds nothing to report yet; begin with `smgee run STUDY`, "
            "`smgee stations` or `smgee train`."
        )
    sections += account_sections(contents.account, folder, synthetic=contents.synthetic)
    if contents.absent:
        sections.append(Section("What is not here", " ".join(contents.absent)))
    write_report(
        page, title=_title(contents), synthetic=contents.synthetic, facts=_facts(contents), sections=sections
    )
    return sum(len(s.figures) for s in sections)


def _joined(sections: list[Section]) -> list[Section]:
    """Return the sections, those of one title in one: the first keeps its place."""
    found: dict[str, Section] = {}
    for part in sections:
        known = found.get(part.title)
        if known is not None:
            text = f"{known.text} {part.text}".strip()
            drawn, tables = [*known.figures, *part.figures], [*known.tables, *part.tables]
            part = Section(part.title, text, drawn, tables, [*known.points, *part.points])
        found[part.title] = part
    return list(found.values())


def _title(c: Contents) -> str:
    if c.study is None:
        return f"{c.name}: soil moisture"
    what = "soil moisture" if c.maps is None else f"soil moisture at {c.study.area.scale_m:g} m"
    judged = " and the validation of SMAP" if c.large is not None or c.small is not None else ""
    return f"{c.study.name}: {what}{judged}"


def _facts(c: Contents) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if c.study is not None:
        lon, lat = c.study.area.center
        names = ", ".join(cell.name for cell in c.study.cells) or "none filled"
        facts["36 km cells"] = f"{names}, around {_degrees(lon, 'E', 'W')}, {_degrees(lat, 'N', 'S')}"
        facts["Period"] = f"{c.study.start} to {c.study.end} (end exclusive)"
    if c.stations is not None:
        facts["Stations"] = c.stations.sizes["station"]
    if c.samples is not None:
        facts["Sampled rows"] = f"{c.samples[0]:,} complete of {c.samples[1]:,}"
    if c.model:
        facts["Deployed model"] = _deployed(c)
    if c.route:
        facts["Route"] = c.route
    if c.spent:
        facts["Maps took (planned)"] = c.spent
    if c.parity is not None:
        facts["Routes agree"] = c.parity["sentence"]
    return facts


def _deployed(c: Contents) -> str:
    """Say what the maps are drawn by."""
    chosen = (c.certificate or {}).get("chosen") or {}
    if "averaged" not in chosen:
        return c.model
    parts = dict.fromkeys(title_of(m) for members in chosen["averaged"].values() for m in members)
    how = str(chosen["deployed"])
    return f"average of {', '.join(parts)}" if how == "average" and parts else title_of(how)


def _degrees(value: float, plus: str, minus: str) -> str:
    return f"{abs(value):g}° {minus if value < 0 else plus}"


def _ground(c: Contents, grid: PixelGrid, **of_stations: np.ndarray) -> figures.Ground:
    """Return what maps are drawn on; columns are added to the stations."""
    places: dict[str, Any] = {n: [] if c.stations is None else c.stations[n].values for n in ("lon", "lat")}
    cells = [*cells_of(c, "M36"), *cells_of(c, "M09")]
    return figures.Ground(grid, cells, pd.DataFrame(places | of_stations))


def _maps(c: Contents, folder: Path) -> list[Section]:
    if c.maps is None or c.study is None:
        return []
    days = pd.DatetimeIndex(c.maps.days)
    chosen = [days[int(k)] for k in np.linspace(0, len(days) - 1, min(3, len(days)))]
    drawn = {f"{d:%-d %B %Y}": c.maps.read(d.date()) for d in dict.fromkeys(chosen)}
    if c.mean is not None:
        drawn["mean of all mapped days"] = c.mean
    file = figures.maps_figure(
        drawn,
        folder / "maps.png",
        ground=_ground(c, c.study.grid),
        synthetic=c.synthetic,
    )
    text = f"Soil moisture at {c.study.area.scale_m:g} m on {len(days)} days."
    caption = (
        "Upscaled soil moisture with the 36 km EASE-Grid 2.0 cell, its sixteen 9 km cells, and the stations."
    )
    found = [(file, caption)]
    if c.mean is not None and c.state is not None and c.stations is not None:
        level = np.array([c.state.at(day)[OFFSET] for day in c.maps.days])
        own = c.stations["soil_moisture"].reindex(time=days) - level[:, None]
        found.append(_place(c, c.mean - level.mean(), own.mean("time").values, c.study.grid, folder))
    return [Section("Maps", text, found)]


LAYERS = {
    "lower": "An interval is drawn by the models of the folds, each with its errors at stations it has not "
    "seen (CV+), so it tells of a day at a place without a station.",
    "standard_error": "The standard error is the jackknife's: how the map would move if one station had not "
    "been there; what no station could tell it does not know.",
    "applicability": "Outside the area of applicability a pixel is less like any station than the "
    "cross-validation has tested, and none of the scores holds there.",
}
"""What a layer of uncertainty says, by variable."""


def _layers(c: Contents, folder: Path) -> list[Section]:
    if c.layers is None or c.study is None:
        return []
    day = c.layers.days[len(c.layers.days) // 2]
    drawn = {v.name: c.layers.read(day, v.name) for v in c.layers.variables}
    file = layers_figure(
        drawn,
        folder / "layers.png",
        ground=_ground(c, c.study.grid),
        level=c.study.upscale.level,
        synthetic=c.synthetic,
    )
    said = []
    if "applicability" in drawn:
        known = drawn["applicability"][np.isfinite(drawn["applicability"])]
        said.append(f"Inside the area of applicability lie {known.mean():.0%} of the pixels.")
    if "lower" in drawn:
        width = drawn["upper"] - drawn["lower"]
        low, middle, high = np.nanpercentile(width, [5, 50, 95])
        said.append(
            f"The {c.study.upscale.level:.0%} interval is {middle:.3f} m³/m³ wide in the middle, "
            f"{low:.3f} to {high:.3f} on nine tenths of the pixels."
        )
    if "standard_error" in drawn:
        error = float(np.nanmedian(drawn["standard_error"]))
        said.append(f"The standard error of a pixel is {error:.3f} m³/m³ in the middle.")
    drawings = [(file, f"Layers of {day:%-d %B %Y}.")]
    text = " ".join(words for name, words in LAYERS.items() if name in drawn)
    return [Section("Uncertainty and applicability", text, drawings, points=[*c.uncertain, *said])]


def _place(
    c: Contents, anomaly: np.ndarray, own: np.ndarray, grid: PixelGrid, folder: Path
) -> tuple[Path, str]:
    """Draw what the maps add to the network's state, with what the stations themselves tell."""
    file = figures.place_figure(
        anomaly,
        folder / "place.png",
        ground=_ground(c, grid, anomaly=own),
        synthetic=c.synthetic,
    )
    return file, (
        "What the maps add to the network's mean of the day, averaged over the mapped days; the filling of a "
        "circle is what the station itself differs by. Shrinkage makes the map paler than the stations."
    )


def _network(c: Contents, folder: Path) -> list[Section]:
    if c.spread is None:
        return []
    file = heterogeneity_figure(c.spread, folder / "heterogeneity.png", synthetic=c.synthetic)
    caption = (
        "Semivariance of the stations' levels and of their dynamics by distance, with 95 % intervals over "
        "the choice of stations; the spread between stations by wetness; the stations that a mean would "
        "need, and those there were; how far each station lies from the others, with the standard deviation "
        "in time."
    )
    words = spread_in_words(c.spread.table)
    table = (shown(c.spread.table, SPREAD), "stations_heterogeneity.csv: how different the stations are.")
    return [Section("How different the stations are", words, [(file, caption)], [table])]


def _models(c: Contents, folder: Path) -> list[Section]:
    if c.scores is None:
        return []
    table = (shown(c.scores, SCORES), "scores.csv: bias = prediction − observation.")
    file = scores_figure(c.scores, folder / "scores.png", synthetic=c.synthetic)
    drawn = [(file, _SCORES)]
    if c.distances is not None and len(c.distances):
        far = distances_figure(c.distances, folder / "distances.png", synthetic=c.synthetic)
        drawn.append((far, _DISTANCES))
    learned = STATE_AND_PLACE if (c.scores["model"] == "deployed").any() else ABSOLUTE
    points = [] if c.certificate is None else [str(c.certificate["words"])]
    return [Section("Models", f"{learned} {SKILL}", drawn, [table], points)]


_SCORES = (
    "R, RMSE and skill at stations held out, with 95 % intervals that resample whole stations, and beside "
    "them those of a random split. Hollow: baselines, which need no model."
)
_DISTANCES = (
    "How far places lie from the nearest station that is known: those the map is drawn for (or a box round "
    "the stations where no area is known), and those that each design tests. A curve left of the first tests "
    "easier places than the map has."
)
_SHAP_CAPTIONS = {
    "held_out.png": "Mean |SHAP| at stations that the models never saw, each beside its placebo.",
    "held_out_dependence.png": "SHAP value over value at those stations, coloured by the predictor that each "
    "depends on most.",
    "held_out_interactions.png": "What pairs of predictors do together at those stations (mean |SHAP "
    "interaction|, each predictor's half), and in bold what each does alone, over all seasons and in each.",
}


def _explained(c: Contents, folder: Path) -> list[Section]:
    if not c.shap:
        return []
    text = "SHAP values divide each prediction among its predictors."
    tables = []
    if c.held_out is not None:
        text = f"{text} {explained_in_words(c.held_out)}"
        tables.append((c.held_out, "Groups of predictors that go together, at stations left out."))
    order = list(_SHAP_CAPTIONS)
    files = sorted(c.shap, key=lambda f: (order.index(f.name) if f.name in order else len(order), f.name))
    rows = "SHAP values on the rows learned from: each dot is one station-day."
    return [
        Section(
            "What the model looks at", text, [(f, _SHAP_CAPTIONS.get(f.name, rows)) for f in files], tables
        )
    ]

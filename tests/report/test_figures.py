"""Figures are drawn from tables alone, and say when the data is synthetic."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

from smgee.insitu import study_heterogeneity
from smgee.models import BASELINES
from smgee.report import figures, style
from smgee.report.judging_figure import references_figure
from smgee.report.network_figures import heterogeneity_figure
from smgee.report.page import Section, write_report
from smgee.report.score_figures import distances_figure, scores_figure
from smgee.report.verdicts import spread_in_words
from smgee.study import Study

STUDY = Study.demo()
CELLS = [STUDY.cell, *STUDY.cell.children("M09")]


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    days = pd.date_range("2021-05-10", periods=60, freq="2D")
    parts = []
    for orbit in ("AM", "PM"):
        truth = 0.2 + 0.06 * np.sin(np.arange(60) / 7)
        parts.append(
            pd.DataFrame(
                {
                    "date": days,
                    "orbit": orbit,
                    "smap": truth + rng.normal(0, 0.03, 60) - 0.02,
                    "upscaled": truth,
                    "insitu_mean": truth * 1.2,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def validation(cells):
    rng = np.random.default_rng(1)
    rows = [
        {
            "cell": c.name,
            "orbit": o,
            "reference": r,
            "n": 60,
            "r": rng.uniform(0.4, 0.9),
            "r_low": 0.3,
            "r_high": 0.95,
            "bias": rng.normal(0, 0.03),
            "rmse": 0.05,
            "ubrmse": rng.uniform(0.02, 0.05),
            **{f"{m}{e}": v for m, v in (("bias", 0.03), ("ubrmse", 0.06)) for e in ("_low", "_high")},
        }
        for c in cells
        for o in ("AM", "PM")
        for r in ("upscaled", "insitu_mean")
    ]
    return pd.DataFrame(rows)


def ink(path):
    """Share of pixels that are not white."""
    return float((np.asarray(Image.open(path).convert("L")) < 250).mean())


def test_every_figure_has_content(tmp_path, pairs):
    grid = STUDY.grid
    y, x = np.mgrid[: grid.height, : grid.width]
    field = (0.2 + 0.1 * np.sin(x / 90) * np.cos(y / 130)).astype("float32")
    stations = pd.DataFrame({"lon": [99.8, 99.9], "lat": [37.4, 37.5]})
    made = [
        figures.maps_figure(
            {"a": field, "b": field * 1.1},
            tmp_path / "m.png",
            grid=grid,
            cells=CELLS,
            stations=stations,
            synthetic=True,
        ),
        figures.series_figure(pairs, tmp_path / "s.png", title="36 km cell", synthetic=True),
        figures.scatter_figure(pairs, validation(CELLS[:1]), tmp_path / "c.png", synthetic=True),
        figures.cells_figure(validation(CELLS[1:]), CELLS[1:], tmp_path / "k.png", synthetic=True),
        references_figure(validation(CELLS[:1]), tmp_path / "j.png", title="36 km cell", synthetic=True),
    ]
    for path in made:
        assert ink(path) > 0.02, path


def test_synthetic_figures_carry_the_mark():
    for synthetic in (True, False):
        with style.figure(size=(3, 2), synthetic=synthetic) as (fig, _):
            assert (fig.get_supxlabel() == style.SYNTHETIC_MARK) is synthetic


def test_report_is_self_contained_and_marked(tmp_path, pairs):
    figure = figures.series_figure(pairs, tmp_path / "s.png", title="36 km cell", synthetic=True)
    table = pd.DataFrame({"cell": ["<b>x</b>"], "r": [0.51234], "n": [60], "missing": [np.nan]})
    section = Section("SMAP", "Text.", [(figure, "A figure.")], [(table, "A table.")])
    for synthetic in (True, False):
        path = write_report(
            tmp_path / "r.html", title="demo", synthetic=synthetic, facts={"Stations": 30}, sections=[section]
        )
        html = path.read_text(encoding="utf-8")
        assert html.count("data:image/png;base64,") == 1
        assert "http://" not in html
        assert "https://" not in html
        assert "&lt;b&gt;x" in html
        assert "<td>0.512</td>" in html
        assert "<td>60</td>" in html
        assert html.count("Synthetic.") == (2 if synthetic else 0)
        assert ("SYNTHETIC basin" in html) is synthetic


def test_long_tables_are_folded_and_whole(tmp_path):
    table = pd.DataFrame({"cell": [f"c{k}" for k in range(130)], "r": 0.5})
    section = Section("SMAP", "Text.", [], [(table, "A long table.")])
    path = write_report(tmp_path / "r.html", title="demo", synthetic=False, facts={}, sections=[section])
    html = path.read_text(encoding="utf-8")
    assert "<summary>A long table. (130 rows)</summary>" in html
    assert all(f"<td>c{k}</td>" in html for k in range(130))


def test_distances_are_drawn_for_the_map_and_every_design(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "what": np.repeat(["map to its nearest station", "station: left out to the nearest kept"], 50),
            "distance_m": np.concatenate([rng.uniform(0, 9e3, 50), rng.uniform(0, 3e3, 50)]),
        }
    )
    path = distances_figure(table, tmp_path / "d.png", synthetic=True)
    drawn = np.asarray(Image.open(path).convert("RGB"))
    assert (drawn != 255).any(axis=2).mean() > 0.01
    plain = distances_figure(table, tmp_path / "e.png", synthetic=False)
    assert np.asarray(Image.open(plain).convert("RGB")).shape[1] == drawn.shape[1]
    assert path.read_bytes() != plain.read_bytes()


def test_scores_are_drawn_with_every_baseline(tmp_path):
    """One row more of the table is one row more of the figure, with its name beside it."""
    rng = np.random.default_rng(0)
    rows = []
    for model in ("deployed", "XGBoost", *BASELINES):
        for design in ("station", "random"):
            row = {"model": model, "design": design}
            for metric in ("r", "rmse", "skill"):
                value = rng.uniform(0.2, 0.6)
                row |= {metric: value, f"{metric}_low": value - 0.1, f"{metric}_high": value + 0.1}
            rows.append(row)
    scores = pd.DataFrame(rows)
    drawn = scores_figure(scores, tmp_path / "q.png", synthetic=True)
    assert ink(drawn) > 0.02
    fewer = scores_figure(scores[scores["model"] != "kriging"], tmp_path / "p.png", synthetic=True)
    assert Image.open(drawn).size[1] > Image.open(fewer).size[1]
    plain = scores.drop(columns=[c for c in scores if c.startswith("skill")])
    assert ink(scores_figure(plain, tmp_path / "o.png", synthetic=False)) > 0.02


@pytest.mark.parametrize("placed", [True, False])
def test_the_heterogeneity_of_a_network_is_drawn(tmp_path, placed):
    rng = np.random.default_rng(1)
    lon = 100 + rng.uniform(0, 0.4, 15)
    level = 0.25 + 0.1 * (lon - lon.mean()) + rng.normal(0, 0.02, 15)
    values = level + 0.05 * np.sin(np.arange(80) / 9)[:, None] + rng.normal(0, 0.01, (80, 15))
    daily = xr.Dataset(
        {"soil_moisture": (("time", "station"), values)},
        coords={
            "time": pd.date_range("2021-05-01", periods=80),
            "station": [f"S{i}" for i in range(15)],
            "lon": ("station", lon if placed else np.full(15, np.nan)),
            "lat": ("station", rng.uniform(37, 37.3, 15)),
        },
    )
    found = study_heterogeneity(daily)
    assert found.variogram.empty is not placed
    assert ink(heterogeneity_figure(found, tmp_path / "h.png", synthetic=False)) > 0.02
    assert "stations on the median day" in spread_in_words(found.table)

"""Figures are drawn from tables alone, and say when the data is synthetic."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

from smgee.experiment.layers import layer_sentences
from smgee.grid import PixelGrid
from smgee.insitu import study_heterogeneity
from smgee.models import BASELINES
from smgee.report import figures, style
from smgee.report.judging_figure import references_figure
from smgee.report.layers_figure import layers_figure
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
            ground=figures.Ground(grid, CELLS, stations),
            synthetic=True,
        ),
        figures.series_figure(pairs, tmp_path / "s.png", title="36 km cell", synthetic=True),
        figures.scatter_figure(pairs, validation(CELLS[:1]), tmp_path / "c.png", synthetic=True),
        figures.cells_figure(validation(CELLS[1:]), CELLS[1:], tmp_path / "k.png", synthetic=True),
        references_figure(validation(CELLS[:1]), tmp_path / "j.png", title="36 km cell", synthetic=True),
    ]
    for path in made:
        assert ink(path) > 0.02, path


def test_colours_of_cells_mean_the_same_at_both_overpasses(tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(figures, "save", lambda fig, path: seen.update(fig=fig) or path)
    figures.cells_figure(validation(CELLS[1:]), CELLS[1:], tmp_path / "k.png", synthetic=False)
    images = [axis.images[0] for axis in seen["fig"].axes if axis.images]
    assert len(images) == 6
    limits = [image.get_clim() for image in images]
    assert limits[:3] == limits[3:]
    for (low, high), image in zip(limits, images, strict=True):
        assert low <= np.nanmin(image.get_array()) <= np.nanmax(image.get_array()) <= high


def test_signs_are_written():
    told = [style.signed(v) for v in (-0.0213, 0.0104, -0.0002, 0.0)]
    assert told == ["−0.021", "+0.010", "0.000", "0.000"]


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


def test_layers_of_a_day_and_what_lies_outside(tmp_path):
    """Width is upper minus lower; what lies outside the area of applicability has the legend's colour."""
    rng = np.random.default_rng(3)
    grid = STUDY.grid
    small = PixelGrid(grid.crs, (3000.0, 0.0, grid.transform[2], 0.0, -3000.0, grid.transform[5]), 12, 13)
    lower = rng.uniform(0, 0.1, small.shape).astype("f4")
    outside = np.zeros(small.shape, bool)
    outside[:6] = True
    layers = {
        "lower": lower,
        "upper": lower + 0.2,
        "standard_error": rng.uniform(0.01, 0.02, small.shape),
        "dissimilarity": np.where(outside, 2.0, 0.3),
        "applicability": np.where(outside, 0.0, 1.0),
        "density": np.where(outside, 0, 7),
    }
    options = {
        "ground": figures.Ground(small, CELLS, pd.DataFrame({"lon": [99.8], "lat": [37.5]})),
        "level": 0.9,
        "synthetic": True,
    }
    marked = np.asarray(Image.open(layers_figure(layers, tmp_path / "a.png", **options)).convert("RGB"))
    inside = {**layers, "applicability": np.ones(small.shape)}
    clean = np.asarray(Image.open(layers_figure(inside, tmp_path / "b.png", **options)).convert("RGB"))

    def orange(picture: np.ndarray) -> int:
        return int((np.abs(picture.astype(int) - [213, 94, 0]).max(axis=2) < 3).sum())

    assert orange(marked) > 20 * orange(clean) > 0  # the legend alone
    only = layers_figure({"density": layers["density"]}, tmp_path / "c.png", **options)
    assert Image.open(only).size[0] < marked.shape[1]


def test_sentences_on_layers_and_the_truth():
    pixels = pd.DataFrame(
        {
            "date": pd.to_datetime(["2021-07-01"] * 3 + ["2021-07-02"] * 3),
            "where": ["all", "inside", "outside"] * 2,
            "n": [100, 75, 25, 300, 225, 75],
            "rmse": [0.05, 0.04, 0.08, 0.05, 0.04, 0.08],
            "coverage": [0.8, 0.9, 0.5, 1.0, 1.0, 1.0],
        }
    )
    said = layer_sentences(pixels, None, 0.9)
    assert said == [
        "Of the true pixels of 2 days the 90% interval holds 95% everywhere (RMSE 0.050), 98% inside the "
        "area of applicability (RMSE 0.040), 88% outside of it (RMSE 0.080)."
    ]
    cells = pd.DataFrame(
        {"grid": ["M36"], "cell": ["x"], "rmse": [0.02], "standard_error": [0.01], "held": [0.7]}
    )
    assert "36 km cell is off the truth by 0.020" in layer_sentences(None, cells, 0.9)[0]
    assert "holds the truth on 70% of the days" in layer_sentences(None, cells, 0.9)[0]
    assert layer_sentences(None, None, 0.9) == []

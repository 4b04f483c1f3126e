"""The page can be read by everyone: its structure, its colours, its words."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

import smgee.report.page as page_module
from smgee.report import Contents, pages, write_pages
from smgee.report.account import Account, account_sections
from smgee.report.agreement_figures import density_figure, target_figure, taylor_figure
from smgee.report.cell_series import cell_series
from smgee.report.opening import opening
from smgee.report.station_figures import periods_figure
from smgee.report.tables import with_interval
from smgee.report.terrain_figure import terrain_figure
from smgee.study import Study
from smgee.validation.claims import VERDICT_COLUMNS


class Page(HTMLParser):
    """Every start tag with its attributes, in order."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag):
        return [a for t, a in self.tags if t == tag]


@pytest.fixture(scope="module")
def contents() -> Contents:
    rng = np.random.default_rng(3)
    days = pd.date_range("2021-06-01", periods=40)
    names = [f"S{k}" for k in range(6)]
    moisture = rng.uniform(0.1, 0.4, (40, 6))
    stations = xr.Dataset(
        {"soil_moisture": (("time", "station"), moisture)},
        {"time": days, "station": names, "lon": ("station", rng.uniform(99.7, 99.9, 6))},
    ).assign_coords(lat=("station", rng.uniform(37.4, 37.6, 6)))
    rows = [
        {"model": m, "design": "station", "station": s, "time": d, "observed": o, "predicted": o + e}
        for m, size in (("deployed", 0.03), ("network mean", 0.06))
        for (s, d, o), e in zip(
            [(s, d, moisture[i, j]) for j, s in enumerate(names) for i, d in enumerate(days)],
            rng.normal(0, size, 240),
        )
    ]
    metrics = {"r": 0.6, "rmse": 0.05, "n": 240}
    scores = pd.DataFrame(
        [
            {
                "model": m,
                "design": "station",
                **metrics,
                **{f"{n}{e}": 0.1 for n in ("r", "rmse", "skill") for e in ("_low", "_high")},
                "skill": 0.1,
            }
            for m in ("deployed", "network mean")
        ]
    )
    station_scores = pd.DataFrame(
        {
            "model": "deployed",
            "design": "station",
            "station": names,
            "rmse": 0.05,
            "skill": [0.2, -0.4, 0.1, -0.1, 0.3, 0.0],
        }
    )
    periods = pd.DataFrame(
        {
            "year": [2020, 2021],
            "start": ["2020-05-03", "2021-05-08"],
            "end": ["2020-10-10", "2021-10-08"],
            "days": [161, 154],
            "start_observed": [True, False],
            "end_observed": [True, True],
            "stations": [6.0, 6.0],
            "source": "x",
        }
    )
    return Contents(
        name="small",
        synthetic=True,
        study=Study.demo(),
        stations=stations,
        scores=scores,
        certificate={"words": "words.", "skill": {"value": 0.1, "low": 0.02, "high": 0.2}},
        model="deployed",
        periods=periods,
        predictions=pd.DataFrame(rows),
        station_scores=station_scores,
        account=Account(
            steps=[{"step": "train", "seconds": 3.0, "peak_memory_mb": 900, "finished": "2026-01-01"}],
            versions={"python": "3.11"},
            datasets=("NASA/HLS/HLSS30/v002",),
            lost={"rows": {"red masked": 7}},
            kept={"rows": 93},
        ),
    )


@pytest.fixture(scope="module")
def written(contents, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    write_pages(contents, folder / "report.html", folder=folder / "figures")
    return folder / "report.html"


@pytest.fixture(scope="module")
def page(written) -> Page:
    return Page(written.read_text(encoding="utf-8"))


def test_structure_is_that_of_a_document(page):
    assert page.all("html")[0]["lang"] == "en"
    levels = [int(t[1]) for t, _ in page.tags if re.fullmatch("h[1-6]", t)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert [len(page.all(tag)) for tag in ("main", "nav", "header")] == [1, 1, 1]
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"] for a in page.all("a") if a["href"].startswith("#")]
    assert {link[1:] for link in links} <= set(ids)
    regions = [a["aria-label"] for _, a in page.tags if a.get("role") == "region"]
    assert len(regions) == len(set(regions)) > 3


def test_figures_say_what_they_show(page, written):
    pictures = page.all("img")
    assert len(pictures) >= 7
    for picture in pictures:
        assert len(picture["alt"]) > 40
        assert picture["src"].startswith("data:image/png;base64,")
    assert any("values" in p["alt"] for p in pictures)
    beside = [a for a in page.all("a") if not a["href"].startswith("#")]
    assert len(beside) == 2 * len(pictures)
    for link in beside:
        assert (written.parent / link["href"]).is_file()
        assert "figure" in link["aria-label"]


def test_tables_have_headers_and_can_be_reached_by_keyboard(page):
    assert page.all("table")
    assert all(a.get("scope") in ("col", "row") for a in page.all("th"))
    scrolled = [a for a in page.all("div") if "scroll" in (a.get("class") or "")]
    assert len(scrolled) == len(page.all("table"))
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in scrolled)


def _luminance(colour):
    parts = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize(
    ("name", "behind"),
    [
        ("ink", "#ffffff"),
        ("soft", "#ffffff"),
        ("soft", "#f4f7f9"),
        ("accent", "#ffffff"),
        ("warn", "#fdecee"),
    ],
)
def test_text_stands_out_from_what_is_behind_it(name, behind):
    """WCAG 2.2, 1.4.3: at least 4.5 to 1."""
    style = (Path(page_module.__file__).parent / "report.html.j2").read_text(encoding="utf-8")
    colour = re.search(rf"--{name}: (#[0-9a-f]{{6}});", style)[1]
    light, dark = sorted([_luminance(colour), _luminance(behind)], reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_the_page_is_whole_in_itself_and_small(written):
    text = written.read_text(encoding="utf-8")
    assert written.stat().st_size < 10e6
    assert "http://" not in text
    assert "https://" not in text
    assert "@media print" in text


def test_the_verdict_comes_first(page, written, contents):
    text = written.read_text(encoding="utf-8")
    assert text.index(">In short</h2>") < text.index("<dt>") < text.index(">Models</h2>")
    assert "<strong>Is the model better than the mean of the stations?</strong> " in text
    (section,) = opening(contents, written.parent)
    assert section.points[0].startswith("Is the model better than the mean of the stations? Yes")
    (mapped,) = opening(replace(contents, maps=object()), written.parent)
    assert mapped.points[0].startswith("Is the map better than the mean of the stations? Yes")
    assert "At 2 of 6 stations" in section.points[1]
    assert "S1 (0.050" in section.points[1]


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.2, "Yes"), (-0.1, 0.2, "not shown"), (-0.3, -0.1, "No: at stations")],
)
def test_the_verdict_is_that_of_the_interval(contents, tmp_path, low, high, said):
    skill = {"value": (low + high) / 2, "low": low, "high": high}
    other = Contents("x", True, scores=contents.scores, certificate={"skill": skill}, model="deployed")
    (section,) = opening(other, tmp_path)
    assert said in section.points[0]


def test_without_an_interval_nothing_is_called_better(contents, tmp_path):
    skill = {"value": 0.3, "low": None, "high": None}
    other = Contents("x", True, scores=contents.scores, certificate={"skill": skill}, model="deployed")
    (section,) = opening(other, tmp_path)
    assert "cannot be told" in section.points[0]


def test_smap_is_told_beside_what_judges_it(tmp_path):
    """The maps have verdicts of their own, which speak of no station."""
    row = dict.fromkeys(VERDICT_COLUMNS, 0.02) | {"grid": "M36", "cell": "M36_r0079_c0749", "orbit": "AM"}
    row |= {"n": 55, "target": 0.04, "meets": 0.9, "sentence": ""}
    found = pd.DataFrame([row | {"reference": name} for name in ("insitu_equal", "upscaled")])
    (section,) = opening(Contents("x", True, verdicts=found), tmp_path)
    stations, maps = section.points
    assert stations.startswith("What is SMAP worth here by the stations, descending, 06:00? ")
    assert " 0.020 m³/m³ wetter;" in stations
    assert "the stations' sampling error taken out" in stations
    assert maps.startswith("What is SMAP worth here by the mean of the map, descending, 06:00? ")
    assert "stations" not in maps


def test_places_are_told_for_any_hemisphere(tmp_path, contents):
    study = Study.parse(
        Study.demo().model_dump(mode="json") | {"area": {"lon": -70.5, "lat": -33.25, "scale_m": 600}}
    )
    other = Contents("south", False, study=study, stations=contents.stations)
    write_pages(other, tmp_path / "r.html", folder=tmp_path / "figures")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "70.5° W, 33.25° S" in text


def test_a_southern_summer_runs_beyond_december(tmp_path):
    periods = pd.DataFrame(
        {
            "year": [2020],
            "start": ["2020-09-20"],
            "end": ["2021-04-10"],
            "days": [203],
            "start_observed": [True],
            "end_observed": [True],
        }
    )
    path = periods_figure(periods, tmp_path / "p.png", synthetic=False)
    bar = pd.read_csv(path.with_suffix(".csv"))
    bar = bar[bar["kind"] == "bar"].iloc[0]
    assert (bar["x"], bar["x_end"]) == (263, 466)


def test_diagrams_put_points_where_their_numbers_say(tmp_path):
    rng = np.random.default_rng(1)
    truth = rng.normal(0.25, 0.05, 4000)
    pairs = {"half": (0.5 * truth, truth), "double": (0.1 + 2 * truth, truth)}
    taylor = pd.read_csv(
        taylor_figure(pairs, tmp_path / "t.png", synthetic=False).with_suffix(".csv")
    ).set_index("label")
    np.testing.assert_allclose(taylor.loc[["half", "double"], "x"], 0, atol=1e-6)  # R = 1
    np.testing.assert_allclose(taylor.loc[["half", "double"], "y"], [0.5, 2.0], rtol=1e-4)
    target = pd.read_csv(
        target_figure({"AM": pairs}, tmp_path / "g.png", synthetic=False).with_suffix(".csv")
    ).set_index("label")
    mean, spread = truth.mean(), truth.std()
    np.testing.assert_allclose(
        target.loc["half", ["x", "y"]].astype(float), [-0.5, -0.5 * mean / spread], rtol=1e-3
    )
    np.testing.assert_allclose(
        target.loc["double", ["x", "y"]].astype(float), [1.0, (0.1 + mean) / spread], rtol=1e-3
    )


def test_density_counts_every_row(tmp_path, contents):
    path = density_figure(
        contents.predictions, tmp_path / "d.png", models=["deployed", "network mean"], synthetic=True
    )
    hexagons = pd.read_csv(path.with_suffix(".csv"))
    hexagons = hexagons[hexagons["kind"] == "hexagon"]
    counted = hexagons.groupby("panel")["value"].sum()
    assert len(counted) == 2
    assert (counted > 225).all()  # a few lie outside the window
    assert (counted <= 240).all()


def test_the_heat_map_holds_the_table(tmp_path):
    table = pd.DataFrame(
        [
            {"orbit": o, "reference": "upscaled", "metric": m, "condition": c, "spearman": 0.1 * k, "q": 0.01}
            for k, (o, m, c) in enumerate(
                (o, m, c)
                for o in ("AM", "PM")
                for m in ("r", "rmse")
                for c in ("slope_mean", "elevation_std")
            )
        ]
    )
    path = terrain_figure(table, tmp_path / "h.png", reference="upscaled", synthetic=False)
    found = pd.read_csv(path.with_suffix(".csv"))
    assert sorted(found["value"].round(6)) == sorted(table["spearman"].round(6))
    one = found[
        (found["x"] == "elevation_std") & (found["y"] == "RMSE") & found["panel"].str.startswith("asc")
    ]
    assert one["value"].item() == pytest.approx(0.7)
    assert (np.asarray(Image.open(path).convert("L")) < 250).mean() > 0.1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-0.0002, "0.000"),
        (-0.0512, "-0.051"),
        (1234.5, "1,234"),
        (np.bool_(True), "yes"),
        (pd.Timestamp("2021-05-08"), "2021-05-08"),
        (pd.Timestamp("2021-05-08 12:00"), "2021-05-08 12:00:00"),
        (pd.NA, ""),
    ],
)
def test_cells_are_written_as_people_read_them(value, said):
    assert page_module._cell(value) == said
    if isinstance(value, float):
        interval = with_interval(value, -0.0001, 0.25)
        assert interval == f"{value + 0.0:.3f} [0.000, 0.250]".replace("-0.000", "0.000")


def test_the_deployed_model_is_named_by_its_parts(contents):
    chosen = {"deployed": "average", "averaged": {"whole": ["rf", "linear"], "dynamics": ["rf", "mine"]}}
    told = pages._facts(replace(contents, certificate=contents.certificate | {"chosen": chosen}))
    assert told["Deployed model"] == "average of RF, Linear, mine"
    assert pages._facts(contents)["Deployed model"] == "deployed"


def test_time_cost_rows_and_origin_are_told(tmp_path):
    spent = {
        "requests": {"pixels": 7},
        "retries": {"429": 1},
        "failures": {},
        "bytes_up": 10,
        "bytes_down": 2e6,
    }
    account = Account(
        steps=[
            {"step": "sample", "seconds": 3.5, "peak_memory_mb": 700, "finished": "x", "spent": spent},
            {"step": "train", "seconds": 50.0, "peak_memory_mb": 900, "finished": "y"},
        ],
        versions={"numpy": "2"},
        made_from={"scores.csv": "ab" * 32},
        lost={"rows": {"red": 3, "nir": 4}},
        kept={"rows": 93},
    )
    rows, cost, origin = account_sections(account, tmp_path, synthetic=False)
    assert rows.text.startswith("7 records and rows")
    assert "7 requests to Earth Engine, 2.0 MB received" in cost.text
    assert "54 s" in cost.text
    assert any("abababab" in str(table.to_numpy()) for table, _ in origin.tables)
    assert cost.tables[0][0]["requests"].tolist() == [7, pd.NA]
    assert cost.tables[0][0]["requests"].dtype == "Int64"  # written without decimals


def test_every_9_km_cell_has_its_series(tmp_path, contents):
    cells = contents.study.cell.children("M09")
    days = pd.date_range("2021-06-01", periods=4).strftime("%Y-%m-%d")
    rows = [
        {"date": d, "orbit": o, "cell": k.name, "soil_moisture": 0.1 + 0.01 * n, "flag": 0}
        for n, k in enumerate(cells)
        for d in days
        for o in ("AM", "PM")
    ]
    smap = pd.DataFrame(rows)
    references = smap.assign(reference="upscaled", soil_moisture=smap["soil_moisture"] + 0.2)
    other = Contents("x", True, study=contents.study, smap=smap, references=references)
    (section,) = cell_series(other, tmp_path)
    found = pd.read_csv(tmp_path / "series_9km.csv")
    assert len(section.figures) == 1
    assert set(found["panel"]) == {k.name for k in cells}
    third = found[found["panel"] == cells[2].name]
    assert third[third["label"].str.startswith("30 m map")]["y"].tolist() == pytest.approx([0.32] * 4)
    assert (third["label"].str.startswith("SMAP")).sum() == 8

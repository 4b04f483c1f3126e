"""The notebooks on single parts, run one after the other on the small run that they share."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browser
from tests.notebooks.kernel import NOTEBOOKS, Run, run_notebooks
from tests.notebooks.tiles import Mosaic

TOUR = (
    "03_stations",
    "04_predictors",
    "05_models",
    "06_two_routes",
    "07_smap",
    "08_uncertainty",
    "09_finished_run",
    "10_real_service",
    "11_earth_engine_in_your_tests",
)
# the last of them keeps its kernel: the viewer that it opened is looked at below
ORDER = tuple(sorted(TOUR, key=lambda name: name == "09_finished_run"))


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    folder = tmp_path_factory.mktemp("tour")
    shutil.copy(NOTEBOOKS / "study.yml", folder)
    with run_notebooks([NOTEBOOKS / f"{name}.ipynb" for name in ORDER], folder) as runs:
        yield runs


def test_the_run_is_made_once(tour: dict[str, Run]) -> None:
    first = tour["03_stations"].text("run")
    assert "'train': 'run'" in first
    assert "'validate': 'run'" in first
    for name in ("04_predictors", "05_models", "09_finished_run"):
        told = set(re.findall(r": '(\w+)'", tour[name].text("run")))
        assert told == {"keep"}


def test_none_takes_two_minutes(quickstart: Run, own_files: Run, tour: dict[str, Run]) -> None:
    """By processor time, which other jobs on the machine do not lengthen as they do waiting."""
    runs = {"01_quickstart": quickstart, "02_own_files": own_files, **tour}
    assert {name: round(run.processor_s) for name, run in runs.items() if run.processor_s > 120} == {}


def test_stations(tour: dict[str, Run]) -> None:
    run = tour["03_stations"]
    assert "30 stations" in run.text("read")
    assert re.search(r"records\s+1\d{5}", run.text("check"))
    assert re.search(r"2021-05-\d\d\s+2021-10-\d\d", run.text("frozen"))
    assert "variogram range" in run.text("spread")


def test_predictors(tour: dict[str, Run]) -> None:
    run = tour["04_predictors"]
    assert "NASA/HLS/HLSS30/v002" in run.text("pieces")
    assert "'m_NDMI'" in run.text("image")
    assert re.search(r"\d+ station-days with soil moisture", run.text("sample"))


def test_models(tour: dict[str, Run]) -> None:
    run = tour["05_models"]
    for name in ("network mean", "kriging", "placebo", "deployed"):
        assert name in run.text("ladder")
    assert "At stations it has not seen" in run.text("certificate")
    assert "image/png" in run.kinds("picture")


def test_two_routes(tour: dict[str, Run]) -> None:
    run = tour["06_two_routes"]
    assert "masks differ on 0 pixels" in run.text("maps")
    assert "masks differ on 0 pixels" in run.text("stored")
    found = re.search(r"differ by (\S+) m³/m³", run.text("trees"))
    assert found is not None
    assert float(found[1]) < 1e-6


def test_smap(tour: dict[str, Run]) -> None:
    run = tour["07_smap"]
    assert "16 cells of 9 km" in run.text("cells")
    assert "upscaled_footprint" in run.text("judged")
    assert re.search(r"'r': 0\.\d+.* n 1\d", run.text("by-hand"))


def test_uncertainty(tour: dict[str, Run]) -> None:
    run = tour["08_uncertainty"]
    assert "coverage_at_stations_left_out" in run.text("interval")
    found = re.search(r"(\d+)% of [\d,]+ pixels are inside", run.text("pixels"))
    assert found is not None
    assert 20 < int(found[1]) <= 100


def test_the_real_service_bears_faults(tour: dict[str, Run]) -> None:
    run = tour["10_real_service"]
    assert "[0, 2, 4, 6, 8, 10, 12, 14]" in run.text("quota")
    assert re.search(r"'failures': \{'\d+'", run.text("quota"))
    assert re.search(r"xee: requests \d+", run.text("cost"))


def test_earth_engine_in_tests(tour: dict[str, Run]) -> None:
    run = tour["11_earth_engine_in_your_tests"]
    assert "not found" in run.text("refused")
    assert "first: User memory limit exceeded." in run.text("faults")
    assert "then: 4" in run.text("faults")
    assert run.text("serve").strip() == "21"


def test_tiles_of_the_finished_run_are_drawn_by_both(tour: dict[str, Run]) -> None:
    """The run's maps by the viewer, predictors by the embedded Earth Engine."""
    run = tour["09_finished_run"]
    assert "application/vnd.jupyter.widget-view+json" in run.kinds("viewer")
    layers = run.evaluate('{x.name: x.url for x in Map.layers if "127.0.0.1" in getattr(x, "url", "")}')
    assert len(layers) == 2
    urls = [*layers.values(), run.evaluate("viewer.tiles_of('elevation', viewer.content.days[3])")]
    lon, lat = 99.9, 37.45
    for url in urls:
        drawn = Mosaic({"url": url}, (lon, lat, lon + 0.02, lat + 0.02), 11)
        assert (drawn.rgba[..., 3] == 255).any()
        assert drawn.rgba[..., :3].std() > 2


@pytest.mark.browser
def test_a_browser_shows_the_finished_run(tour: dict[str, Run], tmp_path: Path) -> None:
    url = tour["09_finished_run"].evaluate("viewer.url")
    with Browser(tmp_path, size=(1280, 820)) as browser:
        browser.open(url)
        browser.wait("document.body && document.body.dataset.ready", seconds=120)
        assert "embedded Earth Engine" in browser.evaluate("document.getElementById('earth').textContent")
        browser.evaluate("document.getElementById('layer').value = 'elevation'")
        browser.evaluate("document.getElementById('layer').dispatchEvent(new Event('change'))")
        browser.wait("document.body.dataset.drawn === 'elevation/all'", seconds=120)
        assert browser.evaluate("document.body.dataset.failed") == "0"
        box = browser.evaluate(
            "(r => [r.left, r.top, r.width, r.height])"
            "(document.getElementById('map').getBoundingClientRect())"
        )
        browser.click(box[0] + box[2] / 2, box[1] + box[3] / 2)
        browser.wait("!document.getElementById('series').hidden", seconds=60)
        assert browser.evaluate("document.querySelectorAll('#charts svg').length") == 3
        browser.picture(tmp_path / "page.png")
        assert browser.complaints == []

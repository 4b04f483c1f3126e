"""The viewer: what it answers, to whom, and what it shows of a run that is known."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import requests
from PIL import Image

from smgee.errors import MissingDataError
from smgee.maps import Viewer, add_run
from smgee.maps.looks import Look
from smgee.maps.viewer import allowed
from smgee.study import Study
from smgee.workflow.folder import RunFolder
from tests.browser import Browser
from tests.maps.conftest import DAYS, STATIONS
from tests.notebooks.tiles import Mosaic


@pytest.fixture(scope="module")
def viewer(known):
    with Viewer(known.path, earth=False) as viewer:
        yield viewer


@pytest.fixture(scope="module")
def web():
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def get(viewer, web):
    def fetch(path, **headers):
        return web.get(f"{viewer.url}{path}", headers=headers, timeout=60)

    return fetch


def test_the_page_and_its_parts_are_there(get):
    page = get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for name in ("viewer.js", "chart.js", "viewer.css", "leaflet/leaflet.js", "leaflet/leaflet.css"):
        assert f"static/{name}" in page.text
        assert get(f"/static/{name}").status_code == 200
    assert "http" not in page.text.replace("http-equiv", "")  # nothing is fetched from elsewhere
    assert get("/static/../viewer.py").status_code == 404
    assert get("/static/LICENSE").status_code == 404


def test_it_tells_what_the_run_holds(get, known):
    told = get("/run.json").json()
    assert told["name"] == "small"
    assert told["synthetic"] is True
    assert told["days"] == [d.isoformat() for d in DAYS]
    layers = {layer["name"]: layer for layer in told["layers"]}
    assert list(layers) == ["soil_moisture", "lower", "upper", "applicability", "standard_error"]
    assert "nearest day" in layers["standard_error"]["title"]
    assert layers["lower"]["look"] == layers["soil_moisture"]["look"]
    assert layers["applicability"]["look"]["units"] == ""
    assert set(told["cells"]) == {known.study.cell.name, *(c.name for c in known.study.cell.children())}
    assert list(told["cell_looks"]) == ["map", "AM", "PM", "AM_difference", "PM_difference"]
    assert list(told["station_looks"]) == ["value", "error"]


def test_tiles_have_the_colours_of_the_pixels(viewer, get, known):
    told = {layer["name"]: layer for layer in get("/run.json").json()["layers"]}
    day = DAYS[2].isoformat()
    url = get(f"/layer.json?name=upper&day={day}").json()["url"]
    lon, lat = STATIONS["A"]
    drawn = Mosaic({"url": url}, (lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01), 14)
    row, col = viewer.content.stations[["row", "col"]].iloc[0]
    look = Look(**{**told["upper"]["look"], "palette": tuple(told["upper"]["look"]["palette"])})
    expected = look.colours(known.maps[2, row, col] + np.float32(0.05))
    assert np.abs(drawn.at(lon, lat).astype(int) - expected).max() <= 1


def test_layers_of_some_days_are_shown_on_the_others(get, viewer, known):
    answer = get(f"/layer.json?name=standard_error&day={DAYS[4]}").json()
    assert answer["day"] == DAYS[1].isoformat()
    lon, lat = STATIONS["A"]
    drawn = Mosaic({"url": answer["url"]}, (lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01), 14)
    row, col = viewer.content.stations[["row", "col"]].iloc[0]
    look = viewer.content.layers["standard_error"].look
    assert np.abs(drawn.at(lon, lat).astype(int) - look.colours(known.maps[1, row, col] / 10)).max() <= 1
    series = get(f"/series.json?lon={lon}&lat={lat}").json()["pixel"]["standard_error"]
    assert [v is None for v in series] == [True, False, True, True, True]


def test_stations_cells_and_series_are_those_of_the_files(get, known):
    day = DAYS[2].isoformat()
    stations = {s["station"]: s for s in get(f"/stations.json?day={day}").json()}
    assert list(stations) == list(STATIONS)
    assert stations["far"]["map"] is None
    assert stations["far"]["value"] is not None
    a = stations["A"]
    assert a["error"] == pytest.approx(a["map"] - a["value"])
    assert {s["station"]: s["value"] for s in get(f"/stations.json?day={DAYS[0]}").json()}["A"] is None
    large = known.study.cell.name
    values = get(f"/cells.json?day={day}").json()[large]
    assert values == pytest.approx(
        {"map": 0.2, "AM": 0.25, "PM": 0.25, "AM_difference": 0.05, "PM_difference": 0.05}
    )
    series = get("/series.json?lon={}&lat={}".format(*STATIONS["A"])).json()
    assert series["stations"]["A"][2] == pytest.approx(a["value"], abs=1e-5)
    assert series["pixel"]["soil_moisture"][2] == pytest.approx(a["map"], abs=1e-5)
    assert [v is None for v in series["cells"][large]["AM"]] == [False, True, False, False, False]  # flagged
    assert series["cells"][large]["map"][4] is None  # too little of the cell is mapped
    assert len(series["cells"]) == 2
    outside = get("/series.json?lon=10&lat=-20").json()
    assert outside["pixel"] is None
    assert outside["cells"] == {}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/stations.json?day=2021-13-01", "not mapped"),
        ("/layer.json?name=upper&day=2020-01-01", "not mapped"),
        ("/tiles/nothing/2021-07-01/3/0/0.png", "no map"),
        ("/tiles/upper/2021-07-01/3/9/0.png", "no tile"),
        ("/series.json?lon=x&lat=1", "two numbers"),
        ("/series.json?lon=1&lat=nan", "no place"),
    ],
)
def test_what_is_not_there_is_told_in_a_sentence(get, path, said):
    answer = get(path)
    assert answer.status_code == 404
    assert said in answer.json()["error"]


def test_without_earth_engine_the_page_says_why(get):
    assert get("/earth.json").json() == {
        "layers": [],
        "name": "",
        "why_not": "Earth Engine was not asked for.",
    }
    answer = get(f"/layer.json?name=natural&day={DAYS[0]}")
    assert answer.status_code == 502
    assert "Earth Engine was not asked for" in answer.json()["error"]


def test_only_this_machine_is_answered(get, viewer):
    assert get("/run.json", Host="example.org").status_code == 403
    assert get("/run.json", Host="127.0.0.1.example.org").status_code == 403
    assert get("/run.json", Origin="https://example.org").status_code == 403
    assert get("/run.json", Origin="null").status_code == 403
    assert get("/run.json", Origin="http://127.0.0.1:1").status_code == 403
    assert get("/run.json", Origin=viewer.url).status_code == 200
    assert "access-control-allow-origin" not in get("/run.json").headers
    assert viewer.url.startswith("http://127.0.0.1:")
    assert allowed("localhost:80", None, "http://localhost:80")
    assert not allowed("[::2]:80", None, "http://[::2]:80")


def test_a_run_without_maps_is_refused_in_a_sentence(tmp_path):
    Study.demo().to_yaml(tmp_path / "study.yml")
    with pytest.raises(MissingDataError, match="smgee predict"):
        Viewer(RunFolder(tmp_path))


def test_a_geemap_map_gets_the_same_layers(viewer):
    import geemap

    target = add_run(geemap.Map(ee_initialize=False), viewer, layers=["soil_moisture"])
    layers = {layer.name: layer for layer in target.layers}
    maps = layers[f"soil moisture of the day, {DAYS[2]}"]
    assert maps.url == viewer.tiles_of("soil_moisture", DAYS[2])
    assert len(layers["EASE-Grid 2.0 cells"].data["features"]) == 17
    assert len(layers["stations"].data["features"]) == len(STATIONS)
    json.dumps(layers["stations"].data, allow_nan=False)


@pytest.mark.browser
def test_a_browser_shows_the_page_without_complaint(viewer, tmp_path, known):
    with Browser(tmp_path, size=(1200, 800)) as browser:
        browser.open(viewer.url)
        browser.wait("document.body && document.body.dataset.ready")
        assert browser.evaluate("document.title") == "small: soil moisture maps"
        assert browser.evaluate("!document.getElementById('synthetic').hidden")
        assert browser.evaluate("document.querySelectorAll('#layer option').length") == 5
        before = np.asarray(Image.open(browser.picture(tmp_path / "a.png")).convert("RGB")).astype(int)
        # a day later: the tiles change, and the date with them
        browser.evaluate("document.getElementById('later').click()")
        browser.wait(f"document.body.dataset.drawn === 'soil_moisture/{DAYS[3]}'")
        assert browser.evaluate("document.getElementById('date').textContent") == DAYS[3].isoformat()
        browser.evaluate("new Promise((done) => setTimeout(done, 600))")
        after = np.asarray(Image.open(browser.picture(tmp_path / "b.png")).convert("RGB")).astype(int)
        assert (np.abs(after - before).max(axis=-1) > 20).mean() > 0.05
        # days chosen one after the other: what is said is of the last
        browser.evaluate("(setDay(0), setDay(1), setDay(2), setDay(3))")
        browser.wait(f"document.body.dataset.drawn === 'soil_moisture/{DAYS[3]}'")
        browser.evaluate("new Promise((done) => setTimeout(done, 600))")
        assert "shown is" not in browser.evaluate("document.getElementById('status').textContent")
        # by keyboard alone: the series of the middle of the map
        browser.evaluate("document.getElementById('map').focus()")
        browser.press("Enter", 13)
        browser.wait("!document.getElementById('series').hidden")
        assert browser.evaluate("document.querySelectorAll('#charts svg').length") == 3
        assert browser.evaluate("document.querySelectorAll('#numbers tbody tr').length") == len(DAYS)
        # names of stations are text
        assert browser.evaluate("document.querySelectorAll('.leaflet-tooltip i').length") == 0
        browser.evaluate("document.getElementById('cells').value = 'AM_difference'")
        browser.evaluate("document.getElementById('cells').dispatchEvent(new Event('change'))")
        browser.wait("document.getElementById('cells-key').children.length === 2")
        # on the second day SMAP did not look: that is said
        assert not browser.evaluate("document.getElementById('cells-key').textContent.includes('No cell')")
        browser.evaluate("setDay(1)")
        browser.wait("document.getElementById('cells-key').textContent.includes('No cell has a value')")
        assert browser.complaints == []
        assert browser.evaluate("document.body.dataset.failed") == "0"


def test_pictures_of_the_tests_are_png(get):
    tile = get(f"/tiles/soil_moisture/{DAYS[0]}/3/6/3.png")
    assert tile.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(tile.content)).size == (256, 256)

"""The quickstart, run as a reader runs it: its numbers, and the tiles of its map as a map client gets
them.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from pyproj import Transformer

from tests.notebooks.kernel import Run
from tests.notebooks.leaflet import Panel, visit, write_page
from tests.notebooks.tiles import Mosaic, palette_colour, pixel_of

COMPOSITE, MOISTURE, CELLS, STATIONS = (
    "HLS composite (synthetic)",
    "soil moisture (synthetic)",
    "EASE-Grid 2.0 cells",
    "stations (synthetic)",
)
NATURAL = {"min": 0.01, "max": 0.1, "gamma": 1.2}
STATION_RED = np.array([0xE3, 0x1A, 0x1C])
# EASE-Grid 2.0, global: the outer corner and the 9 km cell (Brodzik et al. 2012, ISPRS Int. J. Geo-Inf. 1:32;
# NSIDC's EASE2_M09km).
EASE_LEFT, EASE_TOP, EASE_9KM = -17367530.4451615, 7314540.8306386, 9008.055210146


@pytest.fixture(scope="module")
def shown(quickstart: Run) -> dict[str, Any]:
    return quickstart.map()


@pytest.fixture(scope="module")
def layers(shown: dict[str, Any]) -> dict[str, Any]:
    return {layer["name"]: layer for layer in shown["layers"]}


@pytest.fixture(scope="module")
def stations(quickstart: Run) -> list[dict[str, Any]]:
    """What the notebook has at the stations on the day of its map: place, reflectance, soil moisture."""
    columns = ["lon", "lat", "red", "green", "blue", "on_backend"]
    return quickstart.evaluate(f"both[{columns}].astype(float).to_dict('records')")


@pytest.fixture(scope="module")
def corners() -> np.ndarray:
    """(5, 5, 2): longitudes and latitudes of the corners of the sixteen 9 km cells in the 36 km cell
    around 99.8° E, 37.5° N.
    """
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:6933", always_xy=True).transform(99.8, 37.5)
    left = EASE_LEFT + 4 * EASE_9KM * np.floor((x - EASE_LEFT) / (4 * EASE_9KM))
    top = EASE_TOP - 4 * EASE_9KM * np.floor((EASE_TOP - y) / (4 * EASE_9KM))
    xs, ys = np.meshgrid(left + EASE_9KM * np.arange(5), top - EASE_9KM * np.arange(5))
    return np.dstack(Transformer.from_crs("EPSG:6933", "EPSG:4326", always_xy=True).transform(xs, ys))


def test_it_says_that_everything_is_synthetic(quickstart: Run, layers: dict[str, Any]) -> None:
    assert "synthetic" in quickstart.text("connect")
    assert "synthetic" in quickstart.cells["series"]["source"]
    assert set(layers) == {COMPOSITE, MOISTURE, CELLS, STATIONS}
    assert "image/png" in quickstart.kinds("series")
    assert "application/vnd.jupyter.widget-view+json" in quickstart.kinds("layers")


def test_stations_and_scores(quickstart: Run) -> None:
    assert re.search(r"^30 stations, 365 days", quickstart.text("stations"), re.M)
    assert re.search(r"2021-05-\d\d\s+2021-\d\d-\d\d", quickstart.text("stations"))
    scores = {row["design"]: row for row in quickstart.evaluate("result.scores.to_dict('records')")}
    assert set(scores) == {"random", "station"}
    assert scores["random"]["n"] == scores["station"]["n"] == quickstart.evaluate("len(samples)")
    assert scores["random"]["r"] > scores["station"]["r"] > 0.2
    assert scores["station"]["r_low"] < scores["station"]["r"] < scores["station"]["r_high"]


def test_backend_and_machine_agree(quickstart: Run, stations: list[dict[str, Any]]) -> None:
    assert len(stations) >= 25
    assert quickstart.evaluate("float(difference)") < 1e-6
    values = [s["on_backend"] for s in stations]
    assert 0.05 < min(values) < max(values) < 0.6
    assert np.ptp(values) > 0.05


def test_pixels_have_the_colours_of_their_values(
    layers: dict[str, Any], stations: list[dict[str, Any]], quickstart: Run
) -> None:
    west, north = min(s["lon"] for s in stations), max(s["lat"] for s in stations)
    group = [s for s in stations if s["lon"] < west + 0.05 and s["lat"] > north - 0.03]
    assert len(group) >= 4
    box = tuple(f([s[k] for s in group]) for f in (min, max) for k in ("lon", "lat"))
    wetness = quickstart.evaluate("wetness")
    found = []
    composite = 'predictors.select(["red", "green", "blue"])'
    for name, image, vis in ((MOISTURE, "moisture", wetness), (COMPOSITE, composite, NATURAL)):
        # 7.6 m a pixel: the one under a station mostly shows the 30 m pixel that holds it.
        exact = Mosaic(quickstart.exact_layer(image, vis), box, 14)
        assert (exact.rgba[..., 3] == 255).mean() > 0.95
        assert np.unique(exact.rgba[..., :3].reshape(-1, 3), axis=0).shape[0] > 500
        drawn = Mosaic(layers[name], box, 14)
        assert np.abs(drawn.rgba.astype(int) - exact.rgba).mean() < 6
        for s in group:
            if name == MOISTURE:
                expected = palette_colour(s["on_backend"], vis["min"], vis["max"], vis["palette"])
            else:
                share = (np.array([s["red"], s["green"], s["blue"]]) - vis["min"]) / (vis["max"] - vis["min"])
                expected = 255 * np.clip(share, 0, 1) ** (1 / vis["gamma"])
            found.append(np.abs(exact.at(s["lon"], s["lat"])[:3] - expected).max() <= 2)
    assert np.mean(found) > 0.75


def test_cells_are_where_smap_has_them(
    shown: dict[str, Any], layers: dict[str, Any], corners: np.ndarray
) -> None:
    (west, north), (east, south) = corners[0, 0], corners[-1, -1]
    drawn = Mosaic(layers[CELLS], (west, south, east, north), shown["zoom"])
    for lon, lat in corners.reshape(-1, 2):
        assert _dark_near(drawn, lon, lat, 1), f"no line at the corner {lon:.3f} {lat:.3f}"
    middles = (corners[:-1, :-1] + corners[1:, 1:]) / 2
    for lon, lat in middles.reshape(-1, 2):
        assert drawn.at(lon, lat)[3] == 0, "cells are outlines"
    # Lines, and nothing but lines: the sixteen cells have 40 edges of 9 km.
    edge = np.mean([np.ptp([pixel_of(*c, shown["zoom"])[0] for c in row]) for row in corners]) / 4
    assert (drawn.rgba[..., 3] > 0).sum() < 40 * 1.5 * edge * 4


def test_stations_are_dots_in_their_places(
    shown: dict[str, Any], layers: dict[str, Any], quickstart: Run, corners: np.ndarray
) -> None:
    (west, north), (east, south) = corners[0, 0], corners[-1, -1]
    drawn = Mosaic(layers[STATIONS], (west, south, east, north), shown["zoom"])
    places = quickstart.evaluate("list(zip(daily['lon'].values.tolist(), daily['lat'].values.tolist()))")
    for lon, lat in places:
        assert np.abs(drawn.at(lon, lat)[:3].astype(int) - STATION_RED).max() <= 2
        assert drawn.at(lon, lat)[3] == 255
    rows, cols = np.nonzero(drawn.rgba[..., 3])
    at = np.array([drawn.index(*p) for p in places])
    distance = np.hypot(rows[:, None] - at[:, 0], cols[:, None] - at[:, 1]).min(axis=1)
    assert distance.max() < 8, "something is drawn where no station is"


@pytest.mark.browser
def test_a_browser_shows_the_map(
    quickstart: Run, shown: dict[str, Any], corners: np.ndarray, tmp_path: Any
) -> None:
    # A window on the north-western 9 km cell, where stations cluster: few tiles, and every layer is in them.
    (west, north), (east, south) = corners[0, 0], corners[1, 1]
    view = shown | {"zoom": 12, "center": [(north + south) / 2, (west + east) / 2]}
    page = write_page(
        tmp_path, map_panels(view, quickstart.evaluate("wetness")), title="quickstart", height=440
    )
    picture, panels = visit(page, tmp_path, size=(680, 500))
    places = quickstart.evaluate("list(zip(daily['lon'].values.tolist(), daily['lat'].values.tolist()))")
    inside = [(lon, lat) for lon, lat in places if west < lon < east and south < lat < north]
    assert len(inside) >= 5
    assert len(panels) == 2
    for panel in panels:
        assert panel.failed == 0
        for lon, lat in inside:
            around = panel.around(picture, view, lon, lat, 2)
            assert (np.abs(around - STATION_RED).max(axis=-1) <= 2).any(), f"no station at {lon} {lat}"
        for lon, lat in corners[:2, :2].reshape(-1, 2):
            assert panel.around(picture, view, lon, lat, 2).sum(axis=-1).min() < 150, (
                f"no line at {lon:.3f} {lat:.3f}"
            )
    composite, moisture = (p.inside(picture, view, (west, north), (east, south)) for p in panels)
    red, green, blue = np.median(composite, axis=(0, 1))
    assert green > red > blue, "a July pasture is green"
    colour = np.median(moisture, axis=(0, 1))
    away = np.abs(_ramp(quickstart.evaluate("wetness")["palette"]) - colour).max(axis=1)
    assert away.min() < 12, f"{colour} is no colour of soil moisture"
    for pixels in (composite, moisture):
        assert pixels.std(axis=(0, 1)).min() > 10
        assert (np.ptp(pixels, axis=-1) < 3).mean() < 0.1, "lines and holes are few"


def map_panels(shown: dict[str, Any], wetness: dict[str, Any]) -> list[Panel]:
    """Return the composite and the soil moisture side by side, each with cells and stations on top."""
    layers = {layer["name"]: layer for layer in shown["layers"]}
    top = [layers[CELLS], layers[STATIONS]]
    bar = {**wetness, "unit": "m³ m⁻³"}
    return [
        Panel("HLS composite, natural colours", shown["center"], shown["zoom"], [layers[COMPOSITE], *top]),
        Panel(
            "Soil moisture at 30 m, 15 July 2021",
            shown["center"],
            shown["zoom"],
            [layers[MOISTURE], *top],
            bar,
        ),
    ]


def _dark_near(mosaic: Mosaic, lon: float, lat: float, reach: int) -> bool:
    row, col = mosaic.index(lon, lat)
    around = mosaic.rgba[row - reach : row + reach + 1, col - reach : col + reach + 1]
    return bool(((around[..., 3] > 128) & (around[..., :3].max(axis=-1) < 30)).any())


def _ramp(palette: list[str]) -> np.ndarray:
    """Colours of a palette and those between them, shape (n, 3)."""
    stops = np.array([[int(colour[k : k + 2], 16) for k in (0, 2, 4)] for colour in palette], float)
    at = np.linspace(0, len(stops) - 1, 200)
    return np.stack([np.interp(at, np.arange(len(stops)), stops[:, k]) for k in range(3)], axis=1)

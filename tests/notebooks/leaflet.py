"""A page of Leaflet maps with the layers of a `geemap.Map`, for a browser without the internet.

`geemap.Map.to_html` loads its scripts from a content network. Leaflet itself is on this machine already:
ipyleaflet, which draws `geemap.Map` in notebooks, installs a bundle of it. The bundle is a module for a
notebook's loader that expects the notebook's widgets; the page gives it a loader and empty widgets, and gets
``window.L``.
"""

from __future__ import annotations

import html
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.browser import FLAGS, find_browser
from tests.notebooks.tiles import pixel_of

_BUNDLE = Path("share", "jupyter", "nbextensions", "jupyter-leaflet")

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>__TITLE__</title>
<style>
  html, body { margin: 0; background: #fff; font: 15px/1.3 "DejaVu Sans", Arial, sans-serif; color: #222; }
  main { display: flex; gap: 10px; padding: 10px; }
  figure { margin: 0; flex: 1 1 0; min-width: 0; }
  figcaption { padding: 0 0 6px; display: flex; gap: 12px; justify-content: space-between;
    align-items: center; height: 24px;
    white-space: nowrap; overflow: hidden; }
  .drawn { height: __HEIGHT__px !important; background: #e8e8e8; }
  .bar { display: flex; align-items: center; gap: 6px; font-size: 12px; }
  .bar i { display: block; width: 150px; height: 12px; }
  footer { padding: 0 10px 8px; font-size: 12px; color: #b00020; }
</style>
<script>
  window.define = (needs, factory) => {
    const widgets = new Proxy({}, { get: () => class {} });
    factory({ uri: new URL("leaflet/index.js", location.href).href }, widgets);
  };
  window.define.amd = {};
</script>
<script src="leaflet/index.js"></script>
</head><body><main></main><footer>__NOTE__</footer>
<script>
  const panels = __PANELS__;
  for (const panel of panels) {
    const figure = document.createElement("figure");
    const bar = panel.bar
      ? `<span class="bar">${panel.bar.min}<i style="background:linear-gradient(to right,` +
      `${panel.bar.palette.map(c => "#" + c).join(",")})"></i>${panel.bar.max} ${panel.bar.unit}</span>` : "";
    figure.innerHTML = `<figcaption><b>${panel.title}</b>${bar}</figcaption><div class="drawn"></div>`;
    document.querySelector("main").append(figure);
    panel.figure = figure;
  }
  // Only now do the panels have their widths.
  for (const panel of panels) {
    const figure = panel.figure;
    const options = { zoomControl: false, fadeAnimation: false, attributionControl: false };
    const map = L.map(figure.querySelector(".drawn"), options);
    map.setView(panel.center, panel.zoom, { animate: false });
    L.control.scale({ imperial: false }).addTo(map);
    const box = map.getContainer().getBoundingClientRect();
    const state = { left: box.left, top: box.top, width: box.width, height: box.height,
      waiting: panel.layers.length, failed: 0 };
    const report = () => { figure.dataset.state = JSON.stringify(state); };
    report();
    for (const layer of panel.layers) {
      const tiles = L.tileLayer(layer.url, { opacity: layer.opacity, maxZoom: 24 });
      tiles.on("tileerror", () => { state.failed += 1; report(); });
      tiles.on("load", () => { state.waiting -= 1; report(); });
      tiles.addTo(map);
    }
  }
</script></body></html>
"""


@dataclass(frozen=True)
class Panel:
    """One map of a page; `layers` as `geemap.Map.layers` has them: name, url, opacity."""

    title: str
    center: Sequence[float]
    zoom: int
    layers: Sequence[Mapping[str, Any]]
    bar: Mapping[str, Any] | None = field(default=None)


def write_page(
    folder: Path, panels: Sequence[Panel], *, title: str, note: str = "", height: int = 700
) -> Path:
    """Write ``index.html`` and Leaflet into a folder; ipyleaflet, which geemap brings, has a bundle of it."""
    bundle = Path(sys.prefix) / _BUNDLE
    if not (bundle / "index.js").is_file():
        pytest.fail(f"ipyleaflet's bundle of Leaflet is not below {Path(sys.prefix) / 'share' / 'jupyter'}")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(bundle, folder / "leaflet", dirs_exist_ok=True)
    content = json.dumps([vars(p) for p in panels], ensure_ascii=False).replace("</", "<\\/")
    page = _PAGE.replace("__TITLE__", title).replace("__NOTE__", note).replace("__HEIGHT__", str(height))
    (folder / "index.html").write_text(page.replace("__PANELS__", content), encoding="utf-8")
    return folder / "index.html"


@dataclass(frozen=True)
class Drawn:
    """Where a browser drew a panel in its window, in pixels, and how many tiles it did not get."""

    left: float
    top: float
    width: float
    height: float
    waiting: int
    failed: int

    def position(self, shown: Mapping[str, Any], lon: float, lat: float) -> tuple[int, int]:
        """Return (row, column) of a place in the picture."""
        x, y = pixel_of(lon, lat, shown["zoom"])
        x0, y0 = pixel_of(shown["center"][1], shown["center"][0], shown["zoom"])
        return math.floor(self.top + self.height / 2 + y - y0), math.floor(
            self.left + self.width / 2 + x - x0
        )

    def around(
        self, picture: np.ndarray, shown: Mapping[str, Any], lon: float, lat: float, reach: int
    ) -> np.ndarray:
        """Return the pixels (y, x, 3) of the picture around a place."""
        row, col = self.position(shown, lon, lat)
        return picture[row - reach : row + reach + 1, col - reach : col + reach + 1]

    def inside(
        self, picture: np.ndarray, shown: Mapping[str, Any], northwest: Any, southeast: Any
    ) -> np.ndarray:
        """Return the pixels (y, x, 3) of the picture between two places."""
        (top, left), (bottom, right) = self.position(shown, *northwest), self.position(shown, *southeast)
        return picture[top:bottom, left:right]


def visit(
    page: Path, folder: Path, *, size: tuple[int, int], wait_s: float = 180
) -> tuple[np.ndarray, list[Drawn]]:
    """Open a page in a headless browser; return its picture (y, x, 3) and where its panels are.

    The browser's clock is virtual: it stands still while tiles are under way, so that a slow machine gets the
    same picture. The picture stays in the folder as ``page.png``.
    """
    arguments = [
        find_browser(),
        *FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={size[0]},{size[1]}",
        "--virtual-time-budget=20000",
        "--dump-dom",
        f"--screenshot={folder / 'page.png'}",
        page.as_uri(),
    ]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=wait_s, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    panels = [
        Drawn(**json.loads(html.unescape(state)))
        for state in re.findall(
            r"<figure "
            r'data-state="([^"]*)"',
            done.stdout,
        )
    ]
    assert panels, f"the page drew nothing: {done.stderr[-2000:]}"
    assert not any(p.waiting for p in panels), "the browser gave up before every layer was drawn"
    return np.asarray(Image.open(folder / "page.png").convert("RGB")).astype(int), panels

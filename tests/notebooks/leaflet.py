"""A page of Leaflet maps with the layers of a `geemap.Map`, for a browser without the internet.

`geemap.Map.to_html` loads its scripts from a content network. Leaflet itself is on this machine already: ipyleaflet, which draws
`geemap.Map` in notebooks, installs a bundle of it. The bundle is a module for a notebook's loader that expects the notebook's
widgets; the page gives it a loader and empty widgets, and gets ``window.L``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser")
_BUNDLE = Path("share", "jupyter", "nbextensions", "jupyter-leaflet")

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>__TITLE__</title>
<style>
  html, body { margin: 0; background: #fff; font: 15px/1.3 "DejaVu Sans", Arial, sans-serif; color: #222; }
  main { display: flex; gap: 10px; padding: 10px; }
  figure { margin: 0; flex: 1; }
  figcaption { padding: 0 0 6px; display: flex; justify-content: space-between; align-items: center; height: 24px; }
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
  let waiting = 0;
  for (const panel of panels) {
    const figure = document.createElement("figure");
    const bar = panel.bar ? `<span class="bar">${panel.bar.min}<i style="background:linear-gradient(to right,` +
      `${panel.bar.palette.map(c => "#" + c).join(",")})"></i>${panel.bar.max} ${panel.bar.unit}</span>` : "";
    figure.innerHTML = `<figcaption><b>${panel.title}</b>${bar}</figcaption><div class="drawn"></div>`;
    document.querySelector("main").append(figure);
    const map = L.map(figure.querySelector(".drawn"), { zoomControl: false, fadeAnimation: false, attributionControl: false });
    map.setView(panel.center, panel.zoom, { animate: false });
    L.control.scale({ imperial: false }).addTo(map);
    for (const layer of panel.layers) {
      waiting += 1;
      const tiles = L.tileLayer(layer.url, { opacity: layer.opacity, maxZoom: 24 });
      tiles.on("load", () => { waiting -= 1; if (!waiting) document.body.dataset.state = "drawn"; });
      tiles.on("tileerror", () => { document.body.dataset.failed = Number(document.body.dataset.failed || 0) + 1; });
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


def write_page(folder: Path, panels: Sequence[Panel], *, title: str, note: str = "", height: int = 700) -> Path:
    """Write ``index.html`` and Leaflet into a folder; skips the test where ipyleaflet's bundle is not installed."""
    bundle = Path(sys.prefix) / _BUNDLE
    if not (bundle / "index.js").is_file():
        pytest.skip(f"ipyleaflet's bundle of Leaflet is not below {Path(sys.prefix) / 'share' / 'jupyter'}")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(bundle, folder / "leaflet", dirs_exist_ok=True)
    content = json.dumps([vars(p) for p in panels], ensure_ascii=False).replace("</", "<\\/")
    page = _PAGE.replace("__TITLE__", title).replace("__NOTE__", note).replace("__HEIGHT__", str(height))
    (folder / "index.html").write_text(page.replace("__PANELS__", content), encoding="utf-8")
    return folder / "index.html"


def find_browser() -> str:
    """Return the path of a Chromium; skips the test where there is none."""
    for name in BROWSERS:
        path = shutil.which(name)
        if path:
            return path
    pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH")


def visit(page: Path, folder: Path, *, size: tuple[int, int], wait_s: float = 60) -> tuple[Path, str]:
    """Open a page in a headless browser; return the path of a picture of it and the document as it stands then.

    The browser's clock is virtual: it stands still while tiles are under way, so that a slow machine gets the same picture.
    """
    arguments = [
        find_browser(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars", "--force-device-scale-factor=1",
        "--no-proxy-server", f"--user-data-dir={folder / 'profile'}", f"--window-size={size[0]},{size[1]}",
        "--virtual-time-budget=20000", "--dump-dom", f"--screenshot={folder / 'page.png'}", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=wait_s, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (folder / "page.png").is_file(), done.stderr[-2000:]
    return folder / "page.png", done.stdout

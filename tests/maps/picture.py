"""Draw the pictures of a finished demo for the README, by hand: ``python -m tests.maps.picture runs/demo``.

``demo_maps.png`` is the report's figure of maps; ``viewer.jpg`` is `smgee view` on another day, cells and
stations coloured by their errors, and the series of a place.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from smgee.maps import Viewer
from tests.browser import Browser

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
CHOSEN = {"size": "M09", "cells": "AM_difference", "stations": "error"}


def seen(viewer: Viewer, day: str) -> bool:
    """Whether every 9 km cell has what they are coloured by on a day."""
    cells = viewer.content.cells_on(viewer.content.day(day))
    own = [values for name, values in cells.items() if name.startswith(CHOSEN["size"])]
    return all(values.get(CHOSEN["cells"]) is not None for values in own)


def main(run: Path) -> None:
    """Write both pictures."""
    maps = Image.open(run / "figures" / "maps.png").convert("RGB")
    # few colours: of Pillow's ways this one keeps those that few pixels have
    maps.quantize(128, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        IMAGES / "demo_maps.png", optimize=True
    )
    with tempfile.TemporaryDirectory() as scratch, Viewer(run) as viewer:
        folder = Path(scratch)
        with Browser(folder, size=(1400, 1150)) as browser:
            browser.open(viewer.url)
            browser.wait("document.body && document.body.dataset.ready", seconds=300)
            days = [str(day) for day in viewer.content.days]
            passed = [d for d in days[100:] if seen(viewer, d)]
            browser.evaluate(
                f"(() => {{ const d = document.getElementById('day'); d.value = {days.index(passed[0])}; "
                "d.dispatchEvent(new Event('input')); })()"
            )
            browser.wait(f"document.body.dataset.drawn === 'soil_moisture/{passed[0]}'", seconds=120)
            for name, value in CHOSEN.items():
                browser.evaluate(
                    f"(() => {{ const s = document.getElementById('{name}'); s.value = '{value}'; "
                    "s.dispatchEvent(new Event('change')); })()"
                )
            browser.evaluate("document.getElementById('map').focus()")
            browser.press("Enter", 13)
            browser.wait("!document.getElementById('series').hidden", seconds=120)
            browser.wait("document.getElementById('status').textContent.includes('m³')", seconds=120)
            browser.evaluate("new Promise((done) => setTimeout(done, 4000))")
            assert browser.complaints == [], browser.complaints
            picture = Image.open(browser.picture(folder / "page.png")).convert("RGB")
    picture.save(IMAGES / "viewer.jpg", quality=72, optimize=True)
    for name in ("demo_maps.png", "viewer.jpg"):
        print(f"{IMAGES / name}: {(IMAGES / name).stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

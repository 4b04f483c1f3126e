"""Draw the picture of the README: the quickstart's map in a headless browser. Run by hand: ``python -m
tests.notebooks.picture``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from tests.notebooks.kernel import NOTEBOOKS, run_notebook
from tests.notebooks.leaflet import visit, write_page
from tests.notebooks.test_quickstart import map_panels

TARGET = NOTEBOOKS.parent / "docs" / "images" / "map.png"
NOTE = (
    "Synthetic basin: not an observation. Red: stations. Black: the 36 km EASE-Grid 2.0 cell and its sixteen "
    "9 km cells."
)
WIDTH = 1000
LIMIT_BYTES = 300_000


def main() -> None:
    """Write ``docs/images/map.png``, at most 300 kB."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with run_notebook(NOTEBOOKS / "01_quickstart.ipynb", folder / "run") as run:
            page = write_page(
                folder / "page",
                map_panels(run.map(), run.evaluate("wetness")),
                title="map",
                note=NOTE,
                height=690,
            )
            _, panels = visit(page, folder, size=(1180, 768), wait_s=600)
        assert not any(p.failed for p in panels)
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.open(folder / "page.png").convert("RGB")
        picture = picture.resize(
            (WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS
        )
        for colours in (256, 192, 128, 96, 64):
            # Of Pillow's ways this one keeps colours that few pixels have, such as the stations' red.
            picture.quantize(colours, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                TARGET, optimize=True
            )
            if TARGET.stat().st_size <= LIMIT_BYTES:
                break
        print(f"{TARGET}: {TARGET.stat().st_size / 1e3:.0f} kB, {colours} colours")


if __name__ == "__main__":
    main()

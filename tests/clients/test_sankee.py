"""sankee: how classes change from one image to the next. It wants plotly below 6, so it is not among the test
extras; where it is installed beside the others, these run (docs/clients.md).
"""

from __future__ import annotations

from collections.abc import Mapping

import ee
import numpy as np
import pytest

from smgee.session import Session
from tests.clients.scenes import COLS, CRS, DAYS, LEFT, ROWS, STEP, TOP, TRANSFORM, band, outline, scene

sankee = pytest.importorskip("sankee")

Scenes = Mapping[str, np.ndarray]
LABELS = {0: "dark", 1: "fair", 2: "bright"}
PALETTE = {0: "#000000", 1: "#888888", 2: "#ffffff"}
EDGES = (12_000, 16_000)


def classes(day: str) -> ee.Image:
    red = scene(day).select("SR_B4")
    return red.gt(EDGES[0]).add(red.gt(EDGES[1])).rename("class").setDefaultProjection(CRS, TRANSFORM)


def expected(scenes: Scenes, plot: sankee.plotting.SankeyPlot, days: tuple[str, ...]) -> np.ndarray:
    """Return the classes at the points of a plot by NumPy, (points, days)."""
    from pyproj import Transformer

    places = [f["geometry"]["coordinates"] for f in plot.samples.getInfo()["features"]]
    x, y = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(*np.transpose(places))
    row, col = ((TOP - y) // STEP).astype(int), ((x - LEFT) // STEP).astype(int)
    assert (row.min(), col.min()) >= (0, 0)
    assert (row.max(), col.max()) < (ROWS, COLS)
    found = [np.searchsorted(EDGES, band(scenes, day, "SR_B4")[row, col], side="left") for day in days]
    return np.stack(found, axis=1)


@pytest.mark.parametrize("days", [DAYS[:2], DAYS])
def test_flows_between_classes(session: Session, scenes: Scenes, days: tuple[str, ...]) -> None:
    plot = sankee.sankify(
        [classes(d) for d in days],
        "class",
        LABELS,
        PALETTE,
        region=outline(),
        label_list=list(days),
        n=80,
        scale=STEP,
    )
    wanted = expected(scenes, plot, days)
    assert list(plot.data.columns) == list(days)
    np.testing.assert_array_equal(plot.data.to_numpy(), wanted)
    # The plot's links: how many points go from a class of one day to a class of the next.
    links = {(r.source_year, r.source, r.target): r.changed for r in plot.df.itertuples()}
    flows: dict[tuple[str, int, int], int] = {}
    for k, day in enumerate(days[:-1]):
        for pair in wanted[:, k : k + 2]:
            key = (day, int(pair[0]), int(pair[1]))
            flows[key] = flows.get(key, 0) + 1
    assert links == flows


def test_few_classes_and_errors(session: Session, scenes: Scenes) -> None:
    images = [classes(d) for d in DAYS[:2]]
    plot = sankee.sankify(images, "class", LABELS, PALETTE, region=outline(), n=60, scale=STEP, max_classes=2)
    wanted = expected(scenes, plot, DAYS[:2])
    most = np.argsort(np.bincount(wanted.ravel(), minlength=3))[-2:]
    np.testing.assert_array_equal(plot.data.to_numpy(), wanted[np.isin(wanted, most).all(axis=1)])
    with pytest.raises(sankee.sampling.SamplingError, match="was not found in all images"):
        sankee.sankify(images, "nothing", LABELS, PALETTE, region=outline(), n=5, scale=STEP)

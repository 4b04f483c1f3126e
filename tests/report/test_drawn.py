"""What stands beside a figure is what it shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from PIL import Image

from smgee.drawn import drawn_values, in_words
from smgee.report.style import figure, save


def test_lines_points_bars_and_names_come_back():
    days = pd.date_range("2021-05-01", periods=4)
    with figure(1, 3, size=(6, 2), synthetic=False) as (fig, (a, b, c)):
        a.plot(days, [0.1, np.nan, 0.3, 0.4], label="map")
        a.axhline(0.2)
        a.set_title("series", loc="left")
        b.barh([0, 1], [3.0, 5.0], label="score")
        b.set_yticks([0, 1], ["RF", "XGBoost"])
        c.scatter([1.0, 2.0], [3.0, 4.0], c=[0.5, 0.6], label="stations")
        found = drawn_values(fig)
    series = found[found["panel"] == "series"]
    assert list(series["x"]) == ["2021-05-01", "2021-05-03", "2021-05-04"]
    assert list(series["y"]) == [0.1, 0.3, 0.4]
    assert set(series["label"]) == {"map"}
    bars = found[found["kind"] == "bar"]
    assert list(bars["x_end"]) == [3.0, 5.0]
    assert list(bars["y"]) == ["RF", "XGBoost"]
    points = found[found["kind"] == "point"]
    assert list(points["value"]) == [0.5, 0.6]
    words = in_words(found)
    assert "series, map: 3 values, 0.1 to 0.4" in words
    assert "stations: 2 values, 0.5 to 0.6" in words


def test_a_map_comes_back_as_means_of_blocks():
    rows, cols = np.mgrid[:600, :400]
    field = (rows + 2.0 * cols).astype("float32")
    field[:60] = np.nan
    with figure(1, 1, size=(3, 3), synthetic=False) as (fig, axis):
        axis.imshow(field, extent=(10.0, 50.0, 0.0, 60.0))
        found = drawn_values(fig)
    assert (found["kind"] == "pixel").all()
    assert 2000 < len(found) <= 10_000
    # x and y are those of the axes: row 0 is at y = 60
    expected = (60.0 - found["y"]) / 60.0 * 600 - 0.5 + 2 * ((found["x"] - 10.0) / 40.0 * 400 - 0.5)
    np.testing.assert_allclose(found["value"], expected, atol=5)


def test_a_figure_has_its_svg_and_its_numbers_beside_it(tmp_path):
    for synthetic in (True, False):
        with figure(1, 1, size=(3, 2), synthetic=synthetic) as (fig, axis):
            axis.plot([0, 1], [0.25, 0.5], label="one")
            axis.set_xlabel("soil moisture")
            path = save(fig, tmp_path / f"{synthetic}.png")
        assert Image.open(path).size[0] > 300
        svg = path.with_suffix(".svg").read_text(encoding="utf-8")
        assert ">soil moisture</text>" in svg  # text is text
        table = pd.read_csv(path.with_suffix(".csv"))
        assert list(table["y"]) == [0.25, 0.5]
        assert ("synthetic" in table) is synthetic
        again = path.with_suffix(".svg").read_bytes()
        with figure(1, 1, size=(3, 2), synthetic=synthetic) as (fig, axis):
            axis.plot([0, 1], [0.25, 0.5], label="one")
            axis.set_xlabel("soil moisture")
            save(fig, path)
        assert path.with_suffix(".svg").read_bytes() == again

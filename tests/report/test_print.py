"""The report on paper, laid out by a real browser."""

from __future__ import annotations

import pandas as pd
import pytest

from smgee.report.page import Section, write_report
from tests.browser import Browser

# A sheet of A4 less the margins a browser leaves, in CSS pixels of 1/96 inch.
PAPER = (718, 1047)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    text = {"reference": "upscaled map under the antenna's footprint", "cell": "M36_r0079_c0749"}
    wide = {f"smap_{n}_true_held": "0.742 [0.362, 0.914]" for n in ("r", "rho", "bias", "rmse", "ubrmse")}
    more = {f"coverage_footprint_{k}": 0.123 for k in range(9)}
    table = pd.DataFrame([text | wide | more] * 3)
    path = tmp_path_factory.mktemp("print") / "report.html"
    section = Section(
        "Wide", "A paragraph. " * 30, tables=[(table, "wide.csv"), (table[["cell"]], "narrow.csv")]
    )
    return write_report(path, title="On paper", synthetic=True, facts={"Cell": "here"}, sections=[section])


def test_nothing_runs_over_the_edge_of_the_paper(report, tmp_path):
    with Browser(tmp_path, size=PAPER) as browser:
        browser.on_paper()
        browser.open(report.as_uri())
        browser.wait("document.readyState === 'complete'")
        widest = (
            "Math.max(...[...document.querySelectorAll('table')].map(t => t.getBoundingClientRect().right))"
        )
        assert browser.evaluate(widest) <= PAPER[0]
        # The column of words is not squeezed into a tower of syllables to make room.
        rows = "[...document.querySelectorAll('tbody tr')].map(r => r.getBoundingClientRect().height)"
        assert max(browser.evaluate(rows)) < 60
        assert browser.evaluate("document.querySelector('p').getBoundingClientRect().width") > 0.9 * PAPER[0]
        assert browser.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"

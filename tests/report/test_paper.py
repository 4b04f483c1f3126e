"""The paper's tables, in three forms; its own figures only beside its own study."""

from __future__ import annotations

import csv
import re

import numpy as np
import pandas as pd
import pytest

from smgee.report.contents import Contents
from smgee.report.paper import is_the_paper_s, paper_tables, write_paper_tables
from smgee.study import Study
from smgee.validation.judges import TITLES

DEMO = Study.demo()
OWN = Study(
    name="qlb-net",
    start="2019-01-01",
    end="2024-01-01",
    area={"lon": 100.1, "lat": 37.3},
    backend={"kind": "earthengine", "project": "my-project"},
    stations={"source": "network.zip"},
)


def contents(study: Study) -> Contents:
    rng = np.random.default_rng(0)
    cell = DEMO.cell

    def rows(cells, references):
        return pd.DataFrame(
            [
                {"cell": c.name, "orbit": o, "reference": r, "n": 60, "bias": -0.02, "rmse": 0.05}
                | {"ubrmse": 0.04, "r": rng.uniform(0.5, 0.9), "r_low": 0.4, "r_high": 0.95}
                for c in cells
                for o in ("AM", "PM")
                for r in references
            ]
        )

    scores = pd.DataFrame(
        {"model": ["RF", "RF", "ERT"], "design": ["random", "station", "random"], "r": [0.9, 0.6, 0.8]}
    ).assign(n=100, rmse=0.05)
    children = list(cell.children())
    return Contents(
        name=study.name,
        synthetic=study.is_synthetic,
        study=study,
        scores=scores,
        large=rows([cell], TITLES),
        small=rows(reversed(children), ("upscaled", "insitu_mean")),
    )


PERIODS = pd.DataFrame(
    {"year": [2021], "start": ["2021-05-05"], "end": ["2021-10-12"], "days": [161], "source": ["soil"]}
)


def test_grid_ids_run_from_the_north_west(tmp_path):
    made = contents(DEMO)
    tables = {t.name: t.frame for t in paper_tables(made, PERIODS)}
    assert list(tables) == ["unfrozen_periods", "models", "smap_9km", "smap_36km"]
    cells = tables["smap_9km"]
    assert cells["Grid ID"].tolist() == list(range(1, 17))
    assert cells["cell"].tolist() == [c.name for c in DEMO.cell.children()]
    small = made.small.set_index(["cell", "orbit", "reference"])
    first = DEMO.cell.children()[0].name
    assert cells["ascending R"].iloc[0] == small.loc[(first, "PM", "upscaled"), "r"]
    assert cells["descending bias"].iloc[0] == -0.02
    assert len(tables["smap_36km"]) == 2 * len(TITLES)
    captions = {t.name: t.caption for t in paper_tables(made, PERIODS)}
    assert "row by row, from the north-west" in captions["smap_9km"]
    north_west, south_east = (DEMO.cell.children()[k].center for k in (0, 15))
    assert north_west[0] < south_east[0]
    assert north_west[1] > south_east[1]


def test_the_three_forms_hold_the_same_numbers(tmp_path):
    tables = paper_tables(contents(DEMO), PERIODS)
    written = write_paper_tables(tables, tmp_path / "tables", synthetic=True)
    assert len(written) == 12
    for table in tables:
        folder = tmp_path / "tables"
        with (folder / f"{table.name}.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [r["synthetic"] for r in rows] == ["1"] * len(table.frame)
        markdown = (folder / f"{table.name}.md").read_text(encoding="utf-8")
        latex = (folder / f"{table.name}.tex").read_text(encoding="utf-8")
        assert markdown.startswith("SYNTHETIC")
        assert "SYNTHETIC" in latex
        lines = [line for line in markdown.splitlines() if line.startswith("|")]
        assert len(lines) == len(table.frame) + 2
        assert latex.count(r"\\") == len(table.frame) + 1
        numbers = re.findall(r"-?\d+\.\d{3}", markdown.partition("|")[2])
        assert numbers == re.findall(r"-?\d+\.\d{3}", latex.partition(r"\midrule")[2])
    assert r"M09\_r" in (tmp_path / "tables" / "smap_9km.tex").read_text(encoding="utf-8")


def test_the_paper_s_figures_stand_beside_its_own_study_alone():
    assert is_the_paper_s(OWN)
    assert not is_the_paper_s(DEMO)
    assert not is_the_paper_s(DEMO.model_copy(update={"name": "qlb-net"}))  # synthetic
    assert not is_the_paper_s(OWN.model_copy(update={"name": "mine"}))
    for table in paper_tables(contents(DEMO), PERIODS):
        assert not any("paper" in c for c in table.frame), table.name
        assert "paper" not in table.caption, table.name
    said = {t.name: t.caption for t in paper_tables(contents(OWN), PERIODS)}
    assert "XGBoost has R 0.941 and RMSE 0.047" in said["models"]
    assert "figures by cell are not at hand" in said["smap_9km"]
    tables = {t.name: t.frame for t in paper_tables(contents(OWN), PERIODS)}
    assert tables["unfrozen_periods"]["paper"].tolist() == ["3–13 May to 8–18 October"]
    assert tables["models"]["R, paper"].tolist() == pytest.approx([0.790, np.nan, 0.702], nan_ok=True)
    large = tables["smap_36km"].set_index(["reference", "overpass"])["R, paper"]
    assert large[(TITLES["insitu_mean"], "descending")] == 0.818
    assert large[(TITLES["upscaled"], "ascending")] == 0.858
    assert large.notna().sum() == 4

"""What `smgee init` asks at a terminal, typed into a real one."""

from __future__ import annotations

import sys

import pandas as pd
import pexpect
import pytest

from smgee.study import Study

SITES = {"A": (99.80, 37.50), "B": (99.82, 37.52), "C": (99.85, 37.45)}


@pytest.fixture
def terminal(tmp_path):
    """A terminal beside a wide table that tells no clock, no depth and no frost, and the places of it."""
    times = pd.date_range("2021-05-03", "2021-09-30 23:00", freq="h")
    pd.DataFrame({"time": times, **dict.fromkeys(SITES, 0.2)}).to_csv(tmp_path / "sm.csv", index=False)
    rows = [(name, *place) for name, place in SITES.items()]
    pd.DataFrame(rows, columns=["station", "lon", "lat"]).to_csv(tmp_path / "places.csv", index=False)
    code = "from smgee_cli.app import main; main()"
    opened = []

    def begin(*arguments: str) -> pexpect.spawn:
        line = ["-c", code, "init", *arguments]
        spawned = pexpect.spawn(
            sys.executable, line, cwd=tmp_path, encoding="utf-8", timeout=60, dimensions=(50, 110)
        )
        opened.append(spawned)
        return spawned

    yield begin
    for each in opened:
        each.close(force=True)


def converse(terminal: pexpect.spawn, turns: list[tuple[str, str]]) -> int:
    """Answer questions as they come, and return the exit code."""
    for question, answer in turns:
        terminal.expect(question)
        terminal.send(f"{answer}\r")
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.exitstatus


def test_what_cannot_be_meant_is_asked_again(terminal, tmp_path):
    turns = [
        ("Stations", "none.csv"),
        (r"none\.csv does not exist.*Stations", "sm.csv"),
        ("Hours", "local"),
        ("give a number of hours.*Hours", "99"),
        ("no clock's distance.*Hours", "8"),
        ("Layer", "0.1 0"),
        ("no layer.*Layer", ""),
        ("unfrozen day", "1.5. 15.10."),
        (r"'1\.5\.' is not a day of the year.*unfrozen day", "05-01 10-15"),
        ("Longitude", "37.5 99.8"),
        ("outside EASE-Grid.*Longitude", ""),
        ("First day", "31.5.2021"),
        ("write it as 2021-05-31.*First day", "2021-05-10"),
        ("End", "2021-05-10"),
        ("not after the first day.*End", ""),
        ("Cloud project", ""),
        ("Folder", "hls"),
        ("What is learnt", "moisture"),
        ("choose anomaly or absolute.*What is learnt", "absolute"),
        (r"Predictors \[", "terrain, moon"),
        (r"moon: no such predictors.*Predictors \[", "terrain, calendar"),
        (r"only repeat the date.*Predictors \[", "terrain, reflectance"),
    ]
    assert converse(terminal(), turns) == 0
    study = Study.from_yaml(tmp_path / "study.yml")
    assert (f"{study.start}", f"{study.end}") == ("2021-05-10", "2021-10-01")
    assert study.stations.table.utc_offset_hours == 8
    assert study.stations.unfrozen.season == ("05-01", "10-15")
    assert (study.backend.kind, study.training.target) == ("embedded", "absolute")
    assert [family.kind for family in study.predictors] == ["terrain", "reflectance"]
    text = (tmp_path / "study.yml").read_text()
    assert "catalog: hls" in text
    assert "CHECK" not in text  # everything that was open has been answered


def test_options_are_not_asked_for(terminal, tmp_path):
    given = (
        *("--stations", "sm.csv", "--utc-offset", "8", "--depth", "0", "0.1", "--season", "05-01", "10-15"),
        *("--lon", "99.8", "--lat", "37.5", "--start", "2021-05-10", "--end", "2021-09-01"),
        *("--project", "my-project", "--target", "anomaly", "--predictors", "place,soil"),
    )
    assert converse(terminal(*given), []) == 0
    study = Study.from_yaml(tmp_path / "study.yml")
    assert (study.stations.depth_m, study.backend.project) == ((0.0, 0.1), "my-project")
    assert [family.kind for family in study.predictors] == ["place", "soil"]
    assert "the real Earth Engine" in (tmp_path / "study.yml").read_text().split("\n")[0]


def test_leaving_the_questions_writes_nothing(terminal, tmp_path):
    asking = terminal()
    asking.expect("Stations")
    asking.sendcontrol("c")
    asking.expect("nothing was written")
    asking.expect(pexpect.EOF)
    asking.close()
    assert asking.exitstatus == 2
    assert not (tmp_path / "study.yml").exists()

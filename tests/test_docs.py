"""The pages: what follows from the code is current, what they show can be typed and run."""

from __future__ import annotations

import importlib.util
import json
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
import typer
import yaml
from typer.testing import CliRunner

import smgee
from smgee.study import Study
from smgee_cli.app import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(<!-- not run: [^>]*-->\s*)?^( *)```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(page: Path, language: str, *, run: bool = False) -> list[str]:
    """Return the code blocks of a page in one language; with `run` those that are to be run."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [
        re.sub(f"^{indent}", "", text, flags=re.MULTILINE)
        for skipped, indent, kind, text in found
        if kind == language and not (run and skipped)
    ]


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in blocks(page, "sh"):
            joined = re.sub(r"\\\s*\n\s*", " ", block)
            for line in joined.splitlines():
                typed = line.split("  #")[0].strip()
                found += [(page.name, typed)] if re.match(r"(\.venv/bin/)?smgee ", typed) else []
    return found


def test_generated_pages_are_current():
    """Write them again with `python docs/generate.py` (or `make docs`)."""
    assert list(load("generate").outdated()) == []


def test_every_public_module_has_its_page():
    generate = load("generate")
    listed = {m for modules in generate.API.values() for m in modules} | generate.INTERNAL
    found = {f"smgee.{m.name}" for m in pkgutil.iter_modules(smgee.__path__)}
    assert found <= listed, found - listed
    offered = {f"smgee.{name}" for name in smgee.__all__}
    assert found & offered <= listed - generate.INTERNAL
    assert all(hasattr(smgee, name) for name in smgee.__all__)


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_of_the_pages_can_be_typed(page, line):
    words = shlex.split(line)[1:]
    if words[0].startswith("-"):
        assert words[0] in CliRunner().invoke(app, ["--help"]).output
        return
    group = typer.main.get_group(app)
    context = group.make_context("smgee", list(words))
    name, command, rest = group.resolve_command(context, words)
    command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python", run=True)], ids=lambda p: p.name)
def test_python_of_the_pages_runs(page, tmp_path):
    """Every block of a page, in one process, in an empty folder."""
    code = "\n".join(blocks(page, "python", run=True))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_yaml_of_the_pages_is_of_studies():
    """What the pages show of a study is known to it: alone, or put into a whole one."""
    seen = 0
    for page in PAGES:
        for text in blocks(page, "yaml"):
            content = yaml.safe_load(text)
            content = {"predictors": content} if isinstance(content, list) else content
            whole = {
                "name": "x",
                "start": "2021-04-01",
                "end": "2021-11-01",
                "area": {"lon": 99.8, "lat": 37.5},
                "stations": {"source": "network.zip"},
            }
            study, faults = Study.tried(json.loads(json.dumps(whole | content, default=str)), folder=ROOT)
            # a page may name a file that is not there
            assert study is not None or all("cannot be read" in f for f in faults), f"{page.name}: {faults}"
            seen += 1
    assert seen > 3


def test_the_pages_build_without_a_warning(tmp_path):
    """As `make docs` does; broken references and docstrings that are no reStructuredText are warnings."""
    pytest.importorskip("sphinx", reason="Sphinx comes with the extra docs")
    command = ["-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", tmp_path / "trees"]
    done = subprocess.run(
        [sys.executable, *command, ROOT / "docs", tmp_path / "html"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert list(load("check_links").broken(tmp_path / "html")) == []


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "a.html").write_text('<h1 id="here"></h1><a href="b.html#there">x</a><a href="#here">y</a>')
    (tmp_path / "b.html").write_text('<a href="a.html#here">x</a><a href="none.html">y</a>')
    assert list(load("check_links").broken(tmp_path)) == ["a.html: b.html#there", "b.html: none.html"]


def test_the_page_of_the_experiment_is_filled_by_its_tables():
    """Each table by its own numbers; the sentences around it are not touched."""
    filler = load("experiment")
    page = filler.PAGE.read_text(encoding="utf-8")
    place = {"scenario": "hill", "rmse_low": 0.01, "rmse_high": 0.04}
    summary = pd.DataFrame(
        [
            {**place, "reference": "insitu_mean", "rmse": 0.0211, "covered_bias": 0.71},
            {**place, "reference": "upscaled", "rmse": 0.0122, "covered_bias": 0.7},
        ]
    )
    shares = {"helps": 0.81, "claimed_rmse": 0.22, "claimed_r": 0.03, "perfect_r": -0.004, "believed": 1.0}
    held = {"held_bias": 0.9, "held_r": 1.0, "held_ubrmse": 0.95, "meets": 0.85}
    power = pd.DataFrame([{"scenario": "hill", **shares, **held, "map_skill": 0.4, "map_spatial_r": 0.7}])
    bins = {"trials": 3, "gain": 0.002, "claimed_rmse": 0.1, "claimed_r": 0.2, "power_r": 0.3}
    curve = pd.DataFrame([{"low": -1.0, "high": 0.0, **bins}, {"low": 0.0, "high": 1.0, **bins}])
    found = filler.renewed(page, summary, power, curve)
    assert "| hill | 0.021 (0.010–0.040) | 0.012 (0.010–0.040) | 81 % | 22 % | 3 % | −0.004 |" in found
    assert "| hill | 0.40 | 0.70 | 100 % |" in found
    assert "| below 0 | 3 | +0.0020 | 10 % | 20 % | 30 % |" in found
    assert "| hill | 71 % | 90 % | 100 % | 95 % | 0.85 |" in found
    rest = [line for line in page.split("\n") if not line.startswith("|")]
    assert [line for line in found.split("\n") if not line.startswith("|")] == rest
    assert filler.renewed(found, summary, power, curve) == found

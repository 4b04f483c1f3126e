"""The project's own files agree with each other."""

from __future__ import annotations

import ast
import json
import re
import runpy
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from smgee_cli.app import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_package_is_installed(monkeypatch):
    """`setup.py` finds every package of smgee, and the command line under its own name."""
    setuptools = pytest.importorskip("setuptools")
    given = {}
    monkeypatch.setattr(setuptools, "setup", given.update)
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    found = {".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / "smgee").rglob("__init__.py")}
    assert set(given["packages"]) == found | {"smgee_cli"}
    folders = {".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / "smgee").rglob("*.py")}
    assert folders == found


def test_every_dependency_is_pinned():
    pinned = {
        re.split(r"[=@ ]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().split("\n")
        if line
    }
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *extras["test"], *extras["docs"]]
    names = {re.split(r"[\[<>=!~ ]", w)[0].lower().replace("_", "-") for w in wanted}
    assert names <= pinned, names - pinned


def test_every_import_is_a_declared_dependency():
    """A module that only comes along with another package is gone when that package changes its mind."""
    declared = PROJECT["project"]
    named = [*declared["dependencies"], *declared["optional-dependencies"]["lightgbm"]]
    known = {re.split(r"[\[>=<~! ;]", d)[0].lower().replace("_", "-") for d in named}
    owners = packages_distributions()
    undeclared = {}
    for path in [*(ROOT / "smgee").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [a.name for a in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module or ""]
            else:
                continue
            for module in modules:
                top = module.split(".")[0]
                if top in sys.stdlib_module_names or top in ("smgee", "smgee_cli"):
                    continue
                if (top, path.name) == ("pytest", "testing.py"):
                    continue  # a plugin of pytest, which loads it
                # a namespace such as google belongs to several
                from_ = {d.lower().replace("_", "-") for d in owners.get(top, [])}
                if not from_ & known:
                    undeclared.setdefault(top, path.name)
    assert not undeclared


def test_importing_smgee_loads_nothing_heavy():
    heavy = {"ee", "numpy", "pandas", "xarray", "numba", "sklearn"}
    code = f"import sys, smgee; print(sorted({heavy!r} & set(sys.modules)))"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_readme_commands_exist():
    """Every `smgee COMMAND` that the README names is one of the command line's."""
    commands = set(COMMANDS)
    named = set(
        re.findall(
            r"smgee ([a-z]+(?:-[a-z]+)*)\b",
            " ".join(re.findall(r"`[^`]+`|```sh.*?```", (ROOT / "README.md").read_text(), re.DOTALL)),
        )
    )
    assert named <= commands, named - commands


def test_readme_says_where_the_command_is():
    """`make demo` leaves it in the environment it made, which no shell knows; notebooks need a front end."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    made = re.search(r"^VENV := (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert made is not None
    before = readme[: readme.index("smgee init")]
    assert f"`{made[1]}/bin/smgee`" in before
    assert f". {made[1]}/bin/activate" in before
    extra = PROJECT["project"]["optional-dependencies"]["notebooks"]
    assert any(need.startswith("jupyterlab") for need in extra)
    assert ".[notebooks]" in readme


def test_the_page_on_architecture_lists_the_floors():
    """Every package of the layer contract stands in the table of floors, from the top."""
    layers = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("## A run")[0]
    rows = re.findall(r"^\| (.+?) \|", page, re.MULTILINE)[1:]
    listed = [set(re.findall(r"`([a-z_]+)/?`", row)) for row in rows]
    floors = [{p.strip().removeprefix("smgee.") for p in layer.split("|")} for layer in layers]
    order = [next(k for k, names in enumerate(listed) if f & names) for f in floors]
    assert all(f <= set().union(*listed) for f in floors)
    assert order == sorted(order)


def test_what_says_how_to_cite_agrees():
    """CITATION.cff, the metadata of Zenodo, and the package itself."""
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    zenodo = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    project = PROJECT["project"]
    assert cff["version"] == zenodo["version"] == project["version"]
    assert cff["license"] == zenodo["license"] == project["license"]
    assert (
        cff["title"]
        == zenodo["title"]
        == f"smgee: {project['description'][0].lower()}{project['description'][1:]}"
    )
    assert cff["keywords"] == zenodo["keywords"]
    assert [r["doi"] for r in cff["references"]] == [r["identifier"] for r in zenodo["related_identifiers"]]
    assert {a["name"] for a in cff["authors"]} == {c["name"] for c in zenodo["creators"]}


def test_the_paper_cites_what_its_bibliography_holds():
    text = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    cited = set(re.findall(r"@([a-z]+[a-z0-9]*)", text))
    assert cited == set(re.findall(r"^@\w+\{(\w+),", (ROOT / "docs" / "paper.bib").read_text(), re.MULTILINE))
    needed = (
        "Summary",
        "Statement of need",
        "State of the field",
        "Software design",
        "Research impact statement",
    )
    assert all(f"\n# {title}\n" in text for title in (*needed, "AI usage disclosure", "References"))
    assert 750 <= len(text.split()) <= 1750  # as the journal asks


def test_every_file_of_the_package_is_shipped():
    """What is no Python has to be named as package data."""
    known = PROJECT["tool"]["setuptools"]["package-data"]
    left = [
        str(file.relative_to(ROOT))
        for file in (ROOT / "smgee").rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc", ".nbi", ".nbc")
        if not any(
            file.relative_to(folder).match(pattern)
            for folder in file.parents
            if (folder / "__init__.py").is_file()
            for pattern in known.get(".".join(folder.relative_to(ROOT).parts), ())
        )
    ]
    assert left == []


def test_types_are_shipped():
    assert (ROOT / "smgee" / "py.typed").exists()
    assert "py.typed" in PROJECT["tool"]["setuptools"]["package-data"]["smgee"]

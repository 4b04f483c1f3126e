"""No circles of imports; own modules are imported at the top of a file; nothing is left that nobody uses."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conftest import LONG

ROOT = Path(__file__).resolve().parents[1]
# Where imports of own modules may stand elsewhere than at the top: what they start is large, and not
# everybody who imports the module needs it.
LATE = (
    ("smgee", ""),  # the face of the package: its parts load when they are first named
    ("smgee.workflow.registry", "smgee.workflow.steps"),  # a step loads when it is asked for
    ("smgee.trees.ensemble", "smgee.trees."),  # methods of `TreeEnsemble`, which the modules above it import
    ("smgee.session", "smgee.embedded"),  # the real service needs no Earth Engine in a box
    ("smgee.session", "smgee.eelocal."),  # its types
)


@pytest.fixture(scope="module")
def structure() -> ModuleType:
    spec = importlib.util.spec_from_file_location("structure", Path(__file__).with_name("structure.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["structure"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found(structure: ModuleType) -> list[Any]:
    """Every import of an own module."""
    return structure.all_imports()


def test_no_circle_of_imports(structure: ModuleType, found: list[Any]) -> None:
    assert structure.circles(structure.graph_of(found)) == []


def test_both_packages_are_read(structure: ModuleType, found: list[Any]) -> None:
    assert "smgee_cli.lazy" in {i.target for i in found if i.module == "smgee_cli.app"}
    assert "smgee.workflow.registry" in {i.target for i in found if i.module == "smgee_cli.app"}
    cli = structure.imports("smgee_cli.a", "def f():\n    from smgee_cli.b import x", structure.modules())
    assert [(i.target, i.local) for i in cli] == [("smgee_cli.b", True)]


def test_own_modules_are_imported_at_the_top(found: list[Any]) -> None:
    local = [
        f"{i.module}:{i.line} imports {i.target}"
        for i in found
        if i.local and not any(i.module == late and i.target.startswith(target) for late, target in LATE)
    ]
    assert local == []


def test_circles_are_found_wherever_the_import_stands(structure: ModuleType) -> None:
    known = dict.fromkeys(("smgee.a", "smgee.b", "smgee.c"), Path())
    found = [
        *structure.imports("smgee.a", "from smgee import b", known),
        *structure.imports(
            "smgee.b", "def f():\n    import importlib\n    importlib.import_module('smgee.c')", known
        ),
        *structure.imports("smgee.c", "if TYPE_CHECKING:\n    from smgee.a import x", known),
    ]
    assert [(i.target, i.local) for i in found] == [("smgee.b", False), ("smgee.c", True), ("smgee.a", True)]
    assert structure.circles(structure.graph_of(found)) == [["smgee.a", "smgee.b", "smgee.c"]]


def test_the_long_parts_of_the_suite_are_there() -> None:
    known = [str(path.relative_to(ROOT)) for path in ROOT.glob("tests/**/test_*.py")]
    assert [name for name in LONG if not any(path.startswith(name) for path in known)] == []


WRITTEN = ("README.md", "docs/*.md", "docs/howto/*.md", "notebooks/*.ipynb", "tests/**/*.py")


def test_nothing_is_left_that_nobody_names(structure: ModuleType) -> None:
    """Functions, classes and constants of a module serve the package, or a page, a notebook or a test."""
    known = [path.read_text(encoding="utf-8") for path in structure.modules().values()]
    words = {w for p in WRITTEN for f in ROOT.glob(p) for w in re.findall(r"\w+", f.read_text("utf-8"))}
    assert structure.unnamed(known) - words == set()


def test_what_nobody_names_is_found(structure: ModuleType) -> None:
    package = "from a import ORBITS, load, near\n__all__ = ['ORBITS', 'load', 'near']"
    module = (
        "ORBITS: int = 2\nFEW = 3\ndef load(): ...\ndef near(): return FEW\n@route('/x')\ndef answer(): ..."
    )
    assert structure.unnamed([package, module, "import a\na.near()"]) == {"ORBITS", "load"}

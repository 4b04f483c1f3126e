"""Small errors put into the code one at a time: how many do the tests notice?

``python -m tests.mutation GROUP`` copies the tree, changes one place of a group's modules (a comparison, an
operator, a constant, a condition, the order of two arguments), runs those of the group's tests that come by
that place, the quick ones first, up to the first that fails, and prints every change that none noticed, and
counts. Which places is drawn by a seed, so that a figure can be had again. A survivor is either no error at
all (the changed code does the same) or a hole in the tests: each wants to be read.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

GROUPS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "metrics": (("smgee/metrics/*.py",), ("tests/metrics",)),
    "grid": (
        ("smgee/grid.py", "smgee/validation/weights.py", "smgee/validation/zonal.py"),
        ("tests/test_grid.py", "tests/validation/test_zonal.py"),
    ),
    "trees": (
        (
            "smgee/trees/reference.py",
            "smgee/trees/combine.py",
            "smgee/trees/cutting.py",
            "smgee/trees/decimals.py",
            "smgee/trees/layout.py",
            "smgee/trees/linear.py",
            "smgee/trees/merge.py",
            "smgee/trees/parse.py",
            "smgee/trees/reshape.py",
            "smgee/trees/text.py",
            "smgee/trees/importers/*.py",
        ),
        (
            "tests/trees/test_ensemble.py",
            "tests/trees/test_parse.py",
            "tests/trees/test_reshape.py",
            "tests/trees/test_combine.py",
            "tests/trees/test_linear.py",
            "tests/trees/test_text.py",
            "tests/trees/test_refusals.py",
            "tests/trees/test_importers.py",
            "tests/trees/test_files.py",
        ),
    ),
    "eelocal": (
        (
            "smgee/eelocal/statistics/*.py",
            "smgee/eelocal/geo/geodesy.py",
            "smgee/eelocal/geo/planes.py",
            "smgee/eelocal/values/projection.py",
            "smgee/eelocal/pixels/zones.py",
            "smgee/eelocal/pixels/overlap.py",
            "smgee/eelocal/pixels/lattice.py",
        ),
        (
            "tests/eelocal/test_reducers.py",
            "tests/eelocal/pixels/test_regions.py",
            "tests/eelocal/test_geometry.py",
            "tests/eelocal/test_antimeridian.py",
            "tests/eelocal/test_values.py",
            "tests/eelocal/test_golden.py",
        ),
    ),
    "validation": (
        (
            "smgee/validation/references.py",
            "smgee/validation/pairs.py",
            "smgee/validation/footprint.py",
            "smgee/validation/claims.py",
            "smgee/validation/judges.py",
            "smgee/validation/spatial.py",
        ),
        (
            "tests/validation/test_references.py",
            "tests/validation/test_footprint.py",
            "tests/validation/test_claims.py",
            "tests/validation/test_judges.py",
            "tests/validation/test_spatial.py",
            "tests/validation/test_verdicts.py",
        ),
    ),
}
"""Modules and the tests that are theirs, by name."""

# Loaded once; every trial is a fork of this process.
_LIBRARIES = ("numpy", "scipy.stats", "pandas", "xarray", "shapely", "pyproj", "rasterio", "numba", "sklearn")
_LIBRARIES += ("ee", "hypothesis", "xgboost", "lightgbm", "catboost", "exactextract", "pytesmo")

_COMPARED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COMPUTED: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_NAMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "any": "all", "all": "any"}
_NAMES |= {
    "floor": "ceil",
    "ceil": "floor",
    "argmin": "argmax",
    "argmax": "argmin",
    "sin": "cos",
    "cos": "sin",
}
_SYMMETRIC = {"min", "max", "minimum", "maximum", "hypot", "isclose", "allclose", "array_equal", "logical_or"}


@dataclass(frozen=True)
class Mutant:
    """One change: the file, its line, what stood there and what stands there now, the whole new text."""

    path: Path
    line: int
    old: str
    new: str
    text: str


def _skipped(node: ast.AST) -> list[ast.AST]:
    """Return the parts of a node whose change is no error: annotations, messages, docstrings."""
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert | ast.Import | ast.ImportFrom):
        return list(ast.iter_child_nodes(node))
    if isinstance(node, ast.AnnAssign | ast.arg):
        return [node.annotation] if node.annotation else []
    if isinstance(node, ast.FunctionDef):
        return [n for n in (node.returns, *node.decorator_list) if n]
    return []


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    skipped = _skipped(node)
    for child in ast.iter_child_nodes(node):
        if child not in skipped:
            yield child
            yield from _nodes(child)


def _changed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the node with one error in it, one for each kind that fits."""
    made = copy.deepcopy(node)
    match made:
        case ast.Compare(ops=[op, *_]) if type(op) in _COMPARED:
            made.ops[0] = _COMPARED[type(op)]()
            yield made
        case ast.BinOp(op=op) if type(op) in _COMPUTED and not _is_type(made):
            made.op = _COMPUTED[type(op)]()
            yield made
        case ast.AugAssign(op=op) if type(op) in _COMPUTED:
            made.op = _COMPUTED[type(op)]()
            yield made
        case ast.BoolOp():
            made.op = ast.Or() if isinstance(made.op, ast.And) else ast.And()
            yield made
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            yield made.operand
        case ast.IfExp() | ast.If():
            made.test = ast.UnaryOp(ast.Not(), made.test)
            yield made
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1 if abs(value) < 20 else 2 * value)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value * 1.5 + (value == 0))
        case ast.Attribute(attr=name) if name in _NAMES:
            made.attr = _NAMES[name]
            yield made
        case ast.Name(id=name) if name in _NAMES:
            made.id = _NAMES[name]
            yield made
        case ast.Call(args=[first, second, *_]) if _is_ordered(made):
            made.args[:2] = [second, first]
            yield made


def _is_type(node: ast.BinOp) -> bool:
    """Whether ``a | b`` reads as a union of types."""
    return isinstance(node.op, ast.BitOr) and isinstance(node.right, ast.Constant | ast.Name)


def _is_ordered(node: ast.Call) -> bool:
    """Whether the first two arguments of a call may not change places."""
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    return name not in _SYMMETRIC and not any(isinstance(a, ast.Starred) for a in node.args[:2])


def mutants(path: Path) -> list[Mutant]:
    """Return every change of one file, each as the whole text with that one place rewritten."""
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    raw = text.encode()
    found = []
    for node in _nodes(ast.parse(text)):
        if not hasattr(node, "end_col_offset") or (isinstance(node, ast.Constant) and node.value is None):
            continue
        for new in _changed(node):
            # Of an `if`, only the condition is rewritten.
            place, made = (node.test, new.test) if isinstance(node, ast.If) else (node, new)
            begin = starts[place.lineno - 1] + place.col_offset
            end = starts[place.end_lineno - 1] + place.end_col_offset
            old, changed = raw[begin:end].decode(), ast.unparse(ast.fix_missing_locations(made))
            if isinstance(node, ast.expr):
                changed = f"({changed})"
            mutated = raw[:begin].decode() + changed + raw[end:].decode()
            with contextlib.suppress(SyntaxError):  # such as a literal in a pattern
                ast.parse(mutated)
                found.append(Mutant(path, place.lineno, " ".join(old.split()), changed, mutated))
    return found


def copy_tree(target: Path) -> None:
    """Copy what git tracks, and the machine code of compiled functions with nothing changed."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    for name in filter(None, names.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


class _Visits:
    """Plug-in of pytest: which tests come by a line of the code, and how long they take. What a fixture of
    several tests does counts for all tests of its file.
    """

    def __init__(self, tree: Path) -> None:
        import coverage

        self.coverage = coverage.Coverage(
            str(tree / "visits"), source=[str(tree / "smgee")], config_file=False
        )
        self.coverage.start()
        self.seconds: dict[str, float] = {}
        self.path = tree / "seconds.json"

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration

    def pytest_runtest_protocol(self, item: Any) -> None:
        self.coverage.switch_context(item.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        if fixturedef.scope != "function":
            self.coverage.switch_context(request.node.nodeid)
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                self.coverage.switch_context(request._pyfuncitem.nodeid)

    def pytest_sessionfinish(self) -> None:
        self.coverage.stop()
        self.coverage.save()
        self.path.write_text(json.dumps(self.seconds))


def visits(tree: Path) -> dict[tuple[Path, int], list[str]]:
    """Return the tests that come by each line, the quick ones first."""
    import coverage

    data = coverage.CoverageData(str(tree / "visits"))
    data.read()
    seconds = json.loads((tree / "seconds.json").read_text())
    return {
        (Path(name), line): sorted(filter(None, tests), key=lambda t: (seconds.get(t, 1e9), t))
        for name in data.measured_files()
        for line, tests in data.contexts_by_lineno(name).items()
    }


def run_tests(tree: Path, tests: Sequence[str], seconds: float, *, visited: bool = False) -> str:
    """Return "passed", "failed" or "late" of the tests in a tree, in a fork of this process; with `visited`,
    write which lines they come by.
    """
    child = os.fork()
    if not child:
        os.setsid()
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        for name in [m for m in sys.modules if m.split(".")[0] == "tests"]:
            del sys.modules[name]
        sys.dont_write_bytecode = True
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", "--rootdir", str(tree)]
        os._exit(int(pytest.main([*options, *tests], plugins=[_Visits(tree)] if visited else [])))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "passed" if status == 0 else "failed"
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "late"


def try_mutants(group: str, *, count: int, seed: int, minutes: float) -> tuple[Counter[str], list[Mutant]]:
    """Try a sample of the mutants of a group.

    Returns
    -------
    counts : Counter
        How many the tests noticed ("failed"), did not end under ("late"), did not notice ("passed").
    survivors : list of Mutant
        Those not noticed.
    """
    modules, tests = GROUPS[group]
    for name in _LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if any(m.split(".")[0] == "smgee" for m in sys.modules):
        raise RuntimeError("smgee is loaded already, so that its changed files would not be read.")
    counts: Counter[str] = Counter()
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder).resolve()
        copy_tree(tree)
        paths = sorted({p for pattern in modules for p in tree.glob(pattern)})
        known = [m for p in paths for m in mutants(p)]
        drawn = random.Random(seed).sample(known, min(count, len(known)))
        start = time.monotonic()
        if (found := run_tests(tree, tests, 1800, visited=True)) != "passed":
            raise RuntimeError(f"The tests of the unchanged tree {found}.")
        usual = time.monotonic() - start
        lines = visits(tree)
        print(f"{group}: {len(known)} mutants of {len(paths)} files, {len(drawn)} drawn; tests {usual:.0f} s")
        end = time.monotonic() + 60 * minutes
        for mutant in drawn:
            if time.monotonic() > end:
                print("The time is up.")
                break
            whole = mutant.path.read_text()
            mutant.path.write_text(mutant.text)
            # What runs when a module is loaded, and what is compiled, no test comes by: then all are asked.
            asked = lines.get((mutant.path, mutant.line)) or tests
            try:
                answer = run_tests(tree, asked, 30 + 2 * usual)
            finally:
                mutant.path.write_text(whole)
            counts[answer] += 1
            if answer == "passed":
                survivors.append(mutant)
                where = mutant.path.relative_to(tree)
                print(f"  {where}:{mutant.line}: {mutant.old[:110]}  ->  {mutant.new[:110]}", flush=True)
    return counts, survivors


def main() -> None:
    """Try mutants of the groups named, or of all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--count", type=int, default=50, help="mutants of each group")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60, help="at most, for each group")
    given = parser.parse_args()
    for group in given.groups or GROUPS:
        counts, _ = try_mutants(group, count=given.count, seed=given.seed, minutes=given.minutes)
        tried = sum(counts.values())
        print(
            f"{group}: {tried} tried, {counts['failed']} noticed, {counts['late']} without end, "
            f"{counts['passed']} not noticed",
            flush=True,
        )


if __name__ == "__main__":
    main()

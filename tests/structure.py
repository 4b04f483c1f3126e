"""Which modules of smgee and of its command line import each other in circles, and which import their own
kind inside of functions.

``python -m tests.structure`` prints both. Every import statement counts, wherever it stands: at the top of
a file, inside of a function, under ``TYPE_CHECKING``; so do `importlib.import_module` calls with a literal
name, and with one that begins with a literal package.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"smgee": "smgee", "smgee_cli": "cli"}
"""Folder by package."""
# The declared facade: `TreeEnsemble` offers as methods what the modules around it do, and imports them when
# such a method is called. They import the class.
FACADE = "smgee.trees.ensemble"


@dataclass(frozen=True)
class Import:
    """One import of an own module: where it stands, what it names, whether it is at the top of the file."""

    module: str
    line: int
    target: str
    local: bool


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Return every module of the packages by its dotted name."""
    return {
        ".".join((package, *p.relative_to(root / folder).with_suffix("").parts)).removesuffix(".__init__"): p
        for package, folder in PACKAGES.items()
        for p in sorted((root / folder).rglob("*.py"))
    }


def _targets(node: ast.AST, known: Mapping[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in known else node.module
    elif isinstance(node, ast.Import):
        yield from (a.name for a in node.names if a.name in known)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name) and node.args:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        first = node.args[0]
        if isinstance(first, ast.JoinedStr):
            first = first.values[0]
        if name == "import_module" and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield from (m for m in (first.value.rstrip("."),) if m in known)


def imports(name: str, source: str, known: Mapping[str, Path]) -> list[Import]:
    """Return all imports of own modules that a module's source states."""
    tree = ast.parse(source)
    top = {id(n) for n in tree.body}
    return [
        Import(name, getattr(node, "lineno", 0), target, id(node) not in top)
        for node in ast.walk(tree)
        for target in _targets(node, known)
        if target != name
    ]


def all_imports(root: Path = ROOT) -> list[Import]:
    """Return all imports of own modules in the packages."""
    known = modules(root)
    return [i for name, path in known.items() for i in imports(name, path.read_text(encoding="utf-8"), known)]


def circles(graph: Mapping[str, Set[str]]) -> list[list[str]]:
    """Return the strongly connected sets of more than one module (Tarjan 1972), each sorted."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(graph.get(module, ())):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            at = stack.index(module)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        for module in sorted(graph):
            if module not in index:
                visit(module)
    finally:
        sys.setrecursionlimit(usual)
    return found


def graph_of(found: list[Import]) -> dict[str, set[str]]:
    """Return which modules each module imports, the facade's imports inside of its methods left out."""
    graph: dict[str, set[str]] = {}
    for i in found:
        if not (i.local and i.module == FACADE):
            graph.setdefault(i.module, set()).add(i.target)
    return graph


def unnamed(sources: Iterable[str]) -> set[str]:
    """Return functions, classes and constants at the top of modules that none of the sources names.

    Being imported, or listed in ``__all__``, is no use by itself; what a decorator registers and hooks of
    pytest are.
    """
    made: set[str] = set()
    named: set[str] = set()
    for tree in map(ast.parse, sources):
        public: set[int] = set()
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                registered = isinstance(node, ast.FunctionDef) and node.decorator_list
                made |= set() if registered else {node.name}
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found = {t.id for t in targets if isinstance(t, ast.Name)}
                made |= found
                if "__all__" in found:
                    public |= {id(n) for n in ast.walk(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                named.add(node.id)
            elif isinstance(node, ast.Attribute):
                named.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in public:
                named.update(re.findall(r"\w+", node.value) if "\n" not in node.value else ())
    return {n for n in made - named if not n.startswith(("__", "pytest_"))}


def main() -> int:
    """Print circles and imports inside of functions; return how many circles there are."""
    found = all_imports()
    rings = circles(graph_of(found))
    for ring in rings:
        print(f"circle of {len(ring)}: {', '.join(ring)}")
    local = [i for i in found if i.local]
    for i in local:
        print(f"inside of a function or block: {i.module}:{i.line} imports {i.target}")
    print(f"{len(rings)} circles, {len(local)} imports that are not at the top of their file")
    return len(rings)


if __name__ == "__main__":
    sys.exit(main() > 0)

"""Reads the YAML of a study, and knows which line each setting stands on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from smgee.errors import InputError

Place = tuple[str | int, ...]

MOST_VALUES = 100_000
"""Of a study file; aliases of aliases stand for billions in a few lines."""


class Lines:
    """The lines of a YAML text, by place of a setting.

    Parameters
    ----------
    node : yaml.Node, optional
        What the text is composed of; None for an empty text.
    """

    def __init__(self, node: yaml.Node | None = None):
        self._lines: dict[Place, int] = {(): 1}
        self.twice: list[tuple[Place, int]] = []
        """Keys that a section names a second time, and where."""
        if node is not None:
            if _spelled_out(node) > MOST_VALUES:
                raise ValueError(
                    "its anchors (&) and aliases (*) stand for a part of themselves, or for more than "
                    f"{MOST_VALUES:,} values; write the values out"
                )
            self._lines |= dict(self._walk(node, ()))

    def _walk(self, node: yaml.Node, place: Place) -> Iterator[tuple[Place, int]]:
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                inner = (*place, str(key.value))
                line = key.start_mark.line + 1
                if inner[-1] in seen:
                    self.twice.append((inner, line))
                seen.add(str(key.value))
                yield inner, line
                yield from self._walk(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for i, value in enumerate(node.value):
                yield (*place, i), value.start_mark.line + 1
                yield from self._walk(value, (*place, i))

    def line_of(self, place: Place) -> int:
        """Return the line of a setting, or of the innermost section that holds it.

        Parts of the place that the file does not spell, such as the kind of a family, are passed over.
        """
        found: Place = ()
        for part in place:
            if (*found, part) in self._lines:
                found = (*found, part)
        return self._lines[found]


def _spelled_out(node: yaml.Node, known: dict[int, float] | None = None) -> float:
    """Return how many values a part holds when its aliases are written out; infinite for a part of itself."""
    known = {} if known is None else known
    if id(node) not in known:
        known[id(node)] = math.inf  # as long as it is being counted: a part of itself
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        inner = [n for part in parts for n in (part if isinstance(part, tuple) else (part,))]
        known[id(node)] = 1 + sum(_spelled_out(n, known) for n in inner)
    return known[id(node)]


class _Loader(yaml.SafeLoader):
    """Leaves dates as they are written: YAML's own reading of them fails without saying where."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(path: str | Path) -> tuple[dict[str, Any], Lines]:
    """Return what a study file holds, dates as text, and on which lines; `InputError` when the file is
    missing, is no text, no YAML, holds no settings, or gives one twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"The study file {path} cannot be read ({error.strerror}); give the path of a YAML file."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"The study file {path} is not text; give the path of a YAML file.") from error
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        lines = Lines(node)
        content = None if node is None else loader.construct_document(node)
    except RecursionError as error:
        raise InputError(f"The study file {path} is nested too deeply; no setting lies that deep.") from error
    except ValueError as error:
        raise InputError(f"The study file {path} cannot be used: {error}.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = "" if mark is None else f" in line {mark.line + 1}, column {mark.column + 1}"
        raise InputError(
            f"The study file {path} is not YAML{where} ({error.problem or error.context})."
        ) from error
    except yaml.YAMLError as error:
        raise InputError(f"The study file {path} is not YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(content, Mapping):
        raise InputError(
            f"The study file {path} holds no settings; it needs at least name, start, end and area."
        )
    if lines.twice:
        place, line = lines.twice[0]
        raise InputError(
            f"{path} cannot be used: line {line}: {'.'.join(map(str, place))} is given a second time, and "
            "only one of the two would count; keep one."
        )
    return dict(content), lines

"""Writes a study file that explains itself: what is set, and as comments whatever else could be."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel

from smgee.predictors import families
from smgee.study.model import Study
from smgee.study.reference import Setting, first_line, settings_of

WIDTH = 110
_INDENT = "  "


def write_draft(
    content: Mapping[str, Any],
    *,
    head: Sequence[str] = (),
    notes: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Return the text of a study file.

    A setting that is given stands as it is. Any other stands as a comment with its default, ``#key: value``:
    without the ``#`` it changes nothing. What begins with ``#`` and a blank is explanation.

    Parameters
    ----------
    content : mapping
        What is set, as plain values, sections as mappings.
    head : sequence of str
        What stands at the top, one paragraph each.
    notes : mapping of str to sequence of str, optional
        What stands above a setting, by its key, such as ``area.lon``; one paragraph each.
    """
    lines = [line for said in head for line in (*_prose(said, ""), "#")][:-1]
    lines += _section(Study, content, "", notes or {})
    return "\n".join(lines).lstrip("\n") + "\n"


def _section(
    model: type[BaseModel],
    content: Mapping[str, Any] | None,
    place: str,
    notes: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    """Yield the lines of a section; all of them are comments where it is not given."""
    indent = _INDENT * place.count(".")
    for setting in settings_of(model):
        dotted = place + setting.key
        given = content is not None and setting.key in content
        value = content[setting.key] if given and content is not None else setting.default
        if not place and (setting.section is not None or dotted == "name"):
            yield ""
        for said in notes.get(dotted, ()):
            yield from _prose(said, indent)
        if setting.key == "predictors" and not place:
            yield from _predictors(setting, value)
        elif setting.section is not None and isinstance(value, Mapping):
            yield from _prose(setting.description or first_line(setting.section), indent)
            yield f"{indent}{'' if given else '#'}{setting.key}:"
            yield from _section(setting.section, value if given else None, f"{dotted}.", notes)
        else:
            yield from _line(setting, value, indent + ("" if given else "#"), indent)


def _predictors(setting: Setting, value: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the list of families, and the names of those that are not in it."""
    yield from _prose(setting.description, "")
    yield "predictors:"
    for family in value:
        model = families()[family["kind"]]
        said = textwrap.shorten(first_line(model), WIDTH - 20 - len(family["kind"]), placeholder=" …")
        yield f"  - kind: {family['kind']}  # {said}"
        for key, given in family.items():
            if key != "kind":
                yield f"    {key}: {_value(given)}"
    listed = {family["kind"] for family in value}
    others = [kind for kind in families() if kind not in listed]
    if others:
        yield from _prose(f"Further families: {', '.join(others)}.", "  ")


def _line(setting: Setting, value: Any, start: str, indent: str) -> Iterator[str]:
    line = f"{start}{setting.key}: {_value(value)}"
    said = setting.description
    if said and len(line) + len(said) + 4 <= WIDTH:
        yield f"{line}  # {said}"
        return
    yield from _prose(said, indent)
    yield line


def _prose(said: str, indent: str) -> list[str]:
    return textwrap.wrap(
        said,
        WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def _value(value: Any) -> str:
    """Return a value as it stands behind a key."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...").strip()

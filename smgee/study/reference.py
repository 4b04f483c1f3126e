"""What can stand in a study file, told from its model: for the files that `smgee init` writes, for editors
(a JSON Schema), and for the reference page.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from smgee.predictors import Predictors, families
from smgee.study.model import Study

__all__ = ["Setting", "first_line", "json_schema", "section_of", "settings_of"]


REQUIRED = object()
"""Stands for the default of a setting that has none."""


@dataclass(frozen=True)
class Setting:
    """One key of a section.

    Attributes
    ----------
    key : str
        As it is written in the file.
    kind : str
        What can be given, in words.
    default : Any
        As plain values; `REQUIRED` where it has to be given.
    description : str
        What it means; empty where the key says all.
    section : type or None
        The model of the section that it holds.
    """

    key: str
    kind: str
    default: Any
    description: str
    section: type[BaseModel] | None

    @property
    def required(self) -> bool:
        """Whether a study has to give it."""
        return self.default is REQUIRED


def settings_of(model: type[BaseModel]) -> list[Setting]:
    """Return the settings of a section, in the order of its model."""
    told = _told_in_docstring(model)
    return [
        Setting(
            field.alias or name,
            _in_words(field.annotation, field.metadata),
            _plain(field),
            _sentence(field.description or told.get(name, "")),
            section_of(field.annotation),
        )
        for name, field in model.model_fields.items()
    ]


def first_line(model: type[BaseModel]) -> str:
    """Return what a section is, the first sentence of its docstring."""
    return (inspect.getdoc(model) or "").split("\n\n")[0].replace("\n", " ")


def section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model of the section that a field of this type holds, or of those that it lists."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return next((m for a in get_args(annotation) if (m := section_of(a)) is not None), None)
    if get_origin(annotation) is tuple and Ellipsis in get_args(annotation):  # a list of sections
        return section_of(get_args(annotation)[0])
    return None


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of study files, every setting described."""
    schema = Study.model_json_schema(by_alias=True)
    for name, model in _sections().items():
        part = schema if model is Study else schema["$defs"].get(name)
        if part is None:
            continue
        part["description"] = first_line(model)
        for setting in settings_of(model):
            entry = part.get("properties", {}).get(setting.key)
            if entry is not None and setting.description:
                entry["description"] = setting.description
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return head | schema | {"title": "A study of smgee"}


def _sections() -> Mapping[str, type[BaseModel]]:
    """Return the model of every section of a study, by the name of its class."""
    found: dict[str, type[BaseModel]] = {}

    def visit(model: type[BaseModel]) -> None:
        if model.__name__ in found or model is Predictors:
            return
        found[model.__name__] = model
        for setting in settings_of(model):
            if setting.section is not None:
                visit(setting.section)

    visit(Study)
    for family in families().values():
        visit(family)
    return found


def _sentence(text: str) -> str:
    """Return a description as a sentence, whether it was written as one or not."""
    text = " ".join(text.split())
    if re.match(r"[a-z]+[ ,:;(]", text):
        text = text[0].upper() + text[1:]
    return f"{text}." if text and text[-1] not in ".…" else text


def _plain(field: FieldInfo) -> Any:
    """Return a default as YAML would write it."""
    if field.is_required():
        return REQUIRED
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, BaseModel):
        return default.model_dump(mode="json")
    return list(default) if isinstance(default, tuple) else default


def _told_in_docstring(model: type[BaseModel]) -> dict[str, str]:
    """Return what the attributes in the NumPy docstrings of a section and its bases say of each field."""
    told: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base.__doc__:
            told |= _attributes_of(inspect.cleandoc(base.__doc__))
    return told


def _attributes_of(docstring: str) -> dict[str, str]:
    lines = docstring.splitlines()
    told: dict[str, list[str]] = {}
    names: list[str] = []
    inside = False
    for i, line in enumerate(lines):
        if i + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[i + 1]):
            inside, names = line.strip() == "Attributes", []
        elif inside and re.match(r"\w[\w, ]* : ", line):
            names = [n.strip() for n in line.split(" : ")[0].split(",")]
        elif inside and names and line.startswith(" "):
            for name in names:
                told.setdefault(name, []).append(line.strip())
    return {name: " ".join(text).replace("``", "`") for name, text in told.items()}


def _in_words(annotation: Any, metadata: list[Any] | None = None) -> str:
    """Return what a field takes, in words."""
    said = _type_in_words(annotation)
    limits = ", ".join(t for m in metadata or () for t in _limits(m))
    return f"{said}, {limits}" if limits else said


def _type_in_words(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _in_words(inner[0], list(inner[1:]))
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin in (Union, types.UnionType):
        return " or ".join(_type_in_words(a) for a in inner if a is not type(None))
    if origin is tuple:
        if Ellipsis in inner:
            return f"list of {_type_in_words(inner[0])}"
        return f"list of {len(inner)}: {_type_in_words(inner[0])}"
    if origin is dict:
        return f"mapping of text to {_type_in_words(inner[1])}"
    if section_of(annotation) is not None:
        return "list of families" if annotation is Predictors else "section"
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "date": "day"}
    name = getattr(annotation, "__name__", str(annotation))
    return names.get(name, name)


def _limits(constraint: Any) -> Iterator[str]:
    """Yield what a constraint of pydantic's demands, in words."""
    if getattr(constraint, "metadata", None):
        for part in constraint.metadata:
            yield from _limits(part)
    if isinstance(constraint, annotated_types.Ge):
        yield f"≥ {constraint.ge}"
    elif isinstance(constraint, annotated_types.Gt):
        yield f"> {constraint.gt}"
    elif isinstance(constraint, annotated_types.Le):
        yield f"≤ {constraint.le}"
    elif isinstance(constraint, annotated_types.Lt):
        yield f"< {constraint.lt}"

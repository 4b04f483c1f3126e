"""What is wrong with a study, in the words of its file."""

from __future__ import annotations

import re
import types
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from smgee.predictors import Predictors, families
from smgee.study.files import Lines

_WORDS = {
    "missing": "is missing",
    "string_type": "has to be text",
    "int_type": "has to be a whole number",
    "int_parsing": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "float_type": "has to be a number",
    "float_parsing": "has to be a number",
    "bool_type": "has to be true or false",
    "bool_parsing": "has to be true or false",
    "tuple_type": "has to be a list",
    "dict_type": "has to be a section of its own, with keys",
    "model_type": "has to be a section of its own, with keys",
    "greater_than": "has to be greater than {gt:g}",
    "greater_than_equal": "has to be at least {ge:g}",
    "less_than": "has to be less than {lt:g}",
    "less_than_equal": "has to be at most {le:g}",
    "date_type": "has to be a day, such as 2021-05-31",
    "date_parsing": "has to be a day, such as 2021-05-31",
    "date_from_datetime_parsing": "has to be a day, such as 2021-05-31",
    "no_such_day": "is no day of the calendar",
    "date_from_datetime_inexact": "has to be a day without a time, such as 2021-05-31",
    "finite_number": "has to be a finite number",
    "union_tag_not_found": "needs a kind: {allowed}",
}
"""Sentences by the type of fault, as pydantic calls it; {…} are what it tells of it."""

_SPELLINGS = {
    "name": "may hold letters, digits, _, . and -, and begins with a letter or digit",
    "smap.others.name": "may hold small letters, digits and _, and begins with a letter",
    "training.candidates": "has to be NAME=FAMILY:setting=number,…, such as shallow=xgboost:depth=2",
    "upscale.workers": "has to be threads, threads:4, processes:2, dask:local:2 or dask:tcp://HOST:PORT",
}
"""Sentences on texts that do not match the pattern of their setting."""


def faults(error: ValidationError, model: type[BaseModel], lines: Lines | None = None) -> list[str]:
    """Return every fault of a study: where, what, and what it could be.

    Parameters
    ----------
    error : ValidationError
        What pydantic found.
    model : type
        The study's model.
    lines : Lines, optional
        Of the file; faults then begin with the line, and come in the order of the file.
    """
    found = [(tuple(e["loc"]), _sentence(dict(e), model)) for e in error.errors()]
    if lines is not None:
        placed = sorted(((lines.line_of(loc), said) for loc, said in found), key=lambda item: item[0])
        return list(dict.fromkeys(f"line {line}: {said}" for line, said in placed))
    return list(dict.fromkeys(said for _, said in found))


def _sentence(fault: dict[str, Any], model: type[BaseModel]) -> str:
    loc, kind, received = fault["loc"], fault["type"], fault["input"]
    told = {**fault.get("ctx", {}), "allowed": ", ".join(families())}
    place = ".".join(str(part) for part in loc if not isinstance(part, int))
    if kind == "extra_forbidden":
        return f"{place} is not known{_nearest(str(loc[-1]), _keys(model, loc[:-1]))}"
    if kind == "union_tag_invalid":
        return f"{place}: the kind {told['tag']} is not known{_nearest(str(told['tag']), list(families()))}"
    if kind == "literal_error":
        allowed = told["expected"].replace("'", "").replace(" or ", ", ")
        return f"{place} cannot be {received!r:.80}{_nearest(str(received), allowed.split(', '))}"
    if kind == "too_short" and told["min_length"] == 1:
        return f"{place} is empty"
    if kind == "date_from_datetime_parsing" and re.fullmatch(r"\d{4}-\d\d-\d\d", str(received)):
        kind = "no_such_day"
    if kind == "missing" and isinstance(loc[-1], int):
        return f"{place} lacks its value number {loc[-1] + 1} (got {received!r:.80})"
    words = _SPELLINGS.get(place) if kind == "string_pattern_mismatch" else _WORDS.get(kind)
    if words is not None:
        got = "" if kind == "missing" or isinstance(received, dict) else f" (got {received!r:.80})"
        return f"{place} {words.format(**told)}{got}"
    # A section's own check says in its message what it received; its input is the section as a whole.
    said = fault["msg"].removeprefix("Value error, ").rstrip(".")
    got = "" if isinstance(received, dict | BaseModel) else f" (got {received!r:.80})"
    return (f"{place}: " if place else "") + said + got


def _nearest(word: str, known: Sequence[str]) -> str:
    """Return the name that was meant, or all that there are."""
    near = get_close_matches(word.casefold(), {k.casefold(): k for k in known}, n=1)
    if near:
        return f" (did you mean {next(k for k in known if k.casefold() == near[0])}?)"
    return f"; choose from {', '.join(known)}" if known else ""


def _keys(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """Return the keys of the section at a place of the study."""
    section: type[BaseModel] | None = model
    for part in loc:
        if section is Predictors:
            section = families().get(str(part), section)
        elif section is not None and not isinstance(part, int):
            fields = section.model_fields
            found = fields.get(str(part)) or next((f for f in fields.values() if f.alias == part), None)
            section = None if found is None else _model_in(found.annotation)
    if section is None:
        return []
    return [f.alias or name for name, f in section.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a field holds, if it holds one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return next((m for a in get_args(annotation) if (m := _model_in(a)) is not None), None)
    if get_origin(annotation) is tuple and Ellipsis in get_args(annotation):
        return _model_in(get_args(annotation)[0])
    return None

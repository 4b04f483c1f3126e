"""``String.*``, ``Blob`` text aside."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import re2

from smgee.eelocal.engine.registry import algorithm, algorithms
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.common import to_json, to_text
from smgee.eelocal.values.number import plain


@lru_cache(maxsize=512)
def compile_pattern(pattern: str, flags: str = "") -> Any:
    """Compile a regular expression of RE2, by RE2 itself: matching takes time in line with the text;
    `EEError` for an invalid expression, unknown flags, or what RE2 lacks (look-around, back-references).
    """
    for flag in flags:
        if flag not in "gi":
            raise EEError(f"Invalid regular expression flag '{flag}'; 'g' and 'i' are allowed.")
    options = re2.Options()
    options.case_sensitive = "i" not in flags
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        told = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise EEError(f"Invalid regular expression '{pattern}': {told}.") from error


@algorithm("String.compareTo")
def compare_to(string1: str, string2: str) -> int:
    """Compare by UTF-16 code units, as Java does."""
    a, b = (s.encode("utf-16-be") for s in (string1, string2))
    return (a > b) - (a < b)


@algorithm("String.decodeJSON")
def decode_json(string: str) -> Any:
    """Read JSON."""
    try:
        return json.loads(string, parse_float=lambda text: plain(float(text)))
    except ValueError as error:
        raise EEError(f"Invalid JSON: {error}.") from error


@algorithm("String.match")
def match(input: str, regex: str, flags: str) -> list[str]:
    """Return the first match with its groups, or with the flag g all matches."""
    pattern = compile_pattern(regex, flags)
    if "g" in flags:
        return [m[0] for m in pattern.finditer(input)]
    found = pattern.search(input)
    return [] if found is None else [found[0], *(g if g is not None else "" for g in found.groups())]


@algorithm("String.replace")
def replace(input: str, regex: str, replacement: str, flags: str) -> str:
    """Replace the first match, or with the flag g all; ``$1`` stands for a group."""

    def substitute(found: Any) -> str:
        return re.sub(
            r"\\(.)|\$(\d)",
            lambda m: m[1] if m[1] else (found[int(m[2])] or "") if int(m[2]) <= found.re.groups else m[0],
            replacement,
        )

    return compile_pattern(regex, flags).sub(substitute, input, count=0 if "g" in flags else 1)


@algorithm("String.slice")
def slice_string(string: str, start: int, end: int | None) -> str:
    """Return a part of the string; negative positions count from the end."""
    return string[start:end]


@algorithm("String.split")
def split(string: str, regex: str, flags: str) -> list[str]:
    """Split at matches; trailing empty parts are dropped, and an empty pattern gives the characters."""
    if regex == "":
        return list(string)
    parts, end = [], 0
    for found in compile_pattern(regex, flags).finditer(string):
        if found.end() == found.start():
            continue
        parts.append(string[end : found.start()])
        end = found.end()
    if not parts:
        return [string]
    parts.append(string[end:])
    while parts and parts[-1] == "":
        parts.pop()
    return parts


algorithms(
    {
        "String": lambda input: to_text(input),
        "String.cat": lambda string1, string2: string1 + string2,
        "String.encodeJSON": lambda object: to_json(object),
        "String.equals": lambda reference, target: isinstance(target, str) and target == reference,
        "String.index": lambda target, pattern: target.find(pattern),
        "String.rindex": lambda target, pattern: target.rfind(pattern),
        "String.length": lambda string: len(string.encode("utf-16-le")) // 2,
        "String.toLowerCase": lambda string: string.lower(),
        "String.toUpperCase": lambda string: string.upper(),
        "String.trim": lambda string: string.strip(),
    }
)

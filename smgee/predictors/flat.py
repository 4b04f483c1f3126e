"""Reads the predictors section of older study files, which was one mapping for all families."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

# Family, its option that lists names, and the key of the mapping that held them.
_LISTS = (
    ("reflectance", "bands", "bands"),
    ("indices", "names", "indices"),
    ("terrain", "names", "terrain"),
    ("calendar", "names", "calendar"),
)
_COMPOSITE = ("sensors", "mask", "window_days", "fill_days", "step_days")
_KEYS = (*(key for _, _, key in _LISTS), "dem", *_COMPOSITE)


def from_flat(section: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the families of a mapping such as ``{"indices": ["NDVI"], "window_days": 16}``.

    What the mapping does not name takes its default; an empty list leaves its family out.

    Raises
    ------
    ValueError
        For a key that the mapping never had.
    """
    for key in section:
        if key not in _KEYS:
            near = get_close_matches(str(key), _KEYS, n=1)
            meant = f" (did you mean {near[0]}?)" if near else f"; choose from {', '.join(_KEYS)}"
            raise ValueError(f"{key} is not known{meant}")
    composite = {key: section[key] for key in _COMPOSITE if key in section}
    found: list[dict[str, Any]] = []
    for kind, option, key in _LISTS:
        family: dict[str, Any] = {"kind": kind}
        if key in section:
            family[option] = section[key]
        if kind == "terrain" and "dem" in section:
            family["dem"] = section["dem"]
        if kind == "calendar":  # files of that spelling are older than the rule against it
            family["allow_alias"] = True
        if family.get(option) not in ([], ()):
            found.append(family)
    # The first family says how scenes are composited, and the others follow it.
    for family in found[:1] if found and found[0]["kind"] in ("reflectance", "indices") else []:
        family |= {"composite": composite} if composite else {}
    return found

"""The official algorithm signatures, as they ship inside the installed earthengine-api."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Argument:
    """One argument of an algorithm; `type` is the official name with type parameters cut (``List<Float>``
    stays whole in `full_type`).
    """

    name: str
    full_type: str
    optional: bool
    default: Any

    @property
    def type(self) -> str:
        """The outer type, e.g. ``Image``, ``List``."""
        return self.full_type.split("<", 1)[0] or "Object"

    @property
    def inner(self) -> str | None:
        """The type parameter, e.g. ``Float`` in ``List<Float>``; None without one."""
        return (
            self.full_type.split("<", 1)[1][:-1] if "<" in self.full_type and self.type != "Image" else None
        )


@dataclass(frozen=True)
class Signature:
    """The official signature of an algorithm."""

    name: str
    arguments: tuple[Argument, ...]
    returns: str
    hidden: bool


def client_file(name: str) -> Path:
    """Return a data file that the installed earthengine-api ships (``algorithms.json``, the discovery
    document).
    """
    spec = importlib.util.find_spec("ee")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "earthengine-api is not installed; install it with: pip install earthengine-api"
        )
    return Path(spec.origin).parent / "tests" / name


@lru_cache(maxsize=1)
def algorithms_json() -> dict[str, Any]:
    """Return the body of an ``algorithms.list`` answer."""
    with client_file("algorithms.json").open(encoding="utf-8") as file:
        return json.load(file)


@lru_cache(maxsize=1)
def signatures() -> Mapping[str, Signature]:
    """Return every official signature by wire name (``Image.add``)."""
    table = {}
    for entry in algorithms_json()["algorithms"]:
        name = entry["name"].removeprefix("algorithms/")
        arguments = tuple(
            Argument(a["argumentName"], a["type"], bool(a.get("optional")), a.get("defaultValue"))
            for a in entry.get("arguments", ())
        )
        table[name] = Signature(name, arguments, entry["returnType"], bool(entry.get("hidden")))
    return table

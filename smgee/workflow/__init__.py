"""Runs: the steps from stations to a validated SMAP product, on one run folder."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["STEPS", "RunFolder", "all_steps", "connected", "execute", "plan"]

_HOMES = {
    "STEPS": "registry",
    "RunFolder": "folder",
    "all_steps": "registry",
    "connected": "connection",
    "execute": "run",
    "plan": "step",
}


def __getattr__(name: str) -> Any:
    # loaded when first named: the list of steps is asked for by `smgee --help` alone
    if name in _HOMES:
        return getattr(import_module(f"smgee.workflow.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'smgee.workflow' has no attribute {name!r}")

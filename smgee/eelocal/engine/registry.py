"""From an algorithm's wire name to the code that computes it.

An implementation is a function whose keyword arguments are the official argument names (a trailing underscore
where the name is a Python keyword), already coerced to the official types and filled with the official
defaults. A first parameter called `context` receives the evaluation `Context`.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from smgee.eelocal.engine.coerce import coerce
from smgee.eelocal.engine.context import Context
from smgee.eelocal.engine.spec import signatures
from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.made import Made
from smgee.eelocal.values.size import MOST_CHARACTERS, MOST_ITEMS, MOST_NUMBERS, check_size


@dataclass(frozen=True)
class Implementation:
    """The code of an algorithm.

    Attributes
    ----------
    function : callable
        What computes it.
    wants_context : bool
        Whether its first parameter is the evaluation's `Context`.
    approximate : str or None
        In what way its answers are not the real service's to the last digit, where they are not.
    """

    function: Callable[..., Any]
    wants_context: bool
    approximate: str | None = None


_IMPLEMENTATIONS: dict[str, Implementation] = {}


def algorithm(
    *names: str, approximate: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the implementation of one or several official algorithms.

    Parameters
    ----------
    *names : str
        The official names.
    approximate : str, optional
        In what way it only stands in for the real one: a phrase for COVERAGE.md.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        wants_context = next(iter(inspect.signature(function).parameters), None) == "context"
        for name in names:
            if name not in signatures():
                raise LookupError(f"{name} is not an official Earth Engine algorithm")
            if name in _IMPLEMENTATIONS:
                raise LookupError(f"{name} is registered twice")
            _IMPLEMENTATIONS[name] = Implementation(function, wants_context, approximate)
        return function

    return register


def algorithms(functions: Mapping[str, Callable[..., Any]]) -> None:
    """Register functions by the official names: those that are one expression each."""
    for name, function in functions.items():
        algorithm(name)(function)


def implementations() -> Mapping[str, Implementation]:
    """Return every registered implementation by the official name of its algorithm; `RuntimeError` when
    nobody has imported `smgee.eelocal.ops`, whose modules register the algorithms.
    """
    if not _IMPLEMENTATIONS:
        raise RuntimeError("No algorithms are registered; import smgee.eelocal.ops first.")
    return _IMPLEMENTATIONS


def call(context: Context, name: str, arguments: Mapping[str, Any]) -> Any:
    """Apply an algorithm to evaluated arguments by name.

    Raises
    ------
    UnsupportedAlgorithmError
        For an official algorithm that is not implemented.
    EEError
        For an unknown algorithm, a missing or unknown argument, and whatever the algorithm refuses; its
        message begins with `name`.
    """
    signature = signatures().get(name)
    if signature is None:
        raise EEError(f"Unknown function '{name}'.")
    entry = implementations().get(name)
    if entry is None:
        raise UnsupportedAlgorithmError(name)
    known = {a.name for a in signature.arguments}
    for given in arguments:
        if given not in known:
            raise EEError(f"{name}: Unrecognized argument '{given}'.")
    try:
        ready: dict[str, Any] = {}
        for argument in signature.arguments:
            value = arguments.get(argument.name)
            if value is None:
                if not argument.optional:
                    raise EEError(f"Parameter '{argument.name}' is required and may not be null.")
                value = argument.default
            key = argument.name + "_" if keyword.iskeyword(argument.name) else argument.name
            ready[key] = None if value is None else coerce(value, argument.full_type, name=argument.name)
        result = entry.function(context, **ready) if entry.wants_context else entry.function(**ready)
    except EEError as error:
        raise error.prefixed(name) from error
    _check(result)
    if isinstance(result, Made) and not any(isinstance(a, Made) for a in arguments.values()):
        result.remember(name, arguments)
    if isinstance(result, Collection) and result.maker is None:
        result.maker = name  # its elements are made later, and may fail then
    return result


def _check(result: Any) -> None:
    """Refuse a value that has grown too large to go on with."""
    if isinstance(result, (list, dict)):
        check_size(len(result), MOST_ITEMS)
    elif isinstance(result, str):
        check_size(len(result), MOST_CHARACTERS)
    elif isinstance(result, Array):
        check_size(result.values.size, MOST_NUMBERS)

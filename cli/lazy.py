"""Commands that load when they are called: `smgee --help` imports none of what they work with."""

from __future__ import annotations

import contextlib
import inspect
import json
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Annotated, Any, ClassVar, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from smgee.errors import SmgeeError

__all__ = ["LazyGroup"]

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON on stdout, and all else on stderr.")
]


class LazyGroup(TyperGroup):
    """A group whose commands are given as ``name: (where, help)``.

    `where` is ``module:function``, ``module:app`` of a typer application, or ``module:make=ARGUMENT``, a
    function that makes the command's function.
    """

    commands_of: ClassVar[dict[str, tuple[str, str]]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in the order given."""
        return list(self.commands_of)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command that is loaded when it is called; its help is known before."""
        if cmd_name not in self.commands_of:
            return None
        where, said = self.commands_of[cmd_name]
        return _Lazy(cmd_name, where, said)


class _Lazy(TyperCommand):
    """The name and help of a command, which makes way for the command itself when it is called."""

    def __init__(self, name: str, where: str, said: str):
        super().__init__(name, help=said, short_help=said)
        self._where = where

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return _load(self.name or "", self._where).make_context(info_name, args, parent=parent, **extra)


def _load(name: str, where: str) -> Any:
    module, _, attribute = where.partition(":")
    attribute, _, argument = attribute.partition("=")
    found = getattr(import_module(module), attribute)
    if argument:
        found = found(argument)
    if isinstance(found, typer.Typer):
        for info in found.registered_commands:
            if info.callback is not None:
                info.callback = _reporting(info.callback, info.name or info.callback.__name__)
        group = typer.main.get_group(found)
        group.name = name
        return group
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command(name)(_reporting(found, name))
    return typer.main.get_command(app)


def _reporting(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Give a command's function the option ``--json``: what it returns is then printed, and nothing else
    on stdout.
    """
    if hasattr(function, "gives_json"):
        return function
    hints = get_type_hints(function, include_extras=True)
    own = [
        p.replace(annotation=hints.get(p.name, p.annotation), kind=inspect.Parameter.KEYWORD_ONLY)
        for p in inspect.signature(function).parameters.values()
    ]
    wanted = inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=JsonOption)

    @wraps(function)
    def call(*args: Any, json: bool = False, **kwargs: Any) -> Any:
        if not json:
            return function(*args, **kwargs)
        try:
            with contextlib.redirect_stdout(sys.stderr):
                result = function(*args, **kwargs)
        except SmgeeError as error:
            kind = type(error).__name__
            _print({"command": name, "ok": False, "error": kind, "message": str(error)})
            raise
        _print({"command": name, "ok": True, "result": result})
        return result

    told: Any = call
    told.__signature__ = inspect.Signature([*own, wanted])
    told.__annotations__ = {p.name: p.annotation for p in (*own, wanted)}
    told.gives_json = True
    del told.__wrapped__
    return told


def _print(content: dict[str, Any]) -> None:
    print(json.dumps(content, indent=1, ensure_ascii=False, default=str))

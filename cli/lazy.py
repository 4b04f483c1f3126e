"""Commands that load when they are called: `smgee --help` imports none of what they work with.

Each command is given the options that all share, examples below its help, and what comes next after it ran.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
import os
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Annotated, Any, ClassVar, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from smgee_cli.guide import epilog_of, next_step

_SHARED: dict[str, tuple[Any, Any]] = {
    "json": (
        Annotated[
            bool, typer.Option("--json", help="Print the result as JSON on stdout, and all else on stderr.")
        ],
        False,
    ),
    "verbose": (
        Annotated[int, typer.Option("--verbose", "-v", count=True, help="Say more; twice, most.")],
        0,
    ),
    "quiet": (
        Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only (and what --json prints).")],
        False,
    ),
}
"""Options that every command has: annotation and default."""


class LazyGroup(TyperGroup):
    """A group whose commands are given as ``name: (where, help)``.

    `where` is ``module:function``, ``module:app`` of a typer application, or ``module:make=ARGUMENT``, a
    function that makes the command's function.
    """

    commands_of: ClassVar[dict[str, tuple[str, str]]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in the order given."""
        return list(self.commands_of)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command by two words, such as ``smap ingest``, or by one."""
        both = " ".join(args[:2])
        if len(args) > 1 and both in self.commands_of:
            return both, self.get_command(ctx, both), args[2:]
        return super().resolve_command(ctx, args)

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
                command = info.name or info.callback.__name__
                info.callback = _reporting(info.callback, f"{name} {command}")
                info.epilog = epilog_of(f"{name} {command}")
        found.info.epilog = epilog_of(name)
        group = typer.main.get_group(found)
        group.name = name
        return group
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command(name, epilog=epilog_of(name))(_reporting(found, name))
    return typer.main.get_command(app)


def _reporting(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Give a command's function the options that all have.

    With ``--json`` what it returns is printed, and nothing else on stdout; with ``--quiet`` nothing is said
    on the way. Otherwise the command ends with what comes next.
    """
    if hasattr(function, "gives_json"):
        return function
    hints = get_type_hints(function, include_extras=True)
    own = [
        p.replace(annotation=hints.get(p.name, p.annotation), kind=inspect.Parameter.KEYWORD_ONLY)
        for p in inspect.signature(function).parameters.values()
    ]
    shared = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for key, (annotation, default) in _SHARED.items()
    ]

    @wraps(function)
    def call(*args: Any, json: bool = False, verbose: int = 0, quiet: bool = False, **kwargs: Any) -> Any:
        say_more(verbose)
        with contextlib.ExitStack() as stack:
            if quiet:
                nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
                stack.enter_context(contextlib.redirect_stdout(nowhere))
            elif json:
                stack.enter_context(contextlib.redirect_stdout(sys.stderr))
            result = function(*args, **kwargs)
        following = next_step(name, kwargs | (result if isinstance(result, dict) else {}))
        if json:
            print_json({"command": name, "ok": True, "result": result, "next": following})
        elif following and not quiet:
            print(f"\nNext: {following}")
        return result

    told: Any = call
    # typer would keep the line breaks of the docstring, wherever the terminal breaks lines
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    told.__doc__ = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    told.__signature__ = inspect.Signature([*own, *shared])
    told.__annotations__ = {p.name: p.annotation for p in (*own, *shared)}
    told.gives_json = True
    del told.__wrapped__
    return told


def say_more(times: int) -> None:
    """Let smgee tell what it does: once, what happens; twice, every detail."""
    if times:
        logging.getLogger("smgee").setLevel(logging.INFO if times == 1 else logging.DEBUG)


def print_json(content: dict[str, Any]) -> None:
    """Print one object on stdout."""
    print(json.dumps(content, indent=1, ensure_ascii=False, default=str))

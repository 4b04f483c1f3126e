"""The `smgee` command: one typer application, one file per command."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import sys
import traceback
from typing import Any, NoReturn

import typer

from smgee.errors import InputError, SmgeeError
from smgee.workflow.registry import STEPS, command_of
from smgee_cli.codes import EXIT_CODES, INTERRUPTED, UNEXPECTED, UNREADABLE, codes_text
from smgee_cli.guide import GUIDES
from smgee_cli.lazy import LazyGroup, print_json, say_more
from smgee_cli.serving import leave

_USAGE: Any = typer.BadParameter.__mro__[1]
"""What the command line's parser raises: typer exports this one kind of it."""

# name → (where it is, one line of help); whatever a command works with is imported when it is called
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("smgee_cli.demo:demo", "Run everything on the synthetic basin: no account, no downloads."),
    "init": ("smgee_cli.init:init", "Begin a study from a place and your stations, or check one."),
    "run": ("smgee_cli.run:run", "Run a study from stations to the report; finished steps are kept."),
    "plan": ("smgee_cli.plan:plan", "Say what the maps cost by each route, before anything is spent."),
    "status": ("smgee_cli.status:status", "Say of each step whether it would run, and why."),
    **{
        command_of(step): (f"smgee_cli.steps:command_for={step}", title)
        for step, title in STEPS.items()
        if step not in ("stations", "train")
    },
    "map": ("smgee_cli.map:map_one", "Map one day with a trained model; by default by both routes."),
    "parity": (
        "smgee_cli.parity:parity",
        "Compare library, kernel, tree text and the classifier on Earth Engine.",
    ),
    "endmembers": (
        "smgee_cli.endmembers:endmembers",
        "Find the purest spectra of a study's scenes, to unmix the others into.",
    ),
    "view": ("smgee_cli.view:view", "Look at a finished run: maps by day, stations, cells, series."),
    "files": (
        "smgee_cli.files:files",
        "Write the daily maps of a run as one NetCDF file, or as GeoTIFFs.",
    ),
    "stac": ("smgee_cli.stac:stac", "Describe a finished run as a STAC collection and item."),
    "edges": ("smgee_cli.edges:edges", "Fit the edges of the index OPTRAM to the samples of a run."),
    "catalog": ("smgee_cli.catalog:app", "Register your own files under Earth Engine ids."),
    "verify": ("smgee_cli.verify:verify", "Recheck published assets against their cards."),
    "experiment": (
        "smgee_cli.experiment:experiment",
        "Try networks on the synthetic basin, whose truth is known: a power curve.",
    ),
    "serve": ("smgee_cli.serve:serve", "Serve the embedded Earth Engine to other processes."),
    "doctor": ("smgee_cli.doctor:doctor", "Check the installation and the backends."),
}
_INGEST = ("smgee_cli.smap_ingest:ingest", "Make Earth Engine assets of SMAP files (SPL3SMP, SPL3SMP_E).")
COMMANDS = {  # the steps with commands of their own stand where they belong
    name: found
    for key, entry in COMMANDS.items()
    for name, found in (
        *((("stations", ("smgee_cli.stations:stations", STEPS["stations"])),) if key == "sample" else ()),
        *((("train", ("smgee_cli.train:train", STEPS["train"])),) if key == "explain" else ()),
        (key, entry),
        *((("smap ingest", _INGEST),) if key == "smap" else ()),
    )
}


class _Smgee(LazyGroup):
    commands_of = COMMANDS


app = typer.Typer(
    name="smgee",
    cls=_Smgee,
    help="Soil moisture at 30 m from stations, HLS and Google Earth Engine, and the validation of SMAP with "
    "it.",
    epilog="Begin with `smgee demo`, or with `smgee init` on your own stations; `smgee COMMAND --help` has "
    "examples. `smgee --install-completion` lets the shell complete commands and options.\n\n" + codes_text(),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _common(
    verbose: int = typer.Option(0, "--verbose", "-v", count=True, help="Say more; twice, most."),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    say_more(max(verbose, int(debug)))
    os.environ["SMGEE_DEBUG"] = "1" if debug else ""


def _few_arenas() -> None:
    """Let all threads share a few heaps.

    The GNU allocator gives each thread one of its own, eight for each processor, and what is freed in one
    serves no other thread: rasters that come and go in many threads made a run hold 6 GB where 2.5 GB are in
    use.
    """
    arena_max = -8  # M_ARENA_MAX of malloc.h
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(arena_max, max(2, os.cpu_count() or 2))


def main() -> None:
    """Run the command line; a failure is one sentence on stderr and its exit code, with ``--json`` on stdout
    too, as one object.
    """
    _few_arenas()
    try:
        ended = app(standalone_mode=False)  # the code of an exit, or what the command returned
    except Exception as error:
        _stop(error)
    if ended == INTERRUPTED:  # typer turns Ctrl-C into an exit without a word
        said = "interrupted; run the same command again to go on."
        _print_failure("Interrupted", said, INTERRUPTED)
        print(f"smgee: {said}", file=sys.stderr)
    leave(ended if isinstance(ended, int) else 0)


def _stop(error: Exception) -> NoReturn:
    said, code = _told(error)
    _print_failure(type(error).__name__, said, code)
    if os.environ.get("SMGEE_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, _USAGE):
        from typer.rich_utils import rich_format_error

        rich_format_error(error)
    else:
        print(f"smgee: {said}", file=sys.stderr)
    sys.exit(code)


def _told(error: Any) -> tuple[str, int]:
    """What an error is in a sentence, and its exit code."""
    if isinstance(error, SmgeeError):
        return str(error), error.exit_code
    if isinstance(error, _USAGE):
        return error.format_message(), error.exit_code
    if isinstance(error, typer.Abort):
        said = "a question was left without an answer, and nothing was written; options answer questions too."
        return said, InputError.exit_code
    if isinstance(error, OSError):
        where = f"{error.filename} " if error.filename else ""
        return (
            f"{where}cannot be read or written ({error.strerror or error}); check the path, its permissions "
            "and the space left."
        ), UNREADABLE
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    return (
        f"an error that should not happen ({said:.300}); please report it with what `smgee --debug …` says."
    ), UNEXPECTED


def _print_failure(error: str, said: str, code: int) -> None:
    if "--json" in sys.argv:
        words = [word for word in sys.argv[1:] if not word.startswith("-")]
        named = next((n for n in (" ".join(words[:2]), *words[:1]) if n in GUIDES), None)
        print_json(
            {
                "command": named,
                "ok": False,
                "error": error,
                "kind": EXIT_CODES[code],
                "exit_code": code,
                "message": said,
            }
        )

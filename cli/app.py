"""The `smgee` command: one typer application, one file per command."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import sys

import typer

from smgee.errors import SmgeeError
from smgee_cli import catalog, demo, doctor, explain, map, parity, run, serve, stations, steps, train

app = typer.Typer(
    name="smgee",
    help="Soil moisture at 30 m from stations, HLS and Google Earth Engine, and the validation of SMAP with "
    "it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(demo.demo)
app.command("run")(run.run)
app.command()(stations.stations)
app.command()(steps.sample)
app.command()(train.train)
app.command()(explain.explain)
app.command()(steps.predict)
app.command()(steps.validate)
app.command()(steps.report)
app.command()(steps.publish)
app.command("map")(map.map_one)
app.command()(parity.parity)
app.add_typer(catalog.app, name="catalog")
app.command()(serve.serve)
app.command()(doctor.doctor)

UNREADABLE, UNEXPECTED = 74, 70  # as in sysexits.h
INTERRUPTED = 130  # exit code of a command stopped by Ctrl-C: 128 + SIGINT


@app.callback()
def _common(
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Say more about what happens."),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose or debug else logging.ERROR,
        format="%(levelname)s %(name)s: %(message)s",
    )
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
    """Run the command line; an error of smgee's is one sentence on stderr and its exit code."""
    _few_arenas()
    try:
        app()
    except SmgeeError as error:
        if os.environ.get("SMGEE_DEBUG"):
            raise
        print(f"smgee: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        if os.environ.get("SMGEE_DEBUG"):
            raise
        where = f"{error.filename} " if error.filename else ""
        print(
            f"smgee: {where}cannot be read or written ({error.strerror or error}); check the path, its "
            "permissions and the space left.",
            file=sys.stderr,
        )
        sys.exit(UNREADABLE)
    except Exception as error:
        if os.environ.get("SMGEE_DEBUG"):
            raise
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        print(
            f"smgee: an error that should not happen ({said:.300}); please report it with what `smgee "
            "--debug …` says.",
            file=sys.stderr,
        )
        sys.exit(UNEXPECTED)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # typer turns Ctrl-C into an exit without a word
            print("smgee: interrupted; run the same command again to go on.", file=sys.stderr)
        raise

"""Exit codes of the command line, in one place; they do not change."""

from __future__ import annotations

from smgee import errors

UNEXPECTED, UNREADABLE = 70, 74  # as in sysexits.h
INTERRUPTED = 130  # stopped by Ctrl-C: 128 + SIGINT

EXIT_CODES: dict[int, str] = {
    0: "done",
    errors.SmgeeError.exit_code: "something checked does not hold",
    errors.InputError.exit_code: "an argument, a setting or a file cannot be used as it is",
    errors.MissingDataError.exit_code: "there is nothing to work on, or a step before is missing",
    errors.UnsupportedError.exit_code: "smgee does not do this",
    errors.ParityError.exit_code: "two ways to the same numbers disagree",
    errors.RemoteError.exit_code: "Earth Engine refused, or kept failing",
    UNEXPECTED: "an error of smgee's own",
    UNREADABLE: "a file cannot be read or written",
    INTERRUPTED: "interrupted",
}


def codes_text() -> str:
    """Return the codes in one sentence."""
    return "Exit codes: " + ", ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) + "."

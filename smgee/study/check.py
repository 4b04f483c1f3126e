"""What is wrong with a study file, all at once, before anything is computed."""

from __future__ import annotations

from pathlib import Path

from smgee.errors import InputError
from smgee.study.files import read_yaml
from smgee.study.model import Study

_REMEDIES = {"backend.catalog": "make it with `smgee catalog add ID FILES --catalog FOLDER`"}


def check_file(path: str | Path) -> tuple[Study | None, list[str]]:
    """Return the study of a file, if it can be read, and every fault that can be told from the file alone.

    Parameters
    ----------
    path : path-like
        The study file.

    Returns
    -------
    Study or None
        None where the settings do not make a study.
    list of str
        Each with its line, and the setting that was probably meant; files that the study names and that are
        not there count too.
    """
    try:
        content, lines = read_yaml(path)
    except InputError as error:
        return None, [str(error).rstrip(".")]
    study, found = Study.tried(content, folder=Path(path).parent, lines=lines)
    if study is None:
        return None, found
    for key, file in study.files.items():
        if not file.exists():
            line, remedy = lines.line_of(tuple(key.split("."))), _REMEDIES.get(key, "give the path of yours")
            found.append(f"line {line}: {key}: {file} does not exist; {remedy}")
    return study, found

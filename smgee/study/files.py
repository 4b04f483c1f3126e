"""Reads the YAML of a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from smgee.errors import InputError

__all__ = ["read_yaml"]


class _Loader(yaml.SafeLoader):
    """Leaves dates as they are written: YAML's own reading of them fails without saying where."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Return what a study file holds, dates as text.

    Raises
    ------
    InputError
        When the file is missing, is no text, no YAML, or holds no settings.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            content = yaml.load(file, _Loader)
    except OSError as error:
        raise InputError(
            f"The study file {path} cannot be read ({error.strerror}); give the path of a YAML file."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"The study file {path} is not text; give the path of a YAML file.") from error
    except yaml.YAMLError as error:
        raise InputError(f"The study file {path} is not YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(content, dict):
        raise InputError(
            f"The study file {path} holds no settings; it needs at least name, start, end and area."
        )
    return content

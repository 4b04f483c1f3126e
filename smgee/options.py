"""What every section of a study file is made of."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationInfo

__all__ = ["Options", "from_study_file"]


class Options(BaseModel):
    """A section of a study file: unknown keys are refused, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def from_study_file(value: str, info: ValidationInfo) -> str:
    """Return a path that a study file gives, which is relative to that file, as seen from anywhere.

    For validators of fields that hold a path. The context of the validation says where the file lies
    (``folder``), and is told which fields were relative (``relative``, a set of names).
    """
    path = Path(value).expanduser()
    if info.context is None or path.is_absolute():
        return str(path)
    info.context["relative"].add(info.field_name)
    return os.path.abspath(Path(info.context["folder"]) / path)

"""What every section of a study file is made of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator


class Options(BaseModel):
    """A section of a study file: unknown keys are refused, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_answer_for_a_number(cls, given: Any) -> Any:
        """Refuse yes and no where numbers are wanted, which pydantic takes for 1 and 0."""
        for key, value in given.items() if isinstance(given, dict) else ():
            if isinstance(value, bool) and key in cls.model_fields:
                wanted = _kinds(cls.model_fields[key].annotation)
                if bool not in wanted and wanted & {int, float}:
                    raise ValueError(f"{key} has to be a number (got {value})")
        return given


def _kinds(annotation: Any) -> set[Any]:
    """Return what a field may hold, out of the unions that it is made of."""
    inner = get_args(annotation)
    return {annotation}.union(*map(_kinds, inner)) if inner else {annotation}


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

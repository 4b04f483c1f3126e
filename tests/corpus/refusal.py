"""What every refusal of the corpus has to be."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smgee.errors import SmgeeError

Attempt = Callable[[Path], Any]
"""Makes a broken input in an empty folder, and hands it to smgee."""


def refused(attempt: Attempt, said: str, folder: Path, *, error: type[Exception] = SmgeeError) -> None:
    """Assert that an attempt ends in one plain sentence that holds some words."""
    with pytest.raises(error) as caught:
        attempt(folder)
    sentence = str(caught.value)
    assert said in sentence, sentence
    assert "\n" not in sentence, "one line"
    assert re.search(r"\bat 0x[0-9a-f]{6,}", sentence) is None, "no addresses of objects"
    assert len(sentence) < 700, "a sentence, not a page"
    if issubclass(error, SmgeeError):
        assert sentence.endswith("."), sentence

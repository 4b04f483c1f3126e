"""Fixtures that every part of the suite may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Examples are bounded by their number; how long one takes says nothing on a shared machine.
settings.register_profile("smgee", deadline=None)
settings.load_profile("smgee")


@pytest.fixture(scope="session", autouse=True)
def own_store(tmp_path_factory) -> Iterator[None]:
    """Keep what tests publish out of the user's own assets, and what lies there out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMGEE_STORE", str(tmp_path_factory.mktemp("assets")))
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data, `SMGEE_REAL_DATA` or ``../shared/data`` beside the checkout; skips where it
    is absent.
    """
    folder = Path(
        os.environ.get("SMGEE_REAL_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data"
    )
    if not folder.is_dir():
        pytest.skip(
            "the folder of real data is not beside this checkout; set SMGEE_REAL_DATA to run this test"
        )
    return folder

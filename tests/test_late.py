"""Packages that load when they are first used."""

from __future__ import annotations

import json
import subprocess
import sys

import ee
import pytest

from smgee import late


def test_what_is_read_is_that_of_the_module() -> None:
    assert late.ee.Image is ee.Image
    with pytest.raises(AttributeError, match="no_such_name"):
        late.ee.no_such_name  # noqa: B018


def test_nothing_is_set_beside_the_module() -> None:
    """Who replaces a function of the client must reach the client, not what stands for it."""
    with pytest.raises(AttributeError):
        late.ee.Authenticate = None


def test_nothing_is_loaded_before_it_is_used() -> None:
    code = "import json, sys; from smgee.late import ee, pd, xr; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert "smgee.late" in loaded
    assert not {"ee", "pandas", "xarray"} & set(loaded)

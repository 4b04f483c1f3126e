"""An embedded Earth Engine without assets, behind the official client."""

from __future__ import annotations

from collections.abc import Iterator

import ee
import pytest

import smgee
from smgee.eelocal import ops  # noqa: F401  registers the algorithms
from smgee.session import Session


@pytest.fixture(scope="module")
def embedded() -> Iterator[Session]:
    with smgee.connect(sources=[]) as session:
        ee.data.setMaxRetries(0)
        yield session

"""One small basin for all tests of the twin."""

from __future__ import annotations

import pytest

from smgee.twin import Basin, TwinSource


@pytest.fixture(scope="session")
def basin(tmp_path_factory: pytest.TempPathFactory) -> Basin:
    return Basin(seed=0, year=2021, cache=tmp_path_factory.mktemp("twin"), extent="M09")


@pytest.fixture(scope="session")
def source(basin: Basin) -> TwinSource:
    return TwinSource(basin)

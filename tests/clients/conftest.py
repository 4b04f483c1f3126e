"""A session on the scenes for each module of clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import ee
import numpy as np
import pytest

import smgee
from smgee.session import Session
from tests.clients.scenes import add_scenes, make_scenes


@pytest.fixture(scope="session")
def scenes() -> dict[str, np.ndarray]:
    return make_scenes()


@pytest.fixture(scope="module")
def session(scenes: Mapping[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("clients")
    with smgee.connect(catalog=add_scenes(folder, scenes), store=folder / "store") as connected:
        ee.data.setMaxRetries(0)
        yield connected

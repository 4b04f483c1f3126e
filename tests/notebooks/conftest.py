"""The executed notebooks, each run once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notebooks.kernel import NOTEBOOKS, Run, run_notebook


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with run_notebook(NOTEBOOKS / "01_quickstart.ipynb", tmp_path_factory.mktemp("quickstart")) as run:
        yield run


@pytest.fixture(scope="session")
def own_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with run_notebook(NOTEBOOKS / "02_own_files.ipynb", tmp_path_factory.mktemp("own_files")) as run:
        yield run

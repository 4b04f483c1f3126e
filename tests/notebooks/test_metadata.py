"""Notebooks are kept clean: nothing in them but what somebody wrote."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from tests.notebooks.kernel import NOTEBOOKS
from tests.notebooks.test_tour import TOUR

ALL = sorted(NOTEBOOKS.glob("*.ipynb"))


def test_every_notebook_is_known() -> None:
    assert [p.stem for p in ALL] == ["01_quickstart", "02_own_files", *TOUR], (
        "a new notebook needs a test that runs it"
    )


@pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
def test_clean(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    nbformat.validate(content)
    assert content["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    names = [cell["id"] for cell in content["cells"]]
    assert len(set(names)) == len(names)
    for cell in content["cells"]:
        assert cell["metadata"] == {}
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cell["id"]), (
            "ids are words, so that a difference can be read"
        )
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
    assert re.search(r"synthetic|invented", "".join(content["cells"][0]["source"])), (
        "the first cell says that the data are not real"
    )

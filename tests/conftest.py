"""Fixtures that every part of the suite may use, and the order of its modules on several workers."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Examples are bounded by their number; how long one takes says nothing on a shared machine. Every run tries
# the same ones; `--hypothesis-profile search` tries others. No example changes what fixtures hold.
LENIENT = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("search", deadline=None, suppress_health_check=LENIENT)
settings.register_profile("smgee", settings.get_profile("search"), derandomize=True)
settings.load_profile("smgee")

LONG = (
    "tests/workflow/test_run",
    "tests/workflow/test_anomaly",
    "tests/notebooks/test_tour",
    "tests/twin/",
    "tests/models/test_run",
    "tests/test_faults",
    "tests/models/test_training",
    "tests/upscale/test_layers",
    "tests/upscale/test_routes",
    "tests/workflow/test_kills",
    "tests/models/test_state",
    "tests/workflow/test_renames",
    "tests/experiment/",
    "tests/test_docs",
)
"""How the longest parts begin. What begins alike is one part: it stands on a fixture that takes long, which
one worker makes for all of it.
"""


def part_of(nodeid: str) -> str:
    """Return the part of the suite that a test belongs to: a long one, or its module."""
    return next((name for name in LONG if nodeid.startswith(name)), nodeid.split("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give workers one part after the other, in the order of the collection."""
    from xdist.scheduler import LoadScopeScheduling

    class Parts(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return part_of(nodeid)

    config.option.loadscopereorder = False
    return Parts(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest, lest a worker be alone with it at the end."""
    if hasattr(config, "workerinput"):
        order = {name: rank for rank, name in enumerate(LONG)}
        items.sort(key=lambda item: order.get(part_of(item.nodeid), len(LONG)))


def pytest_collection_finish() -> None:
    """Leave modules and collected tests, which stay to the end, out of every later search for garbage: each
    step of a run searches, and would look through all of them.
    """
    gc.collect()
    gc.freeze()


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

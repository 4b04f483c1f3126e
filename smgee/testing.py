"""An Earth Engine for the tests of any project: pytest fixtures, without an account and without a network.

Switch it on with ``pytest_plugins = ["smgee.testing"]`` in the top ``conftest.py``, or with ``-p
smgee.testing``. A test that asks for the fixture `earth_engine` runs on an embedded Earth Engine of its own,
with an empty asset folder; the official client, and whatever is built on it (geemap, xee, geedim, ...), is
connected already::

    def test_elevation(earth_engine):
        image = ee.Image("USGS/SRTMGL1_003")
        assert my_project.mean_height(image) > 0

Code under test may call ``ee.Authenticate()`` and ``ee.Initialize(...)`` as it does in production: while the
test lasts both leave the connection as it is. What the embedded Earth Engine does not know it refuses by
name, it never makes up an answer; see docs/fidelity.md.

What is served is the synthetic basin near 100° E, 37.5° N (`smgee.twin`) under the official ids of HLS, SRTM,
SMAP and others. Tests that need files of their own give them::

    @pytest.mark.earth_engine(files={"USGS/SRTMGL1_003": ["tests/data/dem.tif"]})
    def test_on_my_dem(earth_engine): ...

    @pytest.mark.earth_engine(collections={"COPERNICUS/S2_SR_HARMONIZED": ["tests/data/s2_20210715.tif"]})
    def test_on_my_scenes(earth_engine): ...

and tests of how a project copes with a service that fails ask for faults::

    @pytest.mark.earth_engine(faults=0.3)
    def test_it_tries_again(earth_engine): ...
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smgee.eelocal.assets.catalog import AddOptions, add_files
from smgee.errors import InputError
from smgee.session import Session, connect, fault_plan

__all__ = ["earth_engine", "earth_engine_url"]

_OPTIONS = ("files", "collections", "catalog", "faults", "seed", "project", "buckets", "drive")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers",
        f"earth_engine({', '.join(_OPTIONS)}): how the embedded Earth Engine of a test is set up "
        "(see smgee.testing)",
    )


@pytest.fixture
def earth_engine(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    """An embedded Earth Engine for one test; the client ``ee`` is connected to it.

    The marker ``earth_engine`` sets it up: ``files``, a mapping of asset ids to raster files that are served
    under these ids, as ``smgee catalog add`` would; ``collections``, the same for ids that are image
    collections whatever their files are called: an image for each day in the files' names; ``catalog``, a
    folder made by ``smgee catalog add``; ``faults``, the share of requests
    that fail, and its ``seed``; ``project``, the Cloud project's name; ``buckets`` and ``drive``, local
    folders that stand for Cloud Storage and Google Drive.

    Yields
    ------
    smgee.session.Session
        ``asset_root`` is where the test may write assets, ``url`` answers over loopback HTTP after
        ``serve()``.

    Raises
    ------
    smgee.errors.InputError
        For options that the marker does not know.
    """
    given = _options(request.node)
    catalog = given.get("catalog")
    for option, how in (("files", AddOptions()), ("collections", AddOptions(kind="collection"))):
        for asset, files in given.get(option, {}).items():
            catalog = tmp_path / "earth_engine_catalog" if catalog is None else catalog
            add_files(Path(catalog), asset, [Path(file) for file in files], how)
    share = given.get("faults")
    session = connect(
        project=given.get("project"),
        catalog=catalog,
        store=tmp_path / "earth_engine_assets",
        buckets=given.get("buckets"),
        drive=given.get("drive"),
        faults=fault_plan(share, seed=given.get("seed", 0)) if share else None,
    )
    for name in ("Initialize", "Authenticate"):  # of the client itself, which `smgee.late` stands for
        monkeypatch.setattr(f"ee.{name}", lambda *_args, **_options: None)
    try:
        yield session
    finally:
        session.close()


@pytest.fixture
def earth_engine_url(earth_engine: Session) -> str:
    """The loopback URL of the test's Earth Engine, for clients in other processes and languages."""
    return earth_engine.serve()


def _options(node: Any) -> dict[str, Any]:
    """What the markers of a test say, the nearest one last."""
    given: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers("earth_engine"))):
        unknown = [*marker.args, *(key for key in marker.kwargs if key not in _OPTIONS)]
        if unknown:
            raise InputError(
                f"The marker earth_engine was given {unknown[0]!r}; it takes {', '.join(_OPTIONS)}, by name."
            )
        given |= marker.kwargs
    return given

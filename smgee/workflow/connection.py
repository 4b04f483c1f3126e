"""The session of a run."""

from __future__ import annotations

from pathlib import Path

from smgee.session import Session, connect
from smgee.twin import Basin, TwinSource
from smgee.workflow.folder import RunFolder

EMBEDDED_BUCKET = "smgee-embedded"


def embedded_buckets(run: RunFolder) -> dict[str, Path]:
    """Return the folder that stands for Cloud Storage when a run is published on the embedded backend."""
    return {EMBEDDED_BUCKET: run / "bucket"}


def connected(run: RunFolder) -> Session:
    """Connect to the backend of a run's study; the session is a context manager."""
    backend = run.study.backend
    if backend.kind == "earthengine":
        return connect("earthengine", project=backend.project)
    sources = None
    if backend.catalog is None:
        years = run.study.years
        sources = [TwinSource(Basin(year=years[0]), years=years)]
    return connect(
        project=backend.project,
        catalog=backend.catalog,
        sources=sources,
        buckets=embedded_buckets(run),
        drive=run / "drive",
    )

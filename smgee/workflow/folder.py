"""The run folder: where every step reads and writes, and its manifest."""

from __future__ import annotations

import hashlib
import json
import platform
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from smgee.errors import InputError, MissingDataError
from smgee.io import atomic_path
from smgee.study import Study

__all__ = ["RunFolder"]

_PACKAGES = (
    "smgee",
    "earthengine-api",
    "xee",
    "geemap",
    "xgboost",
    "catboost",
    "scikit-learn",
    "shap",
    "numpy",
    "numba",
    "xarray",
    "pytesmo",
)


class RunFolder:
    """One run on disk.

    Parameters
    ----------
    path : path-like
        The folder; created when a study is given.
    study : Study, optional
        The study of a new run, or of one to go on with. A finished step is done again when the study it was made with differs.
    """

    def __init__(self, path: str | Path, study: Study | None = None):
        self.path = Path(path)
        if study is None:
            if not (self.path / "study.yml").is_file():
                raise InputError(
                    f"{self.path} is not a run folder: it holds no study.yml; make one with `smgee run STUDY --out {self.path}`."
                )
            study = Study.from_yaml(self.path / "study.yml")
        else:
            if self.path.exists() and not self.path.is_dir():
                raise InputError(f"{self.path} is a file; give a folder for the run.")
            study.to_yaml(self.path / "study.yml")
        self.study = study
        self.manifest: dict[str, Any] = self._read_manifest()

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def _read_manifest(self) -> dict[str, Any]:
        file = self.path / "manifest.json"
        if not file.is_file():
            return {"steps": {}}
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"The manifest {file} is corrupt ({error}); delete it to run every step again.") from error
        content.setdefault("steps", {})
        return content

    def save(self, **entries: Any) -> None:
        """Add entries to the manifest and write it."""
        self.manifest.update(entries)
        self.manifest["versions"] = _versions()
        with atomic_path(self.path / "manifest.json") as scratch:
            scratch.write_text(json.dumps(self.manifest, indent=2, sort_keys=True, default=str) + "\n", encoding="utf-8")

    def need(self, name: str, step: str) -> Path:
        """Return the path of a file an earlier step makes; say which step when it is not there."""
        path = self.path / name
        if not path.exists():
            raise MissingDataError(f"{path} is not there yet; run `smgee {step} --run {self.path}` first.")
        return path

    def is_done(self, step: str, identity: str) -> bool:
        """Whether a step finished with these very inputs, and its files are still there."""
        entry = self.manifest["steps"].get(step)
        return bool(entry) and entry.get("identity") == identity and all((self.path / f).exists() for f in entry.get("files", ()))

    @contextmanager
    def step(self, name: str, identity: str, files: list[str]) -> Iterator[dict[str, Any]]:
        """Time a step, and enter it in the manifest when it succeeds; the yielded dict takes facts to record."""
        began, start = time.perf_counter(), datetime.now(UTC)
        facts: dict[str, Any] = {}
        yield facts
        self.manifest["steps"][name] = {
            "identity": identity,
            "files": files,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "started": start.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - began, 2),
            "peak_memory_mb": peak_memory_mb(),
            **facts,
        }
        self.save()


def peak_memory_mb() -> int:
    """Return the greatest resident memory of this process so far, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if platform.system() == "Darwin" else 1024))


def identity_of(*parts: Any) -> str:
    """Return a short hash of JSON-like values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found

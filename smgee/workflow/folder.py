"""The run folder: where every step reads and writes, its study and its manifest."""

from __future__ import annotations

import fcntl
import json
import platform
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from smgee.errors import InputError
from smgee.io import sweep, write_json
from smgee.study import Study
from smgee.workflow.fingerprints import Fingerprints
from smgee.workflow.registry import command_of

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
        The folder; made by `writing`.
    study : Study, optional
        The study of a new run, or of one to go on with; by default the one in the folder, if there is one:
        ``smgee stations FILE`` and ``smgee train --table`` make folders without.
    force : bool
        Take over the folder of another study.

    Raises
    ------
    InputError
        When the folder holds the run of another study, or nothing of a run.
    """

    def __init__(self, path: str | Path, study: Study | None = None, *, force: bool = False):
        self.path = Path(path)
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path} is a file; give a folder for the run.")
        if study is None and not self.path.is_dir():
            raise InputError(
                f"{self.path} is not a run folder; make one with `smgee run STUDY --out {self.path}`."
            )
        own = self.path / "study.yml"
        there = Study.from_yaml(own) if own.is_file() else None
        if study is not None and there is not None and not force:
            _same_run(there, study, self.path)
        self._study = study or there
        self.manifest: dict[str, Any] = self._read_manifest()
        self.fingerprints = Fingerprints(self.path / ".fingerprints.json")

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @property
    def study(self) -> Study:
        """The study of the run.

        Raises
        ------
        InputError
            When the folder has none.
        """
        if self._study is None:
            raise InputError(
                f"{self.path} holds no study.yml, which this needs; write a study and give it to "
                f"`smgee run STUDY --out {self.path}`."
            )
        return self._study

    @property
    def has_study(self) -> bool:
        """Whether the folder has a study."""
        return self._study is not None

    @property
    def synthetic(self) -> bool:
        """Whether the run's data come from the synthetic basin."""
        if self._study is not None:
            return self._study.is_synthetic
        return any(bool(entry.get("synthetic")) for entry in self.manifest["steps"].values())

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the folder for this process alone, with the study in it and without leftovers; `InputError`
        when another process is writing in it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(
                    f"Another process is working in {self.path}; wait until it ends, or give this run a "
                    "folder of its own with --out."
                ) from None
            sweep(self.path)
            if self._study is not None:
                self._study.to_yaml(self.path / "study.yml")
            self.manifest = self._read_manifest()
            try:
                yield
            finally:
                self.fingerprints.save()

    def _read_manifest(self) -> dict[str, Any]:
        file = self.path / "manifest.json"
        if not file.is_file():
            return {"steps": {}}
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"The manifest {file} is corrupt ({error}); delete it to run every step again."
            ) from error
        if not isinstance(content, dict) or not isinstance(content.setdefault("steps", {}), dict):
            raise InputError(f"The manifest {file} holds no steps; delete it to run every step again.")
        return content

    def save(self) -> None:
        """Write the manifest."""
        self.manifest["versions"] = _versions()
        write_json(self.path / "manifest.json", self.manifest, indent=2, sort_keys=True, default=str)

    def entry(self, step: str) -> dict[str, Any] | None:
        """Return what the manifest says of a finished step."""
        return self.manifest["steps"].get(step)

    def was_begun(self, step: str) -> bool:
        """Whether a step was begun and never ended."""
        return step in self.manifest.get("begun", ())

    def begin(self, step: str) -> None:
        """Forget that a step was done, before it is done again: killed half way it is not done."""
        self.manifest["steps"].pop(step, None)
        self.manifest["begun"] = sorted({*self.manifest.get("begun", ()), step})
        self.save()

    def finish(self, step: str, entry: Mapping[str, Any]) -> None:
        """Enter a finished step."""
        self.manifest["begun"] = [s for s in self.manifest.get("begun", ()) if s != step]
        self.manifest["steps"][step] = dict(entry)
        self.save()

    def forget(self, step: str) -> None:
        """Drop a step's entry."""
        self.manifest["begun"] = [s for s in self.manifest.get("begun", ()) if s != step]
        self.manifest["steps"].pop(step, None)
        self.save()

    def fact(self, step: str, name: str) -> Any:
        """Return what a finished step recorded; None where it did not run as a step of this folder."""
        return (self.entry(step) or {}).get(name)

    def command(self, step: str) -> str:
        """Return the command that does a step again."""
        if step == "stations":  # `smgee stations` takes the network's path; a run has that in its study
            return f"smgee run {self.path / 'study.yml'} --out {self.path}"
        return f"smgee {command_of(step)} --run {self.path}"


def _same_run(there: Study, study: Study, path: Path) -> None:
    """Refuse to write the run of one study over that of another; settings of one study may change."""
    if there.name != study.name:
        raise InputError(
            f"{path} holds the run of the study {there.name!r}, not of {study.name!r}; give this one a "
            "folder of its own with --out, or take that one over with --force."
        )
    if there.area != study.area:
        raise InputError(
            f"{path} holds the run {there.name!r} of another area; give this one a folder of its own with "
            "--out, or take that one over with --force."
        )


def peak_memory_mb() -> int:
    """Return the greatest resident memory of this process so far, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if platform.system() == "Darwin" else 1024))


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found

"""The run folder: where every step reads and writes, and its manifest."""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from smgee.errors import InputError, MissingDataError, SmgeeError
from smgee.io import atomic_path
from smgee.study import Study

__all__ = ["RunFolder"]

T = TypeVar("T")

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
        The study of a new run, or of one to go on with. A finished step is done again when the study it was
        made with differs.
    """

    def __init__(self, path: str | Path, study: Study | None = None):
        self.path = Path(path)
        if study is None:
            if not (self.path / "study.yml").is_file():
                raise InputError(
                    f"{self.path} is not a run folder: it holds no study.yml; make one with `smgee run STUDY "
                    f"--out {self.path}`."
                )
            study = Study.from_yaml(self.path / "study.yml")
        else:
            if self.path.exists() and not self.path.is_dir():
                raise InputError(f"{self.path} is a file; give a folder for the run.")
        self.study = study
        self.manifest: dict[str, Any] = self._read_manifest()

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the folder for this process alone, with the study in it.

        Raises
        ------
        InputError
            When another process is writing in it.
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
            self.study.to_yaml(self.path / "study.yml")
            self.manifest = self._read_manifest()
            yield

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

    def save(self, **entries: Any) -> None:
        """Add entries to the manifest and write it."""
        self.manifest.update(entries)
        self.manifest["versions"] = _versions()
        with atomic_path(self.path / "manifest.json") as scratch:
            scratch.write_text(
                json.dumps(self.manifest, indent=2, sort_keys=True, default=str) + "\n", encoding="utf-8"
            )

    def need(self, name: str, step: str) -> Path:
        """Return the path of a file an earlier step makes; say which step when it is not there."""
        path = self.path / name
        if not path.exists():
            raise MissingDataError(f"{path} is not there yet; run `{self._command(step)}` first.")
        return path

    def read(self, name: str, step: str, reader: Callable[[Path], T]) -> T:
        """Return what `reader` makes of a file that an earlier step makes; one that cannot be read is told in
        a sentence.

        Raises
        ------
        MissingDataError
            When the file is not there yet.
        InputError
            When it is damaged: whatever a library says of it then.
        """
        path = self.need(name, step)
        try:
            return reader(path)
        except SmgeeError:
            raise
        except Exception as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InputError(
                f"{path} is damaged and cannot be read ({said:.200}); delete it and run "
                f"`{self._command(step)}` again."
            ) from error

    def read_table(self, name: str, step: str, *, dates: Sequence[str] = ()) -> pd.DataFrame:
        """Return a CSV table of the run, with its columns of dates."""
        return self.read(name, step, lambda path: pd.read_csv(path, parse_dates=list(dates)))

    def _command(self, step: str) -> str:
        # `smgee stations` takes the network's path; a run has that in its study
        return (
            f"smgee run {self.path / 'study.yml'} --out {self.path}"
            if step == "stations"
            else f"smgee {step} --run {self.path}"
        )

    def fact(self, step: str, name: str) -> Any:
        """Return what a finished step recorded in the manifest; None where it did not run as a step of
        this folder.
        """
        return self.manifest["steps"].get(step, {}).get(name)

    def is_done(self, step: str, identity: str, inputs: str) -> bool:
        """Whether a step finished with this very study and these very files, and its own files are still
        there.
        """
        entry = self.manifest["steps"].get(step)
        return (
            bool(entry)
            and (entry.get("identity"), entry.get("inputs")) == (identity, inputs)
            and all((self.path / f).exists() for f in entry.get("files", ()))
        )

    @contextmanager
    def step(self, name: str, identity: str, inputs: str, files: list[str]) -> Iterator[dict[str, Any]]:
        """Time a step, and enter it in the manifest when it succeeds; the yielded dict takes facts to
        record.
        """
        began, start = time.perf_counter(), datetime.now(UTC)
        facts: dict[str, Any] = {}
        yield facts
        self.manifest["steps"][name] = {
            "identity": identity,
            "inputs": inputs,
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


def state_of(paths: Iterable[Path]) -> str:
    """Return a short hash of files' contents, and of folders by their files' names, sizes and times; an
    absent one counts too.

    A run's own tables are small and hashed by content, so that a step repeated with the same outcome leaves
    later steps alone. Folders may be archives of any size.
    """
    states: list[Any] = []
    for path in paths:
        if path.is_dir():
            found = [(str(p.relative_to(path)), p.stat()) for p in sorted(path.rglob("*")) if p.is_file()]
            states.append([(name, s.st_size, s.st_mtime_ns) for name, s in found])
        else:
            states.append(hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None)
    return identity_of(states)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found

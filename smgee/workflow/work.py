"""What a step gets to work with: its study, its options, and the files of its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from smgee.errors import InputError, MissingDataError, SmgeeError
from smgee.study import Study
from smgee.tables import Provenance
from smgee.workflow.artifacts import Artifact
from smgee.workflow.folder import RunFolder

T = TypeVar("T")


class Work:
    """A step at work in a run folder.

    Parameters
    ----------
    run : RunFolder
        Where it reads and writes.
    name : str
        The step's.
    key : str
        Hash of everything its result depends on.
    made_from : mapping of str to str
        Content hashes of the files it reads, by path.
    makers : mapping of str to str
        The step that makes each file of the run, by path.
    options : mapping
        Options given.
    progress : callable
        Told the share done, 0–1, and where the step stands, in a few words.
    """

    def __init__(
        self,
        run: RunFolder,
        name: str,
        *,
        key: str,
        made_from: Mapping[str, str],
        makers: Mapping[str, str],
        options: Mapping[str, Any] | None = None,
        progress: Callable[..., Any] = lambda share, note="": None,
    ):
        self.run = run
        self.name = name
        self.key = key
        self.progress = progress
        self._makers = makers
        self._options = dict(options or {})
        self.provenance = Provenance(
            synthetic=run.synthetic, made_by=f"smgee {name}", made_from=dict(made_from)
        )

    @property
    def study(self) -> Study:
        """The study of the run."""
        return self.run.study

    def option(self, name: str, default: T) -> T:
        """Return an option's value, or `default` where it was not given."""
        value = self._options.get(name)
        return default if value is None else value

    def has(self, artifact: Artifact[Any]) -> bool:
        """Whether a file of the run is there."""
        return (self.run / artifact.path).exists()

    def path(self, artifact: Artifact[Any]) -> Path:
        """Return where a file of the run lies or is to lie."""
        return self.run / artifact.path

    def read(self, artifact: Artifact[T]) -> T:
        """Return the content of a file of the run.

        Raises
        ------
        MissingDataError
            When it is not there; the sentence names the step that makes it.
        InputError
            When it is damaged, whatever a library says of it then.
        """
        path = self.path(artifact)
        if not path.exists():
            raise MissingDataError(f"{path} is not there yet; run `{self._command(artifact)}` first.")
        try:
            return artifact.read(self.run.path)
        except SmgeeError:
            raise
        except Exception as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InputError(
                f"{path} is damaged and cannot be read ({said:.200}); delete it and run "
                f"`{self._command(artifact)}` again."
            ) from error

    def read_if_there(self, artifact: Artifact[T]) -> T | None:
        """Return the content of a file of the run; None where it is absent."""
        return self.read(artifact) if self.has(artifact) else None

    def write(self, artifact: Artifact[T], value: T) -> None:
        """Write a file of the run, with its provenance."""
        artifact.write(self.run.path, value, self.provenance)

    def drop(self, artifact: Artifact[Any]) -> None:
        """Delete a file of the run that does not hold for it any more."""
        artifact.remove(self.run.path)

    def fact(self, step: str, name: str) -> Any:
        """Return what another step recorded."""
        return self.run.fact(step, name)

    def _command(self, artifact: Artifact[Any]) -> str:
        return self.run.command(self._makers.get(artifact.path, self.name))

"""Functions as values: closures of the graph, and native functions that algorithms return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from smgee.eelocal.errors import EEError


@dataclass(frozen=True)
class Function:
    """A pure function of named arguments."""

    argument_names: tuple[str, ...]
    body: Callable[[dict[str, Any]], Any]

    def __call__(self, *arguments: Any) -> Any:
        """Apply the function to positional arguments; ones beyond its own are dropped, as in mapped
        functions.
        """
        if len(arguments) < len(self.argument_names):
            raise EEError(f"The function takes {len(self.argument_names)} arguments, got {len(arguments)}.")
        return self.body(dict(zip(self.argument_names, arguments)))

    def named(self, arguments: Mapping[str, Any]) -> Any:
        """Apply the function to arguments by name; absent ones are null."""
        return self.body({name: arguments.get(name) for name in self.argument_names})

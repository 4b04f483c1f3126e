"""Values that are shown as the call that made them: filters, reducers, classifiers, clusterers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class Made:
    """A value that `getInfo` shows as its constructor and the arguments that were given.

    Attributes
    ----------
    made_by : (str, mapping) or None
        The official name of the constructor, and its arguments; None for what is made from another of its
        kind.
    """

    made_by: ClassVar[tuple[str, Mapping[str, Any]] | None] = None

    def remember(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Keep the call that made this value."""
        object.__setattr__(self, "made_by", (name, dict(arguments)))

"""Where a file's content comes from: a value that travels with the data and into every file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Provenance:
    """Where data come from.

    It holds no time of day, so that the same content gives the same file to the last bit.

    Parameters
    ----------
    synthetic : bool
        Whether they come from the synthetic basin.
    made_by : str
        The step or command that made them, such as ``smgee train``.
    made_from : mapping of str to str
        Content hashes of what they were made from, by name.
    """

    synthetic: bool = False
    made_by: str = ""
    made_from: Mapping[str, str] = field(default_factory=dict)

    def attributes(self) -> dict[str, Any]:
        """Return plain numbers and strings, fit for the attributes of NetCDF, Zarr, GeoTIFF and assets."""
        found: dict[str, Any] = {"synthetic": int(self.synthetic)}
        if self.made_by:
            found["made_by"] = self.made_by
            found["history"] = self.made_by  # CF asks for it, and would like a time of day as well
        if self.made_from:
            found["made_from"] = json.dumps(dict(sorted(self.made_from.items())))
        return found

    def titled(self, title: str) -> str:
        """Return a title that says when the data are synthetic."""
        return f"{title} (SYNTHETIC basin)" if self.synthetic and "SYNTHETIC" not in title else title

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> Provenance:
        """Return what attributes say; the inverse of `attributes`."""
        made_from = attributes.get("made_from") or {}
        return cls(
            synthetic=bool(int(attributes.get("synthetic") or 0)),
            made_by=str(attributes.get("made_by") or ""),
            made_from=json.loads(made_from) if isinstance(made_from, str) else dict(made_from),
        )

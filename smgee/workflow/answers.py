"""What is asked of somebody who begins a study, and the templates that answer the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

TEMPLATES: Mapping[str, str] = {
    "own-files": "your own stations and your own downloaded satellite files; no account",
    "ismn": "an archive of the International Soil Moisture Network and the real Earth Engine",
    "qlb-net": "the study of Qin et al. 2025 (Land 14, 2098): one 36 km cell, the seasons of 2019–2023",
}
"""What `smgee init --template` offers, and what each is for."""

OWN_FILES = "own-files"
QLB = "qlb-net"
"""The template that follows the study of Qin et al. 2025."""

_UPPERMOST = (0.0, 0.05)


@dataclass(frozen=True)
class Answers:
    """What is known of a new study; what is None is found, or left open.

    Attributes
    ----------
    template : str
        One of `TEMPLATES`.
    stations : Path or None
        The network: an archive or a table.
    lon, lat : float or None
        A point of the 36 km cell, degrees.
    start, end : date or None
        The period, end exclusive.
    project : str or None
        A Cloud project: the real service is used.
    catalog : Path or None
        Folder of the user's own files: the embedded Earth Engine is used.
    depth_m : (float, float) or None
        Layer of the probes, m below the surface; None for the uppermost 5 cm, to be confirmed for a table.
    flags : tuple of str
        Quality flags of good records.
    utc_offset_hours : float or None
        Hours by which a table's clock is ahead of UTC.
    season : (str, str) or None
        First and last unfrozen day as MM-DD, where neither soil temperature nor flags tell frozen days.
    target : {"anomaly", "absolute"} or None
        What is learnt; None for what the template learns.
    predictors : tuple of str
        Kinds of families of predictors; empty for the usual ones of the target.
    """

    template: str = OWN_FILES
    stations: Path | None = None
    lon: float | None = None
    lat: float | None = None
    start: date | None = None
    end: date | None = None
    project: str | None = None
    catalog: Path | None = None
    depth_m: tuple[float, float] | None = None
    flags: tuple[str, ...] = ("G",)
    utc_offset_hours: float | None = None
    season: tuple[str, str] | None = None
    target: str | None = None
    predictors: tuple[str, ...] = ()

    @property
    def learnt(self) -> str:
        """The target: as given, else as the template's study learns it, else from state and place."""
        return self.target or ("absolute" if self.template == QLB else "anomaly")

    @property
    def layer(self) -> tuple[float, float]:
        """The layer of the probes, m below the surface."""
        return self.depth_m or _UPPERMOST

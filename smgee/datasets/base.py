"""What is known of a data set of the catalog: its bands, its period, and how its files are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from types import MappingProxyType

from smgee.grid import PixelGrid

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Band:
    """A band as Earth Engine shows it, and as files of the product store it.

    A stored value that is in `nodata` is masked; others become stored × `scale` (as they are, without one).

    Parameters
    ----------
    name : str
        Name in Earth Engine.
    dtype : str, optional
        NumPy name of the type of the values; None as stored.
    role : str
        What it measures, the same for all products: ``red``, ``nir``, ``quality``, ``elevation``, …
    units : str
        As CF writes them; ``"1"`` for ratios, ``""`` for flags and counts.
    scale : float, optional
        Of the integers in files.
    nodata : tuple of float
        Stored values that mean nothing.
    pyramiding : {"MEAN", "SAMPLE", "MODE"}
        How coarser pixels are made.
    layers : tuple of str
        Names of the band in files, ``""`` where files of one band do not name it; none means `name`.
    bad_bits : int
        For flags that Earth Engine reduces to 0 (good) and 1 (bad): the bits of the stored flag that are bad.
    """

    name: str
    dtype: str | None = None
    role: str = ""
    units: str = ""
    scale: float | None = None
    nodata: tuple[float, ...] = ()
    pyramiding: str = "MEAN"
    layers: tuple[str, ...] = ()
    bad_bits: int = 0


@dataclass(frozen=True)
class Dataset:
    """A data set of the catalog.

    Parameters
    ----------
    id : str
        Asset id.
    title : str
        Name of the product.
    bands : tuple of Band
        In Earth Engine's order.
    single : bool
        One image of many tiles; otherwise a collection.
    short_name : str
        As the names of its files state it.
    start, end : date, optional
        The days it covers, end exclusive; None where it is of no time, or goes on.
    spacing_m : float
        Nominal pixel size, metres.
    grid : PixelGrid, optional
        The lattice, where all images share one.
    tags : mapping of str to str
        Items of a file's metadata, and the properties of the image that they become.
    replaced_by : str, optional
        The id to use instead, where the catalog calls this one deprecated.
    """

    id: str
    title: str
    bands: tuple[Band, ...]
    single: bool = False
    short_name: str = ""
    start: date | None = None
    end: date | None = None
    spacing_m: float = 30.0
    grid: PixelGrid | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    replaced_by: str | None = None

    @cached_property
    def roles(self) -> Mapping[str, str]:
        """Band names by role."""
        return MappingProxyType({b.role: b.name for b in self.bands if b.role})

    @cached_property
    def layers(self) -> Mapping[str, Band]:
        """Bands by the names that files give them."""
        return MappingProxyType({layer: b for b in self.bands for layer in b.layers or (b.name,)})

    def overlaps(self, start: date, end: date) -> bool:
        """Whether the data set covers any of the days [start, end)."""
        return (self.start is None or self.start < end) and (self.end is None or self.end > start)

"""Where the pixels and rows of an asset lie: in which files, and how stored numbers become values.

Each kind is written into an asset's record as plain JSON, in which what has its default is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Piece:
    """One file's part of a band.

    Attributes
    ----------
    file : str
        Its name, relative to where the record lies, or absolute.
    height, width : int
        Its size, pixels.
    row, col : int
        Where its first pixel lies in the band's grid.
    band : int
        Which band of the file, from 1.
    """

    file: str
    height: int
    width: int
    row: int = 0
    col: int = 0
    band: int = 1


@dataclass(frozen=True)
class Decoding:
    """How stored numbers become values: value = stored × scale + offset.

    Attributes
    ----------
    nodata : tuple of float
        Stored numbers that are masked; NaN always is.
    scale, offset : float, optional
        None for numbers that are taken as stored.
    least, greatest : float, optional
        Stored numbers outside are masked.
    """

    nodata: tuple[float, ...] = ()
    scale: float | None = None
    offset: float | None = None
    least: float | None = None
    greatest: float | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Decoding:
        """Return the decoding that a source's JSON states."""
        return cls(
            numbers(data.get("nodata")), *(data.get(k) for k in ("scale", "offset", "least", "greatest"))
        )

    def as_json(self) -> dict[str, Any]:
        """Return what differs from the default."""
        stated = {k: v for k, v in asdict(self).items() if v not in (None, ())}
        return stated | ({"nodata": list(self.nodata)} if self.nodata else {})


def numbers(given: Any) -> tuple[float, ...]:
    """Return no-data values given as none, one or several; NaN, which never shows, is left out."""
    several = given if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    return tuple(v for v in several if isinstance(v, (int, float)) and v == v)


@dataclass(frozen=True)
class RasterSource:
    """A band in one or several raster files of one lattice.

    Attributes
    ----------
    pieces : tuple of Piece
        The files; later ones fill only what earlier ones left masked.
    decoding : Decoding
        How their numbers become values.
    masked : bool
        Whether the files have a mask of their own.
    mask : tuple of Piece
        Files whose uint8 values 0…255 are masks 0…1.
    """

    pieces: tuple[Piece, ...]
    decoding: Decoding = Decoding()
    masked: bool = False
    mask: tuple[Piece, ...] = ()

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> RasterSource:
        """Return the source that its JSON states."""
        mask = data.get("mask")
        return cls(
            tuple(Piece(**p) for p in data["pieces"]),
            Decoding.read(data),
            mask is True,
            tuple(Piece(**p) for p in mask) if isinstance(mask, list) else (),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the source as JSON."""
        data = {"driver": "geotiff", "pieces": [asdict(p) for p in self.pieces], **self.decoding.as_json()}
        if self.masked or self.mask:
            data["mask"] = [asdict(p) for p in self.mask] or True
        return data

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files."""
        return tuple(p.file for p in (*self.pieces, *self.mask))

    def relocated(self, old: str, new: str) -> RasterSource:
        """Return the source with its files in another folder."""
        moved = [
            tuple(replace(p, file=_below(p.file, old, new)) for p in g) for g in (self.pieces, self.mask)
        ]
        return replace(self, pieces=moved[0], mask=moved[1])


@dataclass(frozen=True)
class ArraySource:
    """A band in an array file.

    Attributes
    ----------
    file, format, variable : str
        Its name; ``netcdf``, ``zarr`` or ``hdf5``; the variable's name inside.
    index : tuple of int
        Positions along leading dimensions.
    flip : bool
        Whether rows run northward in the file.
    ease : str, optional
        ``M09`` or ``M36`` where the band is shown in EPSG:4326 by the nearest cell of that EASE-Grid.
    flag : int, optional
        Bits: the band is 1 where one of them is set or nothing is stored, else 0.
    decoding : Decoding
        How its numbers become values.
    """

    file: str
    format: str
    variable: str
    index: tuple[int, ...] = ()
    flip: bool = False
    ease: str | None = None
    flag: int | None = None
    decoding: Decoding = Decoding()

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ArraySource:
        """Return the source that its JSON states."""
        return cls(
            data["file"],
            data["format"],
            data["variable"],
            tuple(data.get("index") or ()),
            bool(data.get("flip")),
            data.get("ease"),
            data.get("flag"),
            Decoding.read(data),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the source as JSON."""
        data = {"driver": "arrays", "file": self.file, "format": self.format, "variable": self.variable}
        rest = {"index": list(self.index), "flip": self.flip, "ease": self.ease, "flag": self.flag}
        return data | {k: v for k, v in rest.items() if v} | self.decoding.as_json()

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files."""
        return (self.file,)

    def relocated(self, old: str, new: str) -> ArraySource:
        """Return the source with its file in another folder."""
        return replace(self, file=_below(self.file, old, new))


BandSource = RasterSource | ArraySource


def band_source(data: Mapping[str, Any]) -> BandSource:
    """Return the source of a band that its JSON states; its ``driver`` tells which kind it is."""
    kinds: dict[str, Any] = {"geotiff": RasterSource, "arrays": ArraySource}
    return kinds[data["driver"]].read(data)


@dataclass(frozen=True)
class TableSource:
    """The file of a table: its name, its format (a suffix without the dot), and for CSV the coordinate
    columns and their CRS.
    """

    file: str
    format: str
    x: str | None = None
    y: str | None = None
    crs: str = "EPSG:4326"

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> TableSource:
        """Return the source that its JSON states."""
        return cls(data["file"], data["format"], data.get("x"), data.get("y"), data.get("crs") or "EPSG:4326")

    def as_json(self) -> dict[str, Any]:
        """Return the source as JSON."""
        return {k: v for k, v in asdict(self).items() if v is not None}

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files."""
        return (self.file,)

    def relocated(self, old: str, new: str) -> TableSource:
        """Return the source with its file in another folder."""
        return replace(self, file=_below(self.file, old, new))


def _below(file: str, old: str, new: str) -> str:
    return new + file[len(old) :] if file.startswith(old + "/") else file

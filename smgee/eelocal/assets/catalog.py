"""The user's own files under official or private ids: what ``smgee catalog`` does."""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shapely.geometry import shape

from smgee.datasets import DATASETS, Dataset
from smgee.datasets.names import check_product, read_name
from smgee.eelocal.assets.folder import CATALOG_FILE, changing_records, load_records
from smgee.eelocal.assets.geotiff import check_intact, open_dataset
from smgee.eelocal.assets.mosaic import join_grids
from smgee.eelocal.assets.names import asset_id
from smgee.eelocal.assets.records import AssetRecord, BandRecord, read_features, read_pixels
from smgee.eelocal.assets.scan import AddOptions, FoundBand, FoundImage, read_arrays, read_geotiff, read_smap
from smgee.eelocal.assets.sources import ArraySource, RasterSource
from smgee.eelocal.assets.tables import TABLE_SUFFIXES, inspect_table
from smgee.eelocal.assets.user import now
from smgee.errors import InputError

_ARRAYS = (".nc", ".nc4", ".cdf", ".zarr")
# FIRMS is the one data set of Earth Engine's catalog whose id has a single part.
_ID = re.compile(r"[A-Za-z0-9_\-]+(?:/[A-Za-z0-9_\-]+)+|FIRMS")
_HDF5 = (".h5", ".hdf5", ".he5")


@dataclass
class Added:
    """What ``catalog add`` registered."""

    id: str
    type: str
    images: list[str] = field(default_factory=list)
    bands: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def add_files(
    folder: str | os.PathLike[str],
    identifier: str,
    files: Iterable[str | os.PathLike[str]],
    options: AddOptions | None = None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Added:
    """Register files under an id in a catalog folder.

    Parameters
    ----------
    folder : path
        The catalog; made when it is not there.
    identifier : str
        ``NASA/HLS/HLSS30/v002``, ``USGS/SRTMGL1_003``, ``projects/my-project/assets/name``, …
    files : iterable of path
        GeoTIFF and whatever else GDAL reads, NetCDF, Zarr, SMAP L3 HDF5, or one table.
    options : AddOptions, optional
        Choices.
    progress : callable
        Called with (files done, files in all).

    Raises
    ------
    InputError
        When a file cannot be registered, in one sentence; the catalog is then as it was.
    """
    options = options or AddOptions()
    base = Path(folder).expanduser().absolute()
    identifier = asset_id(identifier)
    if not _ID.fullmatch(identifier):
        raise InputError(
            f"The id {identifier!r} is not an asset id; give names of letters, digits, hyphens and "
            "underscores with slashes "
            "between them, such as NASA/HLS/HLSS30/v002 or projects/my-project/assets/name."
        )
    paths = [Path(f).expanduser().absolute() for f in files]
    if not paths:
        raise InputError("No files were given; name at least one to register.")
    for path in paths:
        if not path.exists():
            raise InputError(f"The file {path} does not exist.")
    suffixes = {p.suffix.lower() for p in paths}
    with changing_records(base) as records:
        place = _Placer(base, identifier, options.copy)
        if options.kind == "table" or (suffixes <= set(TABLE_SUFFIXES) and options.kind is None):
            added = _add_table(records, identifier, paths, options, place)
        else:
            added = _add_rasters(records, identifier, paths, options, place, progress)
    return added


class _Placer:
    """Gives the name under which a record refers to a file: relative to the catalog, copied into it first
    where asked.
    """

    def __init__(self, base: Path, identifier: str, copy: bool):
        self.base, self.copy = base, copy
        self.folder = base / "files" / identifier

    def __call__(self, path: Path) -> str:
        if self.copy and not path.is_relative_to(self.base):
            target = self.folder / path.name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                if path.is_dir():
                    shutil.copytree(path, target)
                else:
                    partial = target.with_name(f".{target.name}.part")
                    shutil.copyfile(path, partial)
                    os.replace(partial, target)
            path = target
        return os.path.relpath(path, self.base)


# -- tables


def _add_table(
    records: dict[str, AssetRecord],
    identifier: str,
    paths: Sequence[Path],
    options: AddOptions,
    place: _Placer,
) -> Added:
    if len(paths) != 1:
        raise InputError(f"A table is one file, got {len(paths)}; register each under its own id.")
    source = inspect_table(paths[0], x=options.x, y=options.y, crs=options.crs or "EPSG:4326")
    record = AssetRecord(
        "TABLE",
        identifier,
        dict(options.properties),
        source=replace(source, file=place(paths[0])),
        updated=now(),
    )
    first = None
    try:
        for number, feature in enumerate(read_features(place.base, record), start=1):
            first = first or feature
            _check_position(paths[0], number, feature.get("geometry"))
    except InputError:
        raise
    except Exception as error:  # the readers of many formats raise what they like for malformed files
        said = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"The table {paths[0]} cannot be read ({said:.300}); repair it or write it again."
        ) from error
    if first is None:
        raise InputError(f"The table {paths[0]} holds no rows.")
    records[identifier] = record
    return Added(identifier, "TABLE", bands=sorted(first["properties"]))


def _check_position(path: Path, number: int, geometry: Mapping[str, Any] | None) -> None:
    """Refuse a feature that is not on the Earth: most often x and y were swapped, or the coordinates are in
    another CRS.

    Longitudes of lines and polygons may run on to ±360°, as where they cross the antimeridian.
    """
    if geometry is None:
        return
    try:
        shape(geometry)
    except Exception as error:  # shapely's words for what is no GeoJSON
        said = " ".join(str(error).split())
        raise InputError(
            f"Feature {number} of the table {path} has a geometry that is no GeoJSON ({said:.200}); repair "
            "it."
        ) from error
    farthest = 180.0 if geometry.get("type") in ("Point", "MultiPoint") else 360.0
    for part in geometry.get("geometries") or [geometry]:
        for lon, lat in _positions(part.get("coordinates") or ()):
            if not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= farthest and abs(lat) <= 90):
                raise InputError(
                    f"Feature {number} of the table {path} lies at longitude {lon:g}, latitude {lat:g}, "
                    "which is not on the Earth; "
                    "look whether x and y are swapped (--x, --y), or state the CRS of the coordinates "
                    "(--crs)."
                )


def _positions(coordinates: Any) -> Iterator[tuple[float, float]]:
    """Yield the positions (degrees) of GeoJSON coordinates of any depth."""
    if len(coordinates) and isinstance(coordinates[0], (int, float)):
        yield float(coordinates[0]), float(coordinates[1])
        return
    for part in coordinates:
        yield from _positions(part)


# -- rasters


def _add_rasters(
    records: dict[str, AssetRecord],
    identifier: str,
    paths: Sequence[Path],
    options: AddOptions,
    place: _Placer,
    progress: Callable[[int, int], None],
) -> Added:
    product = DATASETS.get(identifier)
    images: dict[str, FoundImage] = {}
    skipped: list[str] = []
    for number, path in enumerate(paths):
        progress(number, len(paths))
        facts = read_name(path)
        check_product(path, facts, identifier)
        suffix = path.suffix.lower()
        if suffix in _ARRAYS or (path.is_dir() and (path / "zarr.json").exists()):
            read_arrays(path, facts, options, images)
        elif suffix in _HDF5 or facts.style in ("smap", "smap_e"):
            read_smap(path, facts, identifier, images)
        elif suffix in (".xml", ".json", ".txt", ".md"):
            skipped.append(path.name)
        else:
            check_intact(path)
            read_geotiff(path, facts, product, options, images)
    progress(len(paths), len(paths))
    if not images:
        raise InputError("None of the files holds pixels.")
    single = _is_single(identifier, product, options, images, records)
    if single:
        merged = _merge_single(list(images.values()))
        _put_image(records, identifier, identifier, merged, options, place)
        names = [b.info.name for b in records[identifier].bands]
        return Added(identifier, "IMAGE", [identifier], names, skipped)
    collection = AssetRecord("IMAGE_COLLECTION", identifier, dict(options.properties), updated=now())
    if records.setdefault(identifier, collection).type != "IMAGE_COLLECTION":
        raise InputError(
            f"The id {identifier} is already registered as {records[identifier].type.lower()}; remove it "
            "first."
        )
    added = Added(identifier, "IMAGE_COLLECTION", skipped=skipped)
    for index, image in sorted(images.items()):
        child = f"{identifier}/{index}"
        _put_image(records, child, identifier, image, options, place)
        added.images.append(child)
        added.bands = [b.info.name for b in records[child].bands]
    return added


def _is_single(
    identifier: str,
    product: Dataset | None,
    options: AddOptions,
    images: Mapping[str, FoundImage],
    records: Mapping[str, AssetRecord],
) -> bool:
    if options.kind is not None:
        return options.kind == "image"
    if product is not None:
        return product.single
    if identifier in records:
        return records[identifier].type == "IMAGE"
    return len(images) == 1 or all(i.start is None for i in images.values())


def _merge_single(images: list[FoundImage]) -> FoundImage:
    """Join tiles into one image: bands of one name are mosaicked."""
    merged = images[0]
    for other in images[1:]:
        merged.bands += other.bands
        merged.properties |= other.properties
    if len({i.start for i in images}) > 1:
        merged.start = None
    return merged


def _put_image(
    records: dict[str, AssetRecord],
    identifier: str,
    asset: str,
    image: FoundImage,
    options: AddOptions,
    place: _Placer,
) -> None:
    """Write an image's record; bands of an image that is there already are kept and joined."""
    previous = records.get(identifier)
    if previous is not None and previous.type != "IMAGE":
        raise InputError(
            f"The id {identifier} is already registered as {previous.type.lower()}; remove it first."
        )
    previous = previous or AssetRecord("IMAGE", identifier)
    by_name: dict[str, list[FoundBand]] = {}
    for band in image.bands:
        by_name.setdefault(band.info.name, []).append(band)
    entries = {b.info.name: b for b in previous.bands}
    for name, bands in by_name.items():
        entry = _join(bands, place)
        entries[name] = _extend(entries[name], entry) if name in entries else entry
    product = DATASETS.get(asset)
    if product is not None:
        order = {spec.name: i for i, spec in enumerate(product.bands)}
        entries = dict(sorted(entries.items(), key=lambda item: order.get(item[0], len(order))))
    records[identifier] = replace(
        previous,
        properties={**previous.properties, **image.properties, **options.properties},
        start_ms=image.start if image.start is not None else previous.start_ms,
        footprint=None,
        updated=now(),
        bands=tuple(entries.values()),
    )


def _join(bands: list[FoundBand], place: _Placer) -> BandRecord:
    """Return the record of a band that lies in one or several files."""
    first = bands[0]
    if isinstance(first.source, ArraySource):
        if len(bands) > 1:
            raise InputError(
                f"The band {first.info.name} occurs in several files ({bands[1].path.name} among them) for "
                "the same image."
            )
        return BandRecord(first.info, replace(first.source, file=place(first.path)))
    if any(b.info.dtype != first.info.dtype for b in bands):
        raise InputError(
            f"The files of band {first.info.name} differ in data type ({bands[1].path.name} among them); "
            "register them "
            "separately."
        )
    grid, offsets = join_grids([b.info.grid for b in bands], [b.path.name for b in bands])
    pieces = tuple(
        replace(p, file=place(b.path), row=row, col=col)
        for b, (row, col) in zip(bands, offsets, strict=True)
        if isinstance(b.source, RasterSource)
        for p in b.source.pieces
    )
    return BandRecord(replace(first.info, grid=grid), replace(first.source, pieces=pieces))


def _extend(old: BandRecord, new: BandRecord) -> BandRecord:
    """Return a band with new files beside those it has; a file that is registered again replaces itself."""
    if not isinstance(old.source, RasterSource) or not isinstance(new.source, RasterSource):
        return new
    fresh = {p.file for p in new.source.pieces}
    kept = [p for p in old.source.pieces if p.file not in fresh]
    if not kept:
        return new
    same = replace(old.source, pieces=()) == replace(new.source, pieces=())
    if not same or old.info.dtype != new.info.dtype:
        raise InputError(
            f"The band {new.info.name} differs in type, scale or nodata from the catalog's "
            f"({kept[0].file}); remove it first."
        )
    grids = [old.info.grid, new.info.grid]
    grid, offsets = join_grids(grids, [kept[0].file, new.source.pieces[0].file])
    pieces = tuple(
        replace(p, row=p.row + row, col=p.col + col)
        for group, (row, col) in zip((kept, new.source.pieces), offsets, strict=True)
        for p in group
    )
    return BandRecord(replace(new.info, grid=grid), replace(new.source, pieces=pieces))


# -- looking after a catalog


def _records(folder: str | os.PathLike[str]) -> tuple[Path, dict[str, AssetRecord]]:
    base = Path(folder).expanduser().absolute()
    if not (base / CATALOG_FILE).is_file():
        raise InputError(
            f"The folder {base} holds no {CATALOG_FILE}; make one with `smgee catalog add ID FILES --catalog "
            f"{folder}`."
        )
    return base, load_records(base)


def list_catalog(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return a row per asset: id, type, images, bands, first and last time (milliseconds)."""
    _, records = _records(folder)
    rows = []
    for identifier, record in sorted(records.items()):
        parent = identifier.rpartition("/")[0]
        if record.type == "IMAGE" and parent in records and records[parent].type == "IMAGE_COLLECTION":
            continue
        images = [record]
        if record.type == "IMAGE_COLLECTION":
            images = [r for i, r in records.items() if i.rpartition("/")[0] == identifier]
        times = [i.start_ms for i in images if i.start_ms is not None]
        bands = list(dict.fromkeys(b.info.name for i in images for b in i.bands))
        rows.append(
            {
                "id": identifier,
                "type": record.type,
                "images": len(images) if record.type != "TABLE" else 0,
                "bands": bands,
                "first": min(times, default=None),
                "last": max(times, default=None),
            }
        )
    return rows


def remove_asset(folder: str | os.PathLike[str], identifier: str) -> list[str]:
    """Take an asset, and the images of a collection, out of a catalog; files that were copied into it are
    deleted.

    Returns
    -------
    list of str
        The ids removed.
    """
    base, _ = _records(folder)
    identifier = asset_id(identifier)
    with changing_records(base) as records:
        gone = [i for i in records if i == identifier or i.startswith(identifier + "/")]
        if not gone:
            raise InputError(
                f"The id {identifier} is not in the catalog {base}; `smgee catalog list` shows what is."
            )
        files = {f for i in gone for f in records[i].files}
        for i in gone:
            del records[i]
        kept = {f for r in records.values() for f in r.files}
    for name in files - kept:
        path = (base / name).resolve()
        if path.is_relative_to((base / "files").resolve()):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return gone


def check_catalog(folder: str | os.PathLike[str]) -> list[str]:
    """Return one sentence per thing that is wrong with a catalog: files gone, unreadable, or not as they
    were registered.
    """
    base, records = _records(folder)
    problems = []
    for identifier, record in sorted(records.items()):
        try:
            if record.type == "TABLE":
                next(iter(read_features(base, record)), None)
            for band in record.bands:
                for piece in band.source.pieces if isinstance(band.source, RasterSource) else ():
                    check_intact(base / piece.file)
                    with open_dataset(base / piece.file) as dataset:
                        if (dataset.height, dataset.width) != (piece.height, piece.width):
                            raise InputError(
                                f"The file {piece.file} is now {dataset.width}×{dataset.height} pixels; "
                                "register it again."
                            )
                height, width = band.info.grid.shape
                read_pixels(base, record, band.info.name, (height // 2, width // 2, 1, 1))
            if record.type == "IMAGE_COLLECTION" and not any(
                i.rpartition("/")[0] == identifier for i in records
            ):
                problems.append(f"{identifier}: the collection has no images.")
        except InputError as error:
            problems.append(f"{identifier}: {error}")
        except (
            OSError,
            ValueError,
            KeyError,
        ) as error:  # what readers of HDF5, NetCDF and tables raise for damaged files
            problems.append(
                f"{identifier}: its files cannot be read ({error}); restore them, or register them again."
            )
    return problems

"""Exports: images, tables and classifiers written as assets or as files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from smgee.eelocal.assets.records import AssetRecord, image_record
from smgee.eelocal.assets.sources import BandSource, Piece, RasterSource, TableSource
from smgee.eelocal.assets.user import UserAssets
from smgee.eelocal.errors import EEError
from smgee.eelocal.formats.values import number_of
from smgee.eelocal.pixels.grids import native_grid
from smgee.eelocal.pixels.render import compute_pixels
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.plane import planar_geojson
from smgee.grid import PixelGrid
from smgee.io import atomic_path
from smgee.source import BandInfo, ImageInfo

Progress = Callable[[float], None]
_TILE = 1024  # pixels per side computed at once
_POLICIES = ("MEAN", "MODE", "SAMPLE", "MIN", "MAX", "MEDIAN")
OWN_PROPERTIES = (
    "system:index",
    "system:footprint",
    "system:asset_size",
    "system:version",
    "system:id",
    "system:bands",
    "system:band_names",
)


def export_grid(image: Image, band: Band | None = None) -> PixelGrid:
    """Return the grid of an export; `EEError` with Earth Engine's words for an image without bounds."""
    try:
        return native_grid(image, band)
    except EEError as error:
        if "unbounded" in error.message:
            raise EEError("Unable to export unbounded image.") from error
        raise


def image_tiles(
    image: Image,
    grid: PixelGrid,
    progress: Progress,
    *,
    share: tuple[float, float] = (0.0, 1.0),
) -> Iterator[Any]:
    """Yield (row, col, layers) over the tiles of a grid, reporting progress between the two shares."""
    total = -(-grid.height // _TILE) * -(-grid.width // _TILE)
    for number, (row, col, tile) in enumerate(grid.tiles(_TILE)):
        progress(share[0] + (share[1] - share[0]) * number / total)
        yield row, col, compute_pixels(image, tile)


def _profile(grid: PixelGrid, dtype: str, count: int, *, compress: bool = True) -> dict[str, Any]:
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "dtype": dtype,
        "count": count,
        "width": grid.width,
        "height": grid.height,
        "crs": grid.crs,
        "transform": grid.affine,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "BIGTIFF": "IF_SAFER",
        "interleave": "band",
    }
    if compress:
        profile |= {"compress": "deflate", "predictor": {"f": 3, "i": 2, "u": 2}[np.dtype(dtype).kind]}
    return profile


def _block(grid: PixelGrid) -> int:
    """Return the side of the blocks of an image: a file that is open holds one decoded for each band, and of
    hundreds of small assets that are open most of it would be empty.
    """
    return min(512, max(128, 16 * -(-max(grid.shape) // 16)))  # multiples of 16, from 128 on


def _check_bands(image: Image) -> None:
    for band in image.bands:
        if band.type.dimensions:
            raise EEError(
                f"Unable to export array bands: band '{band.name}' has array pixels; flatten it first."
            )
    if not image.bands:
        raise EEError("Unable to export an image without bands.")


def check_pixels(grid: PixelGrid, limit: int) -> None:
    """Refuse an export that is larger than its ``maxPixels``."""
    pixels = grid.width * grid.height
    if pixels > limit:
        raise EEError(
            f"Export too large: specified {pixels} pixels (max: {limit}). Specify higher maxPixels value if "
            "you intend "
            "to export a large area."
        )


def write_image_asset(
    image: Image,
    user: UserAssets,
    identifier: str,
    *,
    properties: Mapping[str, Any],
    policy: str = "MEAN",
    policies: Mapping[str, str] | None = None,
    limit: int = 100_000_000,
    overwrite: bool = False,
    progress: Progress = lambda fraction: None,
) -> None:
    """Compute an image and store it as an asset: Cloud Optimized GeoTIFFs, one per pixel type and grid, with
    their masks.

    Fractional masks are kept in steps of 1/255.

    Parameters
    ----------
    image : Image
        Bounded, with scalar bands.
    user : UserAssets
        Where it goes.
    identifier : str
        The new asset's id.
    properties : mapping
        The asset's properties, already checked.
    policy, policies : str, mapping
        The pyramiding policy, and those of single bands.
    limit : int
        The most pixels per band.
    overwrite : bool
        Replace an existing asset.
    progress : callable
        Called with the fraction done.
    """
    _check_bands(image)
    policies = dict(policies or {})
    for value in (policy, *policies.values()):
        if value not in _POLICIES:
            raise EEError(f"Invalid pyramiding policy '{value}': use one of {', '.join(_POLICIES)}.")
    unknown = set(policies) - {b.name for b in image.bands}
    if unknown:
        raise EEError(
            f"The pyramiding policy names the band '{sorted(unknown)[0]}', which the image does not have."
        )
    groups: dict[tuple[PixelGrid, str], list[Band]] = {}
    for band in image.bands:
        grid = export_grid(image, band)
        check_pixels(grid, limit)
        groups.setdefault((grid, band.type.dtype.name), []).append(band)
    sources: dict[str, BandSource] = {}
    infos: dict[str, BandInfo] = {}
    with user.writing() as folder:
        for number, ((grid, dtype), bands) in enumerate(groups.items()):
            part = replace(image, bands=tuple(bands))
            share = (number / len(groups), (number + 1) / len(groups))
            values, masks = _write_group(part, grid, dtype, folder, f"part{number}", progress, share)
            for index, band in enumerate(bands, start=1):
                pieces = [
                    (Piece(str(path.relative_to(user.root)), grid.height, grid.width, band=index),)
                    for path in (values, masks)
                    if path is not None
                ]
                sources[band.name] = RasterSource(pieces[0], mask=pieces[1] if len(pieces) > 1 else ())
                infos[band.name] = BandInfo(band.name, dtype, grid, policies.get(band.name, policy))
        times = {k: properties.get(f"system:time_{k}") for k in ("start", "end")}
        kept = {
            k: v
            for k, v in properties.items()
            if k not in OWN_PROPERTIES and not k.startswith("system:time_")
        }
        info = ImageInfo(
            identifier,
            tuple(infos[b.name] for b in image.bands),
            kept,
            None if times["start"] is None else int(times["start"]),
            None if times["end"] is None else int(times["end"]),
            _footprint(image),
        )
        user.put(image_record(info, sources), data=folder, overwrite=overwrite)


def _footprint(image: Image) -> dict[str, Any] | None:
    geometry = planar_geojson(image.footprint) if image.footprint is not None else None
    return geometry if geometry is not None and geometry["type"] in ("Polygon", "MultiPolygon") else None


def _write_group(
    image: Image,
    grid: PixelGrid,
    dtype: str,
    folder: Path,
    name: str,
    progress: Progress,
    share: tuple[float, float],
) -> tuple[Path, Path | None]:
    """Write bands of one type and grid, and their masks unless nothing is masked."""
    import rasterio
    from rasterio.shutil import copy as copy_raster

    count = len(image.bands)
    with tempfile.TemporaryDirectory(dir=folder) as scratch, ExitStack() as stack:
        raw, raw_mask = Path(scratch) / "values.tif", Path(scratch) / "masks.tif"
        values = stack.enter_context(rasterio.open(raw, "w", **_profile(grid, dtype, count, compress=False)))
        masks = stack.enter_context(rasterio.open(raw_mask, "w", **_profile(grid, "uint8", count)))
        full = True
        for row, col, layers in image_tiles(image, grid, progress, share=share):
            for index, (_, pixels, mask) in enumerate(layers, start=1):
                window = ((row, row + pixels.shape[0]), (col, col + pixels.shape[1]))
                weight = np.rint(mask.astype("f4") * 255).astype("u1")
                full &= bool((weight == 255).all())
                values.write(np.where(weight > 0, pixels, 0).astype(dtype), index, window=window)
                masks.write(weight, index, window=window)
        stack.close()
        target = folder / f"{name}.tif"
        options = {
            "driver": "COG",
            "compress": "deflate",
            "predictor": "YES",
            "overviews": "NONE",
            "blocksize": str(_block(grid)),
            "num_threads": "2",
        }
        copy_raster(raw, target, **options)
        if full:
            return target, None
        mask_target = folder / f"{name}_mask.tif"
        copy_raster(raw_mask, mask_target, **{**options, "predictor": "NO"})
        return target, mask_target


def write_image_file(
    image: Image,
    path: Path,
    *,
    options: Mapping[str, Any],
    limit: int = 100_000_000,
    progress: Progress = lambda fraction: None,
) -> list[Path]:
    """Compute an image and write it as GeoTIFF files, split when the options say so.

    Parameters
    ----------
    image : Image
        Bounded; its bands share one type and are written on the first band's grid.
    path : Path
        The file without its suffix; a split export appends ``-<row>-<col>`` of the part's first pixel, ten
        digits each.
    options : mapping
        ``cloudOptimized``, ``noData``, ``tileDimensions`` {width, height}, ``skipEmptyFiles``.
    limit : int
        The most pixels.
    progress : callable
        Called with the fraction done.

    Returns
    -------
    list of Path
        The files written.
    """
    _check_bands(image)
    types = {b.type.dtype.name for b in image.bands}
    if len(types) > 1:
        raise EEError(
            "Exported bands must have compatible data types; found inconsistent types: "
            + ", ".join(sorted({t.capitalize() for t in types}))
            + ". Cast the image first, for example with toFloat()."
        )
    grid = export_grid(image)
    check_pixels(grid, limit)
    dtype = types.pop()
    size = options.get("tileDimensions")
    if size:
        width, height = int(size["width"]), int(size["height"])
        if width % 256 or height % 256:
            raise EEError(f"fileDimensions ({width}x{height}) must be multiples of the shardSize, 256.")
    else:
        width, height = grid.width, grid.height
    parts = [
        (row, col, grid.window(row, col, min(height, grid.height - row), min(width, grid.width - col)))
        for row in range(0, grid.height, height)
        for col in range(0, grid.width, width)
    ]
    written = []
    for number, (row, col, part) in enumerate(parts):
        name = f"{path.name}.tif" if len(parts) == 1 else f"{path.name}-{row:010d}-{col:010d}.tif"
        share = (number / len(parts), (number + 1) / len(parts))
        if _write_part(image, part, dtype, path.parent / name, options, progress, share):
            written.append(path.parent / name)
    return written


def _write_part(
    image: Image,
    grid: PixelGrid,
    dtype: str,
    target: Path,
    options: Mapping[str, Any],
    progress: Progress,
    share: tuple[float, float],
) -> bool:
    import rasterio
    from rasterio.shutil import copy as copy_raster

    nodata = number_of(options.get("noData"))
    profile = {
        **_profile(grid, dtype, len(image.bands)),
        "blockxsize": 256,
        "blockysize": 256,
        "BIGTIFF": "YES",
        "interleave": "pixel",
    }
    if nodata is not None:
        profile["nodata"] = nodata
    empty = True
    with atomic_path(target) as scratch:
        plain = scratch.with_name("plain.tif") if options.get("cloudOptimized") else scratch
        with rasterio.open(plain, "w", **profile) as file:
            for index, band in enumerate(image.bands, start=1):
                file.set_band_description(index, band.name)
            for row, col, layers in image_tiles(image, grid, progress, share=share):
                pixels = np.stack(
                    [
                        np.where(m if m.dtype == bool else m > 0, v, 0 if nodata is None else nodata)
                        for _, v, m in layers
                    ]
                )
                empty &= not any((m > 0).any() for _, _, m in layers)
                file.write(
                    pixels.astype(dtype), window=((row, row + pixels.shape[1]), (col, col + pixels.shape[2]))
                )
        if options.get("cloudOptimized"):
            copy_raster(plain, scratch, driver="COG", compress="deflate", predictor="YES", bigtiff="YES")
        if empty and options.get("skipEmptyFiles"):
            scratch.write_bytes(b"")
    if empty and options.get("skipEmptyFiles"):
        target.unlink()
        return False
    return True


def write_table_asset(
    features: Sequence[Mapping[str, Any]],
    user: UserAssets,
    identifier: str,
    *,
    properties: Mapping[str, Any],
    longest: int,
    overwrite: bool = False,
    progress: Progress = lambda fraction: None,
) -> None:
    """Store GeoJSON features as a table asset; `EEError` for a string longer than `longest`, or more than
    1000 columns.
    """
    columns: set[str] = set()
    with user.writing() as folder:
        path = folder / "features.geojsonl"
        with path.open("w", encoding="utf-8") as file:
            for number, feature in enumerate(features):
                if number % 1000 == 0:
                    progress(number / max(len(features), 1))
                for key, value in feature["properties"].items():
                    if isinstance(value, str) and len(value) > longest:
                        raise EEError(
                            f"Property '{key}' of feature '{feature.get('id')}' is too long: {len(value)} "
                            "characters, "
                            f"the maximum is {longest}."
                        )
                columns.update(feature["properties"])
                file.write(json.dumps(feature, ensure_ascii=False) + "\n")
        if len(columns) > 1000:
            raise EEError(f"The table has {len(columns)} columns; the maximum is 1000.")
        source = TableSource(str(path.relative_to(user.root)), "geojsonl")
        record = AssetRecord("TABLE", identifier, dict(properties), source=source)
        user.put(record, data=folder, overwrite=overwrite)

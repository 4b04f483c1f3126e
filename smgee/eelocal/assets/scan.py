"""What a file holds: its bands, their types, scales and masks, and the image they belong to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from smgee.datasets import SMAP_9KM, Band, Dataset
from smgee.datasets.names import FileFacts, tag_properties
from smgee.datasets.smap import GROUPS, WARPED, retrieval_bands
from smgee.eelocal.assets.arrays import ease_grid, inspect_arrays
from smgee.eelocal.assets.geotiff import grid_of, open_dataset
from smgee.eelocal.assets.sources import ArraySource, BandSource, Decoding, Piece, RasterSource, numbers
from smgee.errors import InputError
from smgee.grid import EASE_GRIDS
from smgee.source import BandInfo

_ENHANCED = SMAP_9KM[0].id.rpartition("/")[0] + "/"
_EASE_SHAPES = {(g.rows, g.cols): name for name, g in EASE_GRIDS.items() if name in ("M09", "M36")}


@dataclass(frozen=True)
class AddOptions:
    """Choices of ``catalog add``.

    `kind` says what the id is, where its name and the files leave that open; `scale` and `offset` are applied
    to stored values; `x`, `y`, `crs` are for tables and for arrays without georeference; `bands` renames the
    bands of files that don't name them.
    """

    copy: bool = False
    kind: Literal["image", "collection", "table"] | None = None
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    bands: tuple[str, ...] = ()
    x: str | None = None
    y: str | None = None
    crs: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in (("scale", self.scale), ("offset", self.offset)):
            if value is not None and not math.isfinite(value):
                raise InputError(f"The {name} {value:g} is not a finite number; give one, or leave it out.")
        if self.scale == 0:
            raise InputError("The scale 0 would make every value the same; give another, or leave it out.")


@dataclass
class FoundBand:
    """One band found in one file."""

    spec: Band
    info: BandInfo
    source: BandSource
    path: Path


@dataclass
class FoundImage:
    """What the files say about one image."""

    facts: FileFacts
    bands: list[FoundBand] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)
    start: int | None = None


def _image_for(
    images: dict[str, FoundImage], facts: FileFacts, index: str | None = None, start: int | None = None
) -> FoundImage:
    key = index or facts.index or "image"
    if key not in images:
        if start is None and facts.start is not None:
            start = round(facts.start.timestamp() * 1000)
        images[key] = FoundImage(facts, start=start)
    return images[key]


def read_geotiff(
    path: Path, facts: FileFacts, product: Dataset | None, options: AddOptions, images: dict[str, FoundImage]
) -> None:
    with open_dataset(path) as dataset:
        grid, tags = grid_of(dataset), dict(dataset.tags())
        names, specs = _band_names(path, facts, product, options, dataset)
        image = _image_for(images, facts)
        for number, (name, spec) in enumerate(zip(names, specs, strict=True), start=1):
            stored, tagged = dataset.dtypes[number - 1], dataset.nodatavals[number - 1]
            if stored.startswith("complex"):
                raise InputError(
                    f"The band {number} of {path.name} holds complex numbers ({stored}); write their "
                    "real and imaginary parts as bands."
                )
            nodata = (
                [options.nodata]
                if options.nodata is not None
                else sorted({*spec.nodata, *([] if tagged is None else [tagged])})
            )
            scale = options.scale if options.scale is not None else _scale_of(spec, dataset, number)
            scaled = scale is not None or options.offset is not None
            source = RasterSource(
                (Piece(str(path), grid.height, grid.width, band=number),),
                Decoding(numbers(nodata), scale, options.offset),
                any(flag.name == "per_dataset" for flag in dataset.mask_flag_enums[number - 1]),
            )
            dtype = (
                spec.dtype
                if spec.dtype is not None and (scaled or spec.scale is None)
                else "float32"
                if scaled
                else stored
            )
            image.bands.append(FoundBand(spec, BandInfo(name, dtype, grid, spec.pyramiding), source, path))
        if product is not None:
            image.properties |= tag_properties(product, tags, facts)


def _scale_of(spec: Band, dataset: Any, number: int) -> float | None:
    """Return the factor to apply: the product's, or the one that the file's tag states; other files are
    taken as stored.
    """
    if spec.scale is None:
        return None
    if dataset.dtypes[number - 1].startswith("float"):
        return None  # reflectance that was scaled before it was written
    tagged = dataset.scales[number - 1]
    return float(tagged) if tagged not in (0.0, 1.0) else spec.scale


def _band_names(
    path: Path, facts: FileFacts, product: Dataset | None, options: AddOptions, dataset: Any
) -> tuple[list[str], list[Band]]:
    count = dataset.count
    twice = sorted({n for n in options.bands if options.bands.count(n) > 1})
    if twice:
        raise InputError(f"--bands gives the name {twice[0]!r} to two bands; give each its own.")
    if options.bands:
        if len(options.bands) != count:
            raise InputError(
                f"The file {path.name} has {count} bands, but {len(options.bands)} names were given with "
                "--bands."
            )
        known = {s.name: s for s in (product.bands if product else ())}
        return list(options.bands), [known.get(n, Band(n)) for n in options.bands]
    descriptions = [d for d in dataset.descriptions if d]
    if product is not None:
        layers = [facts.layer] if count == 1 else descriptions
        if count == 1 and facts.layer == "" and descriptions and descriptions[0] in product.layers:
            layers = descriptions
        specs = [product.layers.get(layer) for layer in layers]
        if len(specs) != count or any(s is None for s in specs):
            wanted = ", ".join(sorted(k for k in product.layers if k)[:12])
            raise InputError(
                f"The file {path.name} does not say which band of {product.id} it holds; its name should be "
                "that of an "
                "LP DAAC or AppEEARS file "
                f"(layers {wanted}, …), or name the bands with --bands."
            )
        found = [s for s in specs if s is not None]
        return [s.name for s in found], found
    if facts.layer and count == 1:
        return [facts.layer], [Band(facts.layer)]
    names = (
        descriptions
        if len(descriptions) == count and len(set(descriptions)) == count
        else [f"b{i}" for i in range(1, count + 1)]
    )
    return names, [Band(n) for n in names]


def read_arrays(path: Path, facts: FileFacts, options: AddOptions, images: dict[str, FoundImage]) -> None:
    variables = inspect_arrays(path, crs=options.crs)
    stem = facts.index or "image"
    for variable in variables:
        for position, start in enumerate(variable.times or (None,)):
            source = variable.source
            index = stem
            if start is not None:
                source = replace(source, index=(position,))
                moment = datetime.fromtimestamp(start / 1000, UTC)
                index = (
                    f"{moment:%Y%m%d}"
                    if moment.hour == moment.minute == moment.second == 0
                    else f"{moment:%Y%m%dT%H%M%S}"
                )
            image = _image_for(images, facts, index, start)
            info = BandInfo(variable.name, variable.dtype, variable.grid)
            image.bands.append(FoundBand(Band(variable.name), info, source, path))


def read_smap(path: Path, facts: FileFacts, identifier: str, images: dict[str, FoundImage]) -> None:
    """Read a SMAP L3 file: on the catalog's 0.08° grid under the official id, on the exact EASE-Grid under
    any other.
    """
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"The file {path} is not readable HDF5 ({error}).") from error
    with file:
        image = _image_for(images, facts)
        for half, (group, suffix) in GROUPS.items():
            if group not in file:
                continue
            for spec in retrieval_bands(half):
                band = spec.name
                stored = band.removesuffix(f"_{half}") + suffix
                if stored not in file[group]:
                    continue
                array = file[group][stored]
                name = _EASE_SHAPES.get(array.shape)
                if name is None:
                    raise InputError(
                        f"The variable {group}/{stored} of {path.name} has the shape {array.shape}, which is "
                        "no global "
                        "EASE-Grid 2.0 grid."
                    )
                source = ArraySource(str(path), "hdf5", f"{group}/{stored}")
                decoding = Decoding()
                if "_FillValue" in array.attrs:
                    decoding = Decoding((float(array.attrs["_FillValue"]),))
                if spec.bad_bits:
                    source = replace(source, flag=spec.bad_bits)
                elif (
                    "valid_min" in array.attrs
                    and "valid_max" in array.attrs
                    and not band.startswith("soil_moisture")
                ):
                    least, greatest = (float(array.attrs[k]) for k in ("valid_min", "valid_max"))
                    decoding = replace(decoding, least=least, greatest=greatest)
                grid = ease_grid(name)
                if identifier.startswith(_ENHANCED):
                    if name != "M09":
                        raise InputError(
                            f"{identifier} is the 9 km product, but {path.name} holds the 36 km grid; give "
                            "it an id of your own."
                        )
                    source, grid = replace(source, ease=name), WARPED
                source = replace(source, decoding=decoding)
                info = BandInfo(band, spec.dtype or "float32", grid, spec.pyramiding)
                image.bands.append(FoundBand(spec, info, source, path))
        if not image.bands:
            raise InputError(
                f"The file {path.name} holds no SMAP L3 soil moisture groups "
                "(Soil_Moisture_Retrieval_Data_AM or _PM)."
            )

"""Bands and metadata: making, choosing, naming and joining them."""

from __future__ import annotations

import re
from typing import Any

from smgee.eelocal.engine.context import Context
from smgee.eelocal.engine.registry import algorithm, algorithms
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.image_math import cast_band
from smgee.eelocal.ops.string import compile_pattern
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.construct import as_image, constant_band, constant_image, unique_names
from smgee.eelocal.values.date import Date
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.nodes import Empty
from smgee.eelocal.values.pixeltype import PixelType, parse_type


@algorithm("Dictionary.toImage")
def from_dictionary(dictionary: dict[str, Any], names: list[str] | None) -> Image:
    """Make a constant image with a band for each key, sorted by name unless their order is given."""
    order = sorted(dictionary) if names is None else names
    absent = [name for name in order if dictionary.get(name) is None]
    if absent:
        raise EEError(f"Dictionary.toImage: the dictionary holds no value for the band '{absent[0]}'.")
    return Image(tuple(constant_band(dictionary[name], name) for name in order))


def select_bands(image: Image, selectors: list[Any], new_names: list[str] | None = None) -> Image:
    """Return the bands that names, regular expressions (of the whole name) or positions choose, in their
    order, optionally renamed.
    """
    chosen: list[Band] = []
    for selector in selectors:
        if isinstance(selector, (int, float)) and not isinstance(selector, bool):
            index = int(selector)
            if not -len(image.bands) <= index < len(image.bands):
                raise EEError(
                    f"Image.select: Band index {index} is out of bounds; the image has {len(image.bands)} "
                    "bands."
                )
            chosen.append(image.bands[index])
            continue
        if not isinstance(selector, str):
            raise EEError(
                f"Image.select: Invalid band selector of type {type(selector).__name__}: use names, regular "
                "expressions or positions."
            )
        exact = [b for b in image.bands if b.name == selector]
        found = exact or [b for b in image.bands if compile_pattern(selector).fullmatch(b.name)]
        if not found:
            raise EEError(
                f"Image.select: Band pattern '{selector}' did not match any bands. Available bands: "
                f"[{', '.join(image.names)}]"
            )
        chosen.extend(found)
    if new_names is not None:
        if len(new_names) != len(chosen):
            raise EEError(f"Image.select: Can't rename {len(chosen)} bands with {len(new_names)} names.")
        return image.with_bands([b.renamed(n) for b, n in zip(chosen, new_names, strict=True)])
    return image.with_bands(
        [b.renamed(n) for b, n in zip(chosen, unique_names((), [b.name for b in chosen]), strict=True)]
    )


@algorithm("Image.select")
def select(input: Image, bandSelectors: list[Any], newNames: list[str] | None) -> Image:
    """Choose bands by name, pattern or position."""
    flat = [s for entry in bandSelectors for s in (entry if isinstance(entry, list) else [entry])]
    return select_bands(input, flat, newNames)


@algorithm("Image.rename")
def rename(input: Image, names: list[str]) -> Image:
    """Rename all bands."""
    names = [n for entry in names for n in (entry if isinstance(entry, list) else [entry])]
    if len(names) != len(input.bands):
        raise EEError(
            f"The number of names ({len(names)}) must match the number of bands ({len(input.bands)})."
        )
    if len(set(names)) != len(names):
        raise EEError(f"Duplicate band name: '{next(n for n in names if names.count(n) > 1)}'.")
    return input.with_bands([b.renamed(n) for b, n in zip(input.bands, names, strict=True)])


@algorithm("Image.regexpRename")
def regexp_rename(input: Image, regex: str, replacement: str, all: bool) -> Image:
    """Rename bands by a regular expression; ``$1`` stands for a captured group."""
    pattern = compile_pattern(regex)
    template = re.sub(r"\$(\d)", r"\\g<\1>", replacement.replace("\\", "\\\\"))
    names = unique_names((), [pattern.sub(template, b.name, count=0 if all else 1) for b in input.bands])
    return input.with_bands([b.renamed(n) for b, n in zip(input.bands, names, strict=True)])


@algorithm("Image.slice")
def slice_bands(image: Image, start: int, end: int | None) -> Image:
    """Choose a run of bands by position."""
    return image.with_bands(image.bands[int(start) : None if end is None else int(end)])


def add_bands(image: Image, bands: list[Band], *, overwrite: bool = False) -> Image:
    """Return the image with more bands: replacing those of the same name in place, or renamed with a
    number.
    """
    result = list(image.bands)
    if overwrite:
        place = {b.name: i for i, b in enumerate(result)}
        for band in bands:
            if band.name in place:
                result[place[band.name]] = band
            else:
                place[band.name] = len(result)
                result.append(band)
    else:
        names = unique_names((b.name for b in result), (b.name for b in bands))
        result += [b.renamed(n) for b, n in zip(bands, names, strict=True)]
    return image.with_bands(result)


@algorithm("Image.addBands")
def add_bands_of(dstImg: Image, srcImg: Image, names: list[str] | None, overwrite: bool) -> Image:
    """Add the bands of another image."""
    source = srcImg if names is None else select_bands(srcImg, list(names))
    if not dstImg.bands and dstImg.footprint is None and not dstImg.properties:
        return Image(source.bands, {}, source.footprint, clipped=source.clipped)
    return add_bands(dstImg, list(source.bands), overwrite=overwrite)


@algorithm("Image.cat")
def concatenate(images: list[Any]) -> Image:
    """Join the bands of several images; metadata of the first."""
    converted = [as_image(i) for i in images]
    if NotImplemented in converted:
        raise EEError("Image.cat: every element must be an image or a number.")
    if not converted:
        return Image(())
    result = converted[0]
    for image in converted[1:]:
        result = add_bands(result, list(image.bands))
    return result


def cast_image(image: Image, types: dict[str, PixelType], order: list[str] | None) -> Image:
    """Return the image with some bands cast; types of bands that it does not have make masked ones."""
    bands = [cast_band(b, types[b.name]) if b.name in types else b for b in image.bands]
    have = {b.name for b in bands}
    for name in sorted(set(types) - have):
        bands.append(Band(name, Empty(types[name]), types[name]))
    if order is not None:
        by_name = {b.name: b for b in bands}
        if set(order) != set(by_name):
            raise EEError(
                "Image.cast: bandOrder must list every band of the result exactly once: "
                f"{', '.join(by_name)}."
            )
        bands = [by_name[n] for n in order]
    return image.with_bands(bands)


@algorithm("Image.cast")
def cast(image: Image, bandTypes: dict[str, Any], bandOrder: list[str] | None) -> Image:
    """Cast bands by name."""
    return cast_image(image, {n: parse_type(t) for n, t in bandTypes.items()}, bandOrder)


@algorithm("Image.metadata")
def metadata(image: Image, property: str, name: str | None) -> Image:
    """Make a constant image of type double from a property."""
    value = image.properties.get(property)
    if isinstance(value, Date):
        value = value.ms
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise EEError(
            f"Property '{property}' is {'missing' if value is None else 'not a number'}; a numeric property "
            "is required."
        )
    return Image((constant_band(float(value), property if name is None else name),))


@algorithm("Image.date")
def date(image: Image) -> Date:
    """Return the acquisition time."""
    start = image.properties.get("system:time_start")
    if isinstance(start, Date):
        return start
    if start is None:
        raise EEError("Parameter 'value' is required and may not be null.").prefixed("Date")
    return Date(start)


@algorithm("Image.linkCollection")
def link_collection(
    context: Context,
    input: Image,
    imageCollection: Collection,
    linkedBands: Any,
    linkedProperties: Any,
    matchPropertyName: str,
) -> Image:
    """Add bands and properties of the image of a collection that has an equal property."""
    wanted = input.properties.get(matchPropertyName)
    images = [i for i in imageCollection if isinstance(i, Image)]
    match = next(
        (i for i in images if wanted is not None and i.properties.get(matchPropertyName) == wanted), None
    )
    bands = [] if linkedBands is None else linkedBands if isinstance(linkedBands, list) else [linkedBands]
    names = (
        []
        if linkedProperties is None
        else linkedProperties
        if isinstance(linkedProperties, list)
        else [linkedProperties]
    )
    result = input
    if bands:
        model = match if match is not None else (images[0] if images else None)
        if model is None:
            raise EEError(
                "Image.linkCollection: the collection is empty, so the types of the linked bands are unknown."
            )
        chosen = list(select_bands(model, bands).bands)
        if match is None:
            chosen = [Band(b.name, Empty(b.type), b.type, b.projection) for b in chosen]
        result = add_bands(result, chosen, overwrite=True)
    if names:
        properties = dict(result.properties) | {
            n: None if match is None else match.properties.get(n) for n in names
        }
        result = result.with_properties(properties)
    return result


algorithms(
    {
        "Image.constant": lambda value: value if isinstance(value, Image) else constant_image(value),
        "Image.bandNames": lambda image: image.names,
        "Image.bandTypes": lambda image: {b.name: b.type for b in image.bands},
    }
)

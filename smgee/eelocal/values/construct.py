"""Making images: from values, from other images band by band."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.nodes import Constant
from smgee.eelocal.values.pixeltype import PixelType


def constant_band(value: Any, name: str) -> Band:
    """Return a band that is one number, or one array, everywhere."""
    if isinstance(value, Array):
        shape = value.type
        if shape.is_int and value.values.size:
            shape = shape.ranging(int(value.values.min()), int(value.values.max()))
        return Band(name, Constant(value.values, shape), shape)
    if isinstance(value, (bool, int, float, np.number)):
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            value = float(value)
        kind = PixelType.of_value(value)
        return Band(name, Constant(value, kind), kind)
    raise EEError(
        f"Image.constant: a number, an Array, or a list of these is required, got {type(value).__name__}."
    )


def constant_image(value: Any) -> Image:
    """Return a constant image: band ``constant``, or ``constant_0``, ``constant_1``, … for a list."""
    if isinstance(value, (list, tuple)):
        return Image(tuple(constant_band(v, f"constant_{i}") for i, v in enumerate(value)))
    return Image((constant_band(value, "constant"),))


def as_image(value: Any) -> Image | Any:
    """Return an image given as such, as a number or as an Array; NotImplemented for anything else."""
    if isinstance(value, Image):
        return value
    if isinstance(value, (bool, int, float, Array)):
        return constant_image(value)
    if (
        isinstance(value, (list, tuple))
        and value
        and all(isinstance(v, (bool, int, float, Array)) for v in value)
    ):
        return constant_image(value)
    return NotImplemented


def matched(image1: Image, image2: Image) -> list[tuple[str, Band, Band]]:
    """Pair the bands of two images for a binary operation.

    A single band goes with every band of the other image; equal numbers of bands are paired by name where the
    names are the same, else in order. Names come from the longer image, from the first of equals.

    Returns
    -------
    list of (name, band of image1, band of image2)

    Raises
    ------
    EEError
        When the numbers of bands do not fit together.
    """
    first, second = image1.bands, image2.bands
    if not first or not second:
        if len(first) == len(second):
            return []
        raise EEError(
            f"If one image has no bands, the other must also have no bands. Got {len(first)} and "
            f"{len(second)}."
        )
    if len(first) == len(second):
        names = [b.name for b in first]
        by_name = {b.name: b for b in second}
        if len(by_name) == len(second) and set(names) == set(by_name):
            return [(b.name, b, by_name[b.name]) for b in first]
        return [(a.name, a, b) for a, b in zip(first, second, strict=True)]
    if len(second) == 1:
        return [(b.name, b, second[0]) for b in first]
    if len(first) == 1:
        return [(b.name, first[0], b) for b in second]
    raise EEError(
        f"Images must have the same number of bands, or one of them a single band. Got {len(first)} and "
        f"{len(second)}."
    )


def spread(image: Image, count: int, *, what: str) -> Sequence[Band]:
    """Return `count` bands of an image that must have that many, or one for all."""
    if len(image.bands) == 1:
        return image.bands * count
    if len(image.bands) != count:
        raise EEError(
            f"The {what} must have 1 band, or as many as the image ({count}). Got {len(image.bands)}."
        )
    return image.bands


def unique_names(taken: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return names that clash neither with `taken` nor among themselves: ``foo`` becomes ``foo_1``, or
    ``foo_2`` where that exists, …
    """
    seen = set(taken)
    result = []
    for name in names:
        unique, number = name, 0
        while unique in seen:
            number += 1
            unique = f"{name}_{number}"
        seen.add(unique)
        result.append(unique)
    return result

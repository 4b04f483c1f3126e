"""Coercion to images."""

from __future__ import annotations

from typing import Any

from smgee.eelocal.engine.coerce import coercion
from smgee.eelocal.values.construct import as_image


@coercion("Image")
def to_image(value: Any) -> Any:
    """Return an image, also from a number, an Array or a list of them."""
    return as_image(value)

"""Colours as text: CSS names, RRGGBB and RRGGBBAA with or without a number sign."""

from __future__ import annotations

from typing import Any

from smgee.eelocal.errors import EEError


def parse_color(text: Any) -> tuple[int, int, int, float]:
    """Return (red, green, blue) 0…255 and opacity 0…1; `EEError` when the text is no colour."""
    from PIL import ImageColor

    if not isinstance(text, str):
        raise EEError(f"A color must be a string, got {type(text).__name__}.")
    value = text.strip()
    digits = value.lstrip("#")
    if len(digits) in (3, 4, 6, 8) and all(c in "0123456789abcdefABCDEF" for c in digits):
        value = "#" + digits
    try:
        rgba = ImageColor.getcolor(value, "RGBA")
    except ValueError as error:
        raise EEError(f"Invalid color '{text}': use a CSS name, RRGGBB or RRGGBBAA.") from error
    assert isinstance(rgba, tuple)
    return rgba[0], rgba[1], rgba[2], rgba[3] / 255


def parse_palette(palette: Any) -> list[tuple[int, int, int, float]]:
    """Return the colours of a palette: a list of colours, or a comma-separated string of them."""
    if isinstance(palette, str):
        palette = palette.split(",")
    if not isinstance(palette, list) or not palette:
        raise EEError("The palette must be a list of colors that is not empty.")
    return [parse_color(c) for c in palette]

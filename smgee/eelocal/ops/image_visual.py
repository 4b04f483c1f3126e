"""Images for the eye: stretches, palettes, colour spaces, overlays."""

from __future__ import annotations

from typing import Any

import numpy as np

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.image_bands import select_bands
from smgee.eelocal.pixels.display import Blended, Display
from smgee.eelocal.pixels.randomness import uniform_at
from smgee.eelocal.values.colors import parse_palette
from smgee.eelocal.values.construct import spread
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.nodes import Apply
from smgee.eelocal.values.pixeltype import FLOAT, NAMED_TYPES, PixelType

_BYTE = NAMED_TYPES["uint8"]
_CHANNELS = ("vis-red", "vis-green", "vis-blue")


def _numbers(value: Any, count: int, name: str) -> list[float] | None:
    """Return one number per band, given as a number, a list or comma-separated text."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = [float(v) for v in value.split(",")]
        except ValueError as error:
            raise EEError(f"'{name}' must be a number or a list of numbers, got '{value[:40]}'.") from error
    values = value if isinstance(value, list) else [value]
    if any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in values):
        raise EEError(f"'{name}' must be a number or a list of numbers.")
    if len(values) == 1:
        values = values * count
    if len(values) != count:
        raise EEError(f"'{name}' must have 1 or {count} values, got {len(values)}.")
    return [float(v) for v in values]


def _default_range(kind: PixelType) -> tuple[float, float]:
    """Return the range shown without min and max: 0 to 1 for floats, else from 0 over the whole type."""
    if not kind.is_int:
        return 0.0, 1.0
    name = next((n for n in ("uint8", "int8", "uint16", "int16") if NAMED_TYPES[n] == kind), None)
    greatest = {"uint8": 255.0, "int8": 127.0, "uint16": 65535.0, "int16": 32767.0}.get(name or "")
    if greatest is None:
        greatest = 255.0 if kind.bounds[1] <= 255 else 65535.0
    return 0.0, greatest


def _stretch(low: float, high: float, gain: float | None, bias: float | None, gamma: float | None) -> Any:
    """Return the function from values to 0…1."""

    def apply(values: np.ndarray) -> np.ndarray:
        v = values.astype("f8", copy=False)
        if gain is not None or bias is not None:
            share = (v * (1.0 if gain is None else gain) + (0.0 if bias is None else bias)) / 255.0
        else:
            share = (v - low) / (high - low)
        share = np.clip(np.nan_to_num(share), 0.0, 1.0)
        return share if gamma is None else share ** (1.0 / gamma)

    return apply


@algorithm("Image.visualize")
def visualize(
    image: Image,
    bands: Any,
    gain: Any,
    bias: Any,
    min: Any,
    max: Any,
    gamma: Any,
    opacity: float | None,
    palette: Any,
    forceRgbOutput: bool,
) -> Image:
    """Turn bands into bytes for display: one grey band, or red, green and blue."""
    if isinstance(bands, str):
        bands = [b.strip() for b in bands.split(",")]
    if bands:
        chosen = select_bands(image, list(bands)).bands
    else:
        chosen = image.bands[:3]
    if palette and not bands and len(image.bands) > 1:
        chosen = image.bands[:1] if len(image.bands) > 1 else chosen
    if len(chosen) not in (1, 3):
        raise EEError(f"Must specify 1 or 3 bands to visualize, got {len(chosen)}.")
    if palette and len(chosen) != 1:
        raise EEError("Cannot provide a palette when visualizing more than one band.")
    if palette and gamma is not None:
        raise EEError("Cannot specify both a palette and gamma.")
    count = len(chosen)
    lows, highs, gains = (
        _numbers(min, count, "min"),
        _numbers(max, count, "max"),
        _numbers(gain, count, "gain"),
    )
    biases, gammas = _numbers(bias, count, "bias"), _numbers(gamma, count, "gamma")
    if (
        (gains is not None or biases is not None)
        and (lows is not None or highs is not None)
        and gains is not None
    ):
        raise EEError("Cannot specify both gain and min or max.")
    stretches = []
    for i, band in enumerate(chosen):
        low, high = _default_range(band.type)
        low = low if lows is None else lows[i]
        high = high if highs is None else highs[i]
        if low == high:
            high = low + 1e-9 if low == 0 else np.nextafter(low, np.inf)
        stretches.append(
            _stretch(
                low,
                high,
                gains[i] if gains else None,
                biases[i] if biases else None,
                gammas[i] if gammas else None,
            )
        )
    colors = np.array(parse_palette(palette)) if palette else None
    node = Display(
        [b.node for b in chosen],
        stretches,
        colors,
        1.0 if opacity is None else float(np.clip(opacity, 0, 1)),
        rgb=forceRgbOutput,
    )
    names = ("vis-gray",) if node.outputs == 1 else _CHANNELS
    return image.computed(chosen[0].holding_parts(node, names, [_BYTE] * len(names)))


@algorithm("Image.blend")
def blend(bottom: Image, top: Image) -> Image:
    """Lay one image over another, the mask of the upper one being its opacity."""
    count = len(bottom.bands) if len(bottom.bands) >= len(top.bands) else len(top.bands)
    lower, upper = spread(bottom, count, what="bottom image"), spread(top, count, what="top image")
    names = [b.name for b in (lower if len(bottom.bands) >= len(top.bands) else upper)]
    bands = []
    for name, below, above in zip(names, lower, upper, strict=True):
        kind = below.type.union(above.type)
        bands.append(below.holding(Blended(below.node, above.node, kind), kind, name=name))
    return bottom.computed(bands)


# -- colour spaces


def _rgb_to_hsv(r: np.ndarray, g: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
    """Convert by the hexcone model (A. R. Smith 1978), all in 0…1."""
    r, g, b = (c.astype("f8") for c in np.broadcast_arrays(r, g, b))
    value = np.maximum(np.maximum(r, g), b)
    chroma = value - np.minimum(np.minimum(r, g), b)
    safe = np.where(chroma == 0, 1, chroma)
    hue = (
        np.where(
            value == r, ((g - b) / safe) % 6, np.where(value == g, (b - r) / safe + 2, (r - g) / safe + 4)
        )
        / 6
    )
    return [
        np.where(chroma == 0, 0.0, hue),
        np.where(value == 0, 0.0, chroma / np.where(value == 0, 1, value)),
        value,
    ]


def _hsv_to_rgb(h: np.ndarray, s: np.ndarray, v: np.ndarray) -> list[np.ndarray]:
    """Invert `_rgb_to_hsv`."""
    h, s, v = (c.astype("f8") for c in np.broadcast_arrays(h, s, v))
    result = []
    for offset in (5, 3, 1):
        k = (offset + h * 6) % 6
        result.append(v - v * s * np.clip(np.minimum(k, 4 - k), 0, 1))
    return result


def _convert(image: Image, names: tuple[str, ...], function: Any) -> Image:
    if len(image.bands) != 3:
        raise EEError(f"A 3-band image is required, got {len(image.bands)} bands.")
    nodes = [b.node for b in image.bands]
    bands = []
    for i, name in enumerate(names):
        node = Apply(lambda x, y, z, i=i: function(x, y, z)[i], nodes, "f4")
        bands.append(image.first.holding(node, FLOAT, name=name))
    return image.computed(bands)


@algorithm("Image.rgbToHsv")
def rgb_to_hsv(image: Image) -> Image:
    """Convert red, green, blue to hue, saturation, value."""
    return _convert(image, ("hue", "saturation", "value"), _rgb_to_hsv)


@algorithm("Image.hsvToRgb")
def hsv_to_rgb(image: Image) -> Image:
    """Convert hue, saturation, value to red, green, blue."""
    return _convert(image, ("red", "green", "blue"), _hsv_to_rgb)


@algorithm("Image.randomVisualizer", approximate="other random colours")
def random_visualizer(image: Image) -> Image:
    """Give every value of the first band a random colour, the same for the same value."""
    band = image.first
    channels = []
    for i, name in enumerate(("viz-red", "viz-green", "viz-blue")):

        def colour(values: np.ndarray, i: int = i) -> np.ndarray:
            keys = values.astype("f8").view(np.int64) if values.dtype.kind == "f" else values.astype(np.int64)
            return np.floor(uniform_at(keys, np.zeros(1, np.int64), 0, i) * 256)

        channels.append(band.holding(Apply(colour, (band.node,), "u1"), _BYTE, name=name))
    return image.with_bands([*channels, *image.bands])

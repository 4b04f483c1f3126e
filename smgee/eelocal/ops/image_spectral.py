"""Spectral distances between pixels."""

from __future__ import annotations

import numpy as np

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.nodes import Apply
from smgee.eelocal.values.pixeltype import DOUBLE


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spectral angle, radians (Kruse et al. 1993)."""
    norm = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.arccos(np.clip((a * b).sum(-1) / np.where(norm == 0, 1, norm), -1, 1))


def _divergence(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spectral information divergence (Chang 2000)."""
    p, q = (v / np.where(v.sum(-1, keepdims=True) == 0, 1, v.sum(-1, keepdims=True)) for v in (a, b))
    safe = (p > 0) & (q > 0)
    ratio = np.log(np.where(safe, p, 1) / np.where(safe, q, 1))
    return ((p - q) * ratio).sum(-1)


_METRICS = {"sam": _angle, "sid": _divergence, "sed": lambda a, b: ((a - b) ** 2).sum(-1)}


@algorithm("Image.spectralDistance")
def spectral_distance(image1: Image, image2: Image, metric: str) -> Image:
    """Return the spectral distance between two images."""
    if metric == "emd":
        raise UnsupportedAlgorithmError("Image.spectralDistance with metric emd")
    if metric not in _METRICS:
        raise EEError(f"Unknown metric '{metric}': use sam, sid, sed or emd.")
    if any(b.type.dimensions for b in (*image1.bands, *image2.bands)):
        raise UnsupportedAlgorithmError("Image.spectralDistance of array images")
    count = len(image1.bands)
    if count != len(image2.bands) or not count:
        raise EEError(f"The images must have the same number of bands, got {count} and {len(image2.bands)}.")
    measure = _METRICS[metric]

    def distance(*values: np.ndarray) -> np.ndarray:
        stacked = np.stack(np.broadcast_arrays(*(v.astype("f8") for v in values)), -1)
        return measure(stacked[..., :count], stacked[..., count:])

    node = Apply(distance, [b.node for b in (*image1.bands, *image2.bands)], "f8")
    return image1.computed([image1.bands[0].holding(node, DOUBLE, name="distance")])

"""Seeded randomness: named streams, fractal fields, and a per-pixel hash that needs no neighbours.

Whatever is read window by window must not depend on the window, so pixel noise is a hash of (key, row,
column) and smooth fields are made whole on a coarse lattice and interpolated.
"""

from __future__ import annotations

import zlib

import numba
import numpy as np
from scipy.ndimage import gaussian_filter


def stream(seed: int, *names: object) -> np.random.Generator:
    """Return the random generator of a named purpose; the same seed and names give the same numbers
    everywhere.
    """
    return np.random.default_rng([int(seed) & 0xFFFFFFFF, *(zlib.crc32(str(n).encode()) for n in names)])


def fractal_field(
    rng: np.random.Generator, shape: tuple[int, int], *, beta: float, longest: float | None = None
) -> np.ndarray:
    """Return a zero-mean, unit-variance Gaussian field with an isotropic power spectrum k^-beta.

    Spectral synthesis as in Turcotte 1997, Fractals and Chaos in Geology and Geophysics, ch. 7. The field is
    made on a larger periodic lattice and cut, so that opposite edges do not repeat each other.

    Parameters
    ----------
    shape : (height, width)
    beta : float
        Spectral exponent of the two-dimensional power (2 rough, 4 smooth).
    longest : float, optional
        Wavelengths longer than this many pixels are flattened, which bounds the size of the structures.

    Returns
    -------
    (height, width) float32
    """
    from scipy import fft

    big = tuple(fft.next_fast_len(int(n * 1.3) + 8) for n in shape)
    white = fft.rfft2(rng.standard_normal(big, dtype=np.float32), workers=2)
    k = np.hypot(np.fft.fftfreq(big[0])[:, None], np.fft.rfftfreq(big[1])[None, :]).astype(np.float32)
    floor = 1.0 / min(longest or max(big), max(big))
    amplitude = np.maximum(k, floor) ** np.float32(-beta / 2)
    amplitude[0, 0] = 0
    field = fft.irfft2(white * amplitude, s=big, workers=2)[: shape[0], : shape[1]]
    return ((field - field.mean()) / field.std()).astype(np.float32)


def correlated_field(rng: np.random.Generator, shape: tuple[int, int], *, length: float) -> np.ndarray:
    """Return a zero-mean, unit-variance field smoothed by a Gaussian of `length` pixels, (height, width)
    float32.
    """
    pad = int(3 * length) + 1
    field = gaussian_filter(
        rng.standard_normal((shape[0] + 2 * pad, shape[1] + 2 * pad), dtype=np.float32), length
    )
    field = field[pad:-pad, pad:-pad]
    # The theoretical standard deviation of smoothed white noise, so that a single field need not be
    # normalised by itself.
    return (field * np.float32(2 * np.sqrt(np.pi) * length)).astype(np.float32)


@numba.njit(inline="always")
def hash_noise(key, row, col):
    """Return zero-mean, unit-variance noise of a pixel: the four bytes of its hash added up (Irwin-Hall,
    near Gaussian).
    """
    h = np.uint32(key) ^ (np.uint32(row) * np.uint32(0x9E3779B1)) ^ (np.uint32(col) * np.uint32(0x85EBCA77))
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = np.uint32(h)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    h = np.uint32(h)
    h = h ^ (h >> np.uint32(16))
    s = (
        (h & np.uint32(255))
        + ((h >> np.uint32(8)) & np.uint32(255))
        + ((h >> np.uint32(16)) & np.uint32(255))
        + (h >> np.uint32(24))
    )
    # Four uniform bytes: mean 510, variance 4 (256² − 1) / 12.
    return (np.float32(s) - np.float32(510.0)) * np.float32(0.0067659)

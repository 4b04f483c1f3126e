"""Endmember spectra and the bands of the two HLS sensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smgee.datasets import HLS


@dataclass(frozen=True)
class Band:
    """A band: its Earth Engine name, kind (reflective, cirrus, vapour, thermal, quality, angle) and centre
    wavelength in µm.
    """

    name: str
    kind: str
    wavelength: float = 0.0


# Centre wavelengths in µm: OLI from Barsi et al. 2014, Remote Sens. 6:10232-10251; MSI from the Sentinel-2A
# spectral responses. HLS S30 is adjusted to the OLI band passes (except red edge, broad NIR and vapour), so
# most of the difference that is left is sampled here as a third of the distance between the centres.
_WAVELENGTHS = {
    "L30": {
        "coastal": 0.443,
        "blue": 0.482,
        "green": 0.561,
        "red": 0.655,
        "nir": 0.865,
        "swir1": 1.609,
        "swir2": 2.201,
        "cirrus": 1.373,
        "thermal1": 10.9,
        "thermal2": 12.0,
    },
    "S30": {
        "coastal": 0.443,
        "blue": 0.485,
        "green": 0.5605,
        "red": 0.658,
        "nir": 0.865,
        "red_edge1": 0.704,
        "red_edge2": 0.740,
        "red_edge3": 0.783,
        "nir_broad": 0.833,
        "water_vapour": 0.945,
        "cirrus": 1.373,
        "swir1": 1.611,
        "swir2": 2.201,
    },
}
_KINDS = {"cirrus": "cirrus", "water_vapour": "vapour", "quality": "quality"}


def _bands(product: str) -> tuple[Band, ...]:
    wavelengths = _WAVELENGTHS[product]
    found = []
    for band in HLS[product].bands:
        plain = {"1": "reflective", "degC": "thermal", "degree": "angle"}.get(band.units, "")
        found.append(Band(band.name, _KINDS.get(band.role, plain), wavelengths.get(band.role, 0.0)))
    return tuple(found)


L30_BANDS, S30_BANDS = _bands("L30"), _bands("S30")

# Reflectance at the knots, shaped after common library spectra (Baldridge et al. 2009, ASTER library; Asner
# 1998, Remote Sens.
# Environ. 64:234-253 for dry matter; Warren 1982, Rev. Geophys. 20:67-89 for snow). They are typical shapes,
# not measurements
# of a place.
KNOTS = np.array([0.443, 0.485, 0.560, 0.656, 0.704, 0.740, 0.783, 0.833, 0.865, 0.945, 1.373, 1.610, 2.201])
_SPECTRA = {
    "green": (0.022, 0.030, 0.075, 0.038, 0.120, 0.290, 0.385, 0.420, 0.440, 0.400, 0.150, 0.245, 0.115),
    "litter": (0.070, 0.085, 0.130, 0.190, 0.220, 0.240, 0.260, 0.280, 0.295, 0.310, 0.330, 0.390, 0.285),
    "bright_soil": (
        0.105,
        0.130,
        0.180,
        0.235,
        0.255,
        0.270,
        0.285,
        0.300,
        0.310,
        0.325,
        0.370,
        0.405,
        0.370,
    ),
    "dark_soil": (0.045, 0.052, 0.068, 0.088, 0.100, 0.110, 0.122, 0.137, 0.147, 0.168, 0.220, 0.250, 0.210),
    "snow": (0.930, 0.935, 0.930, 0.910, 0.895, 0.885, 0.870, 0.850, 0.835, 0.760, 0.300, 0.120, 0.075),
    "water": (0.060, 0.058, 0.052, 0.034, 0.024, 0.018, 0.016, 0.013, 0.011, 0.008, 0.002, 0.004, 0.003),
    "cloud": (0.620, 0.610, 0.600, 0.610, 0.610, 0.615, 0.620, 0.620, 0.620, 0.560, 0.090, 0.450, 0.330),
    # Wet soil as a share of dry soil at saturation, and how fast it gets there with the degree of saturation:
    # the exponential of
    # Lobell & Asner 2002, Soil Sci. Soc. Am. J. 66:722-727, where the visible saturates sooner than the
    # short-wave infrared.
    "wet_share": (0.50, 0.50, 0.49, 0.49, 0.49, 0.49, 0.48, 0.48, 0.47, 0.44, 0.30, 0.34, 0.27),
    "wet_rate": (5.5, 5.5, 5.4, 5.3, 5.2, 5.1, 5.0, 4.9, 4.8, 4.4, 3.4, 3.1, 2.9),
    # How strongly a turgid canopy absorbs beyond the near infrared (Ceccato et al. 2001, Remote Sens.
    # Environ. 77:22-33).
    "leaf_water": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.02, 0.05, 0.50, 0.35, 0.40),
    # Share of sky light in the irradiance, which fills shaded slopes (thin air at 3500 m).
    "sky": (0.26, 0.21, 0.15, 0.10, 0.085, 0.075, 0.065, 0.057, 0.052, 0.045, 0.02, 0.02, 0.01),
}
ENDMEMBERS: tuple[str, ...] = tuple(_SPECTRA)


def endmember_table(bands: tuple[Band, ...]) -> np.ndarray:
    """Return every endmember at the wavelengths of `bands`, (band, endmember) float32; linear between the
    knots.
    """
    wavelengths = [b.wavelength for b in bands]
    return np.stack([np.interp(wavelengths, KNOTS, _SPECTRA[name]) for name in ENDMEMBERS], axis=1).astype(
        np.float32
    )

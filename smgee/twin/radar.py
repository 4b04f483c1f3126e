"""Sentinel-1 over the basin: backscatter of soil under grass on slopes, with speckle.

The water cloud model (Attema & Ulaby 1978, Radio Sci. 13:357-364) with the parameters of grass of Bindlish &
Barros 2001, Remote Sens. Environ. 76:130-137; the bare soil's decibels are linear in its liquid water, on a
roughness of the place and on what changes from pass to pass (grazing, dew, the calibration). Slopes towards
the antenna are bright, as the collection on Earth Engine leaves them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import numpy as np

from smgee.compiled import compiled
from smgee.datasets import SENTINEL1
from smgee.grid import PixelGrid
from smgee.source import BandInfo, ImageInfo
from smgee.twin.basin import Basin
from smgee.twin.land import PHENOLOGY_BINS
from smgee.twin.noise import fractal_field, hash_noise, stream
from smgee.twin.notice import SYNTHETIC_PROPERTIES

FINE = 3  # radar pixels of 10 m across one of the basin
ANGLE_PIXELS = 33  # pixels of the basin across one of the angle's
FIELD = 8  # pixels of the basin across what is grazed at once
REPEAT = 12  # days; one satellite, as over most of China until 2024
LOOKS = 4.4  # equivalent number of looks of GRD in high resolution
# Direction in which the antenna looks (azimuth), hour UTC and first day of the cycle, by direction of flight.
PASSES = {"ASCENDING": (80.0, 11.30, date(2017, 1, 4)), "DESCENDING": (280.0, 23.32, date(2017, 1, 9))}
# Grass: A, B; soil: dB at no water, dB per m³ m⁻³, standard deviation of the roughness in dB.
WATER_CLOUD = {"VV": (0.0014, 0.084, -19.0, 24.0, 1.3), "VH": (0.0004, 0.110, -26.5, 16.0, 1.3)}


@dataclass(frozen=True)
class RadarScene:
    """One acquisition: direction of flight and time."""

    flight: str
    time: datetime

    @property
    def index(self) -> str:
        """The ``system:index``, shaped as the product's names are."""
        start, end = self.time, self.time + timedelta(seconds=25)
        orbit = f"{(self.time.date() - date(2014, 4, 15)).days * 14:06d}"
        take = f"{zlib.crc32(orbit.encode()) & 0xFFFFFF:06X}"
        stamps = f"{start:%Y%m%dT%H%M%S}_{end:%Y%m%dT%H%M%S}"
        return f"S1A_IW_GRDH_1SDV_{stamps}_{orbit}_{take}_{take[:4]}"


def radar_scenes(year: int) -> list[RadarScene]:
    """Return the acquisitions of a year, by time."""
    found = []
    for flight, (_, hour, first) in PASSES.items():
        day = first + timedelta(-(-(date(year, 1, 1) - first).days // REPEAT) * REPEAT)
        while day.year == year:
            at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)
            found.append(RadarScene(flight, at.replace(microsecond=0)))
            day += timedelta(REPEAT)
    return sorted(found, key=lambda s: s.time)


@compiled(error_model="numpy")
def _speckle(out, row0, col0, key, looks):
    """Fill a window with multiplicative speckle of mean one, gamma distributed (Wilson & Hilferty 1931)."""
    a = 1.0 - 1.0 / (9.0 * looks)
    b = 1.0 / (3.0 * np.sqrt(looks))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            x = a + b * hash_noise(key, row0 + i, col0 + j)
            out[i, j] = max(x, 0.05) ** 3


class RadarReader:
    """Describes and reads the scenes of one year."""

    def __init__(self, basin: Basin) -> None:
        self.basin = basin
        a, b, x0, d, e, y0 = basin.grid.transform
        height, width = basin.grid.height, basin.grid.width
        fine = (a / FINE, b, x0, d, e / FINE, y0)
        self.grid = PixelGrid(basin.grid.crs, fine, width * FINE, height * FINE)
        wide = (a * ANGLE_PIXELS, b, x0, d, e * ANGLE_PIXELS, y0)
        self.angle_grid = PixelGrid(
            basin.grid.crs, wide, -(-width // ANGLE_PIXELS), -(-height // ANGLE_PIXELS)
        )

    @cached_property
    def scenes(self) -> dict[str, RadarScene]:
        """The acquisitions by ``system:index``."""
        return {s.index: s for s in radar_scenes(self.basin.year)}

    def describe(self, scene: RadarScene) -> ImageInfo:
        """Describe a scene with the properties that users filter by."""
        properties = {
            "system:index": scene.index,
            "instrument": "Synthetic Aperture Radar",
            "instrumentMode": "IW",
            "orbitProperties_pass": scene.flight,
            "platform_number": "A",
            "productType": "GRD",
            "relativeOrbitNumber_start": 128 if scene.flight == "ASCENDING" else 33,
            "resolution": "H",
            "resolution_meters": 10,
            "transmitterReceiverPolarisation": ["VV", "VH"],
            **SYNTHETIC_PROPERTIES,
        }
        bands = tuple(
            BandInfo(b.name, b.dtype or "float64", self.angle_grid if b.name == "angle" else self.grid)
            for b in SENTINEL1.bands
        )
        start = int(scene.time.timestamp() * 1000)
        return ImageInfo(f"{SENTINEL1.id}/{scene.index}", bands, properties, start, start + 25_000)

    def angle(self, scene: RadarScene, cols: np.ndarray) -> np.ndarray:
        """Return the incidence angle on the ellipsoid, degrees, at columns of the basin (pixels of 30 m)."""
        along = (cols + 0.5) / self.basin.grid.width
        return 37.6 + 2.4 * (along if scene.flight == "ASCENDING" else 1 - along)

    @cached_property
    def _roughness(self) -> np.ndarray:
        """Roughness of the place, unit variance, (height, width) float32: of fields, and of each pixel."""
        rng = stream(self.basin.seed, "radar roughness")
        shape = self.basin.grid.shape
        fields = fractal_field(rng, shape, beta=2.2, longest=60)
        return (0.8 * fields + 0.6 * rng.standard_normal(shape, dtype=np.float32)).astype(np.float32)

    def _passing(self, scene: RadarScene, row: int, col: int, height: int, width: int) -> np.ndarray:
        """Return what changes from pass to pass, by fields of 240 m, dB."""
        rng = stream(self.basin.seed, "radar pass", scene.index)
        shape = tuple(-(-n // FIELD) for n in self.basin.grid.shape)
        fields = rng.normal(0.0, 0.4) + 1.1 * rng.standard_normal(shape)
        rows, cols = np.arange(row, row + height) // FIELD, np.arange(col, col + width) // FIELD
        return fields[rows[:, None], cols]

    def read(
        self, scene: RadarScene, band: str, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Read a window of a band; see `smgee.source.Source.read`."""
        if band == "angle":
            at = (np.arange(col, col + width) + 0.5) * ANGLE_PIXELS - 0.5
            values = np.broadcast_to(self.angle(scene, at), (height, width)).astype(np.float32)
            return values, np.ones(values.shape, bool)
        r0, c0 = row // FINE, col // FINE
        r1, c1 = (row + height - 1) // FINE + 1, (col + width - 1) // FINE + 1
        coarse, land = self._backscatter(scene, band, r0, c0, r1 - r0, c1 - c0)
        inner = slice(row - r0 * FINE, row - r0 * FINE + height), slice(col - c0 * FINE, None)
        power = coarse.repeat(FINE, 0).repeat(FINE, 1)[inner][:, :width]
        known = land.repeat(FINE, 0).repeat(FINE, 1)[inner][:, :width]
        speckle = np.empty(power.shape)
        key = np.uint32(zlib.crc32(f"{self.basin.seed}/{scene.index}/{band}".encode()))
        _speckle(speckle, row, col, key, LOOKS)
        # Calm water throws the beam away; what is left is the sensor's noise.
        floor = 10**-2.2 if band == "VV" else 10**-2.8
        return 10 * np.log10(np.where(known, power, floor) * speckle), np.ones(power.shape, bool)

    def _backscatter(
        self, scene: RadarScene, band: str, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return backscatter (power) without speckle of a window of 30 m pixels, and where there is land."""
        basin = self.basin
        day = basin.day(scene.time.date())
        water, land = basin.truth_window(day, row, col, height, width)
        at = slice(row, row + height), slice(col, col + width)
        layers, bins = basin.static["layers"][at], basin.static["bins"][at]
        cover = layers[..., 7]
        green = cover * basin.green(day)[np.minimum(bins[..., 0], PHENOLOGY_BINS - 1)]
        vegetation = 1.6 * green + 0.25 * (cover - green)  # kg m⁻²
        level = np.radians(self.angle(scene, np.arange(col, col + width)))
        look = np.radians(PASSES[scene.flight][0])
        # Ground that rises along the look faces the antenna.
        rise = np.arctan(layers[..., 11] * np.sin(look) + layers[..., 12] * np.cos(look))
        local = np.clip(level - rise, np.radians(8), np.radians(80))
        a, b, dry, rate, spread = WATER_CLOUD[band]
        steep = 10 * np.log10(np.cos(local) / np.cos(np.radians(38.0)))
        rough = spread * self._roughness[at] + self._passing(scene, row, col, height, width)
        soil = 10 ** ((dry + rate * water + rough + steep) / 10)
        loss = np.exp(-2 * b * vegetation / np.cos(local))
        power = a * vegetation * np.cos(local) * (1 - loss) + loss * soil
        return power * np.sin(level) / np.sin(local), land

"""What the optical sensors see: reflectance by linear spectral mixing, brightness temperature, and the Fmask
classes (Numba
kernels).

Each pixel depends on its own row and column alone, so a window is the same however it is cut.
"""

from __future__ import annotations

import numba
import numpy as np

from smgee.compiled import compiled
from smgee.twin.clouds import CLOUD_CELL, CLOUD_PAD, FLAGGED
from smgee.twin.hydrology import liquid_water, soil_temperature
from smgee.twin.land import PHENOLOGY_BINS, PHENOLOGY_STEP
from smgee.twin.noise import hash_noise
from smgee.twin.store import QUANTUM, unpack12
from smgee.twin.terrain import LAKE_LEVEL
from smgee.twin.weather import REFERENCE_ELEVATION

WETNESS_STEPS = 1024
FILL = -9999  # no data, as in the product
_F = np.float32
_BASE = _F(REFERENCE_ELEVATION - LAKE_LEVEL)


def darkening(share: float, rate: float) -> np.ndarray:
    """Tabulate wet over dry soil reflectance by degree of saturation, (`WETNESS_STEPS` + 1,) float32
    (Lobell & Asner 2002).
    """
    s = np.arange(WETNESS_STEPS + 1) / WETNESS_STEPS
    return (share + (1 - share) * np.exp(-rate * s)).astype(np.float32)


@numba.njit(inline="always", error_model="numpy")
def by_height(table, dz):
    """Return a table by elevation bin at a height above the reference, linear between bins."""
    position = min(max((dz + _BASE) * _F(1 / PHENOLOGY_STEP), _F(0.0)), _F(PHENOLOGY_BINS - 1.001))
    k = int(position)
    f = position - _F(k)
    return table[k] * (_F(1) - f) + table[k + 1] * f


@numba.njit(inline="always", error_model="numpy")
def opacity_at(opacity, y, x):
    """Return the cloud opacity (0-1) at a position in pixels of the basin, bilinear between nodes."""
    gy = y * _F(1 / CLOUD_CELL) + _F(CLOUD_PAD)
    gx = x * _F(1 / CLOUD_CELL) + _F(CLOUD_PAD)
    gy = min(max(gy, _F(0.0)), _F(opacity.shape[0] - 1.001))
    gx = min(max(gx, _F(0.0)), _F(opacity.shape[1] - 1.001))
    r, c = int(gy), int(gx)
    fy, fx = gy - _F(r), gx - _F(c)
    top = _F(opacity[r, c]) * (_F(1) - fx) + _F(opacity[r, c + 1]) * fx
    low = _F(opacity[r + 1, c]) * (_F(1) - fx) + _F(opacity[r + 1, c + 1]) * fx
    return (top * (_F(1) - fy) + low * fy) * _F(1 / 255)


@numba.njit(inline="always", error_model="numpy")
def snow_fraction(snow, dz, roughness):
    """Return the snow-covered share of a pixel: full at some 10 mm, sooner on smooth ground (Niu & Yang
    2007 give the like).
    """
    return min(by_height(snow, dz) * (_F(0.5) + roughness) * _F(0.1), _F(1.0))


@numba.njit(inline="always")
def inside_swath(edge_top, edge_slope, y, x):
    """Tell whether a pixel lies in the swath, whose side crosses the basin at column edge_top + edge_slope
    · row.
    """
    return _F(x) < edge_top + edge_slope * _F(y)


@compiled(error_model="numpy")
def reflect(
    out,
    row0,
    col0,
    packed,
    layers,
    bins,
    green_by_bin,
    snow_by_bin,
    day,
    ends,
    wet_tables,
    sun,
    opacity,
    cast,
    edge,
    keys,
):
    """Compute reflective bands of one scene over a window.

    Parameters
    ----------
    out : (band, h, w) int16
        Receives reflectance × 10000, as the product stores it, and `FILL` outside the swath.
    row0, col0 : int
        Where the window starts in the basin.
    packed : (h, row bytes) uint8
        Packed soil water of the window's rows (whole rows).
    layers, bins
        See `smgee.twin.balance.Static`, whole basin.
    green_by_bin : (bins,) float32
    snow_by_bin : (sun bins, bins) float32, mm
    day : (4,) float32
        soil, lapse, soil_sun; and the share of the 0-5 cm saturation that the skin shows.
    ends : (band, 12) float32
        green, litter, bright soil, dark soil, snow, water, cloud, wet share, wet rate, leaf water, sky, haze
        (added).
    wet_tables : (band, `WETNESS_STEPS` + 1) float32
    sun : (3,) float32
        Unit vector to the sun: east, north, up.
    opacity : (r, c) uint8
    cast : (2,) float32
        Shadow displacement in rows and columns.
    edge : (2,) float32
        Column of the swath's side at row 0, and its change per row.
    keys : (band,) uint32
        Keys of the pixel noise of this scene and each band.
    """
    count, h, w = out.shape
    cloudy = opacity.shape[0] > 1
    for i in range(h):
        y = row0 + i
        for j in range(w):
            x = col0 + j
            if not inside_swath(edge[0], edge[1], y, x):
                for b in range(count):
                    out[b, i, j] = FILL
                continue
            porosity = layers[y, x, 3]
            se, sn = layers[y, x, 11], layers[y, x, 12]
            dz = layers[y, x, 0]
            tone = layers[y, x, 10]
            wetness, green, litter = _F(0.0), _F(0.0), _F(0.0)
            if porosity > 0:
                total = _F(unpack12(packed[i], x)) * _F(QUANTUM)
                t = soil_temperature(day[0], day[1], day[2], dz, layers[y, x, 1])
                wetness = min(liquid_water(total, t, layers[y, x, 6]) / porosity, _F(1.0))
                cover = layers[y, x, 7]
                green = cover * by_height(green_by_bin, dz) * _F(0.96)
                litter = (cover - green) * _F(0.8)
            step = int(wetness * day[3] * _F(WETNESS_STEPS))
            patch = snow_fraction(snow_by_bin[bins[y, x, 1]], dz, tone)
            facing = max(
                (sun[2] - se * sun[0] - sn * sun[1]) / (np.sqrt(_F(1) + se * se + sn * sn) * sun[2]), _F(0.0)
            )
            facing = min(facing, _F(2.2))
            shade, veil = _F(0.0), _F(0.0)
            if cloudy:
                shade = opacity_at(opacity, _F(y) - cast[0], _F(x) - cast[1]) * _F(0.9)
                veil = opacity_at(opacity, _F(y), _F(x))
            for b in range(count):
                e = ends[b]
                if porosity > 0:
                    soil = (e[3] + (e[2] - e[3]) * tone) * wet_tables[b, step]
                    r = (
                        green * e[0] * (_F(1) + e[9] * (_F(0.5) - wetness))
                        + litter * e[1]
                        + (_F(1) - green - litter) * soil
                    )
                else:
                    r = e[5]
                r += (e[4] - r) * patch
                direct = _F(1) - e[10]
                r *= (e[10] + direct * facing) * (_F(1) - direct * shade)
                r += (e[6] - r) * veil
                r += e[11] + hash_noise(keys[b], y, x) * (_F(0.0012) + _F(0.010) * r)
                out[b, i, j] = np.int16(np.rint(r * _F(10000.0)))


@compiled(error_model="numpy")
def unscale(stored, out, valid):
    """Turn stored reflectance (int16) into unit reflectance; 0 and invalid where it is `FILL`."""
    for i in range(stored.shape[0]):
        for j in range(stored.shape[1]):
            valid[i, j] = stored[i, j] != FILL
            out[i, j] = _F(stored[i, j]) / _F(10000.0) if valid[i, j] else _F(0.0)


@compiled(error_model="numpy")
def classify(raw, snow_water, row0, col0, layers, bins, snow_by_bin, opacity, cast, edge, margin):
    """Find clouds (1) and their shadows (2) on a window grown by `margin`, and snow (16), water (32) and
    aerosol bits inside.

    Fills `raw` (height + 2 margin, width + 2 margin) uint8 and `snow_water` (height, width) uint8, which is
    255 outside the swath. The window begins at `row0`, `col0` of the basin, and lies within it.
    """
    height, width = snow_water.shape
    cloudy = opacity.shape[0] > 1
    for i in range(height + 2 * margin):
        y = row0 + i - margin
        for j in range(width + 2 * margin):
            x = col0 + j - margin
            veil = _F(0.0)
            raw[i, j] = 0
            if cloudy:
                veil = opacity_at(opacity, _F(y), _F(x))
                if veil >= _F(FLAGGED):
                    raw[i, j] = 1
                elif opacity_at(opacity, _F(y) - cast[0], _F(x) - cast[1]) >= _F(FLAGGED):
                    raw[i, j] = 2
            if i < margin or j < margin or i >= height + margin or j >= width + margin:
                continue
            if not inside_swath(edge[0], edge[1], y, x):
                snow_water[i - margin, j - margin] = 255
                continue
            bits = 64 if veil < _F(0.02) else (128 if veil < _F(0.06) else 192)
            if layers[y, x, 3] <= 0:
                bits |= 32
            if snow_fraction(snow_by_bin[bins[y, x, 1]], layers[y, x, 0], layers[y, x, 10]) > _F(0.45):
                bits |= 16
            snow_water[i - margin, j - margin] = bits


@compiled
def dilate(raw, margin, bits):
    """Add cloud (2), adjacent (4) and shadow (8) to `bits` (in place); adjacent is within `margin` pixels
    of cloud or shadow.
    """
    height, width = bits.shape
    near = np.zeros((height + 2 * margin, width), np.uint8)
    for i in range(height + 2 * margin):
        last = -10 * margin
        for j in range(width + 2 * margin):
            if raw[i, j]:
                last = j
            # Columns j - 2 margin … j surround the output column j - 2 margin.
            if j >= 2 * margin and j - last <= 2 * margin:
                near[i, j - 2 * margin] = 1
    reach = np.full(width, -10 * margin, np.int64)
    for i in range(height + 2 * margin):
        for x in range(width):
            if near[i, x]:
                reach[x] = i
            if i >= 2 * margin:
                y = i - 2 * margin
                if bits[y, x] == 255:
                    continue
                own = raw[y + margin, x + margin]
                if own == 1:
                    bits[y, x] |= 2
                elif own == 2:
                    bits[y, x] |= 8
                elif i - reach[x] <= 2 * margin:
                    bits[y, x] |= 4


@compiled(error_model="numpy")
def soil_water(out, valid, row0, col0, packed, layers, day):
    """Compute liquid soil moisture of a window from packed rows; `day` as in `reflect`, water masked."""
    h, w = out.shape
    for i in range(h):
        y = row0 + i
        for j in range(w):
            x = col0 + j
            valid[i, j] = layers[y, x, 3] > 0
            total = _F(unpack12(packed[i], x)) * _F(QUANTUM)
            t = soil_temperature(day[0], day[1], day[2], layers[y, x, 0], layers[y, x, 1])
            out[i, j] = liquid_water(total, t, layers[y, x, 6]) if valid[i, j] else _F(0.0)


@compiled(error_model="numpy")
def temperature_window(out, valid, row0, col0, layers, day):
    """Compute the daily mean soil temperature at 5 cm (°C) of a window; water masked."""
    h, w = out.shape
    for i in range(h):
        for j in range(w):
            y, x = row0 + i, col0 + j
            valid[i, j] = layers[y, x, 3] > 0
            out[i, j] = soil_temperature(day[0], day[1], day[2], layers[y, x, 0], layers[y, x, 1])


@compiled(error_model="numpy")
def brightness_temperature(
    out, valid, row0, col0, packed, layers, air, lapse, heating, sun, opacity, edge, key
):
    """Compute at-sensor brightness temperature (°C, steps of 0.01) of a window: sunlit slopes are warm, wet
    and green ones less so, for part of the sun's energy goes into evaporation; clouds are cold.
    """
    h, w = out.shape
    cloudy = opacity.shape[0] > 1
    for i in range(h):
        y = row0 + i
        for j in range(w):
            x = col0 + j
            valid[i, j] = inside_swath(edge[0], edge[1], y, x)
            se, sn = layers[y, x, 11], layers[y, x, 12]
            facing = max((sun[2] - se * sun[0] - sn * sun[1]) / np.sqrt(_F(1) + se * se + sn * sn), _F(0.0))
            dry = _F(0.4)
            if layers[y, x, 3] > 0:
                filled = _F(unpack12(packed[i], x)) * _F(QUANTUM) / layers[y, x, 3]
                dry = (_F(1.2) - _F(0.6) * layers[y, x, 7]) * (_F(1.35) - _F(0.7) * filled)
            t = air + lapse * layers[y, x, 0] + heating * facing * dry
            if cloudy:
                t += (_F(-18.0) - t) * opacity_at(opacity, _F(y), _F(x))
            out[i, j] = np.rint((t + _F(0.2) * hash_noise(key, y, x)) * _F(100.0)) / _F(100.0)

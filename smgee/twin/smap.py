"""What SMAP sees: brightness temperature by the tau-omega model over rough terrain, retrieval with imperfect
ancillary data, and flags.

The retrieval knows none of what makes it err: slopes tilt the emitting surface, the radiometer senses the
top two centimetres more than the five of the probes (which dry sooner and are wetter after rain), and the
model's soil temperature, the vegetation's climatology and the roughness table are off for days and weeks at a
time. Together they make an ubRMSE of 0.03 to 0.05 m³ m⁻³, as at SMAP's validation sites (Colliander et al.
2017, Remote Sens. Environ. 191:215-231).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.ndimage import gaussian_filter

from smgee.datasets.smap import RETRIEVAL_BITS, SURFACE_BITS, pattern
from smgee.twin.basin import Basin
from smgee.twin.noise import stream
from smgee.twin.weather import RAIN_GRID

CELLS_AROUND = 3  # 9 km cells beyond the basin on each side
FOOTPRINT_9KM, FOOTPRINT_36KM = (
    33.0,
    39.0,
)  # km, half-power width: contributing domain of SPL3SMP_E, antenna footprint of SPL3SMP
INCIDENCE = np.radians(40.0)
SKIN = 0.04  # m³ m⁻³ by which the top two centimetres may differ from the top five, about
MOISTURES = np.linspace(0.0, 0.65, 14)  # m³ m⁻³, nodes of the tables of reflectivity
# Grassland values of the SMAP single-channel baseline (O'Neill et al. 2021, SMAP L2/L3 ATBD, table of
# parameters by land cover).
B_VEGETATION, OMEGA, ROUGHNESS = 0.13, 0.05, 0.156
# Passes within SMAP's exact repeat of eight days; in the last one of each list the swath's edge cuts the
# basin.
AM_DAYS, PM_DAYS, CUT_AM, CUT_PM = (0, 3, 5), (1, 4, 6), 2, 7
FAIL, NOT_RECOMMENDED, NOT_ATTEMPTED = (
    pattern(RETRIEVAL_BITS, n) for n in ("not_successful", "not_recommended", "not_attempted")
)
PRECIPITATION, SNOW, FROZEN_MODEL, MOUNTAINS = (
    pattern(SURFACE_BITS, n) for n in ("precipitation", "snow_or_ice", "frozen_ground_model", "mountains")
)


@dataclass(frozen=True)
class Retrievals:
    """Retrievals of one half orbit, (day, row, col); NaN where there was no overpass.

    Attributes
    ----------
    soil_moisture : float32, m³ m⁻³, NaN also where the retrieval failed
    tb_h, tb_v : float32, K
    vegetation_water : float32, kg m⁻², the ancillary value used
    quality : uint16, NSIDC's retrieval_qual_flag
    surface : uint16, NSIDC's surface_flag
    """

    soil_moisture: np.ndarray
    tb_h: np.ndarray
    tb_v: np.ndarray
    vegetation_water: np.ndarray
    quality: np.ndarray
    surface: np.ndarray


def topp(theta: np.ndarray) -> np.ndarray:
    """Return the relative permittivity of soil (Topp, Davis & Annan 1980, Water Resour. Res. 16:574-582,
    eq. 7).
    """
    return 3.03 + 9.3 * theta + 146.0 * theta**2 - 76.7 * theta**3


def _fresnel(eps: np.ndarray, cos: np.ndarray | float, *, vertical: bool) -> np.ndarray:
    """Return the power reflectivity of a smooth surface seen under an angle of cosine `cos`."""
    root = np.sqrt(eps - (1 - np.square(cos)))
    r = (eps * cos - root) / (eps * cos + root) if vertical else (cos - root) / (cos + root)
    return r**2


def relief_reflectivity(basin: Basin, *, samples: int = 400) -> np.ndarray:
    """Tabulate the mean smooth reflectivity of each 9 km cell's slopes, (row, col, `MOISTURES`, 2 V and H).

    A slope is seen under another angle than level ground, and its planes of polarization are turned (Mätzler
    & Standley 2000, Int. J. Remote Sens. 21:2403-2412). The antenna looks from all sides within an orbit, so
    directions of view are uniform.
    """
    rng = stream(basin.seed, "smap relief")
    layers, n = basin.static["layers"], basin.cells_across
    sin0, cos0 = np.sin(INCIDENCE), np.cos(INCIDENCE)
    eps = topp(MOISTURES)[:, None]
    out = np.empty((n * n, MOISTURES.size, 2))
    for k in range(n * n):
        at = np.flatnonzero((basin.cell_index == k).ravel() & (layers[..., 3] > 0).ravel())
        at = rng.choice(at, samples)
        east, north = layers[..., 11].ravel()[at], layers[..., 12].ravel()[at]
        view = rng.uniform(0, 2 * np.pi, samples)
        steep = np.sqrt(1 + east**2 + north**2)
        # The slope's normal is (−east, −north, 1) / steep; the antenna stands towards
        # (sin θ sin φ, sin θ cos φ, cos θ).
        towards = sin0 * (-east * np.sin(view) - north * np.cos(view))
        cos = np.clip((towards + cos0) / steep, 0.05, 1.0)
        # Angle between the local and the level plane of incidence, about the line of sight.
        up = 1 / steep
        turn = (up - cos * cos0) / np.maximum(np.sqrt((1 - cos**2) * (1 - cos0**2)), 1e-6)
        kept = np.clip(turn, -1, 1) ** 2
        v, h = _fresnel(eps, cos, vertical=True), _fresnel(eps, cos, vertical=False)
        out[k, :, 0] = (v * kept + h * (1 - kept)).mean(axis=1)
        out[k, :, 1] = (h * kept + v * (1 - kept)).mean(axis=1)
    return out.reshape(n, n, MOISTURES.size, 2)


def brightness(
    theta: np.ndarray,
    temperature: np.ndarray,
    vegetation: np.ndarray,
    roughness: np.ndarray | float,
    *,
    vertical: bool,
    reflectivity: np.ndarray | None = None,
) -> np.ndarray:
    """Return L-band brightness temperature at 40°, K.

    Zeroth-order tau-omega model (Mo et al. 1982, J. Geophys. Res. 87:11229-11237) on Fresnel reflectivity
    with the roughness of Wang & Choudhury 1981.

    Parameters
    ----------
    theta : m³ m⁻³;  temperature : K, of soil and canopy;  vegetation : kg m⁻²;  roughness : h
    reflectivity : of the smooth soil; that of level ground at 40° where it is not given
    """
    cos = np.cos(INCIDENCE)
    smooth = _fresnel(topp(theta), cos, vertical=vertical) if reflectivity is None else reflectivity
    gamma = smooth * np.exp(-roughness * cos**2)
    loss = np.exp(-B_VEGETATION * vegetation / cos)
    return temperature * ((1 - gamma) * loss + (1 - OMEGA) * (1 - loss) * (1 + gamma * loss))


def _invert(tb_v: np.ndarray, temperature: np.ndarray, vegetation: np.ndarray) -> np.ndarray:
    """Find the soil moisture whose modelled TB is the given one (bisection; TB falls with moisture); NaN
    outside 0.02-0.60.
    """
    low, high = np.full(tb_v.shape, 0.02), np.full(tb_v.shape, 0.60)
    inside = (tb_v < brightness(low, temperature, vegetation, ROUGHNESS, vertical=True)) & (
        tb_v > brightness(high, temperature, vegetation, ROUGHNESS, vertical=True)
    )
    for _ in range(24):
        mid = (low + high) / 2
        wetter = brightness(mid, temperature, vegetation, ROUGHNESS, vertical=True) > tb_v
        low, high = np.where(wetter, mid, low), np.where(wetter, high, mid)
    return np.where(inside, (low + high) / 2, np.nan)


@dataclass(frozen=True)
class _Land:
    """What the footprints see: `days` (day, rows, cols, aggregates and rain of late) and `slopes` (1, rows,
    cols, moistures × 2).
    """

    days: np.ndarray
    slopes: np.ndarray

    def seen(self, through: Callable[[np.ndarray], np.ndarray]) -> _Land:
        """Return the same land through a footprint."""
        return _Land(through(self.days), through(self.slopes))


def _cells(basin: Basin) -> _Land:
    """Return the daily means of the 9 km cells, continued beyond the basin by reflection."""
    n = basin.cells_across
    values = basin.series["cells"].astype(float)
    values = values.reshape(len(values), n, n, -1)
    values = np.concatenate([values, _rain_of_late(basin)[..., None]], axis=-1)
    around = CELLS_AROUND if n > 1 else 6
    pads = ((0, 0), (around, around), (around, around), (0, 0))
    slopes = relief_reflectivity(basin).reshape(1, n, n, -1)
    return _Land(np.pad(values, pads, mode="symmetric"), np.pad(slopes, pads, mode="symmetric"))


def _rain_of_late(basin: Basin) -> np.ndarray:
    """Return the rain that is still in the top two centimetres, (day, row, col) mm: it halves in a day."""
    w, n = basin.weather, basin.cells_across
    side = RAIN_GRID // n
    rain = w.rain.astype(float).reshape(len(w.days), n, side, n, side).mean(axis=(2, 4))
    late = np.zeros_like(rain)
    for i in range(len(rain)):
        late[i] = 0.5 * late[i - 1] + rain[i] if i else rain[i]
    return late[w.index(basin.days[0]) :][: len(basin.days)]


def _passes(basin: Basin, half: str) -> np.ndarray:
    """Return for each day of the year 0 (no pass), 1 (whole basin) or 2 (cut by the swath's edge)."""
    days = AM_DAYS if half == "am" else PM_DAYS
    cut = CUT_AM if half == "am" else CUT_PM
    epoch = date(2015, 3, 31)
    cycle = np.array([(d - epoch).days % 8 for d in basin.days])
    return np.where(np.isin(cycle, days), 1, np.where(cycle == cut, 2, 0))


def _observe(basin: Basin, half: str, land: _Land, covered: np.ndarray, name: str) -> Retrievals:
    """Observe what the footprints see where `covered`; noise and ancillary errors are drawn by `name`."""
    rng = stream(basin.seed, "smap", name, half, basin.year)
    w = basin.weather
    index = [w.index(d) for d in basin.days]
    amplitude = w.soil_amplitude[index][:, None, None]
    means = land.days
    if half == "am":  # 23:20 UTC, local 6 h: between this UTC day and the next
        after = np.concatenate([means[1:], means[-1:]])
        now, swing = (means + after) / 2, -0.85
    else:  # 11:20 UTC, local 18 h: the middle of the UTC day
        now, swing = means, 0.85
    # The top two centimetres: wetter than five after rain, drier without.
    total = np.maximum(now[..., 1] + SKIN * (1.7 * (1 - np.exp(-now[..., -1] / 6.0)) - 0.7), 0.01)
    celsius = now[..., 2] + swing * amplitude
    frozen = 1 / (1 + np.exp(np.clip(celsius / 0.7, -50, 50)))
    liquid = total * (1 - frozen) + np.minimum(total, 0.075 / np.sqrt(np.abs(celsius) + 0.1)) * frozen
    kelvin, vegetation, snow = celsius + 273.15, now[..., 4], now[..., 3]
    shape = liquid.shape
    length = 1.0 if shape[1] > 3 else 0.0

    def correlated(scale: float, days: float) -> np.ndarray:
        """Errors that neighbouring cells share and that last for `days`."""
        field = rng.standard_normal(shape)
        if length:
            field = gaussian_filter(field, (0, length, length), mode="wrap")
        keep = np.exp(-1 / days) if days else 0.0
        for i in range(1, len(field)):
            field[i] = keep * field[i - 1] + np.sqrt(1 - keep**2) * field[i]
        return scale * field / (field.std() or 1.0)

    patches = stream(basin.seed, "smap roughness", name).uniform(0.3, 1.0, shape[1:])
    rough = ROUGHNESS * (1 + 0.9 * patches) * np.exp(correlated(0.30, 25.0))
    tables = land.slopes.reshape(*shape[1:], MOISTURES.size, 2)
    smooth = np.empty((*shape, 2))
    for r, c in np.ndindex(*shape[1:]):
        for k in (0, 1):
            smooth[:, r, c, k] = np.interp(liquid[:, r, c], MOISTURES, tables[r, c, :, k])
    tb_v, tb_h = (
        brightness(liquid, kelvin, vegetation, rough, vertical=k == 0, reflectivity=smooth[..., k])
        + correlated(1.3, 0.0)
        for k in (0, 1)
    )
    # The retrieval has the climatology of vegetation and a model's soil temperature, not the truth.
    assumed = np.clip(vegetation * (0.9 + correlated(0.25, 20.0)) + 0.12 + correlated(0.05, 0.0), 0.0, None)
    model = kelvin + correlated(4.2, 6.0) + correlated(2.2, 0.0)
    retrieved = _invert(tb_v, model, assumed)

    quality = np.zeros(shape, np.uint16)
    quality[(frozen > 0.3) | (snow > 0.3)] |= NOT_RECOMMENDED
    quality[np.isnan(retrieved)] |= FAIL | NOT_RECOMMENDED
    quality[~covered] = NOT_ATTEMPTED | FAIL | NOT_RECOMMENDED
    surface = np.full(shape, MOUNTAINS, np.uint16)
    surface[frozen > 0.3] |= FROZEN_MODEL
    surface[snow > 0.3] |= SNOW
    surface[w.wet[index] & (w.rain[index].mean((1, 2)) > 2.0)] |= PRECIPITATION
    moisture, horizontal, vertical, vegetation = (
        np.where(covered, v, np.nan).astype(np.float32) for v in (retrieved, tb_h, tb_v, assumed)
    )
    return Retrievals(moisture, horizontal, vertical, vegetation, quality, surface)


def retrieve_9km(basin: Basin, half: str) -> Retrievals:
    """Return a year of enhanced 9 km retrievals on the basin's cells and those around it.

    A 9 km cell of SPL3SMP_E is an optimal interpolation of antenna samples with a contributing domain of
    about 33 km; so is this one, a Gaussian mean of the true cell means of that width. Beyond the basin the
    land is its mirror image.
    """
    sigma = FOOTPRINT_9KM / 2.3548 / 9.0
    cells = _cells(basin)
    extra = (cells.days.shape[1] - basin.cells_across) // 2 - CELLS_AROUND
    inner = slice(extra, -extra or None)
    land = cells.seen(lambda a: gaussian_filter(a, (0, sigma, sigma, 0), mode="nearest")[:, inner, inner])
    passes = _passes(basin, half)
    size = land.days.shape[1]
    # The swath's edge runs across the middle of the basin, north-north-west to south-south-east.
    rows, cols = np.mgrid[:size, :size]
    west = (
        cols < size / 2 + 0.2 * (rows - size / 2)
        if half == "am"
        else cols >= size / 2 - 0.2 * (rows - size / 2)
    )
    covered = (passes == 1)[:, None, None] | ((passes == 2)[:, None, None] & west)
    return _observe(basin, half, land, covered, "9km")


def retrieve_36km(basin: Basin, half: str) -> Retrievals:
    """Return a year of 36 km retrievals on 3 × 3 cells around the basin, from the same land with the
    antenna's own footprint.
    """
    sigma = FOOTPRINT_36KM / 2.3548 / 9.0

    def through(a: np.ndarray) -> np.ndarray:
        smooth = gaussian_filter(a, (0, sigma, sigma, 0), mode="reflect")
        middle = smooth.shape[1] // 2
        steps = (max(middle - 4, 0), middle, min(middle + 4, smooth.shape[1] - 1))
        pairs = [smooth[:, [max(s - 1, 0), s]].mean(1) for s in steps]
        return np.stack([np.stack([p[:, [max(s - 1, 0), s]].mean(1) for s in steps], 1) for p in pairs], 1)

    land = _cells(basin).seen(through)
    passes = _passes(basin, half)
    # A cell that the swath cuts has too few samples for a 36 km retrieval, but its neighbour on the inner
    # side has enough.
    inner = np.array([1, 0, 0] if half == "am" else [0, 0, 1], bool)
    covered = np.broadcast_to(
        (passes == 1)[:, None, None] | ((passes == 2)[:, None, None] & inner), (len(passes), 3, 3)
    )
    return _observe(basin, half, land, covered, "36km")

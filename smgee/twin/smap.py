"""What SMAP sees: brightness temperature by the tau-omega model, retrieval with imperfect ancillary data,
and flags.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from smgee.datasets.smap import RETRIEVAL_BITS, SURFACE_BITS, pattern
from smgee.twin.basin import Basin
from smgee.twin.noise import stream

__all__ = ["CELLS_AROUND", "Retrievals", "brightness", "retrieve_9km", "retrieve_36km", "topp"]

CELLS_AROUND = 3  # 9 km cells beyond the basin on each side
FOOTPRINT_9KM, FOOTPRINT_36KM = (
    33.0,
    39.0,
)  # km, half-power width: contributing domain of SPL3SMP_E, antenna footprint of SPL3SMP
INCIDENCE = np.radians(40.0)
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


def brightness(
    theta: np.ndarray,
    temperature: np.ndarray,
    vegetation: np.ndarray,
    roughness: np.ndarray | float,
    *,
    vertical: bool,
) -> np.ndarray:
    """Return L-band brightness temperature at 40°, K.

    Zeroth-order tau-omega model (Mo et al. 1982, J. Geophys. Res. 87:11229-11237) on Fresnel reflectivity
    with the roughness of Wang & Choudhury 1981.

    Parameters
    ----------
    theta : m³ m⁻³;  temperature : K, of soil and canopy;  vegetation : kg m⁻²;  roughness : h
    """
    eps = topp(theta)
    cos = np.cos(INCIDENCE)
    root = np.sqrt(eps - np.sin(INCIDENCE) ** 2)
    r = (eps * cos - root) / (eps * cos + root) if vertical else (cos - root) / (cos + root)
    gamma = r**2 * np.exp(-roughness * cos**2)
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


def _cells(basin: Basin) -> np.ndarray:
    """Return the daily cell means, continued beyond the basin by reflection: (day, rows, cols,
    aggregates).
    """
    n = basin.cells_across
    values = basin.series["cells"].astype(float)
    values = values.reshape(len(values), n, n, -1)
    around = CELLS_AROUND if n > 1 else 6
    return np.pad(values, ((0, 0), (around, around), (around, around), (0, 0)), mode="symmetric")


def _passes(basin: Basin, half: str) -> np.ndarray:
    """Return for each day of the year 0 (no pass), 1 (whole basin) or 2 (cut by the swath's edge)."""
    days = AM_DAYS if half == "am" else PM_DAYS
    cut = CUT_AM if half == "am" else CUT_PM
    epoch = date(2015, 3, 31)
    cycle = np.array([(d - epoch).days % 8 for d in basin.days])
    return np.where(np.isin(cycle, days), 1, np.where(cycle == cut, 2, 0))


def _observe(basin: Basin, half: str, means: np.ndarray, covered: np.ndarray, name: str) -> Retrievals:
    """Observe footprint means (day, rows, cols, aggregates) where `covered`; noise and ancillary errors
    are drawn by `name`.
    """
    from scipy.ndimage import gaussian_filter

    rng = stream(basin.seed, "smap", name, half, basin.year)
    w = basin.weather
    index = [w.index(d) for d in basin.days]
    amplitude = w.soil_amplitude[index][:, None, None]
    if half == "am":  # 23:20 UTC, local 6 h: between this UTC day and the next
        after = np.concatenate([means[1:], means[-1:]])
        now, swing = (means + after) / 2, -0.85
    else:  # 11:20 UTC, local 18 h: the middle of the UTC day
        now, swing = means, 0.85
    total, celsius = now[..., 1], now[..., 2] + swing * amplitude
    frozen = 1 / (1 + np.exp(np.clip(celsius / 0.7, -50, 50)))
    liquid = total * (1 - frozen) + np.minimum(total, 0.075 / np.sqrt(np.abs(celsius) + 0.1)) * frozen
    kelvin, vegetation, snow = celsius + 273.15, now[..., 4], now[..., 3]
    rough = ROUGHNESS * (
        1 + 0.9 * stream(basin.seed, "smap roughness", name).uniform(0.3, 1.0, liquid.shape[1:])
    )
    shape = liquid.shape

    def correlated(scale: float, length: float) -> np.ndarray:
        field = (
            gaussian_filter(rng.standard_normal(shape), (0, length, length), mode="wrap")
            if length
            else rng.standard_normal(shape)
        )
        return scale * field / (field.std() or 1.0)

    length = 1.0 if shape[1] > 3 else 0.0
    tb_v = brightness(liquid, kelvin, vegetation, rough, vertical=True) + correlated(1.3, length)
    tb_h = brightness(liquid, kelvin, vegetation, rough, vertical=False) + correlated(1.3, length)
    # The retrieval has the climatology of vegetation and a model's soil temperature, not the truth.
    assumed = np.clip(vegetation * 0.9 + 0.12 + correlated(0.05, length), 0.0, None)
    retrieved = _invert(tb_v, kelvin + correlated(1.6, length), assumed)

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
    from scipy.ndimage import gaussian_filter

    cells = _cells(basin)
    sigma = FOOTPRINT_9KM / 2.3548 / 9.0
    means = gaussian_filter(cells, (0, sigma, sigma, 0), mode="nearest")
    extra = (means.shape[1] - basin.cells_across) // 2 - CELLS_AROUND
    if extra:
        means = means[:, extra:-extra, extra:-extra]
    passes = _passes(basin, half)
    size = means.shape[1]
    # The swath's edge runs across the middle of the basin, north-north-west to south-south-east.
    rows, cols = np.mgrid[:size, :size]
    west = (
        cols < size / 2 + 0.2 * (rows - size / 2)
        if half == "am"
        else cols >= size / 2 - 0.2 * (rows - size / 2)
    )
    covered = (passes == 1)[:, None, None] | ((passes == 2)[:, None, None] & west)
    return _observe(basin, half, means, covered, "9km")


def retrieve_36km(basin: Basin, half: str) -> Retrievals:
    """Return a year of 36 km retrievals on 3 × 3 cells around the basin, from the same land with the
    antenna's own footprint.
    """
    from scipy.ndimage import gaussian_filter

    cells = _cells(basin)
    sigma = FOOTPRINT_36KM / 2.3548 / 9.0
    smooth = gaussian_filter(cells, (0, sigma, sigma, 0), mode="reflect")
    middle = smooth.shape[1] // 2
    steps = (max(middle - 4, 0), middle, min(middle + 4, smooth.shape[1] - 1))
    pairs = [smooth[:, [max(s - 1, 0), s]].mean(1) for s in steps]
    means = np.stack([np.stack([p[:, [max(s - 1, 0), s]].mean(1) for s in steps], 1) for p in pairs], 1)
    passes = _passes(basin, half)
    # A cell that the swath cuts has too few samples for a 36 km retrieval, but its neighbour on the inner
    # side has enough.
    inner = np.array([1, 0, 0] if half == "am" else [0, 0, 1], bool)
    covered = np.broadcast_to(
        (passes == 1)[:, None, None] | ((passes == 2)[:, None, None] & inner), (len(passes), 3, 3)
    )
    return _observe(basin, half, means, covered, "36km")

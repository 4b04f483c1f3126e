"""The daily water balance of one block of rows (Numba kernel), and the shared laws of frozen soil.

Stores per pixel: snow, a surface layer of 0-5 cm and a root layer of 5-45 cm, in mm. Stores per hillslope:
water on its way to the hollows (`pool`) and groundwater, in mm summed over pixels. What leaves is evaporation
and streamflow; everything else moves between stores, so that water is conserved to rounding.

Layers are interleaved pixel by pixel: two dozen separate planes would evict one another from the first-level
cache.
"""

import numba
import numpy as np

from smgee.compiled import compiled
from smgee.twin.store import QUANTUM

SURFACE_MM = 50.0  # depth of the surface layer
ROOT_MM = 400.0  # depth of the root layer
SNOW_SUN_BINS = 6  # classes of sunniness in the table of snow
FLUXES = ("precipitation", "evaporation", "streamflow")
STORES = ("surface", "root", "snow")
AGGREGATES = (
    "soil_moisture",
    "total_water",
    "soil_temperature",
    "snow_covered",
    "vegetation_water",
    "frozen",
)

INTERCEPTED = 2.0  # mm per day and unit of cover
EXCHANGE = 10.0  # mm per day and unit of saturation: capillary flow between the layers
DRAINED = 0.5  # share of the water above field capacity that leaves the surface layer in a day
BYPASS = 0.4  # share of the rain that runs through root channels past the surface layer within the day
CLOSED = -1.0  # °C, daily mean at 5 cm; colder soil passes no water

_F = np.float32


@numba.njit(inline="always", error_model="numpy")
def soil_temperature(flat, lapse, sun_effect, dz, sun):
    """Return the daily mean soil temperature at 5 cm, °C.

    Linear in elevation and sunniness, then held near 0 °C by the latent heat of the soil water (the zero
    curtain).
    """
    t = flat + lapse * dz + sun_effect * sun
    return t * abs(t) / (abs(t) + _F(0.7))


@numba.njit(inline="always", error_model="numpy")
def liquid_water(total, temperature, adsorbed):
    """Return the liquid part of the water content, m³ m⁻³.

    Below 0 °C at most adsorbed · |T|^-0.5 stays liquid: the power law of Anderson & Tice 1972, Highway Res.
    Rec. 393:12-18.
    """
    if temperature >= 0:
        return total
    return min(total, adsorbed / np.sqrt(-temperature + _F(1e-4)))


@numba.njit(inline="always", error_model="numpy")
def clip01(x):
    """Limit to 0-1."""
    return min(max(x, _F(0.0)), _F(1.0))


# Division by zero cannot happen (water has no porosity and is skipped); without Python's check the loop is a
# third faster.
@compiled(error_model="numpy")
def step_block(
    start,
    stop,
    rain_rows,
    rain_cols,
    rain_grid,
    series,
    green_by_bin,
    static,
    label,
    bins,
    pool_in,
    stores,
    packed,
    pool_out,
    deep_out,
    fluxes,
    aggregates,
    snow_sum,
    snow_count,
):
    """Advance the rows [start, stop) by one day, in place.

    Parameters
    ----------
    rain_rows, rain_cols : (height, 2) and (width, 2) float32
        Lattice index and the weight of the next one, for the interpolation of storms.
    rain_grid : (n, n) float32
        mm per day on the lattice of storms.
    series : (6,) float32
        air, lapse, demand, demand_lapse, soil, soil_sun.
    green_by_bin : (bins,) float32
        Green fraction by elevation bin.
    static : (height, width, 10) float32
        dz, sun, insolation, porosity, field capacity, wilting point, adsorbed water, cover, steepness (0-1),
        and the share of the hillslope's pool that a pixel receives (sums to 1 over each hillslope). Porosity
        is 0 on water.
    label : (height, width) int32
        Hillslope.
    bins : (height, width, 3) uint8
        Bins of elevation and of sunniness, and the nested EASE cell (255 outside).
    pool_in : (labels,) float64
        mm·pixels to be handed out today.
    stores : (height, width, 3) float32
        Surface layer, root layer and snow in mm, changed in place.
    packed : (height, width // 2 * 3) uint8
        Receives the mean total water content of the surface layer over the day, in steps of `QUANTUM`.
    pool_out, deep_out : (labels,) float64
        Receive the lateral flow and the recharge of groundwater of this block, mm·pixels.
    fluxes : (6,) float64
        Receives `FLUXES` of this block and the `STORES` at the end of the day, mm·pixels.
    aggregates : (cells, 6) float64
        Receives the sums of `AGGREGATES` over the land pixels of each cell.
    snow_sum, snow_count : (bins, SNOW_SUN_BINS) float64
        Receive the snow water by elevation and sunniness.
    """
    air, lapse, demand, demand_lapse, soil, soil_sun = (
        series[0],
        series[1],
        series[2],
        series[3],
        series[4],
        series[5],
    )
    width = stores.shape[1]
    for y in range(start, stop):
        r0 = int(rain_rows[y, 0])
        fy = rain_rows[y, 1]
        previous = 0
        sum_p, sum_e, sum_q = 0.0, 0.0, 0.0
        sum_1, sum_2, sum_s = 0.0, 0.0, 0.0
        for x in range(width):
            porosity = static[y, x, 3]
            q = 0
            if porosity > 0:
                dz, sun, insolation = static[y, x, 0], static[y, x, 1], static[y, x, 2]
                capacity, wilting, adsorbed = static[y, x, 4], static[y, x, 5], static[y, x, 6]
                cover, steep = static[y, x, 7], static[y, x, 8]
                w1, w2, swe = stores[y, x, 0], stores[y, x, 1], stores[y, x, 2]
                before = w1
                name = label[y, x]

                # Precipitation and snow: storms by interpolation, more with height; rain and snow part
                # between 0 and 3 °C;
                # degree-day melt scaled by the sun (Hock 2003, J. Hydrol. 282:104-115).
                c0, fx = int(rain_cols[x, 0]), rain_cols[x, 1]
                top = rain_grid[r0, c0] * (_F(1) - fx) + rain_grid[r0, c0 + 1] * fx
                low = rain_grid[r0 + 1, c0] * (_F(1) - fx) + rain_grid[r0 + 1, c0 + 1] * fx
                p = (top * (_F(1) - fy) + low * fy) * min(max(_F(1) + _F(0.00044) * dz, _F(0.6)), _F(1.8))
                t_air = air + lapse * dz
                solid = clip01((_F(3.0) - t_air) / _F(3.0))
                swe += p * solid
                melt = min(swe, _F(3.0) * max(t_air, _F(0.0)) * max(_F(0.4), insolation))
                sublimation = min(swe - melt, _F(0.25))
                swe -= melt + sublimation
                # Leaves and litter hold back a millimetre or so of a day's rain: it never reaches the soil.
                wetted = min(p * (_F(1) - solid), _F(INTERCEPTED) * (_F(0.25) + cover))
                rain = p * (_F(1) - solid) - wetted + melt

                t_soil = soil_temperature(soil, lapse, soil_sun, dz, sun)
                lateral, deep, evaporation, runoff = _F(0.0), _F(0.0), sublimation + wetted, _F(0.0)
                received = _F(pool_in[name] * static[y, x, 9])
                if t_soil < _F(CLOSED) and rain + received < _F(0.02):
                    # Deeply frozen soil is closed: nothing moves but what trickles in from above and from the
                    # side.
                    w1 += rain
                    w2 += received
                else:
                    f1 = _F(1.0)
                    if t_soil < 0:
                        theta = max(w1 * _F(1 / SURFACE_MM), _F(1e-4))
                        f1 = liquid_water(theta, t_soil, adsorbed) / theta
                    f2 = _F(0.4) + _F(0.6) * f1
                    sat1, sat2 = porosity * _F(SURFACE_MM), porosity * _F(ROOT_MM * 0.95)
                    fc1, wp1 = capacity * _F(SURFACE_MM), wilting * _F(SURFACE_MM)

                    # Percolation; what finds no room in the root layer comes back, and what finds none above
                    # runs off.
                    w1 += _F(1 - BYPASS) * rain
                    down = (_F(DRAINED) * max(w1 - fc1, _F(0.0)) + _F(0.3) * max(w1 - sat1, _F(0.0))) * f1
                    w1 -= down
                    w2 += down + received + _F(BYPASS) * rain
                    drained = _F(0.07) * max(w2 - capacity * _F(ROOT_MM), _F(0.0)) * f2
                    lateral = drained * (_F(0.25) + _F(0.65) * steep)
                    deep = drained - lateral
                    w2 -= drained
                    rise = max(w2 - sat2, _F(0.0))
                    w2 -= rise
                    w1 += rise
                    # Capillary exchange towards equal saturation; strong enough that wet hollows show at the
                    # surface.
                    exchange = (w2 * _F(1 / (0.95 * ROOT_MM)) - w1 * _F(1 / SURFACE_MM)) / porosity
                    exchange *= _F(EXCHANGE) * f1
                    if exchange < 0:
                        exchange = max(exchange, -w1)
                    w1 += exchange
                    w2 -= exchange
                    runoff = max(w1 - sat1, _F(0.0))
                    w1 -= runoff

                    # Evaporation from bare and littered ground, transpiration from both layers (FAO-56 style
                    # water stress).
                    green = cover * green_by_bin[bins[y, x, 0]]
                    pet = (
                        max(demand + demand_lapse * dz, _F(0.0)) * min(max(insolation, _F(0.4)), _F(1.4)) * f1
                    )
                    if swe > _F(5.0):
                        pet *= _F(0.2)
                    dry = clip01((w1 - _F(0.4) * wp1) / (fc1 - _F(0.4) * wp1))
                    ready = _F(1 / 0.7) / (fc1 - wp1)
                    e1 = pet * (_F(1.0) - _F(0.80) * cover - _F(0.10) * green) * dry * dry
                    e1 = min(e1 + pet * _F(0.10) * green * clip01((w1 - wp1) * ready), w1)
                    e2 = min(
                        pet * _F(0.90) * green * clip01((w2 * _F(SURFACE_MM / ROOT_MM) - wp1) * ready), w2
                    )
                    w1 -= e1
                    w2 -= e2
                    evaporation += e1 + e2

                stores[y, x, 0], stores[y, x, 1], stores[y, x, 2] = w1, w2, swe
                pool_out[name] += lateral
                deep_out[name] += deep
                sum_p += p
                sum_e += evaporation
                sum_q += runoff  # type: ignore[assignment]
                sum_1 += w1
                sum_2 += w2
                sum_s += swe
                q = min(max(int((before + w1) * _F(0.5 / SURFACE_MM / QUANTUM) + _F(0.5)), 0), 4095)
                zb, sb = bins[y, x, 0], bins[y, x, 1]
                snow_sum[zb, sb] += swe
                snow_count[zb, sb] += 1.0
                k = bins[y, x, 2]
                if k != 255:
                    total = _F(q) * _F(QUANTUM)
                    liquid = liquid_water(total, t_soil, adsorbed)
                    aggregates[k, 0] += liquid
                    aggregates[k, 1] += total
                    aggregates[k, 2] += t_soil
                    aggregates[k, 3] += 1.0 if swe > _F(2.0) else 0.0
                    green = cover * green_by_bin[zb]
                    aggregates[k, 4] += _F(1.6) * green + _F(0.25) * (cover - green)
                    aggregates[k, 5] += 1.0 if t_soil < 0 else 0.0
            if x & 1:
                b = 3 * (x >> 1)
                packed[y, b] = previous & 0xFF
                packed[y, b + 1] = (previous >> 8) | ((q & 0xF) << 4)
                packed[y, b + 2] = q >> 4
            previous = q
        fluxes[0] += sum_p
        fluxes[1] += sum_e
        fluxes[2] += sum_q
        fluxes[3] += sum_1
        fluxes[4] += sum_2
        fluxes[5] += sum_s

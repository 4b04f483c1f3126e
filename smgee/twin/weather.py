"""Daily weather of the basin: temperature, precipitation, evaporative demand, and soil temperature at 5
cm.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from smgee.twin.noise import correlated_field, stream

REFERENCE_ELEVATION = 3300.0  # m, where the series apply; the height of Gangcha station north of the lake
RAIN_GRID = 12  # storms are drawn on a lattice of 12 × 12 nodes over the basin

# Monthly climate after the published normals of Gangcha (3302 m): precipitation in mm, share of wet days.
SKEW = 0.55  # shape of the gamma distribution of a day's rain
PHASE_MEMORY, PHASE_SWING = float(np.exp(-1 / 12)), 1.3  # by the day; what the phase does to log odds
MONTHLY_RAIN = (1.5, 2.0, 6.0, 13.0, 42.0, 68.0, 86.0, 80.0, 55.0, 17.0, 3.0, 1.0)
WET_DAYS = (0.08, 0.10, 0.15, 0.20, 0.37, 0.48, 0.55, 0.52, 0.45, 0.20, 0.08, 0.06)


@dataclass(frozen=True)
class Weather:
    """Daily series over `days`; (n,) float64 unless said otherwise.

    Attributes
    ----------
    days : list of datetime.date
        From 1 October of the year before (spin-up) to 31 December.
    air : °C at the reference elevation, daily mean
    lapse : K per metre, negative
    rain : (n, RAIN_GRID, RAIN_GRID) float32, mm per day before the effect of elevation
    demand : mm per day, potential evaporation at the reference elevation on flat ground
    demand_lapse : mm per day and metre
    soil : °C, mean soil temperature at 5 cm at the reference elevation on flat, half covered ground
    soil_sun : K per unit of (insolation - 1)
    soil_amplitude : K, half of the daily range at 5 cm
    wet : bool, whether it rained on more than half of the basin
    """

    days: list[date]
    air: np.ndarray
    lapse: np.ndarray
    rain: np.ndarray
    demand: np.ndarray
    demand_lapse: np.ndarray
    soil: np.ndarray
    soil_sun: np.ndarray
    soil_amplitude: np.ndarray
    wet: np.ndarray

    def index(self, day: date) -> int:
        """Position of a day in the series."""
        return (day - self.days[0]).days


def extraterrestrial(doy: np.ndarray, latitude: float) -> np.ndarray:
    """Return daily extraterrestrial radiation, MJ m⁻² d⁻¹ (Allen et al. 1998, FAO-56, eq. 21)."""
    phi = np.radians(latitude)
    distance = 1 + 0.033 * np.cos(2 * np.pi * doy / 365)
    declination = 0.409 * np.sin(2 * np.pi * doy / 365 - 1.39)
    sunset = np.arccos(np.clip(-np.tan(phi) * np.tan(declination), -1, 1))
    angle = sunset * np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.sin(sunset)
    return 24 * 60 / np.pi * 0.0820 * distance * angle


def draw_rain(rng: np.random.Generator, month: np.ndarray) -> np.ndarray:
    """Draw daily rain on the lattice of storms, (n, RAIN_GRID, RAIN_GRID) float32 mm.

    At any node the share of wet days and the monthly sums are those of the climate above; amounts are gamma
    (Richardson 1981, Water Resour. Res. 17:182-190), with the shape of skewed daily sums. What the network
    sees together and what each station sees alone follows from three things: wet and dry spells of the whole
    region, by a Markov chain whose odds swing with the active and break phases of the monsoon (10 to 20 days
    on the Tibetan Plateau); in summer storms that wet a part of the basin only, in patches of some 10 km; in
    the other seasons fronts that wet nearly all of it.

    Parameters
    ----------
    month : (n,) int array
        0-11.
    """
    from scipy.special import betaincinv, gammaincinv, ndtr

    n = len(month)
    share = np.array(WET_DAYS)[month]
    amount = np.array(MONTHLY_RAIN)[month] / (share * 30.4)  # mm on a wet day
    convective = (month >= 4) & (month <= 8)
    # It rains somewhere on more days than at a place.
    anywhere = np.where(convective, 1 - (1 - share) ** 1.8, np.minimum(1.1 * share, 1))
    phase = np.zeros(n)
    shock = rng.standard_normal(n)
    for i in range(1, n):
        phase[i] = PHASE_MEMORY * phase[i - 1] + shock[i] * np.sqrt(1 - PHASE_MEMORY**2)
    # Swinging odds pull the mean towards one half; the wider logit makes up for it (probit approximation).
    logit = np.log(anywhere / (1 - anywhere)) * np.sqrt(1 + np.pi / 8 * PHASE_SWING**2)
    chance = 1 / (1 + np.exp(-logit - PHASE_SWING * phase))
    wet = np.zeros(n, bool)
    u = rng.random(n)
    for i in range(n):
        before = wet[i - 1] if i else False
        # Persistence 0.25 leaves the share of wet days as it is: p11 = p + 0.25 (1 - p), p01 = 0.75 p.
        wet[i] = u[i] < (chance[i] + 0.25 * (1 - chance[i]) if before else 0.75 * chance[i])
    regional = rng.gamma(3.0, 1 / 3.0, n)
    spread = rng.random(n)
    rain = np.zeros((n, RAIN_GRID, RAIN_GRID), np.float32)
    for i in np.flatnonzero(wet).tolist():
        cover = share[i] / anywhere[i]
        # The covered share is beta distributed about its mean, widely in summer, narrowly else.
        size = 2.0 if convective[i] else 12.0
        covered = float(betaincinv(size * cover, size * (1 - cover), spread[i]))
        field = correlated_field(rng, (RAIN_GRID, RAIN_GRID), length=1.5 if convective[i] else 3.5)
        rank = ndtr(field.astype(float))
        inside = (rank - (1 - covered)) / max(covered, 1e-6)
        depth = gammaincinv(SKEW, np.clip(inside, 1e-6, 1 - 1e-6)) / SKEW
        rain[i] = np.where(inside > 0, depth * amount[i] * regional[i], 0.0)
    return rain


def build_weather(seed: int, year: int, latitude: float) -> Weather:
    """Draw the weather of a year and of the autumn before it.

    Rain is that of `draw_rain`. Temperature is an annual wave plus
    an AR(1) process, colder on wet summer days. Evaporative demand follows Oudin et al. 2005, J. Hydrol.
    303:290-306: Re (T + 5) / (100 · 2.45).
    """
    start = date(year - 1, 10, 1)
    n = (date(year, 12, 31) - start).days + 1
    days = [start + timedelta(i) for i in range(n)]
    doy = np.array([d.timetuple().tm_yday for d in days], float)
    month = np.array([d.month - 1 for d in days])
    rng = stream(seed, "weather", year)

    rain = draw_rain(rng, month)
    rainy = (rain > 0.1).mean(axis=(1, 2))  # share of the basin on which it rains
    wet = rainy > 0.5

    noise = np.zeros(n)
    shock = rng.standard_normal(n)
    for i in range(1, n):
        noise[i] = 0.72 * noise[i - 1] + shock[i] * (1.9 if 120 < doy[i] < 270 else 2.6) * np.sqrt(
            1 - 0.72**2
        )
    summer = (doy > 120) & (doy < 270)
    air = -0.3 - 12.2 * np.cos(2 * np.pi * (doy - 21) / 365.25) + noise - np.where(wet & summer, 1.6, -0.4)
    lapse = -0.0058 - 0.0006 * np.cos(2 * np.pi * (doy - 200) / 365.25)
    radiation = extraterrestrial(doy, latitude)
    factor = (1.08 - 0.33 * rainy) / (100 * 2.45)
    demand = np.maximum(air + 5, 0) * radiation * factor
    demand_lapse = np.where(air + 5 > 0, lapse * radiation * factor, 0.0)

    # 5 cm follow the air within about a day; the ground is warmer than the air under the summer sun and under
    # winter snow.
    soil = np.empty(n)
    offset = np.where(summer, 3.2, 1.2) - np.where(wet & summer, 1.4, 0.0)
    forcing = air + offset
    soil[0] = forcing[0]
    for i in range(1, n):
        soil[i] = 0.45 * soil[i - 1] + 0.55 * forcing[i]
    return Weather(
        days=days,
        air=air,
        lapse=lapse,
        rain=rain,
        demand=demand,
        demand_lapse=demand_lapse,
        soil=soil,
        soil_sun=radiation / 40.0 * np.where(wet, 2.0, 5.0),
        soil_amplitude=radiation / 40.0 * np.where(wet, 1.8, 4.0),
        wet=wet,
    )


def hourly_soil_temperature(mean: np.ndarray, amplitude: np.ndarray, longitude: float) -> np.ndarray:
    """Spread daily means over 24 hours UTC, (day,) → (day, 24) °C.

    The wave peaks at 16 h local solar time at 5 cm; the mean over the day is kept exactly.
    """
    hours = np.arange(24) + longitude / 15.0
    wave = np.cos(2 * np.pi * (hours - 16.0) / 24.0)
    return mean[:, None] + amplitude[:, None] * wave[None, :]

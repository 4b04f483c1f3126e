"""The stations of the twin: where they stand, what their probes record, and ISMN files of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from smgee.errors import InputError
from smgee.grid import PixelGrid, transformer
from smgee.late import pd
from smgee.twin.hydrology import liquid_water, soil_temperature
from smgee.twin.noise import stream
from smgee.twin.notice import NOTICE
from smgee.twin.store import QUANTUM, unpack12
from smgee.twin.weather import Weather, hourly_soil_temperature

NETWORK = "SMGEE-TWIN"
SENSOR = "Synthetic-5TM"
DEPTH_M = 0.05
SPREAD, CLUSTERED = 18, 6  # stations over the strata; stations in each of two clusters


class Ground(Protocol):
    """What the stations stand on: the part of `smgee.twin.basin.Basin` that is read here."""

    seed: int
    year: int
    grid: PixelGrid

    @property
    def static(self) -> Mapping[str, np.ndarray]: ...
    @property
    def cell_index(self) -> np.ndarray: ...
    @property
    def cells_across(self) -> int: ...
    @property
    def weather(self) -> Weather: ...
    @property
    def days(self) -> Sequence[date]: ...
    @property
    def frames(self) -> np.ndarray: ...
    def network(self, scenario: str, /) -> pd.DataFrame: ...
    def station(self, name: str, /) -> Any: ...
    def elevation(self) -> np.ndarray: ...
    def daily(self, day: int, /) -> np.ndarray: ...
    def frame_rows(self, frame: int, row: int, count: int, /) -> np.ndarray: ...


def place_stations(basin: Ground, scenario: str = "stratified") -> pd.DataFrame:
    """Choose the stations' pixels.

    Parameters
    ----------
    scenario : {"stratified", "random", "valley", "roadside", "clustered"}
        ``"stratified"``: 30, as a designed network has them: eighteen in nine strata (three classes of
        elevation, times north, south and flat) as far apart as a stratum allows, twelve in two clusters
        within some 2.5 km; slopes below 18°, no river bed, below the highest tenth of the land.
        ``"random"``: 15 at random on all land. ``"valley"``: 10 on wet, gentle ground of the lower half.
        ``"roadside"``: 5 along a track that keeps to the easiest way from west to east. ``"clustered"``: 15
        within 2.5 km.

    Returns
    -------
    pandas.DataFrame
        Index name (its letter tells the scenario); columns lon, lat (degrees), elevation (m), row, col,
        group, sand, clay, organic (fractions), porosity.
    """
    if scenario not in SCENARIOS:
        raise InputError(f"The network {scenario!r} is not known; choose one of {', '.join(SCENARIOS)}.")
    rng = stream(basin.seed, "stations", *([] if scenario == "stratified" else [scenario]))
    chosen = SCENARIOS[scenario](basin, rng)
    return _describe(basin, rng, chosen, LETTERS[scenario])


def _stratified(basin: Ground, rng: np.random.Generator) -> list[tuple[int, int, str]]:
    z, layers, soil = basin.elevation(), basin.static["layers"], basin.static["soil"]
    slope = np.hypot(layers[..., 11], layers[..., 12])
    inside = (
        (basin.cell_index != 255)
        & (layers[..., 3] > 0)
        & (slope < math.tan(math.radians(18)))
        & (soil[3] < 12.5)
    )
    top = np.quantile(z[basin.cell_index != 255], 0.9)
    rows, cols = np.nonzero(inside & (z < top))
    heights, falls = z[rows, cols], layers[rows, cols, 12]
    # A surface that falls to the north faces north: its height decreases northwards.
    aspect = np.where(slope[rows, cols] < math.tan(math.radians(4)), 0, np.where(falls < 0, 1, 2))
    storey = np.digitize(heights, np.quantile(heights, [1 / 3, 2 / 3]))
    chosen: list[tuple[int, int, str]] = []
    for k in range(SPREAD):
        a, s = (k % 9) % 3, (k % 9) // 3
        pick = np.flatnonzero((aspect == a) & (storey == s))
        pick = rng.choice(
            pick if pick.size else np.arange(rows.size), min(400, pick.size or rows.size), replace=False
        )
        gap = _distance(rows[pick], cols[pick], chosen)
        best = pick[
            int(np.argmax(np.minimum(gap, 200.0 * basin.cells_across) + rng.uniform(0, 60, pick.size)))
        ]
        chosen.append(
            (
                int(rows[best]),
                int(cols[best]),
                ("flat", "north", "south")[a] + "-" + ("low", "middle", "high")[s],
            )
        )
    for cluster in range(2):
        spread = [c for c in chosen if "-" in c[2]]
        seat = (
            spread[int(rng.integers(len(spread)))]
            if cluster == 0
            else max(
                spread,
                key=lambda c: min(
                    math.hypot(c[0] - d[0], c[1] - d[1]) for d in chosen if d[2].startswith("cluster")
                ),
            )
        )
        near = np.flatnonzero(np.hypot(rows - seat[0], cols - seat[1]) < 85)
        for _ in range(CLUSTERED):
            pick = rng.choice(near, min(60, near.size), replace=False)
            gap = _distance(rows[pick], cols[pick], chosen)
            best = pick[int(np.argmax(np.minimum(gap, 25)))]
            chosen.append((int(rows[best]), int(cols[best]), f"cluster{cluster + 1}"))
    return chosen


def _inside(basin: Ground) -> np.ndarray:
    """Return the land of the cells, (height, width) bool."""
    return (basin.cell_index != 255) & (basin.static["layers"][..., 3] > 0)


def _apart(
    rng: np.random.Generator, where: np.ndarray, number: int, group: str, *, least: float
) -> list[tuple[int, int, str]]:
    """Choose pixels of `where` at random, at least `least` pixels apart as long as there is room."""
    rows, cols = np.nonzero(where)
    chosen: list[tuple[int, int, str]] = []
    for _ in range(number):
        pick = rng.choice(rows.size, min(200, rows.size), replace=False)
        gap = _distance(rows[pick], cols[pick], chosen)
        far = pick[gap >= least]
        best = int(far[0]) if far.size else int(pick[int(np.argmax(gap))])
        chosen.append((int(rows[best]), int(cols[best]), group))
    return chosen


def _random(basin: Ground, rng: np.random.Generator) -> list[tuple[int, int, str]]:
    return _apart(rng, _inside(basin), 15, "random", least=2)


def _valley(basin: Ground, rng: np.random.Generator) -> list[tuple[int, int, str]]:
    inside, layers = _inside(basin), basin.static["layers"]
    wetness, z = basin.static["soil"][3], basin.elevation()
    slope = np.hypot(layers[..., 11], layers[..., 12])
    wet = wetness > np.quantile(wetness[inside], 0.7)
    low = z < np.median(z[inside])
    where = inside & wet & low & (slope < math.tan(math.radians(8))) & (wetness < 12.5)
    return _apart(rng, where, 10, "valley", least=10 * basin.cells_across)


def _roadside(basin: Ground, rng: np.random.Generator) -> list[tuple[int, int, str]]:
    """Follow the cheapest way across, steep and high ground being dear (dynamic programming by columns)."""
    layers, z = basin.static["layers"], basin.elevation()
    slope = np.hypot(layers[..., 11], layers[..., 12])
    # In steps of 240 m, so that the track does not follow every gully.
    size = 8
    height, width = (n // size for n in z.shape)
    inside = _inside(basin)
    hard = slope + (z - z.min()) / 1500.0 + np.where(inside, 0.0, 5.0)
    coarse = hard[: height * size, : width * size]
    cost = coarse.reshape(height, size, width, size).mean(axis=(1, 3)) + 0.05
    total, back = cost[:, 0].copy(), np.zeros((width, height), int)
    for c in range(1, width):
        padded = np.pad(total, 1, constant_values=np.inf)
        options = np.stack([padded[:-2] * 1.01, padded[1:-1], padded[2:] * 1.01])
        best = options.argmin(axis=0)
        back[c] = np.arange(height) + best - 1
        total = options.min(axis=0) + cost[:, c]
    track = np.zeros(z.shape, bool)
    r = int(total.argmin())
    for c in range(width - 1, -1, -1):
        track[r * size : (r + 1) * size, c * size : (c + 1) * size] = True
        r = int(back[c, r]) if c else r
    where = track & inside & (slope < math.tan(math.radians(18)))
    return _apart(rng, where, 5, "roadside", least=40 * basin.cells_across)


def _clustered(basin: Ground, rng: np.random.Generator) -> list[tuple[int, int, str]]:
    inside = _inside(basin)
    seat = _apart(rng, inside, 1, "cluster", least=0)[0]
    rows, cols = np.indices(inside.shape)
    near = inside & (np.hypot(rows - seat[0], cols - seat[1]) < 42)
    return _apart(rng, near, 15, "cluster", least=12)


SCENARIOS = {
    "stratified": _stratified,
    "random": _random,
    "valley": _valley,
    "roadside": _roadside,
    "clustered": _clustered,
}
LETTERS = {"stratified": "T", "random": "R", "valley": "V", "roadside": "D", "clustered": "C"}


def _describe(
    basin: Ground, rng: np.random.Generator, chosen: list[tuple[int, int, str]], letter: str
) -> pd.DataFrame:
    """Return the table of stations on the chosen pixels."""
    z, layers, soil = basin.elevation(), basin.static["layers"], basin.static["soil"]
    table = pd.DataFrame(chosen, columns=["row", "col", "group"])
    # A probe sits somewhere in its pixel, not at its centre.
    shift = rng.uniform(-10, 10, (len(table), 2))
    x = basin.grid.transform[2] + 30.0 * (table.col.to_numpy() + 0.5)
    y = basin.grid.transform[5] - 30.0 * (table.row.to_numpy() + 0.5)
    lon, lat = transformer(basin.grid.crs, "EPSG:4326").transform(x + shift[:, 0], y + shift[:, 1])
    table["lon"], table["lat"] = np.round(lon, 5), np.round(lat, 5)
    at = table.row.to_numpy(), table.col.to_numpy()
    table["elevation"] = np.round(z[at].astype(float), 1)
    table["sand"], table["clay"], table["organic"] = (
        np.round(soil[i][at].astype(float), 4) for i in range(3)
    )
    table["porosity"] = np.round(layers[at][:, 3].astype(float), 4)
    table.index = pd.Index([f"{letter}{i + 1:02d}" for i in range(len(table))], name="name")
    return table[["lon", "lat", "elevation", "row", "col", "group", "sand", "clay", "organic", "porosity"]]


def _distance(rows: np.ndarray, cols: np.ndarray, chosen: list[tuple[int, int, str]]) -> np.ndarray:
    """Return the distance in pixels to the nearest chosen place; infinite while there is none."""
    if not chosen:
        return np.full(rows.shape, np.inf)
    return np.min([np.hypot(rows - r, cols - c) for r, c, _ in chosen], axis=0)


def _point_series(basin: Ground, row: int, col: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return daily total water (day,), daily soil temperature (day,) and the adsorbed water of one pixel."""
    frames = basin.frames
    total = np.array([unpack12(basin.frame_rows(k, row, 1)[0], col) for k in range(len(frames))]) * QUANTUM
    total = np.interp(np.arange(len(basin.days)), frames, total)
    dz, sun, adsorbed = (np.float32(v) for v in basin.static["layers"][row, col, [0, 1, 6]])
    daily = [basin.daily(d) for d in range(len(basin.days))]
    temperature = np.array([soil_temperature(d[0], d[1], d[2], dz, sun) for d in daily])
    return total, temperature, float(adsorbed)


def station_records(basin: Ground, name: str) -> pd.DataFrame:
    """Return one station's hourly record with what is wrong with it.

    Within a day the truth runs along a parabola that keeps the daily mean and meets its neighbours at
    midnight. The probe adds a calibration offset and slope (0.015 m³ m⁻³ and 5 %, within what factory
    calibrations of such probes miss in organic soil), a drift with temperature, noise, spikes and outages.

    Returns
    -------
    pandas.DataFrame
        Index hourly UTC; columns soil_moisture (m³ m⁻³), moisture_flag, soil_temperature (°C),
        temperature_flag; NaN with flag M in outages.
    """
    place: Any = basin.station(name)
    rng = stream(basin.seed, "probe", name, basin.year)
    total, temperature, adsorbed = _point_series(basin, int(place.row), int(place.col))
    n = len(total)
    edge = np.concatenate([[total[0]], (total[1:] + total[:-1]) / 2, [total[-1]]])
    s = (np.arange(24) + 0.5) / 24
    lean = edge[:-1, None] * (1 - s) + edge[1:, None] * s
    bend = s * (1 - s)
    water = lean + (total - lean.mean(1))[:, None] * (bend / bend.mean())
    w = basin.weather
    first = w.index(basin.days[0])
    swing = w.soil_amplitude[first : first + n] * np.abs(temperature) / (np.abs(temperature) + 0.7)
    warmth = hourly_soil_temperature(temperature, swing, float(place.lon))
    liquid = (
        np.vectorize(liquid_water, otypes=[float])(water, warmth, adsorbed) if (warmth < 0).any() else water
    )

    theta, celsius = np.clip(liquid, 0.005, None).ravel(), warmth.ravel()
    own = stream(basin.seed, "probe", name)  # the same probe in every year
    offset, slope, drift = own.normal(0, 0.015), own.normal(0, 0.05), own.normal(0.0002, 0.0002)
    measured = theta * (1 + slope) + offset + drift * (celsius - 10.0) + rng.normal(0, 0.0025, theta.size)
    measured = np.clip(measured, 0.0, None)
    sensed = celsius + own.normal(0, 0.25) + rng.normal(0, 0.08, theta.size)
    flag = np.full(theta.size, "G", object)
    heat_flag = np.full(theta.size, "G", object)
    flag[sensed < 0] = "D01"
    for hour in rng.integers(0, theta.size, rng.poisson(4)):
        measured[hour] = max(measured[hour] + rng.choice([-1, 1]) * rng.uniform(0.08, 0.25), 0.0)
        if rng.random() < 0.85:  # the automatic check misses some
            flag[hour] = "D06" if flag[hour] == "G" else f"{flag[hour]},D06"
    high = measured > float(place.porosity)
    flag[high] = [f"{f},C03" if f != "G" else "C03" for f in flag[high]]
    missing = np.zeros(theta.size, bool)
    for _ in range(rng.poisson(2.2)):
        start = int(rng.integers(0, theta.size))
        missing[start : start + int(24 * rng.exponential(7.0)) + 1] = True
    if rng.random() < 0.12:
        missing[: int(rng.integers(110, 190)) * 24] = True  # installed in spring or early summer
    if rng.random() < 0.08:
        missing[int(rng.integers(230, 300)) * 24 :] = True  # broke down for good
    missing |= rng.random(theta.size) < 0.002
    measured, sensed = np.round(measured, 3), np.round(sensed, 1)
    measured[missing] = sensed[missing] = np.nan
    flag[missing] = heat_flag[missing] = "M"
    index = pd.date_range(f"{basin.year}-01-01", periods=theta.size, freq="h", name="time")
    columns = {
        "soil_moisture": measured,
        "moisture_flag": flag,
        "soil_temperature": sensed,
        "temperature_flag": heat_flag,
    }
    return pd.DataFrame(columns, index=index)


def write_stations(basins: Sequence[Ground], folder: str | Path, scenario: str = "stratified") -> Path:
    """Write every station of a scenario as ISMN "header + values" files: NETWORK/STATION/*.stm beside
    *_static_variables.csv.

    The layout, names and columns are those of archives of the International Soil Moisture Network; missing
    hours are -9999 with flag M, as there. The network, the sensor and the static table say that the data are
    synthetic.

    Parameters
    ----------
    basins : sequence of Ground
        The same land in the years that the records cover, in order.

    Returns
    -------
    pathlib.Path
        The network's folder.
    """
    root = Path(folder) / NETWORK
    with ThreadPoolExecutor(2) as pool:
        names = basins[0].network(scenario).index
        list(pool.map(lambda name: _write_station(basins, root, str(name)), names))
    (root / "NOTICE.txt").write_text(NOTICE + "\n", encoding="utf-8")
    return root


def _write_station(basins: Sequence[Ground], root: Path, name: str) -> None:
    """Write one station's two records and its static variables."""
    record = pd.concat([station_records(b, name) for b in basins])
    basin = basins[0]
    place: Any = basin.station(name)
    home = root / name
    home.mkdir(parents=True, exist_ok=True)
    span = f"{record.index[0]:%Y%m%d}_{record.index[-1]:%Y%m%d}"
    stamps = pd.DatetimeIndex(record.index).strftime("%Y/%m/%d %H:%M").to_numpy()
    header = (
        f"{NETWORK:<10} {NETWORK:<10} {name:<10} {place.lat:>13.5f} {place.lon:>9.5f} "
        f"{place.elevation:>21.1f} "
        f"{DEPTH_M:.4f} {DEPTH_M:.4f} {SENSOR}"
    )
    for variable, column, flags, pattern in (
        ("sm", "soil_moisture", "moisture_flag", "%.3f"),
        ("ts", "soil_temperature", "temperature_flag", "%.1f"),
    ):
        values = record[column].to_numpy()
        texts = ["-9999" if math.isnan(v) else pattern % v for v in values]
        lines = [f"{t} {v} {f} M" for t, v, f in zip(stamps, texts, record[flags].to_numpy())]
        path = home / f"{NETWORK}_{NETWORK}_{name}_{variable}_{DEPTH_M:f}_{DEPTH_M:f}_{SENSOR}_{span}.stm"
        path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    tail = f"SMGEE-TWIN;{NOTICE};smgee;;30m;{basin.year};;"
    silt = 1 - place.sand - place.clay
    # Peat of 130 kg m⁻³ holding 58 % carbon in mineral soil of 1300 kg m⁻³ (Lawrence & Slater 2008).
    carbon = place.organic * 130 * 0.58 / (place.organic * 130 + (1 - place.organic) * 1300)
    rows = [
        "quantity_name;unit;depth_from[m];depth_to[m];value;description;quantity_source_name;"
        "quantity_source_description;quantity_source_provider;quantity_source_version;"
        "quantity_source_resolution;quantity_source_timerange;quantity_source_url;",
        f"saturation;m^3*m^-3;0.00;0.30;{place.porosity:.2f};;{tail}",
        f"clay fraction;% weight;0.00;0.30;{100 * place.clay:.2f};;{tail}",
        f"organic carbon;% weight;0.00;0.30;{100 * carbon:.2f};;{tail}",
        f"sand fraction;% weight;0.00;0.30;{100 * place.sand:.2f};;{tail}",
        f"silt fraction;% weight;0.00;0.30;{100 * silt:.2f};;{tail}",
        f"land cover classification;;;;130;Grassland;{tail}",
        f"climate classification;;;;ET;Polar - Tundra;{tail}",
    ]
    path = home / f"{NETWORK}_{NETWORK}_{name}_static_variables.csv"
    path.write_text("\n".join([*rows, ""]), encoding="utf-8")

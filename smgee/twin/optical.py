"""HLS scenes of the basin: descriptions as Earth Engine shows them, and their pixels."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache, partial

import numpy as np

from smgee.cache import KEPT
from smgee.datasets import HLS, ROLES
from smgee.source import BandInfo, ImageInfo
from smgee.twin.basin import Basin
from smgee.twin.clouds import CloudField
from smgee.twin.notice import SYNTHETIC_PROPERTIES
from smgee.twin.optics import brightness_temperature, classify, darkening, dilate, reflect, unscale
from smgee.twin.orbits import Scene
from smgee.twin.spectra import ENDMEMBERS, L30_BANDS, S30_BANDS, Band, endmember_table

COLLECTIONS = {d.id: product for product, d in HLS.items()}
ADJACENT_PIXELS = (
    5  # HLS v2.0 dilates clouds and shadows by 5 pixels of 30 m (HLS user guide v2.0, section 6.4)
)
BLOCK = 128  # pixels; windows begin anywhere, and of larger blocks more would lie beside them
SMALL_WINDOW = 64 * 64  # pixels; below, a whole block would cost more than it saves
TOGETHER = {product: tuple(d.roles[r] for r in ROLES) for product, d in HLS.items()}
_NOWHERE = np.zeros((1, 1), np.uint8)


def bands_of(product: str) -> tuple[Band, ...]:
    """Return the bands of L30 or S30 in Earth Engine's order."""
    return L30_BANDS if product == "L30" else S30_BANDS


@lru_cache(maxsize=2)
def _endmembers(product: str) -> dict[str, np.ndarray]:
    bands = bands_of(product)
    return {b.name: row for b, row in zip(bands, endmember_table(bands))}


def describe_scene(basin: Basin, collection: str, scene: Scene) -> ImageInfo:
    """Describe a scene with the properties of the HLS catalog pages."""
    bands = tuple(
        BandInfo(b.name, b.dtype or "float32", basin.grid, b.pyramiding) for b in HLS[scene.product].bands
    )
    seen = 100.0 if scene.edge is None else 50.0 * (scene.edge[0] + scene.edge[1])
    stamp = f"{scene.time:%Y%m%dT%H%M%S}"
    properties: dict[str, object] = {
        "system:index": scene.index,
        "CLOUD_COVERAGE": round(basin.clouds(scene).coverage, 2),
        "SPATIAL_COVERAGE": round(seen, 2),
        "HLS_PROCESSING_TIME": f"{scene.time:%Y-%m-%d}T23:59:59Z",
        "MEAN_SUN_AZIMUTH_ANGLE": round(scene.sun_azimuth, 4),
        "MEAN_SUN_ZENITH_ANGLE": round(scene.sun_zenith, 4),
        "MEAN_VIEW_AZIMUTH_ANGLE": scene.view_azimuth,
        "MEAN_VIEW_ZENITH_ANGLE": scene.view_zenith,
        "NBAR_SOLAR_ZENITH": round(scene.sun_zenith, 4),
        "ACCODE": "synthetic",
    }
    if scene.product == "L30":
        path = 133 if scene.edge is None else 134
        number = scene.platform[-1]
        properties["LANDSAT_PRODUCT_ID"] = f"SYNTHETIC_LC0{number}_L1TP_{path}034_{scene.time:%Y%m%d}"
        properties["USGS_SOFTWARE"] = "smgee.twin"
    else:
        orbit, letter = ("R004" if scene.edge is None else "R047"), scene.platform[-1]
        properties["PRODUCT_URI"] = f"SYNTHETIC_S2{letter}_MSIL1C_{stamp}_{orbit}_T{scene.tile}.SAFE"
        properties["MGRS_TILE_ID"] = scene.tile
        properties["SENSING_TIME"] = f"{scene.time:%Y-%m-%dT%H:%M:%S}Z"
    start = int(scene.time.timestamp() * 1000)
    return ImageInfo(
        f"{collection}/{scene.index}", bands, {**properties, **SYNTHETIC_PROPERTIES}, start, start
    )


class OpticalReader:
    """Reads windows of scenes, from blocks that are kept."""

    def __init__(self, basin: Basin) -> None:
        self.basin = basin
        self._own = object()  # tells what it keeps from what other basins keep
        self._makers = [threading.Lock() for _ in range(64)]

    def _keep(
        self, key: Hashable, place: Hashable, make: Callable[[], dict[Hashable, np.ndarray]]
    ) -> np.ndarray:
        """Return the pixels of a key; `make` returns them by their key together with others worth keeping.

        One thread makes what lies in a place, while others that want some of it wait.
        """
        found = KEPT.find((self._own, key))
        if found is not None:
            return found[0]
        with self._makers[hash(place) % len(self._makers)]:
            found = KEPT.find((self._own, key))
            if found is not None:
                return found[0]
            made = make()
            for k, v in made.items():
                KEPT.put((self._own, k), v, v.nbytes)
            return made[key]

    def read(
        self, scene: Scene, name: str, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Read a window of a band; see `smgee.source.Source.read`."""
        band = next(b for b in bands_of(scene.product) if b.name == name)
        if band.kind == "quality":
            window = self._assemble(scene, band, row, col, height, width)
            return window, window != 255
        if band.kind == "angle":
            return self._angle(scene, name, row, col, height, width)
        if band.kind == "thermal":
            return self._thermal(scene, band, row, col, height, width)
        return self._reflective(scene, band, row, col, height, width)

    def _key(self, scene: Scene, name: str) -> np.uint32:
        return np.uint32(zlib.crc32(f"{self.basin.seed}/{scene.product}/{scene.index}/{name}".encode()))

    def _clouds(self, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
        field: CloudField = self.basin.clouds(scene)
        cast = np.array([field.shadow_rows, field.shadow_cols], np.float32)
        return (_NOWHERE if field.clear else np.ascontiguousarray(field.opacity)), cast

    def _edge(self, scene: Scene) -> np.ndarray:
        grid = self.basin.grid
        if scene.edge is None:
            return np.array([1e9, 0.0], np.float32)
        top, low = scene.edge
        return np.array([top * grid.width, (low - top) * grid.width / grid.height], np.float32)

    @staticmethod
    def _sun(scene: Scene) -> np.ndarray:
        zenith, azimuth = np.radians(scene.sun_zenith), np.radians(scene.sun_azimuth)
        return np.array(
            [np.sin(zenith) * np.sin(azimuth), np.sin(zenith) * np.cos(azimuth), np.cos(zenith)], np.float32
        )

    def _reflective(
        self, scene: Scene, band: Band, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        stored = self._assemble(scene, band, row, col, height, width)
        out, valid = np.empty((height, width), np.float32), np.empty((height, width), bool)
        unscale(stored, out, valid)
        return out, valid

    def _assemble(self, scene: Scene, band: Band, row: int, col: int, height: int, width: int) -> np.ndarray:
        """Return a window of a band as the product stores it, put together from kept blocks; a window much
        smaller than a block is computed by itself.
        """
        if height * width <= SMALL_WINDOW:
            return next(iter(self._make(scene, (band,), row, col, height, width)))
        name = scene.product + scene.index
        stored: np.ndarray | None = None
        for r in range(row // BLOCK, (row + height - 1) // BLOCK + 1):
            for c in range(col // BLOCK, (col + width - 1) // BLOCK + 1):
                # The bands of a place are made together.
                block = self._keep(
                    (name, band.name, r, c), (name, r, c), partial(self._make_block, scene, band, r, c)
                )
                if stored is None:
                    stored = np.empty((height, width), block.dtype)
                top, left = r * BLOCK, c * BLOCK
                r0, r1 = max(row, top), min(row + height, top + block.shape[0])
                c0, c1 = max(col, left), min(col + width, left + block.shape[1])
                stored[r0 - row : r1 - row, c0 - col : c1 - col] = block[
                    r0 - top : r1 - top, c0 - left : c1 - left
                ]
        assert stored is not None
        return stored

    def _make_block(self, scene: Scene, band: Band, r: int, c: int) -> dict[Hashable, np.ndarray]:
        """Compute a block of a band and of the bands mostly read with it: what lies under a pixel is
        worked out once.
        """
        grid = self.basin.grid
        row, col = r * BLOCK, c * BLOCK
        together = TOGETHER[scene.product]
        bands = (
            tuple(b for b in bands_of(scene.product) if b.name in together)
            if band.name in together
            else (band,)
        )
        stored = self._make(
            scene, bands, row, col, min(BLOCK, grid.height - row), min(BLOCK, grid.width - col)
        )
        name = scene.product + scene.index
        return {(name, b.name, r, c): layer for b, layer in zip(bands, stored)}

    def _make(
        self, scene: Scene, bands: tuple[Band, ...], row: int, col: int, height: int, width: int
    ) -> Iterable[np.ndarray]:
        """Compute bands over a window: the quality band alone, or some that reflect."""
        if bands[0].kind == "quality":
            return (self._fmask(scene, row, col, height, width),)
        return self._reflect(scene, bands, row, col, height, width)

    def _reflect(
        self, scene: Scene, bands: tuple[Band, ...], row: int, col: int, height: int, width: int
    ) -> np.ndarray:
        """Compute bands over a window, (band, height, width) int16."""
        basin = self.basin
        light = self._light(scene, bands)
        out = np.empty((len(bands), height, width), np.int16)
        reflect(
            out,
            row,
            col,
            basin.water_rows(basin.day(scene.time), row, height),
            basin.static["layers"],
            basin.static["bins"],
            *light,
        )
        return out

    def _light(self, scene: Scene, bands: tuple[Band, ...]) -> tuple[np.ndarray, ...]:
        """Return what `reflect` is told of a scene, which is the same for all its windows."""

        def make() -> tuple[np.ndarray, ...]:
            basin, day = self.basin, self.basin.day(scene.time)
            ends = np.stack([self._ends(scene, b) for b in bands])
            share, rate = ENDMEMBERS.index("wet_share"), ENDMEMBERS.index("wet_rate")
            tables = np.stack([darkening(float(e[share]), float(e[rate])) for e in ends])
            opacity, cast = self._clouds(scene)
            keys = np.array([self._key(scene, b.name) for b in bands])
            season = basin.green(day), basin.snow(day), basin.daily(day)
            return *season, ends, tables, self._sun(scene), opacity, cast, self._edge(scene), keys

        return KEPT.get(
            (self._own, "light", scene, tuple(b.name for b in bands)),
            make,
            lambda made: sum(array.nbytes for array in made),
        )

    def _ends(self, scene: Scene, band: Band) -> np.ndarray:
        """Return the endmembers of a band with the scene's haze added, (endmember + 1,) float32."""
        rng = np.random.default_rng(int(self._key(scene, "aerosol")))
        # What atmospheric correction leaves: an offset that fades towards longer waves, the same for a whole
        # scene.
        haze = rng.normal(0.0, 0.004) * (0.482 / band.wavelength) ** 2 + rng.normal(0.0, 0.001)
        ends = np.append(_endmembers(scene.product)[band.name], np.float32(haze)).astype(np.float32)
        if band.kind == "cirrus":  # water vapour hides the ground at 1.38 µm
            ends[:6] *= np.float32(0.004)
        elif band.kind == "vapour":  # top of atmosphere, partly absorbed
            ends[:6] *= np.float32(0.6)
        return ends

    def _thermal(
        self, scene: Scene, band: Band, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        basin, weather = self.basin, self.basin.weather
        i = weather.index(scene.time.date())
        out, valid = np.empty((height, width), np.float32), np.empty((height, width), bool)
        air = weather.air[i] - (1.0 if band.name == "B11" else 0.0)
        brightness_temperature(
            out,
            valid,
            row,
            col,
            basin.water_rows(basin.day(scene.time), row, height),
            basin.static["layers"],
            np.float32(air),
            np.float32(weather.lapse[i]),
            np.float32(20.0),
            self._sun(scene),
            self._clouds(scene)[0],
            self._edge(scene),
            self._key(scene, band.name),
        )
        return out, valid

    def _angle(
        self, scene: Scene, name: str, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        middle = {
            "SZA": scene.sun_zenith,
            "SAA": scene.sun_azimuth,
            "VZA": scene.view_zenith,
            "VAA": scene.view_azimuth,
        }[name]
        # Degrees per pixel to the south and to the east, over a 110 km tile: the sun moves by less than a
        # degree, the view by
        # some.
        south, east = {
            "SZA": (-2.4e-4, -2.0e-4),
            "SAA": (0.0, 3.0e-4),
            "VZA": (0.0, -1.2e-3),
            "VAA": (1e-4, 0.0),
        }[name]
        rows, cols = np.arange(row, row + height)[:, None], np.arange(col, col + width)[None, :]
        grid = self.basin.grid
        values = middle + south * (rows - grid.height / 2) + east * (cols - grid.width / 2)
        edge = self._edge(scene)
        valid = cols.astype(np.float32) < edge[0] + edge[1] * rows.astype(np.float32)
        return np.where(valid, np.round(values, 2), 0.0).astype(np.float32), valid

    def _fmask(self, scene: Scene, row: int, col: int, height: int, width: int) -> np.ndarray:
        """Compute the Fmask of a window, (height, width) uint8, 255 outside the swath; what is adjacent to
        clouds is told from the pixels around it too.
        """
        basin, margin = self.basin, ADJACENT_PIXELS
        raw = np.empty((height + 2 * margin, width + 2 * margin), np.uint8)
        bits = np.empty((height, width), np.uint8)
        opacity, cast = self._clouds(scene)
        s = basin.static
        classify(
            raw,
            bits,
            row,
            col,
            s["layers"],
            s["bins"],
            basin.snow(basin.day(scene.time)),
            opacity,
            cast,
            self._edge(scene),
            margin,
        )
        if opacity.size > 1:
            dilate(raw, margin, bits)
        return bits

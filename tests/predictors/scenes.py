"""A handful of HLS scenes and an elevation model in memory, and what is asked of them."""

from __future__ import annotations

from datetime import UTC, datetime

import ee
import numpy as np

from smgee.datasets import HLS, ROLES
from smgee.grid import PixelGrid
from smgee.source import BandInfo, CollectionInfo, ImageInfo

GRID = PixelGrid("EPSG:32647", (30.0, 0.0, 570000.0, 0.0, -30.0, 4140000.0), 9, 7)
CLOUD, SNOW, AEROSOL = 0b10, 0b10000, 0b11000000


class Scenes:
    """A handful of HLS scenes and a DEM, held in memory."""

    def __init__(self):
        rng = np.random.default_rng(3)
        self.arrays: dict[tuple[str, str], np.ndarray] = {}
        self.infos: dict[str, list[ImageInfo]] = {spec.id: [] for spec in HLS.values()}
        for sensor, day in (("L30", 1), ("S30", 3), ("S30", 6), ("L30", 9), ("S30", 28)):
            spec = HLS[sensor]
            image_id = f"{spec.id}/T47SPB_202107{day:02d}T040000"
            names = [*(spec.roles[r] for r in ROLES), "Fmask"]
            for name in names[:-1]:
                steps = np.rint(rng.uniform(0.02, 0.5, GRID.shape) * 1e4)  # as HLS stores them
                self.arrays[image_id, name] = (steps * 1e-4).astype("f4")
            fmask = np.full(GRID.shape, AEROSOL, "u1")
            fmask[rng.random(GRID.shape) < 0.35] |= CLOUD
            fmask[0, 0] |= SNOW
            self.arrays[image_id, "Fmask"] = fmask
            bands = tuple(
                BandInfo(
                    n, "uint8" if n == "Fmask" else "float32", GRID, "SAMPLE" if n == "Fmask" else "MEAN"
                )
                for n in names
            )
            start = int(datetime(2021, 7, day, 4, tzinfo=UTC).timestamp() * 1000)
            self.infos[spec.id].append(ImageInfo(image_id, bands, {}, start, start))
        y, x = np.mgrid[:21, :19].astype("f4")
        self.dem_grid = PixelGrid("EPSG:32647", (30.0, 0.0, 569910.0, 0.0, -30.0, 4140180.0), 19, 21)
        self.arrays["NASA/NASADEM_HGT/001", "elevation"] = (
            3200 + 7 * x - 4 * y + 9 * np.sin(x / 2) * np.cos(y / 3)
        ).astype("f4")
        self.flow_grid = PixelGrid("EPSG:32647", (90.0, 0.0, 569910.0, 0.0, -90.0, 4140180.0), 7, 7)
        for band, most in (("upa", 30.0), ("hnd", 60.0)):
            self.arrays["MERIT/Hydro/v1_0_1", band] = rng.uniform(0.01, most, (7, 7)).astype("f4")
        self.single = {
            i.id: i
            for i in (
                ImageInfo("NASA/NASADEM_HGT/001", (BandInfo("elevation", "float32", self.dem_grid),)),
                ImageInfo(
                    "MERIT/Hydro/v1_0_1",
                    tuple(BandInfo(b, "float32", self.flow_grid) for b in ("upa", "hnd")),
                ),
            )
        }

    def get(self, asset_id):
        if asset_id in self.single:
            return self.single[asset_id]
        if asset_id in self.infos:
            return CollectionInfo(asset_id)
        return next((i for infos in self.infos.values() for i in infos if i.id == asset_id), None)

    def list(self, parent):
        return [] if parent else [*self.infos, *self.single]

    def images(self, collection_id):
        return sorted(self.infos[collection_id], key=lambda i: i.id)

    def read(self, image_id, band, row, col, height, width):
        values = self.arrays[image_id, band][row : row + height, col : col + width]
        return values, np.ones(values.shape, bool)

    def features(self, table_id):
        return iter(())


def pixels(image: ee.Image, grid: PixelGrid = GRID) -> dict[str, np.ndarray]:
    """Fetch every band of an image on a grid; masked pixels are NaN."""
    a, b, c, d, e, f = grid.transform
    request = {
        "expression": image.toDouble().unmask(-9999, False),
        "fileFormat": "NUMPY_NDARRAY",
        "grid": {
            "dimensions": {"width": grid.width, "height": grid.height},
            "crsCode": grid.crs,
            "affineTransform": {
                "scaleX": a,
                "shearX": b,
                "translateX": c,
                "shearY": d,
                "scaleY": e,
                "translateY": f,
            },
        },
    }
    found = ee.data.computePixels(request)
    return {n: np.where(found[n] == -9999, np.nan, found[n]) for n in found.dtype.names}


def stacked(scenes, role: str, days: range) -> np.ndarray:
    """The clear reflectance of every scene of these July days, (scene, y, x), by plain indexing."""
    layers = []
    for spec in HLS.values():
        for info in scenes.images(spec.id):
            if int(info.id[-9:-7]) in days:
                clear = scenes.arrays[info.id, "Fmask"] & 0b11110 == 0
                layers.append(np.where(clear, scenes.arrays[info.id, spec.roles[role]], np.nan))
    return np.array(layers)

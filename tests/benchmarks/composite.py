"""A 16-day median composite: the embedded Earth Engine beside the same composite written by hand with
rioxarray, odc-stac and dask.

Ten HLS-like granules (int16 COGs of 3660×3660 pixels, 256-pixel deflate blocks, Fmask beside them) are
written into a folder and registered as `smgee catalog add` does. Six bands of 1200×1200 pixels are composited
by every way in one process, in turns, and the results compared. Afterwards: successive windows moved by eight
days, a chain of 2,000 nodes, and a collection of 2,000 images.

Run by hand: ``python -m tests.benchmarks.composite [--repeats N] [--folder KEPT]``. odc-stac takes part where
it is installed.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from smgee.datasets import HLS, ROLES, fmask_bits
from smgee.grid import PixelGrid

CRS = "EPSG:32613"
ORIGIN = (499_980.0, 4_600_020.0)  # upper left corner of the MGRS tile 13TEF, metres
CENTER = date(2021, 7, 15)
MASK = ("cloud", "adjacent", "shadow")
TILE = "T13TEF"
# Files spell the bands with two digits.
LAYERS = {
    sensor: {role: spec.bands[[b.role for b in spec.bands].index(role)].layers[0] for role in ROLES}
    for sensor, spec in HLS.items()
}


# -- scenes


def smooth(rng: np.random.Generator, size: int, cell: int) -> np.ndarray:
    """Return a (size, size) float32 field of about unit variance that varies over `cell` pixels."""
    from scipy.ndimage import zoom

    coarse = rng.standard_normal((size // cell + 4,) * 2).astype("f4")
    field = zoom(coarse, cell, order=1)[:size, :size]
    return field / field.std()


def write_scenes(folder: Path, *, size: int, days: int = 40) -> list[Path]:
    """Write granules of `days` days around the centre, alternately L30 and S30, ten in every 16 days, and
    return their files.
    """
    import rasterio
    from affine import Affine

    rng = np.random.default_rng(0)
    ground = {role: 900.0 + 450.0 * k + 250.0 * smooth(rng, size, 61 + 7 * k) for k, role in enumerate(ROLES)}
    profile: dict[str, Any] = {
        "driver": "COG",
        "width": size,
        "height": size,
        "count": 1,
        "crs": CRS,
        "transform": Affine(30, 0, ORIGIN[0], 0, -30, ORIGIN[1]),
        "compress": "DEFLATE",
        "predictor": "YES",
        "blocksize": 256,
        "overviews": "AUTO",
        "resampling": "NEAREST",
    }
    files = []
    for number in range(round(days * 10 / 16)):
        day = CENTER - timedelta(days=days // 2) + timedelta(days=number * 1.6)
        sensor = ("L30", "S30")[number % 2]
        stem = f"HLS.{sensor}.{TILE}.{day:%Y%j}T1742{number:02d}.v2.0"
        if all((folder / f"{stem}.{layer}.tif").exists() for layer in (*LAYERS[sensor].values(), "Fmask")):
            files += [folder / f"{stem}.{layer}.tif" for layer in (*LAYERS[sensor].values(), "Fmask")]
            continue
        cloud, haze = smooth(rng, size, 97), rng.normal(1.0, 0.03)
        fmask = np.full((size, size), 64, "u1")  # low aerosol
        fmask[cloud > 0.7] = 64 | 2
        fmask[(cloud > 0.5) & (cloud <= 0.7)] = 64 | 4
        fmask[(cloud < -1.6)] = 64 | 8
        outside = np.zeros((size, size), bool)
        if sensor == "L30":  # the edge of a swath crosses the tile
            row, col = np.ogrid[:size, :size]
            outside = col < 0.15 * size * (number % 3) - 0.2 * row
        fmask[outside] = 255
        layers = {}
        for role, layer in LAYERS[sensor].items():
            texture = rng.standard_normal((size, size), dtype=np.float32)
            values = ground[role] * np.float32(haze) + 25.0 * texture + 4000.0 * np.clip(cloud - 0.5, 0, 1)
            values = np.clip(values, -200, 16000)
            values[outside] = -9999
            layers[layer] = np.rint(values).astype("i2")
        layers["Fmask"] = fmask
        for layer, stored in layers.items():
            path = folder / f"{stem}.{layer}.tif"
            with rasterio.open(
                path, "w", **profile, dtype=stored.dtype.name, nodata=255 if layer == "Fmask" else -9999
            ) as file:
                file.write(stored, 1)
                if layer != "Fmask":
                    file.scales = (0.0001,)
            files.append(path)
    return files


def register(folder: Path, files: list[Path]) -> Path:
    """Register the granules in a catalog folder under the official ids."""
    from smgee.eelocal.assets.catalog import add_files

    catalog = folder / "catalog"
    for sensor, spec in HLS.items():
        add_files(catalog, spec.id, [f for f in files if f".{sensor}." in f.name])
    return catalog


def granules(files: list[Path], start: date, end: date) -> list[tuple[str, dict[str, Path]]]:
    """Return (sensor, {role or "Fmask": file}) of each granule of [start, end), in time order."""
    found: dict[tuple[str, str], dict[str, Path]] = {}
    for path in files:
        _, sensor, _, when, _, _, layer, _ = path.name.split(".")
        if f"{start:%Y%j}" <= when[:7] < f"{end:%Y%j}":
            role = next((r for r, name in LAYERS[sensor].items() if name == layer), layer)
            found.setdefault((when, sensor), {})[role] = path
    return [(sensor, layers) for (_, sensor), layers in sorted(found.items())]


def part(size: int, edge: int) -> tuple[int, int, PixelGrid]:
    """Return row, column and grid of the window to composite, off the blocks' boundaries as any study area
    is.
    """
    row = col = min(1111, size - edge)
    return (
        row,
        col,
        PixelGrid(CRS, (30.0, 0.0, ORIGIN[0] + 30 * col, 0.0, -30.0, ORIGIN[1] - 30 * row), edge, edge),
    )


# -- the ways to composite


def through_client(grid: PixelGrid, center: date, roles: tuple[str, ...] = tuple(ROLES)) -> np.ndarray:
    """Composite through the official client: one computePixels request, NaN where masked."""
    import ee

    from smgee.predictors.composite import composite

    image = composite(
        center, window_days=16, fill_days=16, sensors=tuple(HLS), roles=roles, mask=MASK
    ).unmask(-9999.0, sameFootprint=False)
    request = {
        "expression": image,
        "fileFormat": "NUMPY_NDARRAY",
        "grid": {
            "dimensions": {"width": grid.width, "height": grid.height},
            "affineTransform": dict(
                zip(
                    ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY"),
                    grid.transform,
                    strict=True,
                )
            ),
            "crsCode": grid.crs,
        },
    }
    pixels = ee.data.computePixels(request)
    result = np.stack([pixels[r] for r in roles])
    result[result == np.float32(-9999)] = np.nan
    return result


def through_xee(grid: PixelGrid, center: date) -> np.ndarray:
    """Composite through xee, tiles of 512 pixels."""
    from smgee.predictors.composite import composite
    from smgee.upscale.pull import open_bands

    image = composite(center, window_days=16, fill_days=16, sensors=tuple(HLS), roles=tuple(ROLES), mask=MASK)
    return open_bands(image, tuple(ROLES), grid=grid).load().values


def with_rioxarray(
    files: list[Path], place: tuple[int, int, int], center: date, median: Callable[[Any], Any]
) -> np.ndarray:
    """Composite lazily with rioxarray and dask: chunks of two by two blocks, Fmask once per scene, all
    bands at once.
    """
    import rioxarray
    import xarray as xr

    row, col, edge = place
    window = {"y": slice(row, row + edge), "x": slice(col, col + edge)}
    bits = fmask_bits(MASK)
    scenes = []
    with ExitStack() as stack:
        for _, layers in granules(files, center - timedelta(days=8), center + timedelta(days=8)):

            def opened(path: Path) -> xr.DataArray:
                array = stack.enter_context(
                    rioxarray.open_rasterio(path, chunks={"x": 512, "y": 512}, cache=False)
                )
                return array.isel(band=0, drop=True).isel(window)

            quality = opened(layers["Fmask"])
            clear = ((quality & bits) == 0) & (quality != 255)
            bands = []
            for role in ROLES:
                stored = opened(layers[role])
                bands.append((stored.astype("f4") * np.float32(1e-4)).where(clear & (stored != -9999)))
            scenes.append(xr.concat(bands, "band"))
        return computed(median(xr.concat(scenes, "time").chunk(time=-1)))


def computed(cube: Any) -> np.ndarray:
    """Return the values of a lazy cube; NumPy warns of pixels without any observation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return cube.compute().values


def plain_median(cube: Any) -> Any:
    """The median as everyone writes it."""
    return cube.median("time", skipna=True)


def sorted_median(cube: Any) -> Any:
    """The median as an expert may write it: NaN sort last, so that the middle is at half the count."""
    import xarray as xr

    def compute(block: np.ndarray) -> np.ndarray:
        ordered = np.sort(block, axis=-1)
        count = (~np.isnan(block)).sum(-1, keepdims=True)
        low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, -1)
        high = np.take_along_axis(ordered, np.minimum(count // 2, block.shape[-1] - 1), -1)
        return ((low + high) / 2)[..., 0]

    return xr.apply_ufunc(
        compute, cube, input_core_dims=[["time"]], dask="parallelized", output_dtypes=["f4"]
    )


def with_odc(files: list[Path], grid: PixelGrid, center: date, median: Callable[[Any], Any]) -> np.ndarray:
    """Composite lazily with odc-stac and dask."""
    import odc.stac
    import pystac
    import xarray as xr
    from odc.geo.geobox import GeoBox

    items = []
    for number, (_, layers) in enumerate(
        granules(files, center - timedelta(days=8), center + timedelta(days=8))
    ):
        west, south, east, north = -106, 40, -103, 42
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        moment = _midday(center, number)
        item = pystac.Item(
            str(number),
            {"type": "Polygon", "coordinates": [ring]},
            [west, south, east, north],
            moment,
            {"proj:epsg": 32613},
        )
        item.collection_id = "hls"
        item.stac_extensions.append("https://stac-extensions.github.io/projection/v1.1.0/schema.json")
        for role, path in layers.items():
            item.add_asset(
                role, pystac.Asset(str(path), media_type="image/tiff; application=geotiff", roles=["data"])
            )
        items.append(item)
    box = GeoBox(grid.shape, grid.affine, grid.crs)
    config = {
        "hls": {
            "assets": {
                "*": {"data_type": "int16", "nodata": -9999},
                "Fmask": {"data_type": "uint8", "nodata": 255},
            }
        }
    }
    cube = odc.stac.load(
        items, bands=[*ROLES, "Fmask"], geobox=box, chunks={"x": 512, "y": 512}, stac_cfg=config
    )
    clear = ((cube["Fmask"] & fmask_bits(MASK)) == 0) & (cube["Fmask"] != 255)
    bands = [(cube[r].astype("f4") * np.float32(1e-4)).where(clear & (cube[r] != -9999)) for r in ROLES]
    return computed(median(xr.concat(bands, "band").chunk(time=-1)))


def _midday(center: date, number: int) -> Any:
    from datetime import UTC, datetime

    return datetime(center.year, center.month, center.day, tzinfo=UTC) + timedelta(hours=number)


# -- measuring


class PeakMemory:
    """The greatest resident memory while it runs, above that at its start, MiB; asked every 5 ms."""

    def __enter__(self) -> PeakMemory:
        gc.collect()
        self._start = self._peak = self._resident()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.above = (self._peak - self._start) / 2**20

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self._peak = max(self._peak, self._resident())

    @staticmethod
    def _resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096


def forget() -> None:
    """Drop what the embedded Earth Engine keeps of earlier requests: pixels, plans and open files."""
    from smgee.cache import KEPT
    from smgee.eelocal.assets import geotiff

    KEPT.clear()
    geotiff.close_datasets()


def side_by_side(
    ways: Mapping[str, Callable[[], np.ndarray]], repeats: int, memory: Callable[[str], float]
) -> None:
    """Run every way in turns, compare the results with the first way's, and print medians and ratios to the
    first.

    CPU time is of all threads; on a machine that does other work too, it compares better than wall time.
    `memory` measures a way's peak memory in a process of its own, since what one way frees stays with the
    allocator for the next.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    work: dict[str, list[float]] = {name: [] for name in ways}
    reference: np.ndarray | None = None
    for turn in range(repeats + 1):
        for name, way in ways.items():
            if "cached" not in name:
                forget()
            begin, busy = time.perf_counter(), time.process_time()
            result = way()
            elapsed, busy = time.perf_counter() - begin, time.process_time() - busy
            if turn:  # the first turn compiles and warms the file cache
                times[name].append(elapsed)
                work[name].append(busy)
                continue
            if reference is None:
                reference = result
                continue
            np.testing.assert_array_equal(np.isnan(result), np.isnan(reference), err_msg=name)
            np.testing.assert_allclose(result, reference, atol=2e-7, rtol=0, err_msg=name)
    first = next(iter(ways))
    print(f"{'':40}{'wall s':>8}{'ratio':>7}{'CPU s':>8}{'ratio':>7}{'peak MiB':>10}")
    for name in ways:
        wall, cpu = statistics.median(times[name]), statistics.median(work[name])
        ratios = wall / statistics.median(times[first]), cpu / statistics.median(work[first])
        print(
            f"{name:40}{wall:8.2f}{ratios[0]:7.2f}{cpu:8.2f}{ratios[1]:7.2f}{memory(name):10.0f}", flush=True
        )


def successive(grid: PixelGrid) -> None:
    """Print the time of composites whose windows overlap, as a season's steps do."""
    forget()
    for shift in (-8, 0, 8):
        begin = time.perf_counter()
        through_client(grid, CENTER + timedelta(days=shift))
        print(f"  window centred at {shift:+d} days: {time.perf_counter() - begin:.2f} s")


def deep_and_wide() -> None:
    """Print the times of a chain of 2,000 nodes and of a collection of 2,000 images."""
    import ee

    def timed(label: str, action: Callable[[], Any]) -> None:
        begin = time.perf_counter()
        answer = action()
        print(f"  {label}: {time.perf_counter() - begin:.2f} s ({answer})", flush=True)

    def grid(edge: int) -> dict[str, Any]:
        return {
            "dimensions": {"width": edge, "height": edge},
            "affineTransform": {
                "scaleX": 30,
                "shearX": 0,
                "translateX": ORIGIN[0],
                "shearY": 0,
                "scaleY": -30,
                "translateY": ORIGIN[1],
            },
            "crsCode": CRS,
        }

    def pixels(image: ee.Image, edge: int) -> float:
        return float(
            ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid(edge)})[
                "v"
            ]
            .astype("f8")
            .mean()
        )

    def chain() -> ee.Image:
        image = ee.Image(HLS["S30"].id + "/" + _first_index()).select(["B4"], ["v"])
        for k in range(1000):
            image = image.add(k % 7).multiply(1.0001)
        return image

    def number() -> int:
        value = ee.Number(0)
        for _ in range(2000):
            value = value.add(1)
        return value.getInfo()

    def constants() -> ee.ImageCollection:
        return ee.ImageCollection(
            ee.List.sequence(1, 2000).map(
                lambda k: ee.Image.constant(ee.Number(k)).rename("v").toFloat().set("k", k)
            )
        )

    def masked() -> ee.ImageCollection:
        ramp = ee.Image(HLS["S30"].id + "/" + _first_index()).select(["B4"], ["v"])
        return constants().map(
            lambda i: ramp.add(i).updateMask(ramp.multiply(7919).add(i).toInt().mod(3).gt(0)).toFloat()
        )

    sys.setrecursionlimit(100_000)  # the client serialises a chain by recursion
    timed("chain of 2,000 nodes, a number", number)
    timed("chain of 2,000 nodes, 256×256 pixels", lambda: pixels(chain(), 256))
    timed(
        "collection of 2,000 images, size after a filter",
        lambda: constants().filter(ee.Filter.gt("k", 500)).size().getInfo(),
    )
    timed(
        "collection of 2,000 images, aggregate of a property",
        lambda: constants().aggregate_sum("k").getInfo(),
    )
    timed("collection of 2,000 images, mean of 256×256 pixels", lambda: pixels(constants().mean(), 256))
    timed(
        "collection of 2,000 masked images, median of 256×256 pixels", lambda: pixels(masked().median(), 256)
    )


def _first_index() -> str:
    import ee

    return str(ee.ImageCollection(HLS["S30"].id).first().get("system:index").getInfo())


def ways_of(
    files: list[Path], place: tuple[int, int, int], grid: PixelGrid, *, only_ours: bool = False
) -> dict[str, Callable[[], np.ndarray]]:
    """Return the ways to composite, by name."""
    ways: dict[str, Callable[[], np.ndarray]] = {
        "smgee, computePixels": lambda: through_client(grid, CENTER),
        "smgee, computePixels, blocks cached": lambda: through_client(grid, CENTER),
        "smgee, xee": lambda: through_xee(grid, CENTER),
    }
    if not only_ours:
        ways["rioxarray + dask, median"] = lambda: with_rioxarray(files, place, CENTER, plain_median)
        ways["rioxarray + dask, sorting median"] = lambda: with_rioxarray(files, place, CENTER, sorted_median)
        with suppress(ImportError):
            import odc.stac  # noqa: F401

            ways["odc-stac + dask, median"] = lambda: with_odc(files, grid, CENTER, plain_median)
            ways["odc-stac + dask, sorting median"] = lambda: with_odc(files, grid, CENTER, sorted_median)
    return ways


def main() -> None:
    """Make the scenes, run everything, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--repeats", type=int, default=5, help="turns of each way after the first, which does not count"
    )
    parser.add_argument(
        "--folder", type=Path, help="keep the scenes here, and use those that are there already"
    )
    parser.add_argument("--size", type=int, default=3660, help="pixels along a granule's edge")
    parser.add_argument("--edge", type=int, default=1200, help="pixels along the composite's edge")
    parser.add_argument("--only-ours", action="store_true", help="leave the others out")
    parser.add_argument("--memory-of", metavar="WAY", help="print the peak memory of one way alone, MiB")
    options = parser.parse_args()
    import smgee

    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        files = write_scenes(folder, size=options.size)
        row, col, grid = part(options.size, options.edge)
        place = (row, col, options.edge)
        store = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(smgee.connect("embedded", catalog=register(folder, files), store=store))
        ways = ways_of(files, place, grid, only_ours=options.only_ours)
        if options.memory_of is not None:
            small = part(options.size, 64)
            ways_of(files, (*small[:2], 64), small[2])[options.memory_of]()  # imports and compiles
            with PeakMemory() as memory:
                ways[options.memory_of]()
            print(f"{memory.above:.0f}")
            return
        count = len(granules(files, CENTER - timedelta(days=8), CENTER + timedelta(days=8)))
        print(f"{count} scenes, {len(ROLES)} bands and Fmask, {grid.height}×{grid.width} pixels")

        def memory_of(way: str) -> float:
            command = [
                sys.executable,
                "-m",
                "tests.benchmarks.composite",
                "--folder",
                str(folder),
                "--size",
                str(options.size),
            ]
            command += ["--edge", str(options.edge), "--memory-of", way]
            return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

        side_by_side(ways, options.repeats, memory_of)
        print("Successive composites, 16-day windows eight days apart:")
        successive(grid)
        print("Long chains and large collections:")
        deep_and_wide()


if __name__ == "__main__":
    main()

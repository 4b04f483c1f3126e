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
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from smgee.datasets import HLS, ROLES
from smgee.grid import PixelGrid
from tests.benchmarks.composite_by_hand import MASK, plain_median, sorted_median, with_odc, with_rioxarray
from tests.benchmarks.granules import CENTER, CRS, ORIGIN, granules, register, write_scenes
from tests.benchmarks.measuring import PeakMemory, forget


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

"""Tree prediction against the libraries' own ``predict``: same rows, same threads, one process, by turns.

Run by hand: ``python -m tests.benchmarks.trees [--rows 1440000] [--repeats 5] [--threads 2] [--families
xgboost,catboost,…] [--demo-area]``.

The kernel reads band-major float32 and writes float32; the libraries read the C-ordered float32 matrix they
are made for, ready in memory. Both get rows that are neighbours in a smooth image and the same pixels in
random order, of one day of year; with ``--demo-area`` the rows are the demo's whole area, pulled through the
official client, and the models are trained on its pixels. Wall-clock ratios are what a user sees; those of
processor time hold even while other work shares the machine. Peak memory is that of the kernel's first call,
preparing the model included, beyond input and output.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter

from smgee.trees import TreeEnsemble
from smgee.trees.kernel import predict, predict_bands

NAMES = (
    *("blue", "green", "red", "nir", "swir1", "swir2", "ndvi", "ndwi", "evi"),
    *("lst", "vv", "vh", "elevation", "slope", "twi", "sand", "doy"),
)
# Ratios to reach, by family.
TARGETS = {
    "xgboost": 12.0,
    "lightgbm": 50.0,
    "gradient-boosting": 20.0,
    "random-forest": 9.0,
    "extra-trees": 8.0,
    "catboost": 2.5,
}
TRAINING_ROWS, SMALL_BATCHES = 12_000, (1, 30, 300, 3_000, 10_000)


def predictors(
    shape: tuple[int, ...], doy: np.ndarray | float, rng: np.random.Generator, *, smooth: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return (17, *shape) float32 predictors of the order and dependence of real ones, and soil moisture.

    Reflectances, indices, backscatter and temperature follow vegetation, wetness, brightness and relief with
    noise of their own; in smooth images these four are Gaussian fields of several scales.
    """

    def field(*scales: float) -> np.ndarray:
        total = np.zeros(shape, np.float32)
        for weight, scale in zip((0.8, 0.6), scales, strict=False):
            noise = rng.normal(size=shape).astype(np.float32)
            noise = gaussian_filter(noise, scale, mode="wrap") if smooth else noise
            total += weight * noise / noise.std()
        return total

    def noise(size: float) -> np.ndarray:
        return rng.normal(0, size, shape).astype(np.float32)

    greenness, wet, bright, relief = field(12, 3), field(25, 4), field(10, 2), field(40)
    texture, soil, speckle = field(8), field(30), field(1.5)
    season = np.sin(2 * np.pi * (np.asarray(doy, np.float32) - 100) / 365)
    cover = 1 / (1 + np.exp(-(greenness + 0.8 * season)))
    bare = 1 - cover
    reflectance = [
        0.04 + 0.04 * bare + 0.015 * bright + noise(0.004),
        0.06 + 0.06 * bare + 0.02 * bright + noise(0.004),
        0.05 + 0.12 * bare + 0.03 * bright * bare - 0.01 * wet + noise(0.004),
        0.20 + 0.25 * cover + 0.04 * bright + noise(0.008),
        0.15 + 0.15 * bare + 0.05 * bright - 0.05 * wet + noise(0.006),
        0.10 + 0.14 * bare + 0.04 * bright - 0.05 * wet + noise(0.006),
    ]
    blue, green, red, nir, swir1, swir2 = (np.round(np.clip(r, 1e-4, 1), 4) for r in reflectance)
    bands = [blue, green, red, nir, swir1, swir2]
    bands += [
        (nir - red) / (nir + red),
        (green - nir) / (green + nir),
        2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1),
    ]
    bands += [290 + 12 * season - 4 * wet - 3 * relief - 3 * cover + noise(0.5)]
    bands += [
        -12 + 2 * wet + 1.5 * cover + 0.8 * speckle + noise(0.3),
        -19 + 1.5 * wet + 3 * cover + 0.8 * speckle + noise(0.3),
    ]
    bands += [
        1500 + 400 * relief,
        np.abs(8 * texture + noise(0.5)),
        8 - 1.5 * texture + 1.2 * wet + noise(0.3),
        40 + 12 * soil,
    ]
    bands += [np.broadcast_to(np.asarray(doy, np.float32), shape)]
    moisture = (
        0.22
        + 0.07 * wet
        + 0.03 * season
        + 0.03 * cover
        - 0.007 * soil
        + 0.02 * np.tanh(relief) * season
        + noise(0.03)
    )
    return np.stack(bands).astype(np.float32), np.clip(moisture, 0.01, 0.6)


DEMO_NAMES = (
    *("blue", "green", "red", "nir", "swir1", "swir2", "NDVI", "NDWI", "EVI", "NDMI", "MSI", "NBR2"),
    *("elevation", "slope", "northness", "eastness", "doy"),
)


def demo_area() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return 17 float32 predictors of the demo's area, (17, y, x), and a training table with the true soil
    moisture of its pixels.

    The table's pixels are of four dates. Masked ones (the lake) carry the band's median, since libraries
    differ in what they make of NaN.
    """
    import smgee
    from smgee.predictors import Cadence, Predictors
    from smgee.study import Study
    from smgee.twin import Basin
    from smgee.upscale import pull_static
    from smgee.upscale.pull import open_bands

    study = Study.demo().model_copy(update={"predictors": Predictors.usual("absolute")})
    basin, rng = Basin(), np.random.default_rng(2)
    row, col = (
        round((basin.grid.transform[k] - study.grid.transform[k]) / s) for k, s in ((5, 30), (2, -30))
    )
    optical = list(DEMO_NAMES[:12])
    bands, tables, moistures = np.empty(0), [], []
    with smgee.connect():
        static = pull_static(study.predictor_set)
        for step in study.predictor_set.steps()[6:22:4]:
            day = step.days[0]
            pieces = study.predictor_set.pieces([day], names=optical)
            image = next(p.image for p in pieces if p.cadence is Cadence.STEP)
            layers = [
                *open_bands(image, optical, grid=study.grid).values,
                *(static[n] for n in DEMO_NAMES[12:16]),
            ]
            bands = np.stack([*layers, np.full(study.grid.shape, day.timetuple().tm_yday, np.float32)])
            truth, valid = basin.truth_window(basin.day(day), row, col, *study.grid.shape)
            some = rng.choice(
                np.flatnonzero(valid & np.isfinite(bands).all(axis=0)), TRAINING_ROWS // 4, replace=False
            )
            tables.append(bands.reshape(len(bands), -1)[:, some])
            moistures.append(truth.ravel()[some] + rng.normal(0, 0.02, len(some)))
    for band in bands:
        band[~np.isfinite(band)] = np.nanmedian(band)
    return bands, np.concatenate(tables, axis=1), np.concatenate(moistures)


def train(
    family: str, X: np.ndarray, y: np.ndarray, threads: int
) -> tuple[Any, Callable[[np.ndarray], np.ndarray]]:
    """Return the model of a family and its own prediction with so many threads."""
    if family == "xgboost":
        from xgboost import XGBRegressor

        model = XGBRegressor(n_estimators=500, max_depth=8, learning_rate=0.05, n_jobs=threads).fit(X, y)
    elif family == "lightgbm":
        from lightgbm import LGBMRegressor

        model = LGBMRegressor(
            n_estimators=500, num_leaves=63, learning_rate=0.05, n_jobs=threads, verbose=-1
        ).fit(X, y)
    elif family == "catboost":
        from catboost import CatBoostRegressor

        model = CatBoostRegressor(
            iterations=500, depth=8, verbose=0, thread_count=threads, allow_writing_files=False
        ).fit(X, y)
        return model, lambda rows: model.predict(rows, thread_count=threads)
    elif family == "gradient-boosting":
        from sklearn.ensemble import GradientBoostingRegressor

        model = GradientBoostingRegressor(n_estimators=300, max_depth=5, subsample=0.5, random_state=0).fit(
            X, y
        )
    else:
        from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

        kind = RandomForestRegressor if family == "random-forest" else ExtraTreesRegressor
        features = 0.5 if family == "random-forest" else 1.0
        model = kind(200, min_samples_leaf=2, max_features=features, n_jobs=threads, random_state=0).fit(X, y)
    return model, model.predict


def timed(work: Callable[[], np.ndarray]) -> tuple[float, float, np.ndarray]:
    """Return wall-clock and processor seconds of one run, and its result."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - wall, time.process_time() - processor, result


def peak_megabytes(work: Callable[[], Any]) -> float:
    """Return how far resident memory rose above its level before, at its highest; NaN where the system
    does not tell.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status")
        before = int(status.read_text().split("VmRSS:")[1].split()[0])
        work()
        return (int(status.read_text().split("VmHWM:")[1].split()[0]) - before) / 1024
    except OSError:
        return float("nan")


def compare(
    ours: Callable[[], np.ndarray], theirs: Callable[[], np.ndarray], repeats: int
) -> tuple[float, float, float, float, float]:
    """Return our and their median seconds, the ratios of wall-clock and of processor time, and max |Δ|;
    run by turns.
    """
    a, b = [], []
    for _ in range(repeats):
        a.append(timed(ours))
        b.append(timed(theirs))
    wall, wall_theirs = statistics.median(x[0] for x in a), statistics.median(x[0] for x in b)
    processor = statistics.median(x[1] for x in b) / statistics.median(x[1] for x in a)
    error = float(np.abs(a[-1][2].ravel() - np.asarray(b[-1][2]).ravel()).max())
    return wall, wall_theirs, wall_theirs / wall, processor, error


def main() -> None:
    """Print one line for each family and order of rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_440_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--families", default=",".join(TARGETS))
    parser.add_argument(
        "--demo-area", action="store_true", help="the demo's area (synthetic) in place of made-up rows"
    )
    options = parser.parse_args()

    rng = np.random.default_rng(1)
    if options.demo_area:
        smooth, table, y = demo_area()
    else:
        table, y = predictors((TRAINING_ROWS,), rng.integers(1, 366, TRAINING_ROWS), rng, smooth=False)
        side = int(options.rows**0.5)
        smooth, _ = predictors((side, side), 172.0, rng, smooth=True)
    pixels = smooth[0].size
    shuffled = np.ascontiguousarray(smooth.reshape(len(NAMES), -1)[:, rng.permutation(pixels)]).reshape(
        smooth.shape
    )

    rows = "pixels of the demo's area (SYNTHETIC)" if options.demo_area else "rows"
    view = Table(
        title=f"{pixels:,} {rows} × {len(NAMES)} float32 predictors, {options.threads} threads, median of "
        f"{options.repeats}"
    )
    columns = [
        "family",
        "nodes",
        "rows",
        "library s",
        "kernel s",
        "× wall",
        "× processor",
        "target",
        "max |Δ|",
        "peak MB",
        "compile s",
    ]
    for column in columns:
        view.add_column(column, justify="left" if column in ("family", "rows") else "right")
    for family in options.families.split(","):
        model, library = train(family, np.ascontiguousarray(table.T), y, options.threads)
        ensemble = TreeEnsemble.from_model(model, feature_names=NAMES)
        start = time.perf_counter()
        predict_bands(ensemble, smooth[:, :20], n_threads=options.threads)
        first = time.perf_counter() - start
        # A second ensemble of the same arrays is prepared anew, so that the peak includes it.
        again = TreeEnsemble.from_model(model, feature_names=NAMES)
        for name, bands in (("neighbours", smooth), ("random", shuffled)):
            X = np.ascontiguousarray(bands.reshape(len(NAMES), -1).T)
            out = np.zeros(bands.shape[1:], np.float32)

            def ours(
                bands: np.ndarray = bands, out: np.ndarray = out, ensemble: TreeEnsemble = ensemble
            ) -> np.ndarray:
                return predict_bands(ensemble, bands, out=out, n_threads=options.threads)

            def theirs(
                X: np.ndarray = X, library: Callable[[np.ndarray], np.ndarray] = library
            ) -> np.ndarray:
                return library(X)

            peak = peak_megabytes(
                lambda bands=bands, out=out, again=again: predict_bands(
                    again, bands, out=out, n_threads=options.threads
                )
            )
            wall, wall_theirs, ratio, processor, error = compare(ours, theirs, options.repeats)
            figures = [
                f"{wall_theirs:.2f}",
                f"{wall:.3f}",
                f"{ratio:.1f}",
                f"{processor:.1f}",
                f"{TARGETS[family]:g}",
                f"{error:.1e}",
            ]
            view.add_row(
                family,
                f"{ensemble.n_nodes:,}",
                name,
                *figures,
                f"{peak:.0f}",
                f"{first:.1f}" if name == "neighbours" else "",
            )
        for batch in SMALL_BATCHES:
            few = np.ascontiguousarray(shuffled.reshape(len(NAMES), -1)[:, :batch].T)
            wall, wall_theirs, ratio, processor, error = compare(
                partial(predict, ensemble, few, n_threads=options.threads),
                partial(library, few),
                9 * options.repeats,
            )
            figures = [
                f"{wall_theirs:.5f}",
                f"{wall:.5f}",
                f"{ratio:.1f}",
                f"{processor:.1f}",
                "1",
                f"{error:.1e}",
            ]
            view.add_row(family, "", f"{batch:,}", *figures)
    Console(width=140).print(view)


if __name__ == "__main__":
    main()

"""The layers beside a map, as one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from smgee.grid import EaseCell, PixelGrid, transformer
from smgee.report.figures import outline
from smgee.report.style import STATION, figure, save

UNIT = "m³ m⁻³"
_SHOWN = (
    ("width", f"width of the {{level:.0%}} interval, {UNIT}", "magma_r"),
    ("standard_error", f"jackknife standard error, {UNIT}", "magma_r"),
    ("leaf_width", f"width by leaf values, {UNIT}", "magma_r"),
    ("dissimilarity", "dissimilarity to the training rows", "cividis_r"),
    ("density", "stations in like conditions", "viridis"),
    ("leaf_stations", "stations behind the pixel", "viridis"),
)
_OUTSIDE = "#D55E00"


def layers_figure(
    layers: Mapping[str, np.ndarray],
    path: Path,
    *,
    grid: PixelGrid,
    cells: Sequence[EaseCell],
    stations: pd.DataFrame,
    level: float,
    synthetic: bool,
) -> Path:
    """Draw the layers of a day side by side; what lies outside the area of applicability is marked.

    Parameters
    ----------
    layers : mapping of str to (y, x) array
        Variables of the store of layers, NaN where masked.
    path : Path
        The PNG.
    grid : PixelGrid
        Lattice of the maps.
    cells : sequence of EaseCell
        Outlines to draw.
    stations : DataFrame
        ``lon``, ``lat`` in degrees.
    level : float
        Of the interval.
    synthetic : bool
        Mark the figure.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    drawn = dict(layers)
    for prefix in ("", "leaf_"):
        if f"{prefix}lower" in drawn:
            drawn[f"{prefix}width"] = drawn[f"{prefix}upper"] - drawn[f"{prefix}lower"]
    panels = [(name, title, cmap) for name, title, cmap in _SHOWN if name in drawn]
    left, bottom, right, top = (v / 1000 for v in grid.bounds)
    x, y = transformer("EPSG:4326", grid.crs).transform(
        stations["lon"].to_numpy(), stations["lat"].to_numpy()
    )
    cols = len(panels) if len(panels) < 4 else 3 if len(panels) > 4 else 2
    rows = -(-len(panels) // cols)
    look = {"extent": (left, right, bottom, top), "interpolation": "nearest"}
    with figure(
        rows,
        cols,
        size=(3.3 * cols, 4.4 * rows + 0.4),
        synthetic=synthetic,
        sharex=True,
        sharey=True,
        squeeze=False,
    ) as (fig, axes):
        for axis in axes.flat[len(panels) :]:
            axis.set_axis_off()
        for axis, (name, title, cmap) in zip(axes.flat, panels):
            values = drawn[name]
            step = max(1, max(values.shape) // 700)
            known = values[np.isfinite(values)]
            low, high = np.percentile(known, [2, 98]) if known.size else (0.0, 1.0)
            if name in ("density", "leaf_stations"):
                low = 0.0
            image = axis.imshow(values[::step, ::step], vmin=low, vmax=high, cmap=cmap, **look)
            if name in ("dissimilarity", "density") and "applicability" in drawn:
                outside = np.where(drawn["applicability"][::step, ::step] == 0, 1.0, np.nan)
                axis.imshow(outside, cmap=ListedColormap([_OUTSIDE]), **look)
            outline(axis, cells, grid)
            axis.plot(x / 1000, y / 1000, **STATION)
            fig.colorbar(image, ax=axis, label=title.format(level=level), extend="both", location="bottom")
        if "applicability" in drawn and {"dissimilarity", "density"} & {p[0] for p in panels}:
            mark = Patch(color=_OUTSIDE, label="outside the area of applicability")
            fig.legend(handles=[mark], loc="outside upper right")
        for axis in axes[:, 0]:
            axis.set_ylabel("northing, km")
        for axis in axes[-1]:
            axis.set_xlabel("easting, km")
        return save(fig, path)

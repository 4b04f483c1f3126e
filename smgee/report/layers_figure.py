"""The layers beside a map, as one figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from smgee.report.figures import Ground
from smgee.report.style import STATION, UNIT, panels, save

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
    layers: Mapping[str, np.ndarray], path: Path, *, ground: Ground, level: float, synthetic: bool
) -> Path:
    """Draw the layers of a day side by side; what lies outside the area of applicability is marked.

    Parameters
    ----------
    layers : mapping of str to (y, x) array
        Variables of the store of layers, NaN where masked.
    ground : Ground
        Of the maps.
    level : float
        Of the interval.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    drawn = dict(layers)
    for prefix in ("", "leaf_"):
        if f"{prefix}lower" in drawn:
            drawn[f"{prefix}width"] = drawn[f"{prefix}upper"] - drawn[f"{prefix}lower"]
    shown = [(name, title, cmap) for name, title, cmap in _SHOWN if name in drawn]
    cols = len(shown) if len(shown) < 4 else 3 if len(shown) > 4 else 2
    rows = -(-len(shown) // cols)
    with panels(rows, cols, size=(3.3 * cols, 4.4 * rows + 0.4), synthetic=synthetic) as (fig, axes):
        for axis in axes.flat[len(shown) :]:
            axis.set_axis_off()
        for axis, (name, title, cmap) in zip(axes.flat, shown):
            values = drawn[name]
            known = values[np.isfinite(values)]
            low, high = np.percentile(known, [2, 98]) if known.size else (0.0, 1.0)
            if name in ("density", "leaf_stations"):
                low = 0.0
            image = ground.draw(axis, values, vmin=low, vmax=high, cmap=cmap)
            if name in ("dissimilarity", "density") and "applicability" in drawn:
                outside = np.where(drawn["applicability"] == 0, 1.0, np.nan)
                ground.draw(axis, outside, cmap=ListedColormap([_OUTSIDE]))
            ground.outline(axis)
            axis.plot(*ground.places, **STATION)
            fig.colorbar(image, ax=axis, label=title.format(level=level), extend="both", location="bottom")
        if "applicability" in drawn and {"dissimilarity", "density"} & {p[0] for p in shown}:
            mark = Patch(color=_OUTSIDE, label="outside the area of applicability")
            fig.legend(handles=[mark], loc="outside upper right")
        for axis in axes[:, 0]:
            axis.set_ylabel("northing, km")
        for axis in axes[-1]:
            axis.set_xlabel("easting, km")
        return save(fig, path)

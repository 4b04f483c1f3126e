"""What every figure has in common: type, colours, and the mark of synthetic data.

A figure is drawn by a function that takes the path of a PNG, writes it with its companions and returns it;
`synthetic` asks for the mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smgee.drawn import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNIT = "m³ m⁻³"
SYNTHETIC_MARK = "SYNTHETIC basin: not an observation"
# Okabe & Ito's palette, which colour-blind readers tell apart.
COLOURS = {
    "smap": "#000000",
    "map": "#0072B2",
    "in situ": "#E69F00",
    "truth": "#009E73",
    "random": "#CCCCCC",
    "station": "#0072B2",
    "date": "#56B4E9",
}
ORBITS = {"AM": "descending, 06:00", "PM": "ascending, 18:00"}
"""SMAP's overpasses in words, local solar time."""
STATION: dict[str, Any] = {
    "marker": "o",
    "ls": "",
    "ms": 2.6,
    "mfc": "white",
    "mec": "black",
    "mew": 0.6,
    "clip_on": False,
    "zorder": 3,
}
"""How the place of a station is marked, at the rim of a map too."""
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 110,
    "savefig.dpi": 140,
    "legend.frameon": False,
    "axes.grid": False,
    "figure.constrained_layout.use": True,
}


@contextmanager
def figure(
    rows: int = 1, cols: int = 1, *, size: tuple[float, float], synthetic: bool, **options: Any
) -> Iterator[tuple[Figure, Any]]:
    """Give a figure and its axes in the report's style; marked when the data is synthetic, closed
    afterwards.
    """
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    with mpl.rc_context({**_STYLE, "backend": "agg"}):
        fig, axes = plt.subplots(rows, cols, figsize=size, **options)
        if synthetic:
            fig.supxlabel(SYNTHETIC_MARK, fontsize=8, color="#B00020", x=0.99, ha="right")
        try:
            yield fig, axes
        finally:
            plt.close(fig)


def panels(
    rows: int, cols: int, *, size: tuple[float, float], synthetic: bool
) -> AbstractContextManager[tuple[Figure, Any]]:
    """Give panels of common axes, a grid (rows, cols) of them."""
    return figure(rows, cols, size=size, synthetic=synthetic, sharex=True, sharey=True, squeeze=False)


@contextmanager
def small_panels(
    rows: int, cols: int, *, panel: tuple[float, float], synthetic: bool
) -> Iterator[tuple[Figure, Any]]:
    """Give many small panels of common axes, a grid (rows, cols) of them, with room for a legend above.

    Their places are computed here: the layout that `figure` asks for takes seconds for thirty panels.

    Parameters
    ----------
    rows, cols : int
        Of the grid.
    panel : (float, float)
        Width and height of a panel with its title, inches.
    """
    left, right, above, below = 0.65, 0.1, 0.62, 0.62
    width, height = left + cols * panel[0] + right, above + rows * panel[1] + below
    places = {"left": left / width, "right": 1 - right / width}
    places |= {"top": 1 - above / height, "bottom": below / height, "wspace": 0.08, "hspace": 0.3}
    options: dict[str, Any] = {"sharex": True, "sharey": True, "squeeze": False, "layout": "none"}
    with figure(
        rows, cols, size=(width, height), synthetic=synthetic, gridspec_kw=places, **options
    ) as drawn:
        yield drawn


def signed(value: float, digits: int = 3) -> str:
    """Write a number with its sign; what rounds to zero has none."""
    rounded = round(float(value), digits)
    return f"{rounded:+.{digits}f}".replace("-", "−") if rounded else f"{0:.{digits}f}"


def few_dates(axis: Axes) -> None:
    """Let a small panel name a few days of its time axis."""
    from matplotlib import dates

    locator = dates.AutoDateLocator(minticks=2, maxticks=4)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    axis.xaxis.get_offset_text().set_fontsize(8)


def save(fig: Figure, path: str | Path) -> Path:
    """Write a figure as PNG, SVG and the CSV of its numbers."""
    marked = SYNTHETIC_MARK in (text.get_text() for text in fig.texts)
    return save_figure(fig, path, synthetic=marked)

"""Figures as files: a picture, the same as SVG, and the numbers behind it, read back from what was drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from smgee.io import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("panel", "kind", "label", "x", "y", "value", "x_end", "y_end")
"""Of `drawn_values`: kinds are line, point, segment, bar, pixel, hexagon; a segment and a bar have ends."""

_MOST_PIXELS = 10_000


def save_figure(figure: Figure, path: str | Path, *, synthetic: bool) -> Path:
    """Write a figure as PNG; beside it the same as SVG, whose text is text, and its numbers as CSV.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Not closed.
    path : path-like
        ``….png``.
    synthetic : bool
        Mark the numbers.
    """
    from matplotlib import rc_context

    path = Path(path)
    with atomic_path(path) as scratch:
        figure.savefig(scratch, format="png")
    figure.set_layout_engine("none")  # all has its place now
    with (
        atomic_path(path.with_suffix(".svg")) as scratch,
        rc_context({"svg.fonttype": "none", "svg.hashsalt": "smgee"}),
    ):
        figure.savefig(scratch, format="svg", metadata={"Date": None})
    values = drawn_values(figure)
    values = values.assign(synthetic=1) if synthetic else values
    with atomic_path(path.with_suffix(".csv")) as scratch:
        values.to_csv(scratch, index=False, float_format="%.6g")
    return path


def drawn_values(figure: Figure) -> pd.DataFrame:
    """Return what a figure shows, one row for each mark.

    Coordinates are those of the axes; days are ISO dates, and places that have names instead of numbers are
    called by them. A map of many pixels is given as means of blocks of them.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn, not closed.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, those that have any value.
    """
    rows: list[dict[str, Any]] = []
    for number, axis in enumerate(figure.axes, start=1):
        if axis.get_label() == "<colorbar>":
            continue
        panel = _panel(axis, number)
        rows += [{"panel": panel, **row} for row in _of_axis(axis)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.loc[:, frame.notna().any() | frame.columns.isin(["panel", "kind", "x", "y"])]


def in_words(frame: pd.DataFrame, *, most: int = 12) -> str:
    """Say in a few words what a figure shows, for those who do not see it.

    Parameters
    ----------
    frame : pandas.DataFrame
        From `drawn_values`.
    most : int
        Series that are told of; the others are counted.
    """
    said = []
    marks = frame[frame["kind"] != "segment"]
    label = marks["label"].fillna("") if "label" in marks else ""
    for (panel, name), part in marks.assign(label=label).groupby(["panel", "label"], sort=False):
        values = part["value"] if "value" in part and part["value"].notna().any() else part["y"]
        numbers = pd.to_numeric(values, errors="coerce").dropna()
        if numbers.empty:
            numbers = pd.to_numeric(part["x"], errors="coerce").dropna()
        if numbers.empty:
            continue
        title = f"{panel}, {name}" if name else str(panel)
        said.append(f"{title}: {len(numbers)} values, {numbers.min():.3g} to {numbers.max():.3g}")
    if not said:
        return ""
    more = f"; and {len(said) - most} more series" if len(said) > most else ""
    return f"{'; '.join(said[:most])}{more}."


def _panel(axis: Axes, number: int) -> str:
    title = axis.get_title(loc="left") or axis.get_title() or axis.get_ylabel() or axis.get_xlabel()
    return " ".join(str(title).split()) or f"panel {number}"


def _of_axis(axis: Axes) -> Iterator[dict[str, Any]]:
    from matplotlib.collections import LineCollection, PathCollection, PolyCollection
    from matplotlib.patches import Rectangle

    name_x, name_y = _namer(axis.xaxis), _namer(axis.yaxis)

    def row(kind: str, label: Any, x: float, y: float, **rest: Any) -> dict[str, Any]:
        shown = "" if str(label).startswith("_") else str(label)
        return {"kind": kind, "label": shown or None, "x": name_x(x), "y": name_y(y), **rest}

    for line in axis.lines:
        if line.get_transform() != axis.transData:
            continue  # a rule across the axes is no datum
        for x, y in np.asarray(line.get_xydata(), float):
            if np.isfinite(x) and np.isfinite(y):
                yield row("line", line.get_label(), x, y)
    for marks in axis.collections:
        label = marks.get_label()
        if isinstance(marks, LineCollection):
            for segment in marks.get_segments():
                ends = np.asarray(segment, float)
                if len(ends) >= 2 and np.isfinite(ends[[0, -1]]).all():
                    (x, y), (x_end, y_end) = ends[0], ends[-1]
                    yield row("segment", label, x, y, x_end=name_x(x_end), y_end=name_y(y_end))
        elif isinstance(marks, PathCollection | PolyCollection):
            kind = "point" if isinstance(marks, PathCollection) else "hexagon"
            places: Any = np.ma.filled(np.ma.asarray(marks.get_offsets(), float), np.nan)
            array = marks.get_array()
            values = np.full(len(places), np.nan) if array is None else np.ma.filled(array, np.nan)
            if len(values) == len(places) and len(places) > 0 and places.any():
                for (x, y), value in zip(places, values, strict=True):
                    if np.isfinite(x) and np.isfinite(y):
                        yield row(kind, label, x, y, value=float(value))
    for patch in axis.patches:
        if isinstance(patch, Rectangle):
            x, y = patch.get_xy()
            x_from, x_to = _span(x, patch.get_width(), name_x)
            y_from, y_to = _span(y, patch.get_height(), name_y)
            bar = row("bar", patch.get_label(), x, y, x_end=x_to, y_end=y_to)
            yield bar | {"x": x_from, "y": y_from}
    for image in axis.images:
        array = image.get_array()
        if array is None or array.ndim != 2:
            continue
        values, across, down = _coarse(np.ma.filled(array.astype(float), np.nan), image.get_extent())
        for i, j in np.argwhere(np.isfinite(values)):
            yield row("pixel", image.get_label(), float(across[j]), float(down[i]), value=float(values[i, j]))


def _span(start: float, width: float, name: Callable[[float], Any]) -> tuple[Any, Any]:
    """Return the ends of a bar's side; the name and no end where the side stands for a name."""
    middle = name(start + width / 2)
    return (middle, None) if isinstance(middle, str) else (name(start), name(start + width))


def _coarse(
    values: np.ndarray, extent: tuple[float, float, float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a picture of at most `_MOST_PIXELS` as means of blocks, and the x and y of their middles."""
    step = max(1, int(np.ceil(np.sqrt(values.size / _MOST_PIXELS))))
    height, width = (-(-n // step) for n in values.shape)
    padded = np.full((height * step, width * step), np.nan)
    padded[: values.shape[0], : values.shape[1]] = values
    blocks = padded.reshape(height, step, width, step)
    known = np.isfinite(blocks).sum(axis=(1, 3))
    total = np.where(np.isfinite(blocks), blocks, 0).sum(axis=(1, 3))
    means = np.where(known > 0, total / np.maximum(known, 1), np.nan)
    left, right, bottom, top = extent
    rows, cols = values.shape
    x = left + (right - left) * np.minimum((np.arange(width) + 0.5) * step, cols) / cols
    y = top + (bottom - top) * np.minimum((np.arange(height) + 0.5) * step, rows) / rows
    return means, x, y


def _namer(axis: Any) -> Callable[[float], Any]:
    """Return what turns a coordinate into what the axis says of it: a day, a name, or the number."""
    from matplotlib.category import StrCategoryConverter
    from matplotlib.dates import DateConverter, _SwitchableDateConverter, num2date
    from matplotlib.ticker import FixedLocator

    converter = axis.get_converter()
    if isinstance(converter, DateConverter | _SwitchableDateConverter):
        return lambda v: num2date(v).date().isoformat()
    if isinstance(axis.get_major_locator(), FixedLocator):
        places = np.asarray(axis.get_majorticklocs(), np.float64)
        if len(places) and (places == np.round(places)).all() and (np.abs(np.diff(places)) == 1).all():
            words = axis.get_major_formatter().format_ticks(places)
            names = {at: word for at, word in zip(places.tolist(), words) if _is_word(word)}
            return lambda v: names.get(float(np.round(v))) or float(v)  # marks may lie a little aside
    if isinstance(converter, StrCategoryConverter) and axis.units is not None:
        known = {number: name for name, number in axis.units._mapping.items()}
        return lambda v: known.get(v, float(v))
    return float


def _is_word(text: str) -> bool:
    try:
        float(text.replace("−", "-"))
    except ValueError:
        return bool(text)
    return False

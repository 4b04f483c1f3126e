"""Tables of users: files read, columns found, numbers and dates checked; mistakes told in one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import InputError, MissingDataError
from smgee.insitu.columns import open_table
from smgee.insitu.quality import LEAST_MAXIMUM

CALENDAR = "doy"
"""Predictor that every table can have: the day of year (1-366) of its time column, unless it has a column
of this name.
"""

_DESCRIBED = ("target", "station", "time", "predictors", "static", "synthetic", "units", "source", "anomaly")


def read_frame(path: str | os.PathLike[str]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a table as `smgee.insitu.columns.open_table` does, and what a file that smgee wrote says of
    its columns (schema metadata ``smgee``).
    """
    import pyarrow.parquet as pq

    path = Path(path)
    if path.suffix.lower() != ".parquet" or not path.is_file():
        return open_table(path), {}
    try:
        content = pq.read_table(path)
        content.validate(full=True)  # of damaged files texts may be none
        raw = (content.schema.metadata or {}).get(b"smgee")
        described = json.loads(raw) if raw else {}
        return content.to_pandas(), {key: described[key] for key in _DESCRIBED if key in described}
    except Exception as error:  # the reader raises what it likes for damaged files
        raise InputError(f"The table {path} cannot be read as .parquet: {first_line(error)}.") from error


def read_described(
    path: str | os.PathLike[str], options: Mapping[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a table, and gather what it and the options say of its columns: what is given wins.

    Raises
    ------
    InputError
        If the file cannot be read, or nothing says which columns are the target and the predictors.
    """
    frame, described = read_frame(path)
    name = os.path.basename(path)
    chosen = {"source": name} | described
    chosen |= {key: value for key, value in options.items() if value not in (None, (), [])}
    if not chosen.get("target"):
        raise InputError(f"The table {name} does not say which column is the target; name it with --target.")
    if not (chosen.get("predictors") or chosen.get("static")):
        raise InputError(
            f"The table {name} does not say which columns are the predictors; name them with --predictors, "
            "and those that never change with --static."
        )
    return frame, chosen


def prepare(
    frame: pd.DataFrame,
    predictors: Sequence[str],
    *,
    target: str,
    station: Sequence[str],
    time: str,
    derive: Mapping[str, str] | None,
    where: str | None,
    label: str,
    time_format: str | None,
) -> pd.DataFrame:
    """Parse the time, make derived columns, choose rows; the frame that was given stays as it is.

    Raises
    ------
    InputError
        For predictors that cannot be, absent columns, times that are no dates, or expressions that cannot be
        worked out.
    MissingDataError
        If no row is left.
    """
    _check_names(predictors, (target, time, *station))
    frame = frame.copy(deep=False)
    require(frame, [*station, time], label)
    frame[time] = parse_dates(frame[time], time, time_format)
    if CALENDAR not in frame:
        frame[CALENDAR] = frame[time].dt.day_of_year.astype("f8")
    for name, expression in (derive or {}).items():
        frame[name] = evaluate(frame, expression, what=f"The derived column {name!r}")
    if where:
        chosen = evaluate(frame, where, what="The row filter")
        if chosen.dtype != bool and not pd.api.types.is_bool_dtype(chosen):
            raise InputError(
                f"The row filter {where!r} gives {chosen.dtype} values, not true or false; write a "
                "comparison."
            )
        frame = frame.loc[chosen.fillna(False).astype(bool)]
    if not len(frame):
        raise MissingDataError(
            f"No row of {label} is left{f' where {where}' if where else ''}; choose other rows."
        )
    require(frame, [target, *predictors], label)
    return frame


def _check_names(predictors: Sequence[str], others: Sequence[str]) -> None:
    twice = sorted({name for name in predictors if list(predictors).count(name) > 1})
    if twice:
        raise InputError(f"The predictor(s) {', '.join(twice)} are named twice; name each once.")
    if not predictors:
        raise InputError("No predictor was named; name at least one column.")
    leak = [name for name in predictors if name in others]
    if leak:
        raise InputError(
            f"{', '.join(leak)} cannot be a predictor: it is the target, the station or the time of the "
            "table."
        )


def require(frame: pd.DataFrame, names: Sequence[str], label: str) -> None:
    absent = [name for name in names if name not in frame]
    if absent:
        have = ", ".join(map(str, list(frame.columns)[:30])) + (", ..." if len(frame.columns) > 30 else "")
        raise InputError(
            f"{label[0].upper() + label[1:]} has no column {', '.join(map(repr, absent))}; it has {have}."
        )


def parse_dates(column: pd.Series, name: str, form: str | None = None) -> pd.Series:
    """Return times without a zone: where they carry an offset from UTC, as the clock on the spot showed them,
    for the rows of a day belong to its local date.

    Parameters
    ----------
    column : pandas.Series
        ISO dates or times, or texts or numbers of another `form`.
    name : str
        Its name, for messages.
    form : str, optional
        As of `datetime.strptime`, such as ``%d.%m.%Y``.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return _counted(column.dt.tz_localize(None), name)
    if form is None and pd.api.types.is_numeric_dtype(column):
        raise InputError(
            f"The time column {name!r} holds numbers such as {column.iloc[0] if len(column) else '?'}; "
            "give dates like 2021-07-01, or say how they are written with --time-format, such as %Y%m%d."
        )
    known = column.dropna()
    texts = known.astype(str).str.strip() if form or not _is_time(known) else known
    if form is None and not _is_time(known):
        texts = texts.str.replace(_OFFSET, "", regex=True)
    stamps = pd.to_datetime(texts, format=form or "ISO8601", errors="coerce")
    if stamps.isna().any():
        wrong = known[stamps.isna()].iloc[0]
        what = f"dates of the form {form}" if form else "ISO dates like 2021-07-01"
        raise InputError(
            f"The time column {name!r} holds {str(wrong)!r}, but {what} are read; say how its dates are "
            "written with --time-format, such as %d.%m.%Y or %m/%d/%Y."
        )
    return _counted(stamps.reindex(column.index), name)


def _counted(stamps: pd.Series, name: str) -> pd.Series:
    """Return times in nanoseconds."""
    try:
        return stamps.astype("datetime64[ns]")
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"The time column {name!r} holds years that cannot be counted in nanoseconds ({error}); correct "
            "them, years from 1678 to 2261 are read."
        ) from error


_OFFSET = r"(?<=\d)\s*(Z|[+-]\d\d:?\d\d)$"  # behind a time of the day


def _is_time(column: pd.Series) -> bool:
    return pd.api.types.is_datetime64_any_dtype(column)


def evaluate(frame: pd.DataFrame, expression: str, *, what: str) -> pd.Series:
    if "@" in expression or "__" in expression:
        raise InputError(f"{what} {expression!r} uses '@' or '__'; write an expression of columns only.")
    try:
        result = frame.eval(expression, engine="python", parser="pandas", local_dict={}, global_dict={})
    except Exception as error:  # pandas raises whatever the expression provokes
        raise InputError(
            f"{what} {expression!r} cannot be worked out ({first_line(error)}); it may use the columns of "
            'the table, and texts stand in quotes, such as Network == "TxSON".'
        ) from error
    if not isinstance(result, pd.Series):
        raise InputError(
            f"{what} {expression!r} gives one value instead of one per row; use the columns of the table."
        )
    return result


def numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    column = frame[name]
    if isinstance(column, pd.DataFrame):
        raise InputError(f"The table has two columns named {name!r}; rename one.")
    try:
        return pd.to_numeric(column, errors="raise").to_numpy(dtype="f8", na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"The column {name!r} holds something that is no number ({first_line(error)}); only numbers can "
            "be used."
        ) from error


def check_target(y: np.ndarray, target: str, scale: float) -> None:
    if np.isinf(y).any():
        raise InputError(
            f"The target {target!r} holds {int(np.isinf(y).sum())} infinite values; remove them or mark them "
            "as missing."
        )
    low, high = float(y.min()), float(y.max())
    if high > 1.0:
        hint = (
            "it looks like percent: scale it with 0.01 (--target-scale 0.01)"
            if 1.5 < high <= 100.0
            else "choose rows within 0 to 1"
        )
        raise InputError(
            f"The target {target!r} reaches {high:g}, but soil moisture is taken as a fraction (m³/m³, 0 to "
            f"1); {hint}."
        )
    if low < 0.0:
        raise InputError(
            f"The target {target!r} holds {int((y < 0).sum())} negative values down to {low:g}, which soil "
            "moisture cannot be; "
            f'mark them as missing or choose rows with --where "{target} >= 0".'
        )
    if high < LEAST_MAXIMUM:
        raise InputError(
            f"The target {target!r} reaches no more than {high / scale if scale else 0:g} as received, which "
            f"is {high:g} m³/m³ with the "
            f"scale {scale:g}: too dry for any soil; choose the scale that turns it into a fraction "
            "(target_scale, --target-scale)."
        )


def check_rows(labels: np.ndarray, stamps: np.ndarray, columns: list[str], time: str) -> None:
    rows = pd.DataFrame({"station": labels, "time": stamps})
    twice = rows.duplicated(keep=False)
    if twice.any():
        first = rows[twice].iloc[0]
        raise InputError(
            f"{int(twice.sum())} rows share their station and time, such as {str(first['station'])!r} at "
            f"{first['time']:%Y-%m-%d %H:%M}; the columns {', '.join(columns)} and {time} must tell rows "
            "apart, "
            "so name more station columns or remove the copies."
        )
    if len(rows["station"].unique()) < 2:
        raise InputError(
            f"The rows come from one station ({str(labels[0])!r}); holding stations out takes at least two."
        )


def spoken(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count) or "nothing left out"


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")

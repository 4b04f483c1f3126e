"""What the columns of a table are: names, units, kinds, and what makes a row one row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from smgee.errors import InputError

Kind = Literal["number", "count", "text", "date", "flag", "any"]

_FITS: dict[str, Callable[[pd.Series], bool]] = {
    "number": lambda c: pd.api.types.is_numeric_dtype(c) and not pd.api.types.is_bool_dtype(c),
    # A count that is not known everywhere is stored as a float by pandas.
    "count": lambda c: pd.api.types.is_numeric_dtype(c) and bool((c.dropna() % 1 == 0).all()),
    "flag": lambda c: bool(c.dropna().isin([True, False, 0, 1]).all()),
    "date": lambda c: (
        pd.api.types.is_datetime64_any_dtype(c)
        or not pd.to_datetime(c, errors="coerce", format="ISO8601").isna().any()
    ),
    "any": lambda c: True,
    "text": lambda c: bool(c.dropna().map(lambda v: isinstance(v, str)).all()),
}


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
        As written in the file.
    units : str
        UDUNITS spelling; ``""`` where a unit makes no sense (texts, dates).
    long_name : str
        What it is, for people.
    kind : {"number", "count", "text", "date", "flag", "any"}
        What its values are.
    needed : bool
        Whether a table without it is refused.
    low, high : float, optional
        Least and greatest value possible.
    """

    name: str
    units: str = ""
    long_name: str = ""
    kind: Kind = "number"
    needed: bool = True
    low: float | None = None
    high: float | None = None

    def fault(self, values: pd.Series) -> str | None:
        """Return what is wrong with a column's values, or None."""
        if not values.notna().any():
            return None  # an empty column has no kind
        if not _FITS[self.kind](values):
            return f"holds {values.dropna().iloc[0]}, which is no {self.kind}"
        for bound, beyond in ((self.low, values.min), (self.high, values.max)):
            if bound is not None and (beyond() < bound if bound == self.low else beyond() > bound):
                return f"holds {beyond():g}, beyond {bound:g}"
        return None


@dataclass(frozen=True)
class Schema:
    """What a table must look like.

    Parameters
    ----------
    name : str
        Of the table.
    title : str
        One line for people.
    columns : sequence of Column
        Known columns.
    key : sequence of str
        Columns whose values together name a row once.
    others : callable, optional
        Gives the `Column` for a name that is not listed; None refuses such columns.
    number_format : str
        Of the numbers in a CSV.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    others: Callable[[str], Column] | None = None
    number_format: str = "%.6g"

    def describe(self, names: Sequence[str]) -> list[Column]:
        """Return the columns that a table with these `names` has, in its order.

        Raises
        ------
        InputError
            For a column that the table is not to have, or one that it lacks.
        """
        known = {c.name: c for c in self.columns}
        absent = [c.name for c in self.columns if c.needed and c.name not in names]
        if absent:
            raise InputError(
                f"The table {self.name} lacks the column {absent[0]!r}; it has {', '.join(names) or 'none'}."
            )
        unknown = [n for n in names if n not in known]
        if unknown and self.others is None:
            raise InputError(
                f"The table {self.name} has the column {unknown[0]!r}, which its schema does not know; "
                f"it may have {', '.join(known)}."
            )
        return [known[n] if n in known else self.others(n) for n in names]  # type: ignore[misc]

    def check(self, frame: pd.DataFrame) -> list[Column]:
        """Return the columns of a table that fits; refuse any other.

        Raises
        ------
        InputError
            For columns that are absent, unknown or of another kind, and for repeated rows.
        """
        columns = self.describe([str(c) for c in frame.columns])
        for column in columns:
            fault = column.fault(frame[column.name])
            if fault:
                raise InputError(f"The column {column.name!r} of the table {self.name} {fault}.")
        key = [k for k in self.key if k in frame]
        twice = frame.duplicated(key) if key else pd.Series(False, index=frame.index)
        if twice.any():
            at = ", ".join(f"{k} {v}" for k, v in frame.loc[twice, key].iloc[0].items())
            raise InputError(f"The table {self.name} holds {at} more than once; a row is to occur once.")
        return columns

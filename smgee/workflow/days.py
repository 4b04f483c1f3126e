"""The days that a study works on."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from smgee.errors import MissingDataError
from smgee.study import Study


def active_days(study: Study, periods: pd.DataFrame) -> list[date]:
    """Return the unfrozen days of the study's period, ascending; `MissingDataError` when there is none."""
    days = pd.date_range(study.start, study.end, inclusive="left")
    keep = np.zeros(len(days), bool)
    for start, end in zip(pd.to_datetime(periods["start"]), pd.to_datetime(periods["end"]), strict=True):
        keep |= (days >= start) & (days <= end)
    if not keep.any():
        raise MissingDataError(
            f"No day between {study.start} and {study.end} is unfrozen (unfrozen.csv); move the period of "
            "the study."
        )
    return [d.date() for d in days[keep]]

"""The family ``calendar``: where in the year a day lies."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from smgee.predictors.base import Cadence, Family, Predictor, When

__all__ = ["Calendar"]


class Calendar(Family):
    """The day of the year, one number for the whole map."""

    cadence: ClassVar[Cadence] = Cadence.DAY
    kind: Literal["calendar"] = "calendar"
    names: Annotated[tuple[Literal["doy"], ...], Field(min_length=1)] = ("doy",)

    def predictors(self) -> tuple[Predictor, ...]:
        """Return the day of the year, 1–366."""
        return tuple(
            Predictor(n, "day of year", "day of the year", self.cadence, "calendar") for n in self.names
        )

    def local(self, when: When) -> dict[str, float]:
        """Return the day of the year."""
        return {"doy": float(when.center.timetuple().tm_yday)}

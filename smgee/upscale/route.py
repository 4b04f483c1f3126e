"""What a route to a map is, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

from smgee.errors import InputError
from smgee.predictors import PredictorSet
from smgee.upscale.blocks import Block, MapJob, Maps
from smgee.upscale.daily import DailyModel

RouteName = Literal["xee", "classifier"]


@dataclass(frozen=True)
class Cost:
    """What must be pulled for some jobs; the cost of several together counts shared pulls once.

    Attributes
    ----------
    pulls : mapping of (str, Block) to int
        Bytes of pixels to come, by what is pulled and where.
    """

    pulls: Mapping[tuple[str, Block], int] = field(default_factory=dict)

    def __add__(self, other: Cost) -> Cost:
        return Cost({**self.pulls, **other.pulls})

    @property
    def requests(self) -> int:
        """How many requests: one for each window."""
        return len(self.pulls)

    @property
    def bytes(self) -> int:
        """How many bytes of pixels come back."""
        return sum(self.pulls.values())


class Maker(Protocol):
    """Does jobs."""

    def run(self, job: MapJob) -> Maps:
        """Return the maps of a job; `smgee.remote.TooBig` when a smaller job might pass."""


class Route(Maker, Protocol):
    """A way from predictors to maps. It can be pickled: what it keeps for later requests stays behind."""

    @property
    def name(self) -> str:
        """One of `RouteName`, or a route of one's own."""

    def groups(self, days: Sequence[date]) -> list[tuple[date, ...]]:
        """Return the days in groups that are best mapped together."""

    def cost(self, job: MapJob) -> Cost:
        """Return what the job costs."""


def check_model(predictors: PredictorSet, model: DailyModel) -> None:
    """Refuse a model that was trained on other predictors than the study builds."""
    missing = [n for n in model.needs if n not in predictors.names]
    if missing:
        raise InputError(
            f"The model needs the predictors {missing}, which the study does not build; train on the study's "
            "own samples, or add them to it."
        )

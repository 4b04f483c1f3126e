"""The model of a day: trees as they are, or trees of the anomaly and the state that is added to them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pandas as pd

from smgee.errors import InputError, MissingDataError
from smgee.models import TrainedModel
from smgee.models.deployment import at_state
from smgee.models.features import STATE, harmonics
from smgee.trees import TreeEnsemble

__all__ = ["DailyModel", "NetworkSeries"]


@dataclass(frozen=True, eq=False)
class NetworkSeries:
    """The network's state by day.

    Parameters
    ----------
    time : (t,) datetime64[D]
        Ascending.
    state, change : (t,) float64
        Mean of the network and its recent change (`smgee.models.state`), m³ m⁻³.
    """

    time: np.ndarray
    state: np.ndarray
    change: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame) -> NetworkSeries:
        """Take the columns ``time``, ``network_state`` and ``network_change`` of a table."""
        ordered = table.sort_values("time")
        return cls(
            ordered["time"].to_numpy("datetime64[D]"),
            *(ordered[name].to_numpy("f8") for name in STATE),
        )

    def at(self, day: date) -> dict[str, float]:
        """Return ``network_state`` and ``network_change`` of a day, m³ m⁻³.

        A day on which no station reports lies on the line between its neighbours. Both are rounded as trees
        see them, to float32.

        Raises
        ------
        InputError
            For a day before the first or after the last that any station reports.
        """
        here, known = np.datetime64(day, "D"), self.time
        if not known[0] <= here <= known[-1]:
            raise InputError(
                f"The network's state of {day} is not known: its stations report from {known[0]} to "
                f"{known[-1]}. Map days in between, give stations of that day, or train with target absolute."
            )
        x, xp = here.astype("i8"), known.astype("i8")
        values = (np.interp(x, xp, of) for of in (self.state, self.change))
        return {name: float(np.float32(value)) for name, value in zip(STATE, values, strict=True)}


@dataclass(frozen=True, eq=False)
class DailyModel:
    """What maps a day: trees, what they are told of the day, and what is added to them.

    Parameters
    ----------
    ensemble : TreeEnsemble
        The same trees for every day.
    series : NetworkSeries, optional
        State that is added, and told to the trees; None for trees of soil moisture itself.
    """

    ensemble: TreeEnsemble
    series: NetworkSeries | None = None
    _model: TrainedModel | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls, model: TrainedModel | TreeEnsemble | DailyModel, state: pd.DataFrame | None = None
    ) -> DailyModel:
        """Make it of a model and, where the model is of the anomaly, the network's state.

        Parameters
        ----------
        model : TrainedModel, TreeEnsemble or DailyModel
        state : pandas.DataFrame, optional
            ``time``, ``network_state``, ``network_change``.

        Raises
        ------
        MissingDataError
            If the model needs the state and it was not given.
        """
        if isinstance(model, DailyModel):
            return model
        if isinstance(model, TreeEnsemble):
            return cls(model)
        if model.offset is None:
            return cls(model.ensemble)
        if state is None:
            raise MissingDataError(
                f"The model {model.title} tells how places differ from the network's state of the day, which "
                "is not there; train the models again."
            )
        # what no tree tests need not be pulled
        tested = {model.ensemble.feature_names[k] for k in np.unique(model.ensemble.feature) if k >= 0}
        idle = {name: 0.0 for name in model.ensemble.feature_names if name not in tested}
        used = replace(model, ensemble=model.ensemble.specialize(idle))
        return cls(used.ensemble, NetworkSeries.of(state), used)

    @property
    def needs(self) -> tuple[str, ...]:
        """Predictors that images must supply."""
        if self.series is None:
            return self.ensemble.feature_names
        told = {*STATE, *harmonics(self.series.time[:1])}
        return tuple(n for n in self.ensemble.feature_names if n not in told)

    def constants(self, day: date) -> dict[str, float]:
        """Return what the trees are told of a day beside the predictors of the study, by name."""
        if self.series is None:
            return {}
        wave = {name: float(v[0]) for name, v in harmonics(np.array([day], "datetime64[D]")).items()}
        known = self.series.at(day) | wave
        return {name: known[name] for name in self.ensemble.feature_names if name in known}

    def level(self, day: date) -> float:
        """Return what is added to the trees of `ensemble` on a day, m³ m⁻³."""
        return 0.0 if self.series is None else self.series.at(day)[STATE[0]]

    def for_day(self, day: date) -> TreeEnsemble:
        """Return the trees of a day: what is constant folded in, the level added.

        Raises
        ------
        InputError
            For a day on which the network's state is not known.
        """
        if self._model is None:
            return self.ensemble
        others = {n: v for n, v in self.constants(day).items() if n != STATE[0]}
        return at_state(self._model, self.level(day), **others)

"""The model of a day: trees as they are, or trees of the anomaly and the state that is added to them.

What either gives below 0 is drawn as 0, here and on Earth Engine, and so it is scored.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from smgee.errors import InputError, MissingDataError
from smgee.models import TrainedModel, load_model
from smgee.models.deployment import OFFSET, at_state
from smgee.models.features import STATE, harmonics
from smgee.models.leftout import LeftOut
from smgee.models.state import LONGEST_GAP
from smgee.trees import TreeEnsemble

STATE_FILE = "state.parquet"
"""The network's state, beside the models that are added to it."""


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
        """Take the columns ``time``, ``network_state`` and ``network_change`` of a table, without steps on
        which its column ``stations`` counts none.
        """
        seen = table[table["stations"] > 0] if "stations" in table else table
        ordered = seen.sort_values("time")
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
            For a day before the first or after the last that any station reports, or more than `LONGEST_GAP`
            days from any.
        """
        here, known = np.datetime64(day, "D"), self.time
        if not known[0] <= here <= known[-1]:
            raise InputError(
                f"The network's state of {day} is not known: its stations report from {known[0]} to "
                f"{known[-1]}. Map days in between, give stations of that day, or train with target absolute."
            )
        x, xp = here.astype("i8"), known.astype("i8")
        away = int(np.abs(xp - x).min())
        if away > LONGEST_GAP:
            raise InputError(
                f"The network's state of {day} is not known: no station reports within {LONGEST_GAP} days "
                f"(the nearest in {away}). Map other days, give stations of that time, or train with target "
                "absolute."
            )
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
    trained : TrainedModel, optional
        The model that it was made of.
    adds : bool
        Whether the state is added to the trees, or only told to them.
    """

    ensemble: TreeEnsemble
    series: NetworkSeries | None = None
    trained: TrainedModel | None = None
    adds: bool = True

    @classmethod
    def of(
        cls, model: TrainedModel | TreeEnsemble | DailyModel, state: pd.DataFrame | None = None
    ) -> DailyModel:
        """Make it of a model and, where the model is of the anomaly, the network's state.

        Parameters
        ----------
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
            return cls(model.ensemble, trained=model)
        if state is None:
            raise MissingDataError(
                f"The model {model.title} tells how places differ from the network's state of the day, which "
                "is not there; train the models again."
            )
        return cls(_without_idle(model.ensemble), NetworkSeries.of(state), model)

    @classmethod
    def without(cls, left_out: LeftOut) -> DailyModel:
        """Make it of a model that has not seen some stations, and the state of the others."""
        if left_out.state is None:
            return cls(left_out.trees)
        return cls(_without_idle(left_out.trees), NetworkSeries.of(left_out.state))

    def like(self, ensemble: TreeEnsemble, *, adds: bool = True) -> DailyModel:
        """Return the same with other trees, told the same state."""
        return DailyModel(_without_idle(ensemble) if self.series else ensemble, self.series, adds=adds)

    @classmethod
    def open(cls, path: str | os.PathLike[str], name: str = "best") -> DailyModel:
        """Read it from a folder of models, where the network's state lies beside them, or from one file.

        Parameters
        ----------
        path : path-like
            The folder ``models`` of a run, or a file of trees, ``NAME.npz``. Beside a file that `smgee train`
            wrote lie the page that says what its trees give, and the state.
        name : str
            For a folder: a model's name or title, or ``best``.

        Raises
        ------
        MissingDataError
            If there is no such model, or it needs the network's state, which is not there.
        """
        path = Path(path)
        if path.is_file():
            if not path.with_suffix(".json").is_file():
                return cls(TreeEnsemble.load(path))
            path, name = path.parent, path.stem
        state = path / STATE_FILE
        return cls.of(load_model(path, name), pd.read_parquet(state) if state.is_file() else None)

    @property
    def title(self) -> str:
        """Name for tables and figures."""
        return "trees" if self.trained is None else self.trained.title

    @property
    def hash(self) -> str:
        """Hash of the trees as they were trained."""
        return (self.ensemble if self.trained is None else self.trained.ensemble).hash

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
        return self.series.at(day)[OFFSET] if self.series is not None and self.adds else 0.0

    def for_day(self, day: date) -> TreeEnsemble:
        """Return the trees of a day: what is constant folded in, the level added; nothing cut at 0 yet.

        Raises
        ------
        InputError
            For a day on which the network's state is not known.
        """
        if self.series is None:
            return self.ensemble
        if not self.adds:
            return self.ensemble.specialize(self.constants(day))
        others = {name: v for name, v in self.constants(day).items() if name != OFFSET}
        return at_state(self.ensemble, self.level(day), **others)

    def number(self, day: date) -> float:
        """Return the soil moisture of a day where no predictor varies within an image, m³ m⁻³."""
        return max(0.0, float(self.for_day(day).predict_reference(np.empty((1, 0), np.float32))[0]))


def _without_idle(ensemble: TreeEnsemble) -> TreeEnsemble:
    """Return the trees without the predictors that none of them tests, which need not be pulled then."""
    tested = {ensemble.feature_names[k] for k in np.unique(ensemble.feature) if k >= 0}
    return ensemble.specialize({name: 0.0 for name in ensemble.feature_names if name not in tested})

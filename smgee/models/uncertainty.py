"""What a map's uncertainty is drawn from: models without some stations, their errors, and where they hold.

Made once after training, from the table that was trained on, and kept in a folder of its own; the maps need
nothing else (`smgee.upscale.layers`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import InputError, MissingDataError
from smgee.estimators import ESTIMATORS
from smgee.io import atomic_path, write_json
from smgee.models.applicability import Applicability, area_of_applicability, sensitivity
from smgee.models.features import build_features
from smgee.models.foldmodels import load_fold_models
from smgee.models.holdout import all_rows
from smgee.models.intervals import StationInterval, attainable, fit_interval
from smgee.models.leaves import leaf_quantile, leaf_stations
from smgee.models.leftout import LeftOut, refit_network, refit_rows
from smgee.models.nested import DEPLOYED, Choice
from smgee.models.network import NetworkTable
from smgee.models.problem import make_problem
from smgee.models.run import training_table
from smgee.models.store import TrainedModel
from smgee.models.table import TrainingTable
from smgee.trees import TreeEnsemble

_INDEX = "uncertainty.json"
_LEFT_OUT = ("folds", "stations")
_AREA = ("centre", "scale", "weights", "points", "station")
_ARRAYS = ("points", "fold", "difficulty")


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """What layers of uncertainty and applicability are drawn from.

    Parameters
    ----------
    model : str
        Hash of the trees that were deployed.
    interval : StationInterval
        From the errors of `folds` at the stations each has not seen.
    folds, stations : tuple of LeftOut
        The model without the stations of each fold, and without each station (none where no jackknife is
        wanted).
    area : Applicability or None
        Over the predictors that vary within a map; None where none does.
    leaves : mapping of str to TreeEnsemble
        The deployed trees with other leaf values: ``lower``, ``upper`` (the prediction plus a quantile of
        the errors, as the model's own trees give it), ``stations`` (see `smgee.models.leaves`).
    notes : tuple of str
        What cannot be told, and why.
    """

    model: str
    interval: StationInterval
    folds: tuple[LeftOut, ...]
    stations: tuple[LeftOut, ...]
    area: Applicability | None
    leaves: Mapping[str, TreeEnsemble]
    notes: tuple[str, ...] = field(default=())

    @property
    def rows(self) -> pd.DataFrame:
        """Rows of all stations, each while it was left out; see `LeftOut`."""
        return pd.concat([f.rows for f in self.folds], ignore_index=True)

    def words(self) -> str:
        """What the interval is worth at stations left out, in a sentence."""
        i = self.interval
        if not np.isfinite(i.coverage):
            return (
                f"What the {i.level:.0%} interval is worth at stations left out is not known: it takes more "
                f"than {len(i.points)} stations."
            )
        return (
            f"The {i.level:.0%} interval held {i.coverage:.0%} of the days at stations left out "
            f"({len(i.points)} stations, {len(self.rows):,} days), {i.width:.3f} m³/m³ wide on average."
        )

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write everything into a folder, the index last."""
        home, states = Path(folder), []
        for old in home.glob("*.npz"):
            old.unlink()
        for kind in _LEFT_OUT:
            for k, one in enumerate(getattr(self, kind)):
                one.trees.save(home / f"{kind}{k}.npz")
                if one.state is not None:
                    states.append(one.state.assign(left_out=f"{kind}{k}"))
        for name, trees in self.leaves.items():
            trees.save(home / f"leaf_{name}.npz")
        _savez(home / "interval.npz", {n: getattr(self.interval, n) for n in _ARRAYS})
        if self.area is not None:
            _savez(home / "applicability.npz", {n: getattr(self.area, n) for n in _AREA})
        _parquet(home / "left_out.parquet", self._numbered())
        if states:
            _parquet(home / "states.parquet", pd.concat(states, ignore_index=True))
        area = self.area
        content = {
            "model": self.model,
            "level": self.interval.level,
            "coverage_at_stations_left_out": _plain(self.interval.coverage),
            "mean_width": _plain(self.interval.width),
            "without": {kind: [list(o.without) for o in getattr(self, kind)] for kind in _LEFT_OUT},
            "leaves": sorted(self.leaves),
            "area": None
            if area is None
            else {
                "predictors": list(area.predictors),
                "weights": area.weights.tolist(),
                "mean_distance": area.mean_distance,
                "threshold": area.threshold,
            },
            "notes": list(self.notes),
            "sentence": self.words(),
        }
        write_json(home / _INDEX, content)

    def _numbered(self) -> pd.DataFrame:
        parts = [
            one.rows.assign(left_out=f"{kind}{k}")
            for kind in _LEFT_OUT
            for k, one in enumerate(getattr(self, kind))
        ]
        return pd.concat(parts, ignore_index=True)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Uncertainty:
        """Read what `save` wrote.

        Raises
        ------
        MissingDataError
            If nothing was written there.
        """
        home = Path(folder)
        if not (home / _INDEX).is_file():
            raise MissingDataError(f"The folder {home} holds no uncertainty; run `smgee uncertainty` first.")
        told: dict[str, Any] = json.loads((home / _INDEX).read_text(encoding="utf-8"))
        rows = pd.read_parquet(home / "left_out.parquet")
        states = pd.read_parquet(home / "states.parquet") if (home / "states.parquet").is_file() else None

        def left_out(kind: str) -> tuple[LeftOut, ...]:
            found = []
            for k, without in enumerate(told["without"][kind]):
                name = f"{kind}{k}"
                own = rows[rows["left_out"] == name].drop(columns="left_out").reset_index(drop=True)
                state = None
                if states is not None:
                    state = states[states["left_out"] == name].drop(columns="left_out")
                    state = state.reset_index(drop=True)
                found.append(LeftOut(tuple(without), TreeEnsemble.load(home / f"{name}.npz"), state, own))
            return tuple(found)

        worth = (told["coverage_at_stations_left_out"], told["mean_width"])
        coverage, width = (np.nan if value is None else value for value in worth)
        with np.load(home / "interval.npz") as arrays:
            interval = StationInterval(
                **{name: arrays[name] for name in _ARRAYS},
                level=told["level"],
                coverage=coverage,
                width=width,
            )
        area = None
        if told["area"] is not None:
            with np.load(home / "applicability.npz") as arrays:
                area = Applicability(
                    **{name: arrays[name] for name in _AREA},
                    mean_distance=told["area"]["mean_distance"],
                    threshold=told["area"]["threshold"],
                    predictors=tuple(told["area"]["predictors"]),
                )
        return cls(
            told["model"],
            interval,
            left_out("folds"),
            left_out("stations"),
            area,
            {name: TreeEnsemble.load(home / f"leaf_{name}.npz") for name in told["leaves"]},
            tuple(told["notes"]),
        )


def leave_out(
    table: NetworkTable | TrainingTable,
    model: TrainedModel,
    models: str | os.PathLike[str],
    *,
    varied: Sequence[str],
    level: float = 0.9,
    jackknife: bool = True,
    leaves: bool = True,
    n_jobs: int | None = None,
    progress: Callable[[float], object] = lambda share: None,
) -> Uncertainty:
    """Fit a trained model again without the stations of each fold, and without each station.

    Parameters
    ----------
    table : NetworkTable or TrainingTable
        What the model was trained on: of state and place, or of soil moisture itself.
    model : TrainedModel
        The model that draws the maps.
    models : path-like
        The folder of models that it lies in, with its predictions at stations left out.
    varied : sequence of str
        Predictors that vary within a map.
    level : float
        Of the interval.
    jackknife, leaves : bool
        Whether single stations are left out, and whether the trees get other leaf values.
    n_jobs : int, optional
        Fits side by side.
    progress : callable, optional
        Told the share done, 0 to 1.

    Raises
    ------
    InputError
        If the table is not one that such a model is trained on, or the model was never scored at stations
        left out.
    """
    network = isinstance(table, NetworkTable)
    if network != (model.offset is not None):
        raise InputError(
            f"The model {model.title} and the table of samples do not fit: one is of the anomaly from the "
            "network's state, the other is not; train the models again."
        )
    predicted = pd.read_parquet(Path(models) / "cross_validation.parquet")
    own = predicted[(predicted["model"] == model.title) & (predicted["design"] == "station")]
    if own.empty:
        raise InputError(
            f"The model {model.title} was never scored at stations left out, so its errors there are not "
            "known; train it with the design station."
        )
    fold_of = own.groupby("station")["fold"].first()
    groups = [list(map(str, fold_of.index[fold_of == k])) for k in sorted(fold_of.unique())]
    names = [[str(name)] for name in sorted(fold_of.index)] if jackknife else []
    count = 0

    def told() -> None:
        nonlocal count
        count += 1
        progress(count / (len(groups) + len(names)))

    seed = int(model.record["seed"])
    if isinstance(table, NetworkTable):
        choice = Choice.restore(model.record["chosen"])
        # the models of the folds that were scored made their choices inside: they are better than new fits
        kept = [f.trees for f in load_fold_models(models)] if model.name == DEPLOYED else []
        name = choice.deployed if model.name == DEPLOYED else model.name
        options: dict[str, Any] = {"seed": seed, "n_jobs": n_jobs, "report": told}
        folds = refit_network(table, choice, name, groups, trees=kept, **options)
        stations = refit_network(table, choice, name, names, **options)
        problem = make_problem(table, all_rows(table), build_features(table))
        rows = training_table(problem, model.predictors)
    else:
        spec = ESTIMATORS[model.name]
        folds = refit_rows(table, spec, groups, seed=seed, report=told)
        stations = refit_rows(table, spec, names, seed=seed, report=told)
        rows = table
    return _bundle(rows, model, folds, stations, varied=varied, level=level, leaves=leaves)


def _bundle(
    rows: TrainingTable,
    model: TrainedModel,
    folds: Sequence[LeftOut],
    stations: Sequence[LeftOut],
    *,
    varied: Sequence[str],
    level: float,
    leaves: bool,
) -> Uncertainty:
    out = pd.concat([f.rows.assign(fold=k) for k, f in enumerate(folds)], ignore_index=True)
    names = out["station"].to_numpy()
    predicted, observed = (out[name].to_numpy("f8") for name in ("predicted", "observed"))
    interval = fit_interval(predicted, observed, names, out["fold"].to_numpy(), level=level)
    notes = []
    if not interval.rank:
        most = attainable(len(interval.points))
        notes.append(
            f"{len(interval.points)} stations cannot promise {level:.0%}: at most {most:.1%}; set "
            "upscale.level lower for maps of the interval."
        )
    fold_of = out.groupby("station")["fold"].first()
    used = [n for n in model.predictors if n in varied]
    area = None
    if used:
        importance = sensitivity(model.ensemble, rows.x)
        if any(importance[n] > 0 for n in used):
            area = area_of_applicability(
                rows,
                importance=[importance[n] for n in used],
                folds=fold_of.loc[rows.station.astype(str)].to_numpy(),
                predictors=used,
            )
    if area is None:
        notes.append("No predictor of the model varies within a map, so none lies outside of its conditions.")
    swapped = _swapped(rows, model, out, level) if leaves else {}
    return Uncertainty(
        model.ensemble.hash, interval, tuple(folds), tuple(stations), area, swapped, tuple(notes)
    )


def _swapped(
    rows: TrainingTable, model: TrainedModel, out: pd.DataFrame, level: float
) -> dict[str, TreeEnsemble]:
    """The deployed trees with other leaf values."""
    error = out.assign(error=out["observed"] - out["predicted"]).set_index(["station", "time"])["error"]
    keys = pd.MultiIndex.from_arrays([rows.station.astype(str), pd.DatetimeIndex(rows.time)])
    known = error.reindex(keys).to_numpy("f8")
    there = np.isfinite(known)
    told = rows.x[there], known[there], rows.station[there]
    tail = (1.0 - level) / 2.0
    return {
        "lower": leaf_quantile(model.ensemble, *told, tail),
        "upper": leaf_quantile(model.ensemble, *told, 1.0 - tail),
        "stations": leaf_stations(model.ensemble, rows.x, rows.station),
    }


def _plain(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if np.isfinite(value) else None


def _savez(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with atomic_path(path) as scratch, scratch.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _parquet(path: Path, frame: pd.DataFrame) -> None:
    with atomic_path(path) as scratch:
        frame.to_parquet(scratch, index=False)

"""What would have been deployed without the stations of a fold, kept to be explained on those stations."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from smgee.errors import MissingDataError
from smgee.io import atomic_path
from smgee.models.fitted import Fitted
from smgee.trees import TreeEnsemble

FOLDER = "folds"
"""Folder of these models, in the folder of models."""

_MOST_TEST = 400  # rows of a fold that are kept to be explained
_MOST_TRAIN = 2000  # rows that tell how often branches are taken


@dataclass(frozen=True, eq=False)
class FoldModel:
    """A fold's deployed model and its placebo, with rows to explain them on.

    Parameters
    ----------
    trees, blind : TreeEnsemble
        The anomaly from the state, m³ m⁻³; `blind` learned from places dealt anew among the stations (see
        `smgee.models.placebo`).
    train, test, blind_train, blind_test : pandas.DataFrame
        Features of training rows, and of rows of the stations left out, as either model saw them. The test
        rows carry ``station``, ``time`` and ``anomaly`` (soil moisture minus the state, m³ m⁻³) too.
    """

    trees: TreeEnsemble
    blind: TreeEnsemble
    train: pd.DataFrame
    test: pd.DataFrame
    blind_train: pd.DataFrame
    blind_test: pd.DataFrame

    @classmethod
    def of(cls, fitted: Fitted, blind: Fitted) -> FoldModel:
        """From what was fitted on a fold, and the same on its placebo."""
        name = fitted.choice.deployed
        trees, blind_trees = fitted.trees(name), blind.trees(name)
        return cls(
            trees,
            blind_trees,
            _rows(fitted, trees, fitted.problem.train, _MOST_TRAIN),
            _rows(fitted, trees, fitted.problem.test, _MOST_TEST, named=True),
            _rows(blind, blind_trees, blind.problem.train, _MOST_TRAIN),
            _rows(blind, blind_trees, blind.problem.test, _MOST_TEST, named=True),
        )

    def save(self, folder: str | os.PathLike[str], k: int) -> None:
        """Write the fold's files into the folder `FOLDER` of a folder of models."""
        home = Path(folder) / FOLDER
        self.trees.save(home / f"fold{k}.npz")
        self.blind.save(home / f"fold{k}_placebo.npz")
        for part in _TABLES:
            with atomic_path(home / f"fold{k}_{part}.parquet") as scratch:
                getattr(self, part).to_parquet(scratch, index=False)


_TABLES = ("train", "test", "blind_train", "blind_test")


def load_fold_models(folder: str | os.PathLike[str]) -> list[FoldModel]:
    """All fold models of a folder of models, in the order of folds; none where they were not scored so."""
    home = Path(folder) / FOLDER
    out = []
    count = len(list(home.glob("fold*_placebo.npz")))
    for k in range(count):
        start = f"fold{k}"
        path = home / f"{start}_placebo.npz"
        files = {part: home / f"{start}_{part}.parquet" for part in _TABLES}
        absent = [file.name for file in (path, *files.values()) if not file.is_file()]
        if absent:
            raise MissingDataError(f"The folder {home} lacks {', '.join(absent)}; train again.")
        out.append(
            FoldModel(
                TreeEnsemble.load(home / f"{start}.npz"),
                TreeEnsemble.load(path),
                **{part: pd.read_parquet(file) for part, file in files.items()},
            )
        )
    return out


def forget_fold_models(folder: str | os.PathLike[str]) -> None:
    """Remove the fold models of a folder of models."""
    home = Path(folder) / FOLDER
    for path in [*home.glob("fold*.npz"), *home.glob("fold*.parquet")]:
        path.unlink()


def _rows(
    fitted: Fitted, trees: TreeEnsemble, rows: np.ndarray, most: int, *, named: bool = False
) -> pd.DataFrame:
    """Features of rows, thinned evenly to at most `most`."""
    problem = fitted.problem
    rows = rows[:: max(1, int(np.ceil(len(rows) / most)))]
    names = list(trees.feature_names)
    out = pd.DataFrame(problem.x[np.ix_(rows, problem.columns(names))], columns=names)
    if named:
        table = problem.table
        out.insert(0, "anomaly", problem.anomaly[rows])
        out.insert(0, "time", table.times[table.step[rows]])
        out.insert(0, "station", table.names[table.station[rows]])
    return out

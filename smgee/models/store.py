"""Trained models on disk: the trees as one archive that cannot run code, and a JSON page that says where
they come from.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smgee.errors import InputError, MissingDataError
from smgee.estimators import ESTIMATORS, find, title_of
from smgee.io import write_json
from smgee.models.nested import DEPLOYED
from smgee.trees import TreeEnsemble

INDEX = "models.json"
"""File in the folder of models that names the best one."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A fitted model as smgee keeps it.

    Parameters
    ----------
    name : str
        Key in `ESTIMATORS`, name of a candidate, or ``deployed``.
    ensemble : TreeEnsemble
        The trees.
    record : mapping
        JSON-like provenance: title, predictors, target, units, settings, seed, library versions, the training
        table's hash and size, synthetic or not, scores, ``interval`` (what it is worth at stations left out;
        null where that cannot be told), and the hash of the trees.
    """

    name: str
    ensemble: TreeEnsemble
    record: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Name for tables and figures."""
        return title_of(self.name)

    @property
    def predictors(self) -> tuple[str, ...]:
        """Names of the predictors, in column order."""
        return self.ensemble.feature_names

    @property
    def offset(self) -> str | None:
        """Predictor that is added to what the trees give (the state of the network); None for models of soil
        moisture itself.
        """
        name = self.record.get("offset")
        return str(name) if name else None

    def predict(self, X: Any) -> np.ndarray:
        """Soil moisture in m³ m⁻³ for rows of predictors, shape (rows,)."""
        values = self.ensemble.predict(X)
        if self.offset is None:
            return values
        column = X[self.offset] if hasattr(X, "columns") else np.asarray(X)[:, self._offset_column]
        return np.asarray(values + np.asarray(column, dtype="f8"))

    @property
    def _offset_column(self) -> int:
        return self.ensemble.feature_names.index(str(self.offset))


def save_model(model: TrainedModel, folder: str | os.PathLike[str]) -> Path:
    """Write ``NAME.npz`` and ``NAME.json`` into a folder; returns the path of the trees."""
    folder = Path(folder)
    path = folder / f"{model.name}.npz"
    model.ensemble.save(path)
    _write_json(
        folder / f"{model.name}.json",
        dict(model.record) | {"name": model.name, "trees": path.name, "trees_hash": model.ensemble.hash},
    )
    return path


def forget_models(folder: str | os.PathLike[str], *, keep: Iterable[str]) -> None:
    """Remove the models of a folder but for those to `keep`."""
    named = list_models(folder)[0] if (Path(folder) / INDEX).is_file() else []
    for name in {*ESTIMATORS, DEPLOYED, *named} - set(keep):
        for suffix in (".npz", ".json"):
            (Path(folder) / f"{name}{suffix}").unlink(missing_ok=True)


def write_index(
    folder: str | os.PathLike[str],
    *,
    names: list[str],
    best: str,
    table_hash: str,
    synthetic: bool,
    chosen_by: str,
) -> None:
    """Write which models the folder holds, which one is best, and what that was told by."""
    content = {
        "models": names,
        "best": best,
        "chosen_by": chosen_by,
        "table_hash": table_hash,
        "synthetic": synthetic,
    }
    _write_json(Path(folder) / INDEX, content)


def list_models(folder: str | os.PathLike[str]) -> tuple[list[str], str]:
    """Names of the models in a folder, and the best one's.

    Raises
    ------
    MissingDataError
        If nothing was trained there.
    """
    path = Path(folder) / INDEX
    if not path.is_file():
        raise MissingDataError(
            f"The folder {folder} holds no trained models; train some first (smgee train)."
        )
    content = _read_json(path)
    return [str(name) for name in content["models"]], str(content["best"])


def load_model(folder: str | os.PathLike[str], name: str = "best") -> TrainedModel:
    """Read a model that `save_model` wrote.

    Parameters
    ----------
    folder : path-like
        The folder ``models`` of a run.
    name : str
        A model's name or title, or ``best``.

    Raises
    ------
    MissingDataError
        If the folder or the model is not there.
    InputError
        If the trees are not those that the JSON page describes.
    """
    names, best = list_models(folder)
    key = best if name == "best" else name if name in names else find(name).name
    if key not in names:
        raise MissingDataError(f"The folder {folder} holds {', '.join(names)}, not {key}; train it first.")
    record = _read_json(Path(folder) / f"{key}.json")
    ensemble = TreeEnsemble.load(Path(folder) / str(record.get("trees", f"{key}.npz")))
    if ensemble.hash != record.get("trees_hash"):
        raise InputError(
            f"The trees of {key} in {folder} are not those that {key}.json describes; train the model again."
        )
    return TrainedModel(key, ensemble, record)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    write_json(path, content, sort_keys=True, allow_nan=False)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingDataError(f"The file {path} does not exist; train the models again.") from error
    except ValueError as error:
        raise InputError(f"The file {path} is not JSON ({error}); train the models again.") from error
    if not isinstance(content, dict):
        raise InputError(f"The file {path} holds no JSON object; train the models again.")
    return content

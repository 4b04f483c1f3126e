"""Files of ensembles: whole, checked, and free of code."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from smgee.errors import InputError, MissingDataError, UnsupportedError
from smgee.trees import TreeEnsemble
from tests.trees.random_trees import ensembles, telling_rows


@given(ensembles())
@settings(max_examples=50, deadline=None)
def test_round_trip(tmp_path: Path, ensemble: TreeEnsemble) -> None:
    ensemble.save(tmp_path / "m.npz")
    again = TreeEnsemble.load(tmp_path / "m.npz")
    assert again.hash == ensemble.hash
    for name in ("feature", "threshold", "left", "right", "value", "missing_left", "roots"):
        assert np.array_equal(getattr(again, name), getattr(ensemble, name))
    assert (again.feature_names, again.base_score, again.comparison) == (
        ensemble.feature_names,
        ensemble.base_score,
        ensemble.comparison,
    )
    X = telling_rows(ensemble, missing=True)
    assert np.array_equal(again.predict_reference(X), ensemble.predict_reference(X))


def test_metadata_is_kept(trained: Any, tmp_path: Path) -> None:
    ensemble = trained("xgboost")[2]
    noted = replace(ensemble, metadata={**ensemble.metadata, "units": "m3 m-3", "rows": 3000})
    noted.save(tmp_path / "m.npz")
    assert TreeEnsemble.load(tmp_path / "m.npz").metadata == noted.metadata
    assert noted.hash == ensemble.hash
    assert TreeEnsemble.from_model(tmp_path / "m.npz").hash == ensemble.hash


def test_the_hash_sees_everything_that_decides(trained: Any) -> None:
    ensemble = trained("xgboost")[2]
    value = ensemble.value.copy()
    value[-1] = np.nextafter(value[-1], 9)
    changed = [
        replace(ensemble, value=value),
        replace(ensemble, base_score=np.nextafter(ensemble.base_score, 9)),
        replace(ensemble, comparison="le"),
        replace(ensemble, missing_left=~ensemble.missing_left),
        replace(ensemble, feature_names=ensemble.feature_names[::-1]),
    ]
    assert len({e.hash for e in [ensemble, *changed]}) == 6


def rewrite(path: Path, change: Any) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def npy(array: np.ndarray, *, allow_pickle: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=allow_pickle)
    return stream.getvalue()


def header(members: dict[str, bytes], **changes: Any) -> None:
    record = json.loads(bytes(np.load(io.BytesIO(members["header.npy"]))).decode()) | changes
    members["header.npy"] = npy(np.frombuffer(json.dumps(record).encode(), dtype=np.uint8))


def test_changed_files_are_refused(trained: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    ensemble = trained("decision-tree-best-first")[2]

    def refused(change: Any, kind: type[Exception], words: str) -> None:
        ensemble.save(path)
        rewrite(path, change)
        with pytest.raises(kind, match=words):
            TreeEnsemble.load(path)

    refused(lambda m: header(m, base_score=(0.5).hex()), InputError, "hash")
    refused(lambda m: header(m, version=2), UnsupportedError, "version 2")
    refused(lambda m: header(m, format="other"), InputError, "not an ensemble")
    refused(lambda m: m.pop("value.npy"), InputError, "not a whole ensemble")
    refused(
        lambda m: m.update({"left.npy": npy(ensemble.left[::-1].copy())}), InputError, "damaged|two parents"
    )
    refused(
        lambda m: m.update({"left.npy": npy(np.zeros(ensemble.n_nodes, dtype="i4"))}),
        InputError,
        "two parents",
    )
    refused(lambda m: m.update({"left.npy": npy(ensemble.left.astype("f8"))}), InputError, "float64")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="not a whole ensemble"):
        TreeEnsemble.load(path)
    ensemble.save(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # one bit says that the member is encrypted
    path.write_bytes(content)
    with pytest.raises(InputError, match="encrypted"):
        TreeEnsemble.load(path)
    with pytest.raises(MissingDataError):
        TreeEnsemble.load(tmp_path / "absent.npz")
    with pytest.raises(InputError, match=r"\.npz"):
        ensemble.save(tmp_path / "m.pkl")


class Bomb:
    """Pickles into a call that leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


def test_nothing_in_a_file_is_executed(trained: Any, tmp_path: Path) -> None:
    path, trace = tmp_path / "m.npz", tmp_path / "trace"
    trained("xgboost")[2].save(path)
    rewrite(
        path, lambda m: m.update({"value.npy": npy(np.array([Bomb(trace)], dtype=object), allow_pickle=True)})
    )
    with pytest.raises(InputError):
        TreeEnsemble.load(path)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(UnsupportedError, match="pickles run code"):
        TreeEnsemble.from_model(tmp_path / "m.pkl")
    assert not trace.exists()
    pickle.loads(pickle.dumps(Bomb(trace)))  # the trace would have been seen
    assert trace.exists()

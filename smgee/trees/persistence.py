"""One file for a `TreeEnsemble`: a NumPy ``.npz`` archive that holds numbers and one JSON text, and nothing
that could run.

Format ``smgee-trees``, version 1
---------------------------------
The archive has these members, and no others:

- ``header``: uint8, the UTF-8 bytes of a JSON object with ``format`` (``"smgee-trees"``), ``version`` (1),
  ``feature_names``, ``comparison``, ``threshold_dtype``, ``aggregation``, ``base_score`` (a string that
  `float.hex` wrote), ``allows_missing``, ``metadata`` (provenance: family, library, units, ...) and ``hash``;
- ``feature``, ``left``, ``right``, ``roots``: int32; ``threshold``, ``value``: float64; ``missing_left``:
  bool. Their meaning is that of the fields of `TreeEnsemble`.

``hash`` is the SHA-256 of everything that decides a prediction; a file whose content does not match it is
refused. Loading never unpickles.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

from smgee.errors import InputError, MissingDataError, UnsupportedError
from smgee.io import atomic_path
from smgee.trees.ensemble import TreeEnsemble

FORMAT = "smgee-trees"
VERSION = 1
ARRAYS = {
    "feature": "<i4",
    "threshold": "<f8",
    "left": "<i4",
    "right": "<i4",
    "value": "<f8",
    "missing_left": "|b1",
    "roots": "<i4",
}
SETTINGS = ("feature_names", "comparison", "threshold_dtype", "aggregation", "allows_missing")


def content_hash(ensemble: TreeEnsemble) -> str:
    """Return the SHA-256, in hexadecimal, of the arrays and settings that decide a prediction."""
    digest = hashlib.sha256(FORMAT.encode())
    settings = {name: getattr(ensemble, name) for name in SETTINGS} | {
        "base_score": ensemble.base_score.hex()
    }
    digest.update(json.dumps(settings, sort_keys=True).encode())
    for name, dtype in ARRAYS.items():
        array = np.ascontiguousarray(getattr(ensemble, name), dtype=dtype)
        digest.update(f"{name}:{len(array)}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def save(ensemble: TreeEnsemble, path: str | os.PathLike[str]) -> None:
    """Write an ensemble to a ``.npz`` file, whole or not at all; `InputError` for another suffix, or metadata
    that JSON cannot hold.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise InputError(f"An ensemble is saved as .npz, but {path.name!r} was asked for; change the suffix.")
    header = {name: getattr(ensemble, name) for name in SETTINGS} | {
        "format": FORMAT,
        "version": VERSION,
        "base_score": ensemble.base_score.hex(),
        "metadata": ensemble.metadata,
        "hash": ensemble.hash,
    }
    try:
        text = json.dumps(header, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The metadata of the ensemble cannot be written as JSON ({error}); keep strings, numbers, lists "
            "and dicts there."
        ) from error
    arrays = {name: getattr(ensemble, name).astype(dtype) for name, dtype in ARRAYS.items()}
    with atomic_path(path) as scratch:
        np.savez_compressed(scratch, header=np.frombuffer(text.encode(), dtype=np.uint8), **arrays)


_DAMAGE = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What reading a damaged archive may raise."""


def load(path: str | os.PathLike[str]) -> TreeEnsemble:
    """Read what `save` wrote.

    Raises
    ------
    MissingDataError
        Where there is no such file.
    InputError
        For a damaged file, or one that is something else.
    UnsupportedError
        For a version of the format that this smgee does not know.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingDataError(f"The model file {path} does not exist; give the path of a saved ensemble.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            header = json.loads(bytes(archive["header"]).decode())
            if not isinstance(header, dict) or header.get("format") != FORMAT:
                raise InputError(f"The file {path} is not an ensemble of smgee; give one that it saved.")
            if header.get("version") != VERSION:
                raise UnsupportedError(
                    f"The file {path} has version {header.get('version')} of the format; this smgee reads "
                    f"version {VERSION}."
                )
            arrays = {}
            for name, dtype in ARRAYS.items():
                array = archive[name]
                if array.dtype != np.dtype(dtype) or array.ndim != 1:
                    raise InputError(
                        f"The member {name} of {path} is {array.dtype} with {array.ndim} dimensions, not "
                        f"{np.dtype(dtype)} with one; save the model again."
                    )
                arrays[name] = array
        ensemble = TreeEnsemble(
            **arrays,
            **{name: header[name] for name in SETTINGS},
            base_score=float.fromhex(header["base_score"]),
            metadata=header["metadata"],
        )
        stored = header["hash"]
    except (InputError, UnsupportedError):
        raise
    except _DAMAGE as error:
        # What NumPy says of other files invites to load them without care.
        said = "it is no npz archive" if "pickle" in str(error) else str(error)
        raise InputError(
            f"The file {path} is not a whole ensemble of smgee ({said}); save it again."
        ) from error
    if ensemble.hash != stored:
        raise InputError(
            f"The content of {path} does not match its hash, so it was changed or damaged; save the model "
            "again."
        )
    return ensemble

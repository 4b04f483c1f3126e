"""A folder of the user's files under official or private ids: ``catalog.json`` and what it refers to."""

from __future__ import annotations

import builtins
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from smgee.eelocal.assets.names import parent_of
from smgee.eelocal.assets.records import AssetRecord, read_features, read_pixels
from smgee.eelocal.assets.user import microseconds
from smgee.errors import InputError
from smgee.io import write_json
from smgee.source import CollectionInfo, ImageInfo, TableInfo

CATALOG_FILE = "catalog.json"
_FORMAT = "smgee-catalog/1"


def load_records(folder: Path) -> dict[str, AssetRecord]:
    """Return the records of a catalog folder by id; empty where there is no catalog yet; `InputError` when
    the file is not a catalog.
    """
    path = folder / CATALOG_FILE
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise KeyError(content["format"])
        return {r["id"]: AssetRecord.read(r) for r in content["assets"]}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"The file {path} is not a catalog of this version ({_FORMAT}); make it anew with `smgee catalog "
            "add`."
        ) from error


@contextmanager
def changing_records(folder: Path) -> Iterator[dict[str, AssetRecord]]:
    """Give the records for changing; they are written back in one step, one writer at a time."""
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".catalog.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        records = load_records(folder)
        yield records
        entries = [records[i].as_json() for i in sorted(records)]
        write_json(folder / CATALOG_FILE, {"format": _FORMAT, "assets": entries})


class FolderSource:
    """A catalog folder as a `smgee.source.Source`; it follows changes of the catalog file.

    Parameters
    ----------
    folder : path-like
        Holds ``catalog.json``.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder).expanduser().absolute()
        if not (self.folder / CATALOG_FILE).is_file():
            raise InputError(
                f"The folder {self.folder} holds no {CATALOG_FILE}; register files in it with `smgee catalog "
                "add ID "
                f"FILES --catalog {folder}`."
            )
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._records: dict[str, AssetRecord] = {}
        self._children: dict[str, list[str]] = {}
        self._infos: dict[str, Any] = {}
        self._load()  # a damaged catalog is refused here, not at the first request

    def _load(self) -> dict[str, AssetRecord]:
        stat = (self.folder / CATALOG_FILE).stat()
        stamp = (stat.st_mtime_ns, stat.st_ino)
        with self._lock:
            if stamp != self._stamp:
                self._records = load_records(self.folder)
                children: dict[str, list[str]] = {}
                for identifier in sorted(self._records):
                    parent = parent_of(identifier)
                    children.setdefault(parent if parent in self._records else "", []).append(identifier)
                self._children = children
                self._infos = {}
                self._stamp = stamp
            return self._records

    def get(self, asset_id: str) -> ImageInfo | CollectionInfo | TableInfo | None:
        """Describe an asset; None when it is not in the catalog."""
        record = self._load().get(asset_id)
        if record is None:
            return None
        info = self._infos.get(asset_id)
        if info is None:
            info = self._infos[asset_id] = record.info
        return info

    def version(self, asset_id: str) -> int | None:
        """Return when an asset was last registered, microseconds."""
        record = self._load().get(asset_id)
        return None if record is None or record.updated is None else microseconds(record.updated)

    def list(self, parent: str) -> list[str]:
        """Return the ids directly under a collection; those that are in no collection for ``""``."""
        self._load()
        return list(self._children.get(parent, ()))

    def images(self, collection_id: str) -> builtins.list[ImageInfo]:
        """Return the images of a collection, by id."""
        infos = (self.get(i) for i in self.list(collection_id))
        return [i for i in infos if isinstance(i, ImageInfo)]

    def read(
        self, image_id: str, band: str, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Read a window of native pixels."""
        return read_pixels(self.folder, self._load()[image_id], band, (row, col, height, width))

    def features(self, table_id: str) -> Iterable[Mapping[str, Any]]:
        """Yield the features of a table."""
        return read_features(self.folder, self._load()[table_id])

"""The user's own assets: written atomically, readable by several processes at once, whole even after a crash.

An asset ``projects/p/assets/a/b`` is the file ``p/a/b/.asset.json``, a record that names data files under
``.data``. Data is written first, under a fresh name; the record then appears in one step. Whoever reads sees
the old asset or the new one, never a mixture.
"""

from __future__ import annotations

import builtins
import json
import os
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from smgee.eelocal.assets.names import asset_id, check_new_id, is_cloud_id, parent_of
from smgee.eelocal.assets.records import AssetRecord, read_features, read_pixels
from smgee.eelocal.errors import EEError, NotFoundError
from smgee.io import SCRATCH
from smgee.source import CollectionInfo, ImageInfo, TableInfo

_RECORD = ".asset.json"
_SWEEP_S = 3_600  # looking for them reads every record, so not at each write
_ABANDONED_S = 86_400  # data files that no record names for a day were left by a crash
_REMEMBERED = 4_096  # records kept in memory, some kB each


class UserAssets:
    """The writable store of one machine, a `smgee.source.Source`.

    Parameters
    ----------
    root : path-like
        The folder that holds it; created when first written to.
    """

    def __init__(self, root: str | os.PathLike[str]):
        self.root = Path(root).expanduser().absolute()
        self._cache: dict[str, tuple[tuple[int, int], AssetRecord]] = {}
        self._lock = threading.Lock()
        self._next_sweep = 0.0

    # -- reading

    def record(self, identifier: str) -> AssetRecord | None:
        """Return the record of an asset, or None."""
        path = self._path(identifier)
        if path is None:
            return None
        path = path / _RECORD
        try:
            stat = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        stamp = (stat.st_mtime_ns, stat.st_ino)
        with self._lock:
            cached = self._cache.get(identifier)
        if cached is not None and cached[0] == stamp:
            return cached[1]
        try:
            record = AssetRecord.read(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        with self._lock:
            self._cache[identifier] = (stamp, record)
            while len(self._cache) > _REMEMBERED:
                del self._cache[next(iter(self._cache))]
        return record

    def get(self, asset_id: str) -> ImageInfo | CollectionInfo | TableInfo | None:
        """Describe an asset; None when it is not here, or is a folder or classifier."""
        record = self.record(asset_id)
        return None if record is None else record.info

    def version(self, asset_id: str) -> int | None:
        """Return when an asset was last written, microseconds: what tells a replaced asset from the old
        one.
        """
        record = self.record(asset_id)
        return None if record is None or record.updated is None else microseconds(record.updated)

    def is_folder(self, identifier: str) -> bool:
        """Whether this is a folder, or the root of a project."""
        if is_cloud_id(identifier) and identifier.count("/") == 2:
            return True
        record = self.record(identifier)
        return record is not None and record.type == "FOLDER"

    def list(self, parent: str) -> list[str]:
        """Return the ids of the assets directly under a parent."""
        if parent == "":
            return sorted(f"projects/{p.name}/assets" for p in self._folders(self.root))
        path = self._path(parent)
        if path is None:
            return []
        return sorted(f"{parent}/{p.name}" for p in self._folders(path) if (p / _RECORD).exists())

    @staticmethod
    def _folders(path: Path) -> Iterator[Path]:
        try:
            yield from (p for p in path.iterdir() if not p.name.startswith(".") and p.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return

    def images(self, collection_id: str) -> builtins.list[ImageInfo]:
        """Return the images of a collection, by id."""
        infos = (self.get(i) for i in self.list(collection_id))
        return [i for i in infos if isinstance(i, ImageInfo)]

    def read(
        self, image_id: str, band: str, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Read a window of native pixels; a mask that was written fractional comes back as float32, in
        steps of 1/255.
        """
        for attempt in range(3):
            record = self._need(image_id)
            try:
                return read_pixels(self.root, record, band, (row, col, height, width))
            except Exception:
                # The asset may have been replaced between reading its record and its file: only then does a
                # retry help.
                if attempt == 2 or self.record(image_id) is record:
                    raise
        raise AssertionError("unreachable")

    def features(self, table_id: str) -> Iterable[Mapping[str, Any]]:
        """Yield the features of a table."""
        return read_features(self.root, self._need(table_id))

    def size(self, record: AssetRecord) -> int:
        """Return the bytes that an asset's data takes."""
        if record.data is None:
            return 0
        return sum(p.stat().st_size for p in (self.root / record.data).rglob("*") if p.is_file())

    def _need(self, identifier: str) -> AssetRecord:
        record = self.record(identifier)
        if record is None:
            raise NotFoundError(
                f"Asset '{identifier}' not found (does not exist or caller does not have access)."
            )
        return record

    def _path(self, identifier: str) -> Path | None:
        if not is_cloud_id(identifier):
            return None
        parts = identifier.split("/")
        if any(not part or part.startswith(".") or "\0" in part or len(part) > 100 for part in parts[3:]):
            return None  # names that no asset has, and no file either
        return self.root.joinpath(parts[1], *parts[3:])

    # -- writing

    def check_parent(self, identifier: str) -> None:
        """Refuse an id whose parent is no folder or collection, with Earth Engine's words."""
        check_new_id(identifier)
        parent = parent_of(identifier)
        if self.is_folder(parent):
            return
        record = self.record(parent)
        if record is None:
            raise NotFoundError(f"Asset '{parent}' does not exist or doesn't allow this operation.")
        if record.type != "IMAGE_COLLECTION":
            raise EEError(
                f"Cannot create asset '{identifier}': its parent '{parent}' is not a folder or image "
                "collection."
            )

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Give a fresh folder for data files; it is removed unless a record comes to name it."""
        self._sweep()
        folder = self.root / ".data" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def put(self, record: AssetRecord, *, data: Path | None = None, overwrite: bool = False) -> AssetRecord:
        """Make an asset appear, or replace one.

        Parameters
        ----------
        record : AssetRecord
            The asset; its files lie in `data` and are named relative to `root`.
        data : Path, optional
            The folder from `writing`.
        overwrite : bool
            Replace what is there.

        Raises
        ------
        EEError
            When the asset exists and `overwrite` is false, or its parent is no folder or collection.
        """
        identifier, moment = asset_id(record.id), now()
        self.check_parent(identifier)
        entry = replace(record, id=identifier, updated=moment, created=record.created or moment)
        if data is not None:
            entry = replace(entry, data=str(data.relative_to(self.root)))
        folder = self._path(identifier)
        assert folder is not None
        previous = self.record(identifier)
        if previous is not None:
            if not overwrite:
                raise EEError(f"Cannot overwrite asset '{identifier}'.")
            if previous.type in ("FOLDER", "IMAGE_COLLECTION") and self.list(identifier):
                raise EEError(f"Cannot overwrite asset '{identifier}': it is not empty.")
        folder.mkdir(parents=True, exist_ok=True)
        self._publish(folder / _RECORD, entry, exclusive=not overwrite, identifier=identifier)
        if previous is not None and previous.data is not None and previous.data != entry.data:
            self._discard(previous.data)
        return entry

    def update(self, identifier: str, **change: Any) -> AssetRecord:
        """Replace parts of a record."""
        record = replace(self._need(identifier), **change, updated=now())
        folder = self._path(identifier)
        assert folder is not None
        self._publish(folder / _RECORD, record, exclusive=False, identifier=identifier)
        return record

    def delete(self, identifier: str) -> None:
        """Remove an asset; a folder or collection must be empty."""
        record = self._need(identifier)
        if self.list(identifier):
            kind = "folder" if record.type == "FOLDER" else "collection"
            raise EEError(f"Asset '{identifier}' is a non-empty {kind}; delete what it holds first.")
        folder = self._path(identifier)
        assert folder is not None
        (folder / _RECORD).unlink(missing_ok=True)
        if record.data is not None:
            self._discard(record.data)
        with suppress(OSError):  # something appeared in it meanwhile
            folder.rmdir()

    def move(self, source: str, destination: str) -> AssetRecord:
        """Give an asset another id; a folder or collection moves with what it holds."""
        record = self._need(source)
        if self.record(destination) is not None:
            raise EEError(f"Cannot overwrite asset '{destination}'.")
        if destination.startswith(source + "/"):
            raise EEError(f"Cannot move asset '{source}' into itself.")
        children = self.list(source)
        moved = self.put(replace(record, id=destination))
        for child in children:
            self.move(child, destination + child[len(source) :])
        folder = self._path(source)
        assert folder is not None
        (folder / _RECORD).unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()
        return moved

    def copy(self, source: str, destination: str, *, overwrite: bool = False) -> AssetRecord:
        """Copy an asset of this store with its data."""
        record = self._need(source)
        if record.type in ("FOLDER", "IMAGE_COLLECTION"):
            raise EEError(f"Cannot copy asset '{source}': folders and collections cannot be copied.")
        with self.writing() as data:
            if record.data is not None:
                shutil.copytree(self.root / record.data, data, dirs_exist_ok=True)
                record = record.relocated(str(data.relative_to(self.root)))
            return self.put(replace(record, id=destination, created=None), data=data, overwrite=overwrite)

    def _publish(self, path: Path, record: AssetRecord, *, exclusive: bool, identifier: str) -> None:
        handle, name = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(record.as_json(), file, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            if exclusive:
                try:
                    os.link(name, path)  # fails when somebody else was faster
                except FileExistsError as error:
                    raise EEError(f"Cannot overwrite asset '{identifier}'.") from error
            else:
                os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
        with self._lock:
            self._cache.pop(identifier, None)

    def _discard(self, folder: str) -> None:
        shutil.rmtree(self.root / folder, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove data that a crash left behind: named by no record, and old."""
        if time.monotonic() < self._next_sweep:
            return
        self._next_sweep = time.monotonic() + _SWEEP_S
        base = self.root / ".data"
        for scratch in self._files(SCRATCH):  # of a record that was being written
            with suppress(FileNotFoundError):
                if time.time() - scratch.stat().st_mtime > _ABANDONED_S:
                    scratch.unlink()
        try:
            old = [p for p in base.iterdir() if time.time() - p.stat().st_mtime > _ABANDONED_S]
        except FileNotFoundError:
            return
        if not old:
            return
        named = set()
        for path in self._files(_RECORD):
            with suppress(FileNotFoundError):
                named.add(json.loads(path.read_text(encoding="utf-8")).get("data"))
        for folder in old:
            if str(folder.relative_to(self.root)) not in named:
                shutil.rmtree(folder, ignore_errors=True)

    def _files(self, beginning: str) -> Iterator[Path]:
        """Give the files of assets, data apart, whose names begin so; other writers' folders may vanish."""
        for folder, inner, names in os.walk(self.root):
            inner[:] = [name for name in inner if name != ".data"]
            yield from (Path(folder, name) for name in names if name.startswith(beginning))


def microseconds(moment: str) -> int:
    """Return an RFC 3339 time in microseconds."""
    return round(datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() * 1_000_000)


def now() -> str:
    """Return the present time, RFC 3339 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

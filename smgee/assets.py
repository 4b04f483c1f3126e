"""Folders and collections of Earth Engine assets: made, listed, filled together, shared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import ee

from smgee.errors import InputError
from smgee.remote import AccessDenied, NotFound, call, wait_for_task

__all__ = [
    "Imports",
    "attach",
    "ensure_folder",
    "list_assets",
    "properties_of",
    "require_collection",
    "require_folder",
    "require_writable",
    "share",
    "together",
]

_STAGING = "being_written"
_AT_ONCE = 20  # tasks started before the first is waited for
_VIEWER = "roles/viewer"


def require_folder(asset_id: str) -> tuple[str, list[str]]:
    """Return the root of an asset folder and the names below it; refuse what can be none."""
    match = re.fullmatch(r"(projects/[a-z][a-z0-9-]{4,28}[a-z0-9]/assets)((?:/[A-Za-z0-9_-]+)+)", asset_id)
    if match is None:
        raise InputError(
            f"{asset_id!r} is not an asset folder; give projects/YOUR-PROJECT/assets/FOLDER, names of "
            "letters, digits, - and _."
        )
    return match[1], match[2].strip("/").split("/")


def ensure_folder(asset_id: str) -> None:
    """Create an asset folder, and the folders above it, unless it is there."""
    path, names = require_folder(asset_id)
    for part in names:
        path = f"{path}/{part}"
        try:
            call(lambda path=path: ee.data.getAsset(path))  # type: ignore[misc]
        except NotFound:
            call(lambda path=path: ee.data.createAsset({"type": "FOLDER"}, path))  # type: ignore[misc]


def require_collection(collection: str) -> None:
    """Create an image collection, and the folders above it, unless it is there.

    Raises
    ------
    InputError
        For an id that is taken by something else.
    """
    _, names = require_folder(collection)
    try:
        kind = call(lambda: ee.data.getAsset(collection))["type"]
    except NotFound:
        if len(names) > 1:
            ensure_folder(collection.rpartition("/")[0])
        call(lambda: ee.data.createAsset({"type": "IMAGE_COLLECTION"}, collection))
        return
    if kind != "IMAGE_COLLECTION":
        raise InputError(f"{collection} is a {str(kind).lower()}, no image collection; give another id.")


def require_writable(folder: str) -> None:
    """Create a folder and prove that this login may write into it: nothing else tells.

    Raises
    ------
    InputError
        If it may not.
    """
    staging = f"{folder}/{_STAGING}"
    try:
        ensure_folder(staging)
        if not list_assets(staging):
            call(lambda: ee.data.deleteAsset(staging))
    except AccessDenied as error:
        raise InputError(
            f"This login may not write to {folder}; give an asset folder of a project of yours."
        ) from error


def list_assets(folder: str) -> list[dict[str, Any]]:
    """Return the assets under a folder or in a collection, as the official client lists them."""
    listed: dict[str, Any] = call(lambda: ee.data.listAssets({"parent": folder}))
    return list(listed.get("assets", []))  # an empty folder has no such key


def properties_of(asset_id: str) -> Mapping[str, Any]:
    """Return an asset's properties; none where there is no such asset."""
    try:
        return dict(call(lambda: ee.data.getAsset(asset_id)).get("properties", {}))
    except NotFound:
        return {}


def attach(card: Mapping[str, Any], asset_id: str) -> None:
    """Give an asset its properties in place of those it has: an export of a table or a classifier takes none,
    and neither does the making of a collection.
    """
    call(lambda: ee.data.updateAsset(asset_id, {"properties": dict(card)}, ["properties"]))


def share(asset_id: str, readers: Sequence[str]) -> None:
    """Let these and nobody else but editors and owners read an asset.

    Parameters
    ----------
    asset_id : str
        An asset, a folder (whoever may read it may list it) or a collection (its images go with it).
    readers : sequence of str
        ``allUsers``, ``user:…``, ``group:…``, ``domain:…`` or ``serviceAccount:…``.
    """
    policy: dict[str, Any] = dict(call(lambda: ee.data.getIamPolicy(asset_id)))
    others = [b for b in policy.get("bindings", []) if b["role"] != _VIEWER]
    wanted = [{"role": _VIEWER, "members": sorted(set(readers))}] if readers else []
    if others + wanted != policy.get("bindings", []):
        call(lambda: ee.data.setIamPolicy(asset_id, {**policy, "bindings": others + wanted}))


class Imports:
    """Ingestions under way, a few at once; a context manager that ends when all are done."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, str]] = []

    def start(self, manifest: Mapping[str, Any]) -> None:
        """Start the ingestion of an image in place of one of the same id."""
        request = ee.data.newTaskId(1)[0]
        started = call(lambda: ee.data.startIngestion(request, dict(manifest), allow_overwrite=True))
        self._waiting.append((str(started["id"]), str(manifest["name"])))
        if len(self._waiting) >= _AT_ONCE:
            self._end_first()

    def _end_first(self) -> None:
        task, asset = self._waiting.pop(0)
        wait_for_task(task, what=f"Importing {asset}")

    def __enter__(self) -> Imports:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._waiting and kind is None:
            self._end_first()


@contextmanager
def together(folder: str) -> Iterator[str]:
    """Publish several assets all or none: give a folder to write them to, and move them at the end.

    Only when the ``with`` block has ended without an error do they take the place of the assets of the same
    names in `folder`, each replaced by one copy on the service. What a failed or killed writer left behind is
    removed.

    Parameters
    ----------
    folder : str
        Where they belong; created.

    Yields
    ------
    str
        The folder to write to.
    """
    staging = f"{folder}/{_STAGING}"
    ensure_folder(staging)
    _remove_contents(staging)
    try:
        yield staging
        for asset in list_assets(staging):
            name = str(asset["name"]).rsplit("/", 1)[-1]
            old, new = f"{staging}/{name}", f"{folder}/{name}"
            call(lambda old=old, new=new: ee.data.copyAsset(old, new, True))  # type: ignore[misc]
    finally:
        _remove_contents(staging)
        call(lambda: ee.data.deleteAsset(staging))


def _remove_contents(folder: str) -> None:
    for asset in list_assets(folder):
        call(lambda asset=asset: ee.data.deleteAsset(asset["name"]))  # type: ignore[misc]

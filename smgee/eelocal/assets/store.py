"""The store: every asset that a session can see, whichever source it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smgee.eelocal.assets.loose import GeoTiffFile
from smgee.eelocal.assets.names import asset_id, asset_name, last_part
from smgee.eelocal.assets.user import UserAssets
from smgee.eelocal.errors import EEError, NotFoundError
from smgee.source import CollectionInfo, ImageInfo, Source, TableInfo

Info = ImageInfo | CollectionInfo | TableInfo


class AssetStore:
    """Sources in order of precedence, and the place where new assets are written.

    Parameters
    ----------
    sources : sequence of Source
        Read-only sources; an id is taken from the first that has it.
    user : UserAssets, optional
        The writable assets below ``projects/<project>/assets``; they come first.
    buckets : mapping of str to Path, optional
        Local folders that stand for Cloud Storage buckets.
    """

    def __init__(
        self,
        sources: Sequence[Source] = (),
        *,
        user: UserAssets | None = None,
        buckets: Mapping[str, Path] | None = None,
    ):
        self.user = user
        self.buckets = {name: Path(folder).expanduser().resolve() for name, folder in (buckets or {}).items()}
        self.sources: tuple[Source, ...] = (user, *sources) if user is not None else tuple(sources)

    def find(self, name: str) -> tuple[Source, Info] | None:
        """Return the source and the description of an asset by id or name, or None when no source has it."""
        identifier = asset_id(name)
        for source in self.sources:
            info = source.get(identifier)
            if info is not None:
                return source, info
        return None

    def get(self, name: str, *, kind: str = "Asset") -> tuple[Source, Info]:
        """Return the source and the description of an asset.

        Parameters
        ----------
        name : str
            An id or a REST name.
        kind : str
            What the message calls it (``Image asset``, ``ImageCollection asset``, …).

        Raises
        ------
        NotFoundError
            With Earth Engine's words, when no source has the asset.
        """
        found = self.find(name)
        if found is None:
            raise NotFoundError(
                f"{kind} '{asset_id(name)}' not found (does not exist or caller does not have access)."
            )
        return found

    def list(self, parent: str) -> list[str]:
        """Return the ids directly under a parent id, of every source, sorted; prefixes of ids count as
        folders.
        """
        identifier = asset_id(parent)
        prefix = f"{identifier}/" if identifier else ""
        seen: set[str] = set()
        for source in self.sources:
            seen.update(source.list(identifier) if identifier else ())
            seen.update(
                prefix + root[len(prefix) :].split("/")[0]
                for root in source.list("")
                if root.startswith(prefix)
            )
        return sorted(seen)

    def is_folder(self, name: str) -> bool:
        """Whether an id is a folder: one that was created, or a prefix of assets that exist."""
        identifier = asset_id(name)
        if self.user is not None and self.user.is_folder(identifier):
            return True
        return self.find(identifier) is None and bool(self.list(identifier))

    def index(self, info: ImageInfo) -> str:
        """Return the ``system:index`` of an image."""
        return str(info.properties.get("system:index") or last_part(info.id))

    def name(self, info: Info) -> str:
        """Return the REST name of an asset."""
        return asset_name(info.id)

    def classifier(self, name: str) -> Mapping[str, Any]:
        """Return the expression of a classifier asset, to be evaluated; `NotFoundError` when there is no such
        classifier.
        """
        record = self.user.record(asset_id(name)) if self.user is not None else None
        if record is None or record.type != "CLASSIFIER" or record.expression is None:
            raise NotFoundError(
                f"Classifier asset '{asset_id(name)}' not found (does not exist or caller does not have "
                "access)."
            )
        return record.expression

    def geotiff(self, uri: str) -> tuple[GeoTiffFile, ImageInfo]:
        """Return a GeoTIFF of a mapped bucket as a source of one image."""
        path = self.local_path(uri)
        source = GeoTiffFile(path, uri)
        return source, source.info

    def local_path(self, uri: str, *, must_exist: bool = True) -> Path:
        """Return the local file that stands for ``gs://bucket/path``; `EEError` when the bucket is not mapped
        to a folder, the path leads out of that folder, or the file is not there.
        """
        bucket, _, rest = uri.removeprefix("gs://").partition("/")
        if not uri.startswith("gs://") or not rest:
            raise EEError(f"Invalid Cloud Storage URI '{uri}': gs://<bucket>/<path> is needed.")
        folder = self.buckets.get(bucket)
        if folder is None:
            raise EEError(
                f"The bucket '{bucket}' of '{uri}' is not mapped to a local folder; connect with "
                f"buckets={{'{bucket}': <folder>}}.",
                code=403,
                status="PERMISSION_DENIED",
            )
        path = (folder / rest).resolve()
        if not path.is_relative_to(folder):
            raise EEError(f"Invalid Cloud Storage URI '{uri}'.")
        if must_exist and not path.is_file():
            raise NotFoundError(f"Unable to find '{uri}'.")
        return path

"""Asset ids as people write them, and asset names as the REST protocol does.

``NASA/HLS/HLSS30/v002`` is an id; ``projects/earthengine-public/assets/NASA/HLS/HLSS30/v002`` is its name.
Cloud assets have one form only, ``projects/<project>/assets/<path>``; home folders are ``users/<user>/…``
under ``projects/earthengine-legacy/assets``.
"""

from __future__ import annotations

import re

from smgee.eelocal.errors import EEError

PUBLIC = "projects/earthengine-public/assets/"
LEGACY = "projects/earthengine-legacy/assets/"
_CLOUD_ID = re.compile(r"projects/[a-z][a-z0-9\-]{4,28}[a-z0-9]/assets(/.*)?")
_PART = re.compile(r"[A-Za-z0-9_\-]{1,100}")


def asset_id(name: str) -> str:
    """Return the id for an id or a name, without a trailing slash."""
    name = name.strip().rstrip("/")
    for prefix in (PUBLIC, LEGACY):
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


def asset_name(name: str) -> str:
    """Return the REST name for an id or a name."""
    identifier = asset_id(name)
    if is_cloud_id(identifier):
        return identifier
    if identifier.split("/", 1)[0] in ("users", "projects"):
        return LEGACY + identifier
    return PUBLIC + identifier


def is_cloud_id(identifier: str) -> bool:
    """Whether an id belongs to a Cloud project (``projects/<6 to 30 characters>/assets/…``)."""
    return _CLOUD_ID.fullmatch(identifier) is not None


def parent_of(identifier: str) -> str:
    """Return the id of the folder or collection that holds an asset; ``""`` for a root."""
    return identifier.rpartition("/")[0]


def last_part(identifier: str) -> str:
    """Return the last part of an id, an image's ``system:index`` in its collection."""
    return identifier.rpartition("/")[2]


def check_new_id(identifier: str) -> str:
    """Return the id of an asset about to be written; `EEError` when it is not below
    ``projects/<project>/assets/``, or holds characters that Earth Engine does not allow.
    """
    parts = identifier.split("/")
    if not is_cloud_id(identifier) or len(parts) < 4:
        raise EEError(
            f"Cannot write asset '{identifier}': new assets belong below projects/<project>/assets/, with a "
            "project id "
            "of 6 to 30 characters."
        )
    for part in parts[3:]:
        if not _PART.fullmatch(part):
            raise EEError(
                f"Invalid asset name: '{asset_name(identifier)}': each part may hold at most 100 letters, "
                "digits, "
                "hyphens and underscores."
            )
    return identifier

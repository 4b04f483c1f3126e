"""An Earth Engine in a box for this process: what `smgee.session` loads when that backend is asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from smgee.eelocal.assets.folder import FolderSource
from smgee.eelocal.assets.names import is_cloud_id
from smgee.eelocal.assets.store import AssetStore
from smgee.eelocal.assets.user import UserAssets
from smgee.eelocal.engine.context import Limits
from smgee.eelocal.rest.faults import FaultPlan
from smgee.eelocal.rest.server import LoopbackServer
from smgee.eelocal.rest.service import Service
from smgee.eelocal.rest.transport import Transport
from smgee.errors import InputError
from smgee.machine import bound_block_cache
from smgee.source import Source
from smgee.twin import Basin, TwinSource


def open_service(
    project: str,
    *,
    store: Path,
    catalog: str | os.PathLike[str] | None,
    sources: Sequence[Source] | None,
    buckets: Mapping[str, str | os.PathLike[str]] | None,
    drive: str | os.PathLike[str] | None,
    port: int,
    limits: Limits | None,
    faults: FaultPlan | None,
) -> tuple[Service, LoopbackServer, Transport]:
    """Return a service, its server (which starts with the first link) and the way to it in this process.

    The parameters are those of `smgee.connect`.
    """
    if not is_cloud_id(f"projects/{project}/assets"):
        raise InputError(
            f"The project id {project!r} is not valid: 6 to 30 lower-case letters, digits and hyphens, "
            "beginning with a letter."
        )
    bound_block_cache()
    service = Service(
        AssetStore(
            _read_only(catalog, sources),
            user=UserAssets(store),
            buckets={name: Path(folder) for name, folder in (buckets or {}).items()},
        ),
        limits=limits,
        faults=faults,
        drive=None if drive is None else Path(drive),
    )
    server = LoopbackServer(service, port=port)
    service.on_link = server.start
    return service, server, Transport(service)


def _read_only(catalog: str | os.PathLike[str] | None, sources: Sequence[Source] | None) -> list[Source]:
    """Return the read-only sources: the user's catalog, what the caller gives, or the synthetic basin."""
    chosen: list[Source] = [] if catalog is None else [FolderSource(catalog)]
    if sources is not None:
        return [*chosen, *sources]
    return chosen or [TwinSource(Basin())]

"""The routes of the REST service, one module per family of resources; importing this registers them all."""

from __future__ import annotations

from smgee.eelocal import ops
from smgee.eelocal.rest.routes import (
    assets,
    exports,
    imports,
    maps,
    operations,
    pixels,
    start,
    tables,
    values,
)

__all__ = ["assets", "exports", "imports", "maps", "operations", "ops", "pixels", "start", "tables", "values"]

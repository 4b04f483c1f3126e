"""The routes of the REST service, one module per family of resources; importing this registers them all."""

from smgee.eelocal import ops  # noqa: F401  registers the algorithms
from smgee.eelocal.rest.routes import (  # noqa: F401  registers them
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

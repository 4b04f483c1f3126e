"""The algorithms, one module per family of official names; the registry imports them all on first use."""

from __future__ import annotations

import pkgutil

# Every module of this package registers algorithms when it is imported.
MODULES: tuple[str, ...] = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))

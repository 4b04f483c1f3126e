"""What an evaluation may reach: the assets and the limits in force."""

from __future__ import annotations

from dataclasses import dataclass, field

from smgee.eelocal.assets.store import AssetStore
from smgee.eelocal.errors import EEError


@dataclass(frozen=True)
class Limits:
    """The limits of the real service; each may be raised or lowered for a test."""

    payload_bytes: int = 10_485_760
    pixel_bytes: int = 50_331_648
    pixel_dimension: int = 32_768
    bands: int = 1_024
    elements: int = 5_000
    region_values: int = 1_048_576
    download_bytes: int = 33_554_432
    download_dimension: int = 10_000
    string_length: int = 100_000
    concurrent_requests: int = 40


@dataclass(frozen=True)
class Context:
    """Handed to every algorithm that asks for it."""

    store: AssetStore | None = None
    limits: Limits = field(default_factory=Limits)

    @property
    def assets(self) -> AssetStore:
        """The store of a session that has one; `EEError` for one that has none."""
        if self.store is None:
            raise EEError("This session has no assets.")
        return self.store

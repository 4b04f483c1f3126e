"""Error margins of geometry operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smgee.eelocal.errors import EEError

INFINITE_METERS = 2.0e7  # half the circumference of the Earth: a margin from here on allows anything


@dataclass(frozen=True)
class ErrorMargin:
    """How far a result may deviate: `value` in `unit`, ``meters`` or ``projected`` (units of the projection).

    None with ``infinite``.
    """

    value: float | None
    unit: str

    @classmethod
    def of(cls, value: float | None, unit: str) -> ErrorMargin:
        """Return a margin; a negative value counts as its magnitude; `EEError` for an unknown unit or a
        missing value.
        """
        if unit not in ("meters", "projected", "infinite"):
            raise EEError(f"Unknown error margin unit '{unit}': must be 'meters', 'projected' or 'infinite'.")
        if unit == "infinite":
            return cls(None, unit)
        if value is None:
            raise EEError("Parameter 'value' is required and may not be null.")
        value = abs(value)
        return cls(None, "infinite") if unit == "meters" and value >= INFINITE_METERS else cls(value, unit)

    def meters(self, per_unit: float) -> float:
        """Return the margin in metres, given the metres per projected unit."""
        if self.value is None:
            return INFINITE_METERS
        return self.value if self.unit == "meters" else self.value * per_unit

    def describe(self) -> dict[str, Any]:
        """Return the `getInfo` form."""
        return {"type": "ErrorMargin", "unit": self.unit} | (
            {} if self.value is None else {"value": self.value}
        )

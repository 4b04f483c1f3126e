"""What the twin says about itself wherever it appears."""

from __future__ import annotations

NOTICE = (
    "Synthetic data of the smgee twin: a made-up basin, not an observation of any place. "
    "Never present it as real."
)
"""The sentence that goes with everything the twin produces."""

SYNTHETIC_PROPERTIES: dict[str, object] = {"synthetic": 1, "notice": NOTICE}
"""The properties that every asset of the twin carries beside its own."""

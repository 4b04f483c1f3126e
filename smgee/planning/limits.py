"""What Earth Engine allows: requests, answers, tasks, assets and compute time.

Guides "Usage" (quotas), "Processing environments", "Noncommercial tiers" (in force since 27 April 2026) and
the REST reference of ``image:computePixels``, as read in 2026.
"""

from __future__ import annotations

from typing import Literal

ANSWER_BYTES = 50_331_648
"""Largest answer of pixels; every sample counts with one byte more, for its mask."""

SAMPLE_BYTES = 5
"""A float32 sample and its mask, as the limit of answers counts them."""

INTERACTIVE_S = 300.0
"""Longest computation of an interactive request, s."""

TASKS_WAITING = 3_000
"""Longest queue of tasks of a project."""

TASKS_RUNNING = 2
"""Tasks of a project that run at once, on average."""

ASSET_BYTES = 250e9
"""Storage of a project's assets, bytes."""

ASSETS = 10_000
"""Number of a project's assets."""

Tier = Literal["community", "contributor", "partner"]

TIERS: dict[Tier, int] = {"community": 150, "contributor": 1_000, "partner": 100_000}
"""EECU-hours a month of noncommercial projects. Beyond them Earth Engine goes on with less parallelism."""

"""Tree ensembles: one canonical form, exact importers, Earth Engine text and transports, and a fast
kernel.
"""

from __future__ import annotations

from smgee.trees.ensemble import LEAF, TreeEnsemble

__all__ = ["LEAF", "TreeEnsemble"]

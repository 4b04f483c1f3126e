"""Tree ensembles: one canonical form, exact importers, Earth Engine text and transports, and a fast
kernel.
"""

from smgee.trees.ensemble import LEAF, TreeEnsemble

__all__ = ["LEAF", "TreeEnsemble"]

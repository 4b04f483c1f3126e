"""From a trained model to daily 30 m maps: through xee tiles, or as a classifier on Earth Engine; and the
proof that both agree.
"""

from __future__ import annotations

from smgee.upscale.maps import MapStore
from smgee.upscale.parity import Parity, compare_routes
from smgee.upscale.routes import map_day, map_season

__all__ = ["MapStore", "Parity", "compare_routes", "map_day", "map_season"]

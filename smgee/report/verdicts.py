"""What a validation table says, in sentences."""

from __future__ import annotations

import pandas as pd

__all__ = ["verdicts"]


def verdicts(table: pd.DataFrame) -> list[str]:
    """Return, in sentences, what upscaling changed in a validation table, and what speaks against taking
    it at its word.
    """
    said: list[str] = []
    several = table["cell"].nunique() > 1
    for (cell, orbit), rows in table.groupby(["cell", "orbit"], sort=False):
        by = rows.set_index("reference")
        if not {"upscaled", "insitu_mean"} <= set(by.index) or "gain_r" not in by:
            continue
        up, plain = by.loc["upscaled"], by.loc["insitu_mean"]
        if pd.isna(up["gain_r"]):
            continue
        low, high = up["gain_r_low"], up["gain_r_high"]
        meaning = (
            "the interval includes zero"
            if low <= 0 <= high
            else "higher with the map"
            if low > 0
            else "lower with the map"
        )
        where = f"{cell} {orbit}" if several else f"{orbit}"
        said.append(
            f"{where}: R {up['r']:.3f} against the upscaled map and {plain['r']:.3f} against the plain "
            f"station mean, a difference of {up['gain_r']:+.3f} [{low:.2f}, {high:.2f}] on the "
            f"{up['gain_n']:.0f} days of both ({meaning}); ubRMSE {up['gain_ubrmse']:+.4f} m³/m³."
        )
    warnings = table["warning"].dropna() if "warning" in table else pd.Series(dtype=str)
    return said + [f"Beware: {w}." for w in dict.fromkeys(warnings) if w]

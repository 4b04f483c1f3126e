"""Writes small archives in the header+values format of the International Soil Moisture Network, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd


def write_stm(
    root: Path,
    station: str,
    times: pd.DatetimeIndex,
    values: Sequence[float],
    *,
    flags: Sequence[str] | str = "G",
    variable: str = "sm",
    depth: tuple[float, float] = (0.05, 0.05),
    sensor: str = "CS655",
    network: str = "NET",
    lon: float = 100.2,
    lat: float = 37.2,
    elevation: float = 3400.0,
) -> Path:
    """Write one series; return its path."""
    flags = [flags] * len(times) if isinstance(flags, str) else flags
    folder = root / network / station
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (
        f"{network}_{network}_{station}_{variable}_{depth[0]:.6f}_{depth[1]:.6f}_{sensor}"
        f"_{times[0]:%Y%m%d}_{times[-1]:%Y%m%d}.stm"
    )
    lines = [
        f"{network:10s} {network:10s} {station:10s} {lat:.5f} {lon:.5f} {elevation:.1f} {depth[0]:.4f} "
        f"{depth[1]:.4f} {sensor}"
    ]
    lines += [f"{t:%Y/%m/%d %H:%M} {v:g} {f} M" for t, v, f in zip(times, values, flags, strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return path


def hourly(start: str = "2021-05-01", days: int = 3) -> pd.DatetimeIndex:
    """Return the hours of some days."""
    return pd.date_range(start, periods=24 * days, freq="h")

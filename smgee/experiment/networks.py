"""Other networks, probes and retrieval errors on the same synthetic land."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError
from smgee.twin import Basin
from smgee.twin import smap as twin_smap
from smgee.twin.stations import LETTERS, place_stations, station_records

SCENARIOS: dict[str, str] = {
    "stratified": "30 stations, designed by elevation and aspect",
    "random": "15 stations at random",
    "valley": "10 stations on valley floors",
    "roadside": "5 stations along a track",
    "clustered": "15 stations within 2.5 km",
    "one": "a single station at random",
}
"""Networks that are tried, and what they are."""

GOOD = "G"


class Draw:
    """Land, weather and truth of a basin in a year, with networks, probes and errors of SMAP of a seed.

    It stands where the twin's functions take a basin.

    Parameters
    ----------
    basin : Basin
        Land and truth.
    seed : int
        Of everything else.
    """

    def __init__(self, basin: Basin, seed: int):
        self._basin = basin
        self.seed = seed
        self._networks: dict[str, pd.DataFrame] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._basin, name)

    def network(self, scenario: str = "stratified") -> pd.DataFrame:
        """Return the places of a scenario's stations; see `smgee.twin.stations.place_stations`."""
        if scenario not in SCENARIOS:
            raise InputError(f"The network {scenario!r} is not known; choose one of {', '.join(SCENARIOS)}.")
        of = "random" if scenario == "one" else scenario
        if of not in self._networks:
            self._networks[of] = place_stations(self, of)
        return self._networks[of].iloc[:1] if scenario == "one" else self._networks[of]

    def station(self, name: str) -> Any:
        """Return the place of a station; its first letter tells the scenario."""
        letters = {letter: scenario for scenario, letter in LETTERS.items()}
        return self.network(letters[name[:1]]).loc[name]

    @cached_property
    def _known(self) -> dict[str, pd.DataFrame]:
        return {}

    def records(self, scenario: str) -> xr.Dataset:
        """Return what the probes say by the hour, (time, station), good records alone."""
        places = self.network(scenario)
        for name in map(str, places.index):
            if name not in self._known:
                self._known[name] = station_records(self, name)
        columns = []
        for name in map(str, places.index):
            record = self._known[name]
            good = (record["moisture_flag"] == GOOD).to_numpy()
            columns.append(np.where(good, record["soil_moisture"].to_numpy(float), np.nan))
        return xr.Dataset(
            {"soil_moisture": (("time", "station"), np.column_stack(columns))},
            coords={
                "time": record.index.to_numpy(),
                "station": places.index.to_numpy().astype(object),
                "lon": ("station", places["lon"].to_numpy(float)),
                "lat": ("station", places["lat"].to_numpy(float)),
            },
        )

    def smap(self) -> pd.DataFrame:
        """Return the recommended 36 km retrievals of the cell: date, orbit, cell, soil_moisture, flag."""
        tables = []
        basin: Any = self
        for half in ("am", "pm"):
            found = twin_smap.retrieve_36km(basin, half)
            moisture, quality = found.soil_moisture[:, 1, 1].astype(float), found.quality[:, 1, 1]
            table = pd.DataFrame({"date": pd.DatetimeIndex(self._basin.days), "orbit": half.upper()})
            table = table.assign(cell=self._basin.cell.name, soil_moisture=moisture, flag=0)
            tables.append(table[(quality == 0) & np.isfinite(moisture)])
        return pd.concat(tables, ignore_index=True)

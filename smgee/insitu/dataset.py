"""The one shape of station data inside smgee: an xarray Dataset with dimensions (time, station)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import MissingDataError
from smgee.insitu.quality import check_coordinates, flag_attributes


@dataclass
class Record:
    """One station's checked series and what is known of the place.

    Attributes
    ----------
    station : str
        Name, unique within the data set.
    soil_moisture : pandas.Series
        m³ m⁻³ by UTC time; NaN where missing or not accepted.
    flags : pandas.Series
        uint16 bits (`smgee.insitu.quality.FLAGS`), on the same index.
    soil_temperature : pandas.Series or None
        °C by UTC time, or None where the station has none.
    site : dict
        lon, lat (degrees), elevation (m), network, sensor, depth_from, depth_to (m) and further facts of the
        place.
    """

    station: str
    soil_moisture: pd.Series
    flags: pd.Series
    soil_temperature: pd.Series | None = None
    site: dict[str, object] = field(default_factory=dict)


_SITE: dict[str, tuple[object, dict[str, str]]] = {
    "lon": (np.nan, {"units": "degrees_east", "long_name": "longitude", "standard_name": "longitude"}),
    "lat": (np.nan, {"units": "degrees_north", "long_name": "latitude", "standard_name": "latitude"}),
    "elevation": (
        np.nan,
        {"units": "m", "long_name": "elevation above sea level", "standard_name": "surface_altitude"},
    ),
    "depth_from": (
        np.nan,
        {"units": "m", "long_name": "upper end of the soil moisture sensor, below the surface"},
    ),
    "depth_to": (
        np.nan,
        {"units": "m", "long_name": "lower end of the soil moisture sensor, below the surface"},
    ),
    "network": ("", {"long_name": "network"}),
    "sensor": ("", {"long_name": "soil moisture sensor"}),
    "temperature_depth": (
        np.nan,
        {"units": "m", "long_name": "depth of the soil temperature sensor (middle), below the surface"},
    ),
    "land_cover": (np.nan, {"units": "1", "long_name": "ESA CCI land cover class, 2010"}),
    "climate": ("", {"long_name": "Köppen-Geiger climate class"}),
    "clay_fraction": (np.nan, {"units": "percent", "long_name": "clay by weight"}),
    "sand_fraction": (np.nan, {"units": "percent", "long_name": "sand by weight"}),
}


def combine(records: Sequence[Record], *, source: str, attrs: dict[str, object] | None = None) -> xr.Dataset:
    """Join stations into one data set on the union of their times.

    Parameters
    ----------
    records : sequence of Record
        At least one; they are ordered by name.
    source : str
        Where they come from, for attributes and errors.
    attrs : dict, optional
        Further global attributes.

    Returns
    -------
    xarray.Dataset
        ``soil_moisture`` (time, station) float64 m³ m⁻³; ``flags`` (time, station) uint16;
        ``soil_temperature`` (time, station) float64 °C when any station has it; coordinates along station:
        lon, lat, elevation, depth_from, depth_to, network, sensor and others.
    """
    if not records:
        raise MissingDataError(f"{source} holds no record of a station; give a file with at least one.")
    records = sorted(records, key=lambda r: r.station)
    names = [r.station for r in records]
    columns = {
        key: np.array([r.site.get(key, default) for r in records]) for key, (default, _) in _SITE.items()
    }
    # Networks may give longitudes of 0…360; everything downstream speaks of ±180.
    lon = np.where(columns["lon"] > 180, columns["lon"] - 360, columns["lon"])
    columns["lon"] = lon
    check_coordinates(names, lon, columns["lat"], source=source)

    times = records[0].soil_moisture.index
    for r in records[1:]:
        times = times.union(r.soil_moisture.index)
    for r in records:
        if r.soil_temperature is not None:
            times = times.union(r.soil_temperature.index)
    shape = (len(times), len(records))
    moisture, flags = np.full(shape, np.nan), np.zeros(shape, np.uint16)
    temperature = np.full(shape, np.nan)
    for j, r in enumerate(records):
        rows = times.get_indexer(r.soil_moisture.index)
        moisture[rows, j], flags[rows, j] = r.soil_moisture.to_numpy(float), r.flags.to_numpy(np.uint16)
        if r.soil_temperature is not None:
            temperature[times.get_indexer(r.soil_temperature.index), j] = r.soil_temperature.to_numpy(float)

    ds = xr.Dataset(
        {
            "soil_moisture": (
                ("time", "station"),
                moisture,
                {
                    "units": "m3 m-3",
                    "long_name": "volumetric soil moisture",
                    "standard_name": "volume_fraction_of_condensed_water_in_soil",
                },
            ),
            "flags": (("time", "station"), flags, flag_attributes()),
        },
        coords={
            "time": (
                "time",
                times.to_numpy("datetime64[ns]"),
                {"long_name": "time (UTC)", "standard_name": "time"},
            ),
            "station": (
                "station",
                np.array(names, dtype=object),
                {"long_name": "station", "cf_role": "timeseries_id"},
            ),
            **{
                key: (
                    "station",
                    columns[key] if columns[key].dtype.kind == "f" else columns[key].astype(object),
                    dict(meta),
                )
                for key, (_, meta) in _SITE.items()
            },
        },
        attrs={"Conventions": "CF-1.11", "featureType": "timeSeries", "source": source, **(attrs or {})},
    )
    if any(r.soil_temperature is not None for r in records):
        meta = {
            "units": "degC",
            "units_metadata": "temperature: on_scale",
            "long_name": "soil temperature",
            "standard_name": "soil_temperature",
        }
        ds["soil_temperature"] = (("time", "station"), temperature, meta)
    return ds

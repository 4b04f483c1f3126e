"""What the twin serves, by id, and what each is called."""

from smgee.datasets import (
    CHIRPS,
    ERA5_LAND,
    IMERG,
    MERIT_HYDRO,
    MODIS_LST,
    NASADEM,
    SENTINEL1,
    SMAP_9KM,
    SMAP_36KM_TWIN,
    SOIL,
    SPL4,
    WORLDCOVER,
)
from smgee.twin.optical import COLLECTIONS

SMAP_005, SMAP_006 = (d.id for d in SMAP_9KM)
PRIVATE = SMAP_36KM_TWIN.rpartition("/")[0]
TRUTH, STATIONS = f"{PRIVATE}/truth", f"{PRIVATE}/stations"
TITLES = {
    **{c: f"HLS {p} over the synthetic basin of smgee" for c, p in COLLECTIONS.items()},
    SMAP_005: "SMAP L3 enhanced 9 km retrievals over the synthetic basin of smgee",
    SMAP_006: "SMAP L3 enhanced 9 km retrievals over the synthetic basin of smgee",
    SMAP_36KM_TWIN: "SMAP L3 36 km retrievals over the synthetic basin of smgee, on the exact EASE-Grid 2.0",
    **{
        d.id: f"{d.title}, over the synthetic basin of smgee"
        for d in (
            *(ERA5_LAND, CHIRPS, IMERG, MERIT_HYDRO, NASADEM, SENTINEL1, SPL4, WORLDCOVER),
            *SOIL.values(),
            *MODIS_LST.values(),
        )
    },
    TRUTH: "True daily soil moisture and temperature of 0-5 cm in the synthetic basin of smgee",
    STATIONS: "Stations of the synthetic basin of smgee",
}

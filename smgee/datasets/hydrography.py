"""Hydrography: MERIT Hydro (Yamazaki et al. 2019, Water Resour. Res. 55:5053).

Source: https://developers.google.com/earth-engine/datasets/catalog/MERIT_Hydro_v1_0_1.
"""

from datetime import date

from smgee.datasets.base import Band, Dataset

MERIT_HYDRO = Dataset(
    id="MERIT/Hydro/v1_0_1",
    title="MERIT Hydro, 3 arc-seconds, version 1.0.1",
    bands=(
        Band("elv", "float32", units="m"),
        Band("dir", "uint8", pyramiding="SAMPLE"),
        Band("wth", "float32", units="m"),
        Band("wat", "uint8", pyramiding="SAMPLE"),
        Band("upa", "float32", "upslope_area", "km2"),
        Band("upg", "int32"),
        Band("hnd", "float32", "drainage_height", "m"),
        Band("viswth", "uint8", pyramiding="SAMPLE"),
    ),
    single=True,
    start=date(1987, 1, 1),
    end=date(2017, 1, 1),
    spacing_m=92.77,
)

"""Two large areas to plan for: outlines drawn with a few vertices, not boundaries to map with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

SEASONS = range(2019, 2024)
"""The five seasons of Qin et al. 2025 (Land 14, 2098)."""

FIRST_DAY, LAST_DAY = "05-01", "10-31"
"""Of a season; the paper's unfrozen periods begin on 3 to 13 May and end on 8 to 18 October."""


@dataclass(frozen=True)
class Place:
    """An area by its name.

    Attributes
    ----------
    title : str
        In words.
    area_km2 : float
        As published.
    ring : tuple of (float, float)
        Longitude and latitude, degrees; simplified so that its own area is within 2 % of that.
    crs : str
        Of its maps; empty for the UTM zone of its middle.
    """

    title: str
    area_km2: float
    ring: tuple[tuple[float, float], ...]
    crs: str = ""

    @property
    def geojson(self) -> str:
        """The outline as GeoJSON."""
        return json.dumps({"type": "Polygon", "coordinates": [[*self.ring, self.ring[0]]]})


# One UTM zone is 6° wide and the plateau 31°: an equal-area projection of its own, true to scale within 3 %.
_PLATEAU_CRS = (
    'PROJCS["Tibetan Plateau equal area",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,'
    '298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],'
    'PROJECTION["Lambert_Azimuthal_Equal_Area"],PARAMETER["latitude_of_center",33],'
    'PARAMETER["longitude_of_center",88],PARAMETER["false_easting",0],PARAMETER["false_northing",0],'
    'UNIT["metre",1]]'
)

PLACES: Mapping[str, Place] = {
    "qinghai-lake-basin": Place(
        "Qinghai Lake basin",
        29_661.0,
        (
            (97.95, 38.14),
            (98.67, 38.26),
            (99.41, 38.00),
            (100.16, 37.63),
            (100.86, 37.25),
            (101.09, 36.79),
            (100.67, 36.37),
            (100.06, 36.51),
            (99.37, 36.69),
            (98.81, 37.07),
            (98.34, 37.53),
        ),
    ),
    "tibetan-plateau": Place(
        "Tibetan Plateau",
        2_542_300.0,
        (
            (73.73, 37.15),
            (74.81, 39.22),
            (77.67, 37.74),
            (81.12, 36.76),
            (86.04, 37.45),
            (90.47, 38.63),
            (94.41, 39.32),
            (98.84, 39.22),
            (102.29, 37.65),
            (103.27, 34.79),
            (102.58, 31.05),
            (100.32, 28.39),
            (98.35, 27.50),
            (93.92, 28.98),
            (89.49, 27.80),
            (84.07, 28.59),
            (79.64, 30.85),
            (77.37, 33.02),
            (74.72, 35.18),
        ),
        _PLATEAU_CRS,
    ),
}
"""Published areas: Qinghai Lake basin 29,661 km²; plateau in China 2,542,300 km² (Zhang et al. 2002)."""

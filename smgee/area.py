"""Where a study maps: one SMAP cell, several, a box, or an outline from a GeoJSON file.

Whatever is given becomes an outline, a projected lattice that covers it, and the EASE-Grid 2.0 cells it
fills. Longitudes and latitudes are degrees; arrays are (row, column).
"""

from __future__ import annotations

import json
import math
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import shapely
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pyproj import Proj
from shapely.geometry import MultiPolygon, Polygon, box, shape
from shapely.geometry.base import BaseGeometry

from smgee.errors import InputError
from smgee.grid import EASE_CRS, EASE_GRIDS, EaseCell, PixelGrid, ease_cell_at, parse_crs, transformer

__all__ = ["MAX_DISTORTION", "Area", "utm_zone"]

MAX_DISTORTION = 0.05
"""Largest error of lengths in the CRS of the maps. A UTM zone and its neighbours stay below 2 %; Web
Mercator is off by 25 % at 37°.
"""

USE_MARGIN = 6.0
"""Degrees of longitude that a place may lie beyond a CRS's area of use: one UTM zone, for tiles that reach
over. The far side of the globe, where a transverse Mercator map is true to scale again but upside down, is
far beyond it.
"""

POINTS_PER_EDGE = 64
"""Straight pieces per cell edge. A 36 km edge bends by up to 16 m in UTM at 37° latitude; 64 pieces follow
it to 4 mm.
"""

_STRAIGHT_DEGREES = 0.01  # an outline's edges are followed in pieces of at most this length
_MAX_LATITUDE = 84.0


def utm_zone(lon: float, lat: float) -> str:
    """Return the EPSG code of the UTM zone (WGS 84) that holds a place."""
    zone = min(max(math.floor((lon + 180) / 6) + 1, 1), 60)
    return f"EPSG:{32600 + zone if lat >= 0 else 32700 + zone}"


class Area(BaseModel):
    """The place of a study, in exactly one of four ways, and the lattice of its maps.

    A point stands for the 36 km EASE-Grid 2.0 cell that holds it. `cells` are names of such cells. `box` and
    `geojson` are outlines of any shape: maps are masked outside them.

    An outline file is read when the study is, and its outline takes the place of the path: a written study
    does not depend on the file any more.

    Attributes
    ----------
    lon : float
        Longitude of a point, degrees east; the 36 km EASE-Grid 2.0 cell that holds it is mapped.
    lat : float
        Latitude of the point, degrees north.
    scale_m : float
        Size of the pixels of the maps, m.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)

    lon: Annotated[float, Field(ge=-180, le=180)] | None = None
    lat: Annotated[float, Field(ge=-_MAX_LATITUDE, le=_MAX_LATITUDE)] | None = None
    names: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        None, alias="cells", description="names of 36 km or 9 km EASE-Grid 2.0 cells, such as M36_r0080_c0750"
    )
    box: tuple[float, float, float, float] | None = Field(
        None, description="west, south, east, north; east is the smaller one across the antimeridian"
    )
    geojson: str | None = Field(
        None, description="GeoJSON file, relative to the study file, or its text; polygons in lon and lat"
    )
    crs: str = Field("", description="projected CRS of the maps; left out, the UTM zone of the place")
    scale_m: Annotated[float, Field(gt=0, le=1000)] = 30.0

    @field_validator("names")
    @classmethod
    def _known_cells(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        cells = [EaseCell.from_name(name) for name in value or ()]
        if {c.grid for c in cells} not in ({"M36"}, {"M09"}, set()) or len(set(cells)) < len(cells):
            raise ValueError("cells are of several grids or repeat; name each once, all M36 or all M09")
        return value

    @field_validator("box")
    @classmethod
    def _is_a_box(cls, value: tuple[float, float, float, float] | None) -> Any:
        if value is None:
            return value
        west, south, east, north = value
        if not (-180 <= west <= 180 and -180 <= east <= 180 and west != east):
            raise ValueError("box needs west and east within -180 to 180 degrees that differ")
        if not -_MAX_LATITUDE <= south < north <= _MAX_LATITUDE:
            raise ValueError(f"box needs south < north within ±{_MAX_LATITUDE:g} degrees")
        return value

    @field_validator("geojson")
    @classmethod
    def _outline_text(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        folder = Path((info.context or {}).get("folder", "."))
        return _read_outline(value, folder)

    @field_validator("crs")
    @classmethod
    def _projected(cls, value: str) -> str:
        if value and not parse_crs(value).is_projected:
            raise ValueError(
                f"{value} is not a projected CRS; slopes and areas need one, such as the UTM zone of the area"
            )
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Area:
        given = [k for k in ("lon", "lat", "names", "box", "geojson") if getattr(self, k) is not None]
        if given not in (["lon", "lat"], ["names"], ["box"], ["geojson"]):
            told = ", ".join("cells" if k == "names" else k for k in given) or "nothing"
            raise ValueError(f"an area is given by lon and lat, by cells, by box, or by geojson; got {told}")
        if not self.crs:
            object.__setattr__(self, "crs", utm_zone(*self.center))
        self._check_crs()
        return self

    @model_serializer(mode="wrap")
    def _as_given(self, handler: Any) -> dict[str, Any]:
        """Write the way it was given, under the study's own spelling."""
        return {"cells" if k == "names" else k: v for k, v in handler(self).items() if v is not None}

    def _check_crs(self) -> None:
        """Refuse a CRS in which pixels would not be what they claim, anywhere in the area."""
        lon, lat = shapely.get_coordinates(shapely.segmentize(self.polygon, 1.0)).T
        factors = Proj(parse_crs(self.crs)).get_factors(lon, lat)
        scales = np.stack([factors.tissot_semiminor, factors.tissot_semimajor])
        error = np.abs(np.where(np.isfinite(scales), scales, np.inf) - 1).max(axis=0)
        worst = int(error.argmax())
        if error[worst] > MAX_DISTORTION:
            better = utm_zone(*self.center)
            advice = "a smaller area" if better == self.crs else f"a CRS made for the place, such as {better}"
            raise ValueError(
                f"a metre of {self.crs} is {scales[0, worst]:.2f} to {scales[1, worst]:.2f} m on the map at "
                f"longitude {lon[worst]:g}, latitude {lat[worst]:g}, so slopes and pixels would be wrong; "
                f"give {advice}"
            )
        use = parse_crs(self.crs).area_of_use
        if use is not None and _degrees_beyond(self.center[0], use.west, use.east) > USE_MARGIN:
            raise ValueError(
                f"{self.crs} is made for longitudes {use.west:g} to {use.east:g}, but the area lies at "
                f"{self.center[0]:g}; give {utm_zone(*self.center)}, or leave crs out"
            )

    @cached_property
    def center(self) -> tuple[float, float]:
        """(longitude, latitude): the point that was given, or the middle of the outline's bounds."""
        if self.lon is not None and self.lat is not None:
            return self.lon, self.lat
        parts = shapely.get_parts(self.polygon)
        bounds = np.array([p.bounds for p in parts])
        west, east = bounds[:, 0].min(), bounds[:, 2].max()
        eastern, western = bounds[bounds[:, 0] >= 0], bounds[bounds[:, 2] < 0]
        apart = len(eastern) and len(western) and len(eastern) + len(western) == len(bounds)
        if east - west > 180 and apart:  # parts on both sides of the antimeridian
            west, east = eastern[:, 0].min(), western[:, 2].max() + 360
        lon = (float(west + east) / 2 + 180) % 360 - 180
        return lon, float(bounds[:, 1].min() + bounds[:, 3].max()) / 2

    @cached_property
    def polygon(self) -> Polygon | MultiPolygon:
        """The outline in longitude and latitude, cut at the antimeridian."""
        if self.geojson is not None:
            return shape(json.loads(self.geojson))
        if self.box is not None:
            west, south, east, north = self.box
            if west < east:
                return box(*self.box)
            return MultiPolygon([box(west, south, 180, north), box(-180, south, east, north)])
        return shapely.unary_union([c.polygon("EPSG:4326") for c in self._own_cells])

    @cached_property
    def _own_cells(self) -> tuple[EaseCell, ...]:
        """The cells that make up the area; none where it is an outline."""
        if self.names is not None:
            return tuple(EaseCell.from_name(name) for name in self.names)
        if self.lon is not None and self.lat is not None:
            return (ease_cell_at(self.lon, self.lat, "M36"),)
        return ()

    @cached_property
    def outline(self) -> BaseGeometry:
        """The outline in the CRS of the maps, its edges followed closely."""
        if self._own_cells:
            parts = [c.polygon(self.crs, points_per_edge=POINTS_PER_EDGE) for c in self._own_cells]
            return parts[0] if len(parts) == 1 else shapely.unary_union(parts)
        return _projected(self.polygon, self.crs)

    @cached_property
    def grid(self) -> PixelGrid:
        """The map lattice: pixels of `scale_m` covering the outline, edges at multiples of the scale."""
        return PixelGrid.from_bounds(self.crs, self.outline.bounds, self.scale_m)

    @property
    def cells(self) -> tuple[EaseCell, ...]:
        """The 36 km EASE-Grid 2.0 cells that the outline touches, from the north-west."""
        return self.covered(0.0)

    def covered(self, share: float, grid: str = "M36") -> tuple[EaseCell, ...]:
        """Return the EASE-Grid 2.0 cells of which the outline holds at least this share of the area.

        Parameters
        ----------
        share : float
            0 (touched at all) to 1 (wholly inside).
        grid : {"M36", "M09"}
            Of which grid.

        Returns
        -------
        tuple of EaseCell
            Row by row from the north-west.
        """
        if self._own_cells:
            plane = shapely.unary_union([c.polygon() for c in self._own_cells])
        else:
            plane = _projected(self.polygon, EASE_CRS)
        size = EASE_GRIDS[grid].cell_size
        found = []
        for part in shapely.get_parts(plane):
            found += _cells_within(part.bounds, grid)
        # a share of a billionth is what two ways to one edge differ by
        return tuple(
            cell
            for cell in sorted(set(found), key=lambda c: (c.row, c.col))
            if plane.intersection(cell.polygon()).area >= max(share, 2e-9) * size**2 * (1 - 1e-9)
        )

    @property
    def is_masked(self) -> bool:
        """Whether maps end at the outline; those of whole cells fill their lattice."""
        return not self._own_cells

    def inside(self, grid: PixelGrid) -> np.ndarray | None:
        """Return which pixels of a lattice have their centre inside the outline.

        Parameters
        ----------
        grid : PixelGrid
            In the CRS of the maps, such as a window of `grid`.

        Returns
        -------
        (height, width) bool, or None
            None where every pixel counts.
        """
        if not self.is_masked:
            return None
        shapely.prepare(self.outline)
        if self.outline.contains(box(*grid.bounds)):
            return None
        return np.asarray(shapely.contains_xy(self.outline, *grid.centers()))

    def places(self, count: int = 1000) -> np.ndarray:
        """Return a regular sample of the pixels whose centre lies inside the outline.

        Parameters
        ----------
        count : int
            How many, roughly; all of them where there are fewer.

        Returns
        -------
        (n, 2) float64
            Longitude and latitude of their centres.
        """
        step = max(1, int((self.outline.area / self.scale_m**2 / count) ** 0.5))
        middle, (a, _, c, _, e, f) = step // 2, self.grid.transform
        cols, rows = np.arange(middle, self.grid.width, step), np.arange(middle, self.grid.height, step)
        x, y = (v.ravel() for v in np.meshgrid(c + a * (cols + 0.5), f + e * (rows + 0.5)))
        shapely.prepare(self.outline)
        held = shapely.contains_xy(self.outline, x, y)
        return np.column_stack(transformer(self.crs, "EPSG:4326").transform(x[held], y[held]))

    def touches(self, grid: PixelGrid) -> bool:
        """Whether any of a lattice's area belongs to the outline."""
        shapely.prepare(self.outline)
        return bool(self.outline.intersects(box(*grid.bounds)))


def _projected(polygon: BaseGeometry, crs: str) -> BaseGeometry:
    """Return an outline in longitude and latitude as it runs in another CRS."""
    fine = shapely.segmentize(polygon, _STRAIGHT_DEGREES)
    move = transformer("EPSG:4326", crs)
    moved = shapely.transform(fine, lambda xy: np.column_stack(move.transform(xy[:, 0], xy[:, 1])))
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise InputError(
            f"The outline of the area leaves what {crs} can show; give a CRS made for the place."
        )
    # parts that were cut at the antimeridian join again
    return shapely.unary_union(moved)


def _cells_within(bounds: tuple[float, float, float, float], grid: str) -> list[EaseCell]:
    """Return the cells that a rectangle in the EASE-Grid plane touches."""
    g = EASE_GRIDS[grid]
    left, bottom, right, top = bounds
    rows = range(
        max(int((g.top - top) // g.cell_size), 0), min(int((g.top - bottom) // g.cell_size) + 1, g.rows)
    )
    cols = range(
        max(int((left - g.left) // g.cell_size), 0), min(int((right - g.left) // g.cell_size) + 1, g.cols)
    )
    return [EaseCell(grid, row, col) for row in rows for col in cols]


def _degrees_beyond(lon: float, west: float, east: float) -> float:
    """Return how far a longitude lies outside an interval that may cross the antimeridian."""
    width = (east - west) % 360 or 360.0
    offset = (lon - west) % 360
    return 0.0 if offset <= width else min(offset - width, 360 - offset)


def _read_outline(value: str, folder: Path) -> str:
    """Return the polygons of a GeoJSON file, or text, as one compact geometry; `ValueError` when it cannot be
    read, holds no polygon, or is not in longitude and latitude.
    """
    if value.lstrip().startswith("{"):
        text, origin = value, "geojson"
    else:
        try:
            text, origin = (folder / value).read_text(encoding="utf-8"), value
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(
                f"the outline file {value} cannot be read ({error}); give a GeoJSON file"
            ) from error
    try:
        with np.errstate(invalid="ignore"):  # what is no number is refused below
            found = [g for g in _geometries(json.loads(text)) if not g.is_empty]
    except (ValueError, TypeError, KeyError, AttributeError, shapely.errors.ShapelyError) as error:
        said = str(error)
        if not isinstance(error, ValueError | shapely.errors.ShapelyError):
            said = "type, coordinates, geometry or features are not where they belong"
        raise ValueError(f"{origin:.80} is not GeoJSON ({said}); give polygons in lon and lat") from error
    polygons = [g for g in found if g.geom_type in ("Polygon", "MultiPolygon")]
    if not polygons or len(polygons) < len(found):
        raise ValueError(
            f"{origin:.80} holds {len(polygons)} polygons among {len(found)} shapes; only polygons count"
        )
    if not np.isfinite(shapely.get_coordinates(polygons)).all():
        raise ValueError(f"{origin:.80} holds a corner that is not a finite number; give degrees")
    union = shapely.unary_union([shapely.make_valid(p) for p in polygons])
    parts = [p for p in shapely.get_parts(union) if p.geom_type in ("Polygon", "MultiPolygon")]
    outline = shapely.normalize(shapely.unary_union(parts))
    if outline.is_empty:
        raise ValueError(f"{origin:.80} encloses nothing: its corners lie on one line; give polygons")
    west, south, east, north = outline.bounds
    if not (west >= -180 and east <= 180 and south >= -_MAX_LATITUDE and north <= _MAX_LATITUDE):
        raise ValueError(
            f"the outline reaches from {west:g}, {south:g} to {east:g}, {north:g}; GeoJSON is in degrees, "
            f"longitude first, within ±180 and ±{_MAX_LATITUDE:g}, and cut at the antimeridian"
        )
    return shapely.to_geojson(outline)


def _geometries(content: Any) -> list[BaseGeometry]:
    """Return the geometries of a GeoJSON object of any kind."""
    kind = content["type"]
    if kind == "FeatureCollection":
        return [g for feature in content["features"] for g in _geometries(feature)]
    if kind == "Feature":
        return _geometries(content["geometry"]) if content["geometry"] else []
    if kind == "GeometryCollection":
        return [g for part in content["geometries"] for g in _geometries(part)]
    return [shape(content)]

"""The layers of a run on a `geemap.Map`, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from smgee.maps.viewer import Viewer

if TYPE_CHECKING:
    import geemap


def add_run(
    target: geemap.Map,
    viewer: Viewer,
    *,
    day: date | None = None,
    layers: Sequence[str] = ("natural", "soil_moisture"),
) -> geemap.Map:
    """Add maps of a run, its EASE-Grid cells and its stations to a map, and look at them.

    Parameters
    ----------
    target : geemap.Map
        The map, any geemap map of the ipyleaflet kind.
    viewer : Viewer
        Of the run; it is started, since it serves the tiles of the run's own maps.
    day : date, optional
        Which day, by default the middle one of those mapped.
    layers : sequence of str
        Names among ``viewer.content.layers`` and ``viewer.earth.layers``, the lowest first.

    Returns
    -------
    geemap.Map
        The same map.
    """
    import ipyleaflet

    viewer.start()
    content = viewer.content
    day = content.days[len(content.days) // 2] if day is None else content.day(day.isoformat())
    known = {**content.layers, **(viewer.earth.layers if viewer.earth is not None else {})}
    for name in layers:
        title = known[name].title if name in known else name
        target.add_layer(
            ipyleaflet.TileLayer(url=viewer.tiles_of(name, day), name=f"{title}, {day}", max_zoom=20)
        )
    outline = {"color": "#222222", "weight": 1.5, "fill": False}
    target.add_layer(ipyleaflet.GeoJSON(data=_cells(viewer), style=outline, name="EASE-Grid 2.0 cells"))
    point = {"radius": 5, "color": "#222222", "weight": 1, "fillColor": "#ffffff", "fillOpacity": 1}
    stations = _stations(viewer, day)
    target.add_layer(
        ipyleaflet.GeoJSON(data=stations, point_style=point, name="stations", style_callback=_fill)
    )
    lon, lat = np.array(content.outline).T
    target.fit_bounds([[lat.min(), lon.min()], [lat.max(), lon.max()]])
    return target


def _cells(viewer: Viewer) -> dict[str, Any]:
    rings = viewer.content.told()["cells"]
    return _collection(
        [({"name": name}, {"type": "Polygon", "coordinates": [ring]}) for name, ring in rings.items()]
    )


def _stations(viewer: Viewer, day: date) -> dict[str, Any]:
    look = viewer.content.station_looks["value"]
    found = []
    for row in viewer.content.stations_on(day):
        value = np.nan if row["value"] is None else row["value"]
        red, green, blue, known = look.colours(np.array(value))
        colour = f"#{red:02x}{green:02x}{blue:02x}" if known else "#ffffff"
        point = {"type": "Point", "coordinates": [row["lon"], row["lat"]]}
        found.append(({**row, "colour": colour}, point))
    return _collection(found)


def _collection(parts: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    features = [{"type": "Feature", "properties": p, "geometry": g} for p, g in parts]
    return {"type": "FeatureCollection", "features": features}


def _fill(feature: dict[str, Any]) -> dict[str, Any]:
    return {"fillColor": feature["properties"]["colour"]}

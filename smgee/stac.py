"""A run as a SpatioTemporal Asset Catalog (STAC 1.1): a collection of the run, and an item of its maps.

https://github.com/radiantearth/stac-spec, and its extension for projections,
https://github.com/stac-extensions/projection. All links are relative, so that the folder can be moved.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import shapely

from smgee import schemas
from smgee.area import Area
from smgee.errors import MissingDataError
from smgee.io import write_json
from smgee.study import Study
from smgee.tables import Schema
from smgee.upscale import MapStore, Variable

__all__ = ["describe_run", "write_catalog"]

FOLDER = "stac"
"""Where a run's catalog lies."""

_VERSION = "1.1.0"
_PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
_TYPES: Mapping[str, str] = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".nc": "application/netcdf",
    ".parquet": "application/vnd.apache.parquet",
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".yml": "application/yaml",
    ".zarr": "application/vnd.zarr",
}
_FILES: Mapping[str, tuple[str, str]] = {
    "report.html": ("The report, self-contained", "overview"),
    "study.yml": ("The study that the run was made by", "metadata"),
    "manifest.json": ("What each step read, wrote and took", "metadata"),
    "certificate.json": ("Whether the model is better than the mean of the stations", "metadata"),
    "stations.nc": ("Daily means of the stations", "data"),
    "samples.parquet": ("Stations × days × predictors", "data"),
}
"""Files of a run that are no tables: title and role."""


def write_catalog(run: str | Path, study: Study) -> Path:
    """Write the catalog of a run into its folder ``stac``; returns the path of the collection.

    Raises
    ------
    MissingDataError
        When the run has no maps.
    """
    folder = Path(run) / FOLDER
    folder.mkdir(exist_ok=True)
    collection, item = describe_run(run, study)
    for name, content in (("maps.json", item), ("collection.json", collection)):
        write_json(folder / name, content)
    return folder / "collection.json"


def describe_run(run: str | Path, study: Study) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the collection of a run and the item of its maps.

    Parameters
    ----------
    run : path-like
        The run folder.
    study : Study
        Its study.

    Raises
    ------
    MissingDataError
        When the run has no maps.
    """
    run = Path(run)
    if not (run / "maps.zarr").is_dir():
        raise MissingDataError(
            f"{run} has no maps.zarr to describe; make it with `smgee predict --run {run}`."
        )
    store = MapStore.open(run / "maps.zarr")
    title = store.provenance.titled(f"Daily soil moisture at {study.area.scale_m:g} m, {study.name}")
    times = [f"{store.days[0]}T00:00:00Z", f"{store.days[-1]}T23:59:59Z"]
    links = [
        {"rel": "root", "href": "./collection.json", "type": "application/json"},
        {"rel": "collection", "href": "./collection.json", "type": "application/json"},
        {"rel": "parent", "href": "./collection.json", "type": "application/json"},
    ]
    item = {
        "type": "Feature",
        "stac_version": _VERSION,
        "stac_extensions": [_PROJECTION],
        "id": f"{study.name}-maps",
        "collection": study.name,
        "geometry": json.loads(shapely.to_geojson(study.area.polygon)),
        "bbox": _bbox(study.area),
        "properties": {
            "title": title,
            "datetime": None,
            "start_datetime": times[0],
            "end_datetime": times[1],
            "gsd": study.area.scale_m,
            **_crs(store.grid.crs),
            "proj:shape": list(store.grid.shape),
            "proj:transform": list(store.grid.transform),
            "smgee:synthetic": store.provenance.synthetic,
            "smgee:days": len(store.days),
            "smgee:identity": store.identity,
        },
        "assets": _maps(run, store),
        "links": links,
    }
    collection = {
        "type": "Collection",
        "stac_version": _VERSION,
        "id": study.name,
        "title": title,
        "description": "Soil moisture upscaled from a station network, and the validation of SMAP with it, "
        "by smgee.",
        "keywords": ["soil moisture", "SMAP", "HLS", "upscaling"],
        "license": "other",  # that of the stations' data, which smgee cannot know
        "extent": {"spatial": {"bbox": [item["bbox"]]}, "temporal": {"interval": [times]}},
        "summaries": {"gsd": [study.area.scale_m]},
        "assets": _others(run),
        "links": [links[0], {"rel": "item", "href": "./maps.json", "type": "application/geo+json"}],
    }
    return collection, item


def _bbox(area: Area) -> list[float]:
    """Return west, south, east and north; east is the smaller one across the antimeridian."""
    west, south, east, north = area.polygon.bounds
    if east - west > 180:
        parts = [part.bounds for part in shapely.get_parts(area.polygon)]
        west = min(b[0] for b in parts if b[0] >= 0)
        east = max(b[2] for b in parts if b[2] <= 0)
    return [west, south, east, north]


def _crs(crs: str) -> dict[str, Any]:
    """Return a CRS as the extension for projections tells it: by its code, or where it has none as WKT."""
    if re.fullmatch(r"[A-Z]+:\w+", crs):
        return {"proj:code": crs}
    return {"proj:code": None, "proj:wkt2": crs}


def _maps(run: Path, store: MapStore) -> dict[str, Any]:
    bands = _bands(store.variables)
    found = {"maps": _asset("maps.zarr", "Daily maps, zarr 2", "data") | {"bands": bands}}
    if (run / "maps" / "season_mean.tif").is_file():
        mean = _asset("maps/season_mean.tif", "Mean of the mapped days", "data")
        found["season_mean"] = mean | {"bands": bands[:1]}
    if (run / "layers.zarr").is_dir():
        layers = _asset("layers.zarr", "Uncertainty and applicability of some days, zarr 2", "data")
        found["layers"] = layers | {"bands": _bands(MapStore.open(run / "layers.zarr").variables)}
    return found


def _bands(variables: Sequence[Variable]) -> list[dict[str, Any]]:
    return [
        {"name": v.name, "description": v.long_name, "unit": v.units, "data_type": "float32", "nodata": "nan"}
        for v in variables
    ]


def _others(run: Path) -> dict[str, Any]:
    """Return the assets of the run beside its maps: those that are there."""
    tables = {s.name: s.title for _, s in inspect.getmembers(schemas) if isinstance(s, Schema)}
    known = {**_FILES, **{f"{name}.csv": (title, "data") for name, title in tables.items()}}
    return {
        Path(name).stem: _asset(name, title, role)
        for name, (title, role) in known.items()
        if (run / name).is_file()
    }


def _asset(name: str, title: str, role: str) -> dict[str, Any]:
    return {"href": f"../{name}", "type": _TYPES[Path(name).suffix], "title": title, "roles": [role]}

"""`smgee catalog`: the user's own files under official or private ids."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.progress import Progress

from smgee.eelocal.assets.catalog import AddOptions, add_files, check_catalog, list_catalog, remove_asset
from smgee.errors import InputError

app = typer.Typer(
    help="Register your own files under Earth Engine ids, for the embedded backend.", no_args_is_help=True
)

Folder = Annotated[Path, typer.Option("--catalog", "-c", help="The catalog folder.")]


@app.command()
def add(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="For example NASA/HLS/HLSS30/v002, or an id of your own.")
    ],
    files: Annotated[
        list[Path],
        typer.Argument(help="GeoTIFF, NetCDF, Zarr, SMAP L3 HDF5, or one table (CSV, GeoJSON, GeoParquet)."),
    ],
    catalog: Folder,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the files into the catalog instead of referring to them.")
    ] = False,
    kind: Annotated[
        Literal["image", "collection", "table"] | None,
        typer.Option("--type", help="What the id is, if in doubt."),
    ] = None,
    bands: Annotated[
        str | None, typer.Option(help="Band names, separated by commas, for files that do not name theirs.")
    ] = None,
    scale: Annotated[float | None, typer.Option(help="Multiply stored values by this.")] = None,
    offset: Annotated[float | None, typer.Option(help="Add this to the scaled values.")] = None,
    nodata: Annotated[
        float | None, typer.Option(help="The stored value that means nothing, instead of the file's tag.")
    ] = None,
    x: Annotated[str | None, typer.Option(help="A CSV's column of longitudes or eastings.")] = None,
    y: Annotated[str | None, typer.Option(help="A CSV's column of latitudes or northings.")] = None,
    crs: Annotated[str | None, typer.Option(help="The CRS of coordinates that do not state theirs.")] = None,
    properties: Annotated[
        list[str] | None, typer.Option("--property", "-p", help="A property NAME=VALUE; repeat for more.")
    ] = None,
) -> dict[str, Any]:
    """Register FILES under ID. Bands, scale, nodata, dates and tiles are taken from file names and tags."""
    options = AddOptions(
        copy=copy,
        kind=kind,
        scale=scale,
        offset=offset,
        nodata=nodata,
        x=x,
        y=y,
        crs=crs,
        bands=tuple(b.strip() for b in bands.split(",")) if bands else (),
        properties=_properties(properties or []),
    )
    with Progress(transient=True, disable=not sys.stdout.isatty()) as bar:
        task = bar.add_task("reading files", total=len(files))
        added = add_files(
            catalog, identifier, files, options, progress=lambda done, total: bar.update(task, completed=done)
        )
    what = f"{len(added.images)} images" if added.type == "IMAGE_COLLECTION" else added.type.lower()
    typer.echo(
        f"{added.id}: {what}, {'columns' if added.type == 'TABLE' else 'bands'} {', '.join(added.bands)}"
    )
    for name in added.skipped:
        typer.echo(f"skipped {name}: not a raster")
    return {
        "id": added.id,
        "type": added.type,
        "bands": list(added.bands),
        "images": len(added.images),
        "skipped": [str(name) for name in added.skipped],
    }


def _properties(items: list[str]) -> dict[str, str | float | int]:
    found: dict[str, str | float | int] = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise InputError(f"The property {item!r} is not of the form NAME=VALUE.")
        for convert in (int, float):
            try:
                found[name] = convert(text)
                break
            except ValueError:
                continue
        else:
            found[name] = text
    return found


@app.command("list")
def list_(catalog: Folder) -> list[dict[str, Any]]:
    """Show what a catalog holds."""
    rows = list_catalog(catalog)
    for row in rows:
        times = ""
        if row["first"] is not None:
            first, last = (
                datetime.fromtimestamp(row[k] / 1000, UTC).date().isoformat() for k in ("first", "last")
            )
            times = first if first == last else f"{first} … {last}"
        count = f"{row['images']} images" if row["type"] == "IMAGE_COLLECTION" else row["type"].lower()
        typer.echo("  ".join(part for part in (row["id"], count, times, ", ".join(row["bands"])) if part))
    return [dict(row) for row in rows]


@app.command()
def remove(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="An asset, or a collection with its images.")
    ],
    catalog: Folder,
) -> list[str]:
    """Take an asset out of a catalog; files it only refers to stay where they are."""
    removed = remove_asset(catalog, identifier)
    typer.echo(f"removed {len(removed)} assets")
    return [str(name) for name in removed]


@app.command()
def check(catalog: Folder) -> None:
    """Read a pixel of every band and the first row of every table, and say what is wrong."""
    problems = check_catalog(catalog)
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise InputError(f"The catalog {catalog} has {len(problems)} problems; see above.")
    typer.echo("everything can be read")

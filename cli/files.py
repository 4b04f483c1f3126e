"""``smgee files``: the maps of a run as files for others."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from smgee.errors import InputError
from smgee.upscale import MapStore, write_daily_cogs, write_netcdf
from smgee_cli.display import console
from smgee_cli.steps import RunOption


def files(
    run: RunOption,
    netcdf: Annotated[Path | None, typer.Option(help="NetCDF file to write, by the CF conventions.")] = None,
    cogs: Annotated[
        Path | None, typer.Option(help="Folder for one cloud-optimised GeoTIFF a day and variable.")
    ] = None,
    day: Annotated[
        list[datetime] | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only this day; repeat for several. Default: all."),
    ] = None,
    layers: Annotated[
        bool,
        typer.Option("--layers", help="Uncertainty and applicability (layers.zarr) instead of the maps."),
    ] = False,
) -> dict[str, Any]:
    """Write the daily maps of a run as one NetCDF file, or as GeoTIFFs; the run itself stays as it is."""
    if netcdf is None and cogs is None:
        raise InputError("Nothing was asked for; give --netcdf FILE, --cogs FOLDER, or both.")
    maps = MapStore.open(run / ("layers.zarr" if layers else "maps.zarr"))
    days = [each.date() for each in day] if day else None
    written: list[Path] = []
    if netcdf is not None:
        with console.status("writing NetCDF"):
            written.append(write_netcdf(maps, netcdf, days=days))
    if cogs is not None:
        with console.status("writing GeoTIFFs") as status:
            written += write_daily_cogs(
                maps,
                cogs,
                days=days,
                progress=lambda done, total: status.update(f"writing GeoTIFFs: {done} of {total}"),
            )
    more = f" and {len(written) - 1} more" if len(written) > 1 else ""
    console.print(f"Wrote {written[0]}{more}.")
    return {"files": [str(path) for path in written]}

"""`smgee doctor`: what is installed, what can be reached, and where the two backends differ."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from smgee.datasets import HLS
from smgee.doctor.coverage import approximate, count
from smgee.doctor.probes import PROBES, answers_agree, ask
from smgee.eelocal.assets.catalog import check_catalog
from smgee.errors import ParityError, SmgeeError
from smgee.late import ee
from smgee.session import connect, default_store

_PACKAGES = (
    "earthengine-api",
    "xee",
    "geemap",
    "numpy",
    "xarray",
    "rasterio",
    "pyproj",
    "shapely",
    "xgboost",
    "catboost",
    "scikit-learn",
    "shap",
)
_CREDENTIAL_VARIABLES = ("EARTHENGINE_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS", "EARTHENGINE_PROJECT")


def doctor(
    live: Annotated[
        bool, typer.Option("--live", help="Ask the real service the open questions and print what differs.")
    ] = False,
    project: Annotated[str | None, typer.Option(help="The Cloud project for --live.")] = None,
    catalog: Annotated[
        Path | None, typer.Option("--catalog", "-c", help="Check this catalog folder too.")
    ] = None,
) -> dict[str, Any]:
    """Check the installation and the backends; credentials are looked for, never shown."""
    console = Console(highlight=False, soft_wrap=True)
    _versions(console)
    _credentials(console)
    failed = not _embedded(console)
    if catalog is not None:
        problems = check_catalog(catalog)
        for problem in problems:
            console.print(f"  [red]✗[/] {problem}")
        if not problems:
            console.print(f"  [green]✓[/] catalog {catalog}: everything can be read")
        failed |= bool(problems)
    differences = _live(console, project) if live else 0
    if failed:
        raise SmgeeError("Something above does not work; the lines with ✗ say what.")
    if differences:
        raise ParityError(
            f"The real service answers {differences} cases otherwise than the embedded one; the lines with ✗ "
            "say which."
        )
    return {"embedded": True, "catalog": None if catalog is None else str(catalog), "live": live}


def _versions(console: Any) -> None:
    console.print(
        f"smgee {importlib.metadata.version('smgee')}, Python {platform.python_version()}, "
        f"{platform.platform()}"
    )
    console.print(f"  {os.cpu_count()} processors, {shutil.disk_usage('.').free / 2**30:.0f} GiB free here")
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            console.print(f"  [red]✗[/] {name} is not installed; run: pip install {name}")
    console.print("  " + ", ".join(found))


def _credentials(console: Any) -> None:
    from ee import oauth

    stored = Path(oauth.get_credentials_path()).exists()
    variables = [name for name in _CREDENTIAL_VARIABLES if os.environ.get(name)]
    console.print("Real service")
    console.print(
        "  stored credentials: "
        f"{'present' if stored else 'none (run `earthengine authenticate` to use the real service)'}"
    )
    console.print(f"  environment: {', '.join(variables) + ' set' if variables else 'nothing set'}")


def _embedded(console: Any) -> bool:
    console.print("Embedded Earth Engine")
    try:
        begun = time.perf_counter()
        with connect("embedded") as session:
            connected = time.perf_counter() - begun
            total = ee.Number(1).add(1).getInfo()
            images = ee.ImageCollection(HLS["S30"].id).filterDate("2021-07-01", "2021-07-20").size().getInfo()
            url = session.serve()
        console.print(
            f"  [green]✓[/] connected in {connected:.2f} s; 1 + 1 = {total}; {images} HLS images in July "
            f"2021; served at {url}"
        )
    except Exception as error:
        console.print(f"  [red]✗[/] {type(error).__name__}: {error}")
        return False
    done, total = count()
    console.print(
        f"  {done} of {total} public algorithms, {len(approximate())} of them approximate (COVERAGE.md); "
        f"own assets in {default_store()}"
    )
    return True


def _live(console: Any, project: str | None) -> int:
    """Ask both backends every open question, and print where they differ."""
    console.print(f"Open questions, asked of both backends ({len(PROBES)})")
    with connect("earthengine", project=project):
        live = [ask(p) for p in PROBES]
    with connect("embedded"):
        here = [p.assumed if p.catalog else ask(p) for p in PROBES]
    differences = 0
    for probe, real, embedded in zip(PROBES, live, here, strict=True):
        agrees = answers_agree(real, embedded)
        differences += not agrees
        console.print(f"  {'[green]✓[/]' if agrees else '[red]✗[/]'} {probe.key}: {probe.question}")
        if not agrees:
            console.print(f"      real: {real}", markup=False)
            console.print(f"      here: {embedded}", markup=False)
    return differences

"""The steps of a run as commands of their own, each on a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

RunOption = Annotated[Path, typer.Option("--run", "-r", help="Run folder.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Do the step again even if it is done.")]


def _one(name: str, run: Path, force: bool, **options: Any) -> Any:
    from smgee.workflow import RunFolder
    from smgee_cli.display import run_with_progress
    from smgee_cli.run import connected

    folder = RunFolder(run)
    with connected(folder):
        run_with_progress(
            folder, [name], force=force, options={name: {k: v for k, v in options.items() if v is not None}}
        )
    return folder


def sample(run: RunOption, force: ForceOption = False) -> None:
    """Sample every predictor at the stations, server-side → samples.parquet."""
    from smgee_cli.display import console

    facts = _one("sample", run, force).manifest["steps"]["sample"]
    console.print(
        f"{facts['rows']:,} rows, {facts['complete_rows']:,} with all {facts['predictors']} predictors → "
        f"{run / 'samples.parquet'}"
    )


def predict(
    run: RunOption,
    route: Annotated[
        str | None, typer.Option(help="xee: trees here on pulled tiles; classifier: trees on Earth Engine.")
    ] = None,
    force: ForceOption = False,
) -> None:
    """Map soil moisture at 30 m → maps.zarr, maps/season_mean.tif; both routes are compared on one day."""
    from smgee_cli.display import console

    facts = _one("predict", run, force, route=route).manifest["steps"]["predict"]
    console.print(f"{facts['days']} days mapped by the {facts['route']} route. {facts['parity_sentence']}")


def validate(run: RunOption, force: ForceOption = False) -> None:
    """Validate SMAP on the exact EASE-Grid cells → validation_36km.csv, validation_9km.csv,
    heterogeneity.csv.
    """
    from smgee_cli.summary import print_validation

    print_validation(_one("validate", run, force))


def report(run: RunOption) -> None:
    """Draw the figures and write report.html."""
    from smgee_cli.display import console

    _one("report", run, True)
    console.print(f"Report: {run / 'report.html'}")


def publish(
    run: RunOption,
    folder: Annotated[
        str | None, typer.Option(help="Asset folder, projects/…/assets/…; named like the run if not given.")
    ] = None,
    bucket: Annotated[
        str | None, typer.Option(help="Cloud Storage bucket of yours for the upload (real service).")
    ] = None,
) -> None:
    """Publish the season's mean map, the model and the stations as Earth Engine assets."""
    from smgee_cli.display import console

    for name in _one("publish", run, True, folder=folder, bucket=bucket).manifest["steps"]["publish"][
        "assets"
    ]:
        console.print(name)

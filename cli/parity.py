"""`smgee parity`: the same numbers from the library, the kernel, the tree text and Earth Engine."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import pandas as pd
import typer
from rich.table import Table

import smgee
from smgee.errors import InputError, MissingDataError
from smgee.remote import bucket_uploader
from smgee.trees.parity import ParityReport, check_parity
from smgee_cli.display import console


def parity(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="A model file (.npz of smgee; XGBoost .json or .ubj; CatBoost .cbm or .json; LightGBM "
            ".txt), or a run folder."
        ),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="Real rows to compare.")] = 500,
    planted: Annotated[
        int, typer.Option(min=1, help="Rows planted on thresholds and their float neighbours.")
    ] = 3000,
    rows: Annotated[
        Path | None,
        typer.Option(
            help="Table of real rows (CSV or parquet); by default what the run's models were trained on."
        ),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(help="Predictor names in column order, separated by commas, for a model that has none."),
    ] = None,
    backend: Annotated[
        str, typer.Option(help="embedded, earthengine, or none for no classifier.")
    ] = "embedded",
    project: Annotated[str | None, typer.Option(help="Cloud project, for the real service.")] = None,
    transport: Annotated[str, typer.Option(help="auto, inline, table, blob or classifier.")] = "auto",
    asset: Annotated[
        str | None, typer.Option(help="Id of the asset to write, for the transports table and classifier.")
    ] = None,
    bucket: Annotated[str | None, typer.Option(help="Cloud Storage bucket, for the transport blob.")] = None,
    digits: Annotated[str, typer.Option(help="exact, or short: what float32 pixels need.")] = "exact",
    tolerance: Annotated[
        float | None, typer.Option(help="Largest difference allowed, in the unit of the target.")
    ] = None,
    run: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> list[dict[str, Any]]:
    """Compare library, kernel, tree text and the classifier on Earth Engine; fail above the tolerance."""
    if run is not None:
        raise InputError(
            f"`smgee parity` compares models; `smgee compare-routes --run {run}` compares the routes "
            f"of a run, and `smgee parity {run}` its models."
        )
    if model is None:
        raise InputError("No model was given; name a model file or a run folder: `smgee parity MODEL`.")
    if backend not in ("embedded", "earthengine", "none"):
        raise InputError(f"The backend {backend!r} is not known; choose embedded, earthengine or none.")
    models = sorted((model / "models").glob("*.npz")) if model.is_dir() else [model]
    if not models:
        raise MissingDataError(f"The folder {model} has no models/*.npz; train first, or give a model file.")
    with ExitStack() as stack:
        session, upload = None, None
        if backend == "embedded":
            # What is written here is of no use to anybody afterwards.
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="smgee-")))
            buckets = {bucket: folder / "bucket"} if bucket else None
            session = stack.enter_context(
                smgee.connect("embedded", sources=[], store=folder / "assets", buckets=buckets)
            )
            asset = asset or f"{session.asset_root}/trees"
            upload = bucket_uploader(bucket, folder=folder / "bucket") if bucket else None
        elif backend == "earthengine":
            session = stack.enter_context(smgee.connect("earthengine", project=project))
            upload = bucket_uploader(bucket, project=session.project) if bucket else None
        reports = []
        for path in models:
            with console.status(f"Comparing {path.name}"):
                report = check_parity(
                    path,
                    rows=_table(rows, path),
                    n=n,
                    planted=planted,
                    feature_names=names.split(",") if names else None,
                    backend=session is not None,
                    transport=transport,  # type: ignore[arg-type]
                    asset_id=asset,
                    upload=upload,
                    digits=digits,  # type: ignore[arg-type]
                    tolerance=tolerance,
                )
            _print(path, report)
            reports.append(report)
    for report in reports:
        report.require()
    return [
        {
            "model": path.name,
            "tolerance": report.tolerance,
            "rows": sorted({c.rows for c in report.comparisons}),
            "largest_difference": {c.method: c.max_difference for c in report.comparisons},
            "skipped": dict(report.skipped),
        }
        for path, report in zip(models, reports, strict=True)
    ]


def _table(rows: Path | None, model: Path) -> Any:
    """Read the real rows; None where the model lies in no run folder."""
    path = rows
    if path is None:
        path = model.parent / "training.parquet"
        if not path.is_file():
            return None
    if not path.is_file():
        raise MissingDataError(
            f"The table {path} does not exist; give a CSV or parquet file with the predictors as columns."
        )
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


def _print(path: Path, report: ParityReport) -> None:
    e = report.ensemble
    console.print(f"[bold]{path.name}[/bold]: {e!r}")
    console.print(
        f"Tree text: {report.text_trees:,} trees, {report.text_bytes:,} bytes, "
        f"{report.text_bytes / e.n_nodes:.1f} bytes a node."
    )
    if e.allows_missing:
        console.print(
            "Rows with gaps are compared here only: Earth Engine masks a pixel that lacks a predictor, "
            "whatever the model would say."
        )
    renamed = {a: b for a, b in e.ee_names.items() if a != b}
    if renamed:
        console.print("Bands on Earth Engine: " + ", ".join(f"{a} → {b}" for a, b in renamed.items()) + ".")
    table = Table(
        "prediction by",
        "rows",
        "number",
        "max |Δ|",
        "",
        title=f"Against the trees in float64, tolerance {report.tolerance:.2g}",
        title_justify="left",
    )
    for c in report.comparisons:
        table.add_row(
            c.method,
            c.rows,
            f"{c.count:,}",
            f"{c.max_difference:.3g}",
            "ok" if c.max_difference <= report.tolerance else "[red]differs[/red]",
        )
    console.print(table)
    if any(c.rows == "drawn" for c in report.comparisons):
        console.print(
            "No real rows were at hand, so rows were drawn between the thresholds; --rows takes a table."
        )
    for method, reason in report.skipped.items():
        console.print(f"Not compared: {method}, because {reason}.")

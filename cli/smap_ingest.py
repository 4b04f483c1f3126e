"""`smgee smap ingest`: Earth Engine assets of SMAP files."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import typer
from rich.progress import Progress

from smgee.errors import InputError
from smgee.ingest import ingest_smap
from smgee.remote import bucket_uploader
from smgee.session import connect
from smgee.study import Study
from smgee_cli.display import console

BUCKET = "smgee-smap"


def ingest(
    files: Annotated[list[Path], typer.Argument(help="SPL3SMP or SPL3SMP_E, level-3 days (.h5).")],
    collection: Annotated[
        str | None,
        typer.Option("--collection", "-c", help="projects/…/assets/…; named by the product if not given."),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option("--study", "-s", help="A study file: its backend, and only the window of its cells."),
    ] = None,
    backend: Annotated[
        Literal["embedded", "earthengine"], typer.Option(help="Where to, without a study.")
    ] = "embedded",
    project: Annotated[str | None, typer.Option(help="Google Cloud project, without a study.")] = None,
    bucket: Annotated[
        str | None, typer.Option(help="Cloud Storage bucket of yours for the upload (real service).")
    ] = None,
    reader: Annotated[
        list[str] | None,
        typer.Option(help="Who may read the collection: allUsers, user:NAME@HOST, … (can be given again)."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace images that smgee did not ingest.")
    ] = False,
) -> dict[str, Any]:
    """Make an image collection on the exact EASE-Grid of SMAP files.

    Both overpasses, every retrieval algorithm, all bits of the flags, and the time of each pass are kept.
    Days that are there already, made of the same files, are left alone.
    """
    content = Study.from_yaml(study) if study is not None else None
    kind = content.backend.kind if content is not None else backend
    project = content.backend.project if content is not None else project
    if content is not None:
        bucket = bucket or content.publish.bucket
    if kind == "earthengine" and bucket is None:
        raise InputError(
            "Earth Engine ingests from Cloud Storage only; name a bucket of yours with --bucket NAME, or as "
            "publish.bucket in the study."
        )
    with TemporaryDirectory() as folder, Progress(transient=True, disable=not sys.stdout.isatty()) as bar:
        local: dict[str, Any] = {}
        if kind == "embedded":
            local = {"buckets": {BUCKET: folder}, "catalog": content.backend.catalog if content else None}
        task = bar.add_task("ingesting files", total=1.0)
        with connect(kind, project=project, **local) as session:
            if kind == "embedded":
                upload = bucket_uploader(BUCKET, folder=Path(folder))
            else:
                upload = bucket_uploader(str(bucket), project=session.project)
            target = collection or f"{session.asset_root}/{_product(files)}"
            found = ingest_smap(
                files,
                target,
                upload=upload,
                cells=content.cells if content is not None else None,
                readers=reader or (content.publish.readers if content is not None else None),
                overwrite=overwrite or (content is not None and content.publish.overwrite),
                progress=lambda share: bar.update(task, completed=share),
            )
    fresh = sum(f.done for f in found)
    key = {"M36": "collection_36km", "M09": "collection_9km"}[found[0].grid]
    console.print(f"{fresh} of {len(found)} days ingested into {target}; the others were there already.")
    console.print(f"A study judges it with:\n\nsmap:\n  {key}: {target}")
    return {
        "collection": target,
        "setting": f"smap.{key}",
        "ingested": fresh,
        "images": [vars(f) for f in found],
    }


def _product(files: list[Path]) -> str:
    return "SPL3SMP_E" if "_P_E_" in files[0].name else "SPL3SMP"

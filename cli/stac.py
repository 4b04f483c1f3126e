"""``smgee stac``: a run as a SpatioTemporal Asset Catalog."""

from __future__ import annotations

from typing import Any

from smgee.stac import write_catalog
from smgee.workflow.folder import RunFolder
from smgee_cli.display import console
from smgee_cli.steps import RunOption


def stac(run: RunOption) -> dict[str, Any]:
    """Describe a finished run as a SpatioTemporal Asset Catalog: a collection, and an item of its maps.

    Writes stac/collection.json and stac/maps.json, with links that hold wherever the folder is moved to.
    """
    folder = RunFolder(run)
    path = write_catalog(run, folder.study)
    console.print(f"Wrote {path} and {path.parent / 'maps.json'}.")
    return {"collection": str(path), "item": str(path.parent / "maps.json")}

"""What stands below the help of a command, and after it has run: examples, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Guide:
    """How a command is used.

    Attributes
    ----------
    examples : tuple of str
        Command lines as they are typed.
    next : str
        What usually follows; ``{option}`` stands for what was given to an option of the command or stands in
        its result, and without it the line is not told after a run. Empty where it is said in the help alone.
    example_next : str
        The same as it is shown in the help, in the line of the examples; `next` where it is empty.
    """

    examples: tuple[str, ...]
    next: str
    example_next: str = ""


def _step(command: str, following: str, *further: str) -> Guide:
    """Return the guide of a step's command: the same for all."""
    lines = (f"smgee {command} --run runs/mine", *(f"smgee {command} --run runs/mine {f}" for f in further))
    return Guide(lines, f"smgee {following} --run {{run}}", f"smgee {following} --run runs/mine")


GUIDES: Mapping[str, Guide] = {
    "demo": Guide(
        ("smgee demo", "smgee demo --out runs/demo --force"), "smgee view {out}", "smgee view runs/demo"
    ),
    "init": Guide(
        (
            "smgee init --stations network.zip --project my-project",
            "smgee init --stations sm.csv --lon 99.8 --lat 37.5 --catalog my-data",
            "smgee init --check study.yml",
            "smgee init --schema study.schema.json",
        ),
        "{then}",
        "smgee run study.yml",
    ),
    "run": Guide(
        (
            "smgee run study.yml",
            "smgee run study.yml --out runs/mine --publish",
            "smgee run study.yml --dry-run",
        ),
        "{then}",
        "smgee view runs/mine",
    ),
    "plan": Guide(
        (
            "smgee plan study.yml",
            "smgee plan runs/mine --probe --tier contributor",
            "smgee plan study.yml --at qinghai-lake-basin --at tibetan-plateau",
        ),
        "{then}",
        "smgee run study.yml",
    ),
    "status": Guide(
        ("smgee status runs/mine", "smgee status runs/mine --study changed.yml"),
        "{then}",
        "smgee run study.yml --out runs/mine",
    ),
    "stations": Guide(
        (
            "smgee stations network.zip --out runs/mine --depth 0 0.05",
            "smgee stations sm.csv --out runs/mine --detect",
            "smgee stations sm.csv --out runs/mine --places places.csv --unit %",
            "smgee stations study.yml --out runs/mine",
        ),
        "{then}",
        "smgee report --run runs/mine",
    ),
    "sample": _step("sample", "train"),
    "train": Guide(
        (
            "smgee train --run runs/mine",
            "smgee train --out runs/table --table rows.csv --target sm --station site \\",
            "    --time date --predictors red,nir,rain --static clay,slope",
        ),
        "{then}",
        "smgee report --run runs/table",
    ),
    "explain": _step("explain", "report", "--model all"),
    "smap": _step("smap", "predict"),
    "smap ingest": Guide(
        (
            "smgee smap ingest SMAP_L3_SM_P_2021*.h5 --study study.yml",
            "smgee smap ingest SPL3SMP/*.h5 --backend earthengine --bucket my-bucket",
        ),
        "smgee run {study}",
        "smgee run study.yml",
    ),
    "static": _step("static", "validate"),
    "uncertainty": _step("uncertainty", "layers"),
    "layers": _step("layers", "validate"),
    "predict": _step("predict", "zonal", "--route classifier"),
    "compare-routes": _step("compare-routes", "zonal"),
    "zonal": _step("zonal", "validate"),
    "mean-map": _step("mean-map", "report"),
    "validate": _step("validate", "report"),
    "truth": _step("truth", "report"),
    "report": Guide(
        ("smgee report --run runs/mine",),
        "open {run}/report.html in a browser",
        "open runs/mine/report.html in a browser, or smgee view runs/mine",
    ),
    "export": Guide(
        (
            "smgee export --run runs/mine",
            "smgee export --run runs/mine --to bucket --place my-bucket/maps",
            "smgee export --run runs/mine --what mean",
        ),
        "smgee status {run}",
        "smgee status runs/mine",
    ),
    "publish": Guide(
        ("smgee publish --run runs/mine",),
        "smgee verify FOLDER",
        "smgee verify projects/my-project/assets/smgee/mine",
    ),
    "map": Guide(
        ("smgee map study.yml --model runs/mine/models --day 2021-07-15 --out day.tif",),
        "open {out} in a GIS",
        "open day.tif in a GIS",
    ),
    "parity": Guide(
        (
            "smgee parity runs/mine",
            "smgee parity model.json --names red,nir,slope --rows rows.parquet",
            "smgee parity runs/mine --backend earthengine --project my-project",
        ),
        "smgee predict --run RUN --route classifier",
    ),
    "endmembers": Guide(
        ("smgee endmembers study.yml --out endmembers.csv --count 3",),
        "smgee run {study}",
        "smgee run study.yml",
    ),
    "view": Guide(
        ("smgee view runs/demo", "smgee view runs/mine --port 8090 --no-browser"),
        "smgee stac --run {run}",
        "smgee stac --run runs/mine",
    ),
    "files": Guide(
        (
            "smgee files --run runs/mine --netcdf season.nc",
            "smgee files --run runs/mine --cogs daily --day 2021-07-15",
        ),
        "smgee stac --run {run}",
        "smgee stac --run runs/mine",
    ),
    "stac": Guide(
        ("smgee stac --run runs/mine",),
        "open {collection} in a STAC browser",
        "open stac/collection.json in a STAC browser",
    ),
    "edges": Guide(
        ("smgee edges runs/mine",),
        "smgee run STUDY",
        "smgee run study.yml",
    ),
    "catalog": Guide(
        ("smgee catalog add NASA/HLS/HLSS30/v002 downloads/*.tif --catalog my-data",),
        "smgee catalog check --catalog my-data",
    ),
    "catalog add": Guide(
        (
            "smgee catalog add NASA/HLS/HLSS30/v002 downloads/*.tif --catalog my-data",
            "smgee catalog add NASA/NASADEM_HGT/001 dem.tif -c my-data --bands elevation",
        ),
        "smgee catalog check --catalog {catalog}",
        "smgee catalog check --catalog my-data",
    ),
    "catalog list": Guide(
        ("smgee catalog list --catalog my-data",),
        "smgee catalog check --catalog {catalog}",
        "smgee catalog check --catalog my-data",
    ),
    "catalog remove": Guide(
        ("smgee catalog remove NASA/NASADEM_HGT/001 --catalog my-data",),
        "smgee catalog list --catalog {catalog}",
        "smgee catalog list --catalog my-data",
    ),
    "catalog check": Guide(
        ("smgee catalog check --catalog my-data",),
        "smgee init --stations STATIONS --catalog {catalog}",
        "smgee init --stations network.zip --catalog my-data",
    ),
    "verify": Guide(
        (
            "smgee verify projects/my-project/assets/smgee/mine --study study.yml",
            "smgee verify projects/smgee-embedded/assets/smgee/demo/season_mean",
        ),
        "",
        "smgee publish --run runs/mine, where something differs",
    ),
    "experiment": Guide(
        ("smgee experiment", "smgee experiment --seeds 2 --years 2021 --networks random,valley"),
        "open {out}/experiment.png",
        "open runs/experiment/experiment.png",
    ),
    "serve": Guide(
        ("smgee serve", "smgee serve --port 0 --catalog my-data"),
        'smgee.connect("embedded", url="http://127.0.0.1:8085") in Python',
    ),
    "doctor": Guide(
        ("smgee doctor", "smgee doctor --catalog my-data", "smgee doctor --live --project my-project"),
        "smgee demo",
    ),
}
"""By command, those of groups with the group's name in front."""


def epilog_of(name: str) -> str | None:
    """Return what stands below the help of a command; None where there is nothing to say."""
    guide = GUIDES.get(name)
    if guide is None:
        return None
    # brackets would be styles
    lines = [
        "Examples:",
        *(f"  {line}" for line in guide.examples),
        f"Next: {guide.example_next or guide.next}",
    ]
    return "\n".join(line.replace("[", r"\[") for line in lines)


def next_step(name: str, given: Mapping[str, Any]) -> str:
    """Return what follows a command that ran with these options; empty where nothing does."""
    guide = GUIDES.get(name)
    if guide is None:
        return ""
    try:
        return guide.next.format_map({k: v for k, v in given.items() if v is not None})
    except KeyError:
        return ""

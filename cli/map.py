"""``smgee map``: one day's map from a saved model."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import smgee
from smgee.errors import InputError, MissingDataError
from smgee.study import Study
from smgee.tables import write_cog
from smgee.upscale import DailyModel, compare_maps, make_route, map_day
from smgee.workflow.network import beside_models
from smgee_cli.display import console


def map_one(
    study: Annotated[Path, typer.Argument(help="Study file (YAML): area, predictors, backend.")],
    model: Annotated[
        Path,
        typer.Option(
            "--model", "-m", help="Model file of `smgee train` (models/NAME.npz), or a folder of models."
        ),
    ],
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Day to map.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="GeoTIFF to write.")],
    route: Annotated[
        str, typer.Option(help="xee, classifier, or both: the map by both routes, compared on every pixel.")
    ] = "both",
) -> dict[str, Any]:
    """Map one day with a trained model; by default by both routes, which must agree on every pixel."""
    if route not in ("xee", "classifier", "both"):
        raise InputError(f"The route {route!r} is not known; choose xee, classifier or both.")
    content = Study.from_yaml(study)
    trained, predictors = DailyModel.open(model), beside_models(content, model)
    with smgee.connect(content.backend.kind, **_options(content)):
        makes = make_route("classifier" if route == "classifier" else "xee", predictors, trained)
        values = map_day(makes, day.date(), area=content.area)
        if not np.isfinite(values).any():
            raise MissingDataError(
                f"No pixel has all predictors on {day:%Y-%m-%d}; choose a day with clear scenes, or a wider "
                "window in the study."
            )
        if route == "both":
            other = map_day(make_route("classifier", predictors, trained), day.date(), area=content.area)
            console.print(compare_maps(day.date(), values, other).checked().sentence())
    write_cog(
        values,
        content.grid,
        out,
        band="soil_moisture",
        units="m3 m-3",
        tags={"day": f"{day:%Y-%m-%d}", "model": trained.hash},
    )
    valid = values[np.isfinite(values)]
    console.print(
        f"{valid.size:,} pixels, {valid.min():.3f} to {valid.max():.3f} m³/m³, mean {valid.mean():.3f} → "
        f"{out}"
    )
    return {
        "file": str(out),
        "pixels": valid.size,
        "min": float(valid.min()),
        "max": float(valid.max()),
        "mean": float(valid.mean()),
    }


def _options(study: Study) -> dict[str, Any]:
    b = study.backend
    return {"project": b.project} if b.kind == "earthengine" else {"project": b.project, "catalog": b.catalog}

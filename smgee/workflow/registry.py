"""Which steps there are, in their order. A step is one file in `smgee.workflow.steps` and one line here.

Nothing of a step is loaded before it is asked for: its file imports what it works with.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

STEPS: dict[str, str] = {
    "stations": "Read the station network → stations.nc, unfrozen.csv.",
    "sample": "Sample every predictor at the stations, server-side → samples.parquet.",
    "train": "Train the models and score them at stations left out → models/, scores.csv.",
    "explain": "Explain the deployed model by SHAP values → shap/.",
    "uncertainty": "Fit the model again without stations, for intervals and errors → uncertainty/.",
    "smap": "Fetch SMAP of the cells → smap.csv.",
    "static": "Describe the cells by terrain → cells.csv.",
    "predict": "Map soil moisture at 30 m → maps.zarr.",
    "layers": "Map uncertainty and applicability of some days → layers.zarr.",
    "compare_routes": "Compare both routes on every pixel of a day → parity.json.",
    "zonal": "Average the maps over the exact EASE-Grid cells → zonal.csv.",
    "mean_map": "Average the maps over the season → maps/season_mean.tif.",
    "validate": "Validate SMAP on the cells by every reference → validation_36km.csv, validation_9km.csv, ….",
    "truth": "On the synthetic basin: compare references and verdicts with the truth → truth.csv.",
    "report": "Draw the figures and write report.html.",
    "export": "Export the daily maps by tasks of Earth Engine → assets, a bucket or Google Drive.",
    "publish": "Publish the mean map, the model and the stations as Earth Engine assets.",
}


WHOLE = tuple(name for name in STEPS if name != "export")
"""The steps of a whole run; exports are made when their command asks for them."""


def command_of(step: str) -> str:
    """Return the name of a step on the command line."""
    return step.replace("_", "-")


def load_step(name: str) -> Any:
    """Return a `smgee.workflow.step.Step` by its name."""
    return import_module(f"smgee.workflow.steps.{name}").STEP


def all_steps() -> dict[str, Any]:
    """Return every step by name, in their order."""
    return {name: load_step(name) for name in STEPS}

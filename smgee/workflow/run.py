"""A whole run: the steps in order, each done once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from smgee.errors import InputError
from smgee.workflow import pages, publication, steps
from smgee.workflow.folder import RunFolder
from smgee.workflow.preflight import check_study

__all__ = ["STEPS", "run_steps"]

# name → (what it does, function, the files it makes)
STEPS: dict[str, tuple[str, Callable[..., dict[str, Any]], list[str]]] = {
    "stations": ("Read stations", steps.stations, ["stations.nc", "unfrozen.csv"]),
    "sample": ("Sample predictors", steps.sample, ["samples.parquet"]),
    "train": ("Train and score", steps.train, ["scores.csv", "models"]),
    "explain": ("Explain (SHAP)", steps.explain, ["shap"]),
    "predict": ("Map at 30 m", steps.predict, ["smap.csv", "maps.zarr", "maps/season_mean.tif"]),
    "validate": ("Validate SMAP", steps.validate, ["validation_36km.csv", "validation_9km.csv"]),
    "publish": ("Publish assets", publication.publish, []),
    "report": ("Write the report", pages.report, ["report.html"]),
}


def run_steps(
    run: RunFolder,
    names: Sequence[str] = tuple(STEPS),
    *,
    force: bool = False,
    on_start: Callable[[str, str], Any] = lambda name, title: None,
    on_progress: Callable[[str, float], Any] = lambda name, share: None,
    on_done: Callable[[str, dict[str, Any], bool], Any] = lambda name, entry, skipped: None,
    options: dict[str, dict[str, Any]] | None = None,
) -> None:
    """Run steps in their order, skipping those already done with the same study.

    Parameters
    ----------
    run : RunFolder
        Where to read and write.
    names : sequence of str
        Of `STEPS`.
    force : bool
        Do them again even if done.
    on_start, on_progress, on_done : callable
        Told the step's name with its title, the share done, and its manifest entry with whether it was
        skipped.
    options : dict, optional
        Keyword arguments by step.
    """
    unknown = [n for n in names if n not in STEPS]
    if unknown:
        raise InputError(f"The steps {unknown} are not known; choose from {', '.join(STEPS)}.")
    options = options or {}
    check_study(run.study, names)
    with run.writing():
        identity = steps.identities(run.study, route=options.get("predict", {}).get("route"))
        for name in [n for n in STEPS if n in names]:
            title, function, files = STEPS[name]
            own = identity.get(name, identity["validate"])
            read = steps.inputs(run, name)
            on_start(name, title)
            if not force and name not in ("report", "publish") and run.is_done(name, own, read):
                on_done(name, run.manifest["steps"][name], True)
                continue
            chosen = dict(options.get(name, {}))
            if force and name == "predict":
                chosen["again"] = True
            with run.step(name, own, read, files) as facts:
                facts.update(function(run, lambda share, name=name: on_progress(name, share), **chosen))
            on_done(name, run.manifest["steps"][name], False)

"""``smgee train``: score the models, fit them on all rows, explain the best."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from smgee.errors import InputError
from smgee.explain import explain_models, forget
from smgee.models import ESTIMATORS, NetworkTable, TrainingTable, crossval, describe, train_models
from smgee.models.candidates import parse_candidate
from smgee.models.features import MAPPED
from smgee.workflow.folder import RunFolder
from smgee.workflow.run import adopt
from smgee_cli.display import console, run_with_progress
from smgee_cli.summary import print_step
from smgee_cli.train_network import print_scores, train_network


def train(
    out: Annotated[Path, typer.Option("--out", "-o", "--run", "-r", help="Run folder, such as runs/NAME.")],
    table: Annotated[
        Path | None,
        typer.Option(
            help="CSV, parquet or Excel, one row per station and time. Default: samples.parquet of the run "
            "folder."
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column of soil moisture, a fraction (m³/m³).")] = None,
    station: Annotated[
        list[str] | None,
        typer.Option(help="Column that names the station; several, by commas or repeated, name it together."),
    ] = None,
    time_column: Annotated[str | None, typer.Option("--time", help="Column of dates.")] = None,
    predictors: Annotated[
        list[str] | None,
        typer.Option(help="Columns to learn from, by commas or repeated; 'doy' is made from the time."),
    ] = None,
    static: Annotated[
        list[str] | None,
        typer.Option(help="Columns that never change at a station, such as soil texture or elevation."),
    ] = None,
    time_format: Annotated[
        str | None, typer.Option(help="How its dates are written, such as %d.%m.%Y. Default: ISO dates.")
    ] = None,
    rain: Annotated[
        list[str] | None,
        typer.Option(help="Predictors that are rain of their step (anomaly). Default: those named so."),
    ] = None,
    lon: Annotated[
        str | None,
        typer.Option(help="Column of longitudes (or metres on a plane). Default: lon or longitude, if any."),
    ] = None,
    lat: Annotated[
        str | None,
        typer.Option(help="Column of latitudes (or metres on a plane). Default: lat or latitude, if any."),
    ] = None,
    where: Annotated[str | None, typer.Option(help="Rows to use, such as 'Network == \"TxSON\"'.")] = None,
    derive: Annotated[
        list[str] | None,
        typer.Option(help="New column, such as 'ndvi=(B8A-B4)/(B8A+B4)'; repeat for several."),
    ] = None,
    target_scale: Annotated[
        float, typer.Option(help="Factor that turns the target into m³/m³; 0.01 for percent.")
    ] = 1.0,
    models: Annotated[
        list[str] | None,
        typer.Option(help="rf, ert, gbdt, xgboost, catboost, linear, by commas or repeated. Default: all."),
    ] = None,
    candidate: Annotated[
        list[str] | None,
        typer.Option(
            help="A model with settings of its own beside those that are searched (anomaly), such as "
            "'shallow=xgboost:depth=2,penalty=300'; repeat for several."
        ),
    ] = None,
    designs: Annotated[
        list[str] | None,
        typer.Option(
            help="What is held out, by commas or repeated. Anomaly: station, random, block, knndm, period, "
            "year (all by default); absolute: random, station, loso, date, season, block."
        ),
    ] = None,
    learn: Annotated[
        str | None,
        typer.Option(
            help="'anomaly': the difference from the network's state, by place and weather; 'absolute': soil "
            "moisture itself, by the columns as they are. Default: as the run's study says, else anomaly."
        ),
    ] = None,
    trials: Annotated[int, typer.Option(help="Settings tried per model in every fold (anomaly).")] = 40,
    minutes: Annotated[
        float, typer.Option(help="Time to keep to (anomaly): searches end early when it is up.")
    ] = 12.0,
    folds: Annotated[
        int | None, typer.Option(help="Folds of every cross-validation. Default: 5, absolute 10.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of models and folds.")] = 0,
    jobs: Annotated[int | None, typer.Option(help="Fits at a time. Default: one per core.")] = None,
    explain: Annotated[
        str, typer.Option(help="SHAP for the 'best' model, for 'all', or for 'none'.")
    ] = "best",
    ctx: typer.Context = None,  # type: ignore[assignment]
) -> dict[str, Any]:
    """Train models on a table of stations, score them at stations and times not seen, beside baselines.

    Writes scores.csv, models/ (trees without pickle, JSON pages, out-of-fold predictions) and shap/; what is
    learned from a table (state of the network, place, memory of rain) is made from its columns, and a
    certificate says whether the model beats the mean of the other stations.
    """
    if of_the_study(ctx, out):
        found = run_with_progress(RunFolder(out), ["train"])
        print_step(RunFolder(out), "train")
        return found[0] | {"then": f"smgee explain --run {out}"}
    if explain not in ("best", "all", "none"):
        raise InputError(f"--explain {explain} was given; choose best, all or none.")
    learn = learn or usual_target(out, table)
    if learn not in ("anomaly", "absolute"):
        raise InputError(f"--learn {learn} was given; choose anomaly or absolute.")
    if learn == "anomaly":
        network = NetworkTable.read(
            table or out / "samples.parquet",
            target=target,
            station=split_names(station),
            time=time_column,
            time_format=time_format,
            predictors=split_names(predictors),
            static=split_names(static),
            rain=split_names(rain),
            lon=lon,
            lat=lat,
            where=where,
            derive=parse_derived(derive),
            target_scale=target_scale,
            groups=MAPPED if table is None else None,  # what every pixel of the run's maps has too
        )
        written = train_network(
            network,
            out,
            families=[
                *(split_names(models) or ESTIMATORS),
                *(parse_candidate(text) for text in candidate or ()),
            ],
            designs=split_names(designs),
            folds=folds or 5,
            trials=trials,
            minutes=minutes,
            seed=seed,
            jobs=jobs,
            explain=explain,
        )
        adopt(RunFolder(out), "train", by="smgee train", synthetic=network.synthetic, read=table is None)
        return {
            "rows": int(network.scored.sum()),
            "best": "deployed",
            "files": [str(out / name) for name in written],
            "then": f"smgee report --run {out}",
        }
    if candidate:
        raise InputError("--candidate was given; candidates stand beside models of an anomaly only.")
    rows = TrainingTable.read(
        table or out / "samples.parquet",
        target=target,
        station=split_names(station),
        time=time_column,
        time_format=time_format,
        predictors=[*(split_names(predictors) or []), *(split_names(static) or [])],
        where=where,
        derive=parse_derived(derive),
        target_scale=target_scale,
    )
    console.print(describe(rows))
    started = time.perf_counter()
    with progress_bar() as report:
        result = train_models(
            rows,
            models=split_names(models) or tuple(ESTIMATORS),
            designs=split_names(designs) or ("random", "station"),
            folds=folds or 10,
            seed=seed,
            n_jobs=jobs,
            progress=report,
        )
    trained = time.perf_counter() - started
    result.save(out)
    adopt(RunFolder(out), "train", by="smgee train", synthetic=rows.synthetic, read=table is None)
    print_scores(result.scores, synthetic=rows.synthetic)
    best = result.models[result.best]
    console.print(str(result.certificate["words"]))
    console.print(f"Best at stations left out: {best.title}. Scores and fits took {trained:.1f} s.")
    written = ["scores.csv", "certificate.json", "models/"]
    if explain == "none":
        forget(out / "shap")
    else:
        chosen = result.models if explain == "all" else {result.best: best}
        with console.status("explaining"):
            explained = explain_models(chosen, rows, out / "shap", seed=seed)
        print_ranking({name: explained[name].title for name in explained}, out / "shap")
        adopt(RunFolder(out), "explain", by="smgee train", synthetic=rows.synthetic)
        written.append("shap/")
    console.print(f"Wrote {', '.join(written)} in {out}")
    return {
        "rows": len(rows),
        "best": result.best,
        "files": [str(out / name) for name in written],
        "then": f"smgee report --run {out}",
    }


_SAID = {"out", "verbose", "quiet", "json"}
"""Options that ask for no other training: where, and how much is said of it."""


def of_the_study(ctx: typer.Context | None, out: Path) -> bool:
    """Whether a run's own study says how to train: it has one, and no option asks for something else."""
    given = [
        n
        for n in (ctx.params if ctx else ())
        if ctx and n not in _SAID and getattr(ctx.get_parameter_source(n), "name", "") == "COMMANDLINE"
    ]
    return (out / "study.yml").is_file() and not given


def usual_target(out: Path, table: Path | None) -> str:
    """What is learned where nobody says: what the folder's study does, else the anomaly."""
    if table is None and (out / "study.yml").is_file():
        return RunFolder(out).study.training.target
    return "anomaly"


def split_names(values: list[str] | None) -> list[str] | None:
    """Names given by commas, by repetition, or both."""
    names = [name.strip() for value in values or [] for name in value.split(",")]
    return [name for name in names if name] or None


def parse_derived(values: list[str] | None) -> dict[str, str] | None:
    """``name=expression`` texts as a mapping, in their order."""
    derived = {}
    for value in values or []:
        name, equals, expression = value.partition("=")
        if (
            not equals
            or not name.strip().isidentifier()
            or not expression.strip()
            or expression.startswith("=")
        ):
            raise InputError(
                f"--derive {value!r} is not understood; write name=expression, such as "
                "'ndvi=(B8A-B4)/(B8A+B4)'."
            )
        derived[name.strip()] = expression.strip()
    return derived or None


@contextmanager
def progress_bar() -> Iterator[crossval.Progress]:
    """A bar that a library function can report to as ``(what, done, total)``."""
    with Progress(
        TextColumn("{task.description:<32.32}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("fitting", total=None)

        def report(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield report


def print_ranking(titles: dict[str, str], folder: Path, *, top: int = 5) -> None:
    """Print the first predictors of each explained model."""
    for name, title in titles.items():
        first = pd.read_csv(folder / f"{name}_ranking.csv").head(top)
        listed = ", ".join(f"{row.predictor} {row.share:.0%}" for row in first.itertuples())
        console.print(f"What moves the predictions of {title} (share of mean |SHAP|): {listed}")

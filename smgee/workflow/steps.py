"""The steps of a run, each from files to files in the run folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError, MissingDataError
from smgee.io import atomic_path
from smgee.study import Study
from smgee.workflow.folder import RunFolder, identity_of, state_of
from smgee.workflow.preflight import check_place

__all__ = ["explain", "predict", "sample", "stations", "train", "validate"]

Progress = Callable[[float], Any]


def _csv(table: pd.DataFrame, path: Path, *, synthetic: bool) -> None:
    """Write a CSV table, whole or not at all; rows from the synthetic basin say so."""
    if synthetic:
        table = table.assign(synthetic=1)
    with atomic_path(path) as scratch:
        table.to_csv(scratch, index=False, float_format="%.6g")


def _section(study: Study, *names: str) -> dict[str, Any]:
    """Return the parts of a study that a step depends on; what its files hold is in `inputs`."""
    return study.settings(*names)


def is_synthetic(study: Study) -> bool:
    """Whether the run's data come from the synthetic basin."""
    return study.backend.kind == "embedded" and study.backend.catalog is None


def identities(study: Study, *, route: str | None = None) -> dict[str, str]:
    """Return, for each step, the hash of everything in the study that its files depend on; `route` takes
    the place of the study's.
    """
    base = identity_of(_section(study, "start", "end", "area", "backend", "stations"))
    sampled = identity_of(base, _section(study, "predictors"))
    trained = identity_of(sampled, _section(study, "training"))
    chosen = _section(study, "upscale", "smap")
    if route is not None:
        chosen["upscale"]["route"] = route
    mapped = identity_of(trained, chosen)
    return {
        "stations": base,
        "sample": sampled,
        "train": trained,
        "explain": trained,
        "predict": mapped,
        "validate": mapped,
    }


def inputs(run: RunFolder, step: str) -> str:
    """Return the state of the files that a step reads.

    Steps are also commands that can be given other options, and a user's data change: a later step done
    before that is not done any more.
    """
    study = run.study
    network = [run / "stations.nc", run / "unfrozen.csv"]
    trained = sorted((run / "models").glob("*.json"))  # which one is best, and of each the hash of its trees
    read = {
        "stations": [
            Path(p) for p in (study.stations.source, study.stations.table.places) if p and p != "twin"
        ],
        "sample": [*network, *_catalog(study)],
        "train": [run / "samples.parquet"],
        "explain": trained,
        "predict": [run / "unfrozen.csv", *trained, *_catalog(study)],
        "validate": [*network, *trained, run / "smap.csv", run / "maps" / "season_mean.tif"],
    }
    return state_of(read.get(step, []))


def _catalog(study: Study) -> list[Path]:
    return [Path(study.backend.catalog)] if study.backend.catalog else []


def stations(run: RunFolder, progress: Progress) -> dict[str, Any]:
    """Read the network, average it to days, and find the unfrozen periods."""
    from smgee import insitu

    study = run.study
    s = study.stations
    source: str | Path = s.source
    if s.source == "twin":
        from smgee.twin import Basin

        source = run / "ismn"
        Basin().write_stations(source)
        progress(0.5)
    if s.format == "ismn":
        records = insitu.read_ismn(source, s.depth_m, flags=s.flags)
    else:
        layout = s.table.model_dump(exclude={"places"})
        records = insitu.read_table(
            source, depth_m=s.depth_m, good=s.flags, stations=s.table.places, **layout
        )
        unplaced = records["station"].values[
            np.isnan(records["lon"].values) | np.isnan(records["lat"].values)
        ]
        if len(unplaced):
            raise InputError(
                f"{len(unplaced)} of the stations in {Path(source).name} have no coordinates, such as "
                f"{unplaced[0]}; set "
                "stations.table.places, or stations.table.lon and stations.table.lat of a long table."
            )
    check_place(study, records["lon"].values, records["lat"].values)
    records, quality = insitu.check_records(records, s.quality)
    _csv(quality, run / "stations_quality.csv", synthetic=is_synthetic(study))
    daily = insitu.daily_means(records, s.min_hours)
    if is_synthetic(study):
        daily.attrs |= {
            "synthetic": 1,
            "title": f"{daily.attrs.get('title', 'in situ soil moisture')} (SYNTHETIC basin)",
        }
    insitu.write_dataset(daily, run / "stations.nc")
    periods = insitu.unfrozen_periods(records, s.unfrozen, min_hours=s.min_hours)
    _csv(periods, run / "unfrozen.csv", synthetic=is_synthetic(study))
    try:
        spread = insitu.study_heterogeneity(daily, seed=study.training.seed).table
        _csv(spread, run / "stations_heterogeneity.csv", synthetic=is_synthetic(study))
    except MissingDataError:
        (run / "stations_heterogeneity.csv").unlink(missing_ok=True)  # never three stations on a day
    days = active_days(study, periods)
    return {
        "stations": int(daily.sizes["station"]),
        "station_days": int(daily["soil_moisture"].notnull().sum()),
        "unfrozen_days": len(days),
        "dropped_records": int(quality["dropped"].sum()),
    }


def read_stations(run: RunFolder) -> xr.Dataset:
    """Open the daily station means of a run."""

    def load(path: Path) -> xr.Dataset:
        with xr.open_dataset(path, engine="h5netcdf") as ds:
            return ds.load()

    return run.read("stations.nc", "stations", load)


def read_periods(run: RunFolder) -> pd.DataFrame:
    """Read the unfrozen periods of a run."""
    return run.read_table("unfrozen.csv", "stations", dates=["start", "end"])


def active_days(study: Study, periods: pd.DataFrame) -> list[date]:
    """Return the unfrozen days of the study's period, ascending."""
    days = pd.date_range(study.start, study.end, inclusive="left")
    keep = np.zeros(len(days), bool)
    for start, end in zip(pd.to_datetime(periods["start"]), pd.to_datetime(periods["end"]), strict=True):
        keep |= (days >= start) & (days <= end)
    if not keep.any():
        raise MissingDataError(
            f"No day between {study.start} and {study.end} is unfrozen (unfrozen.csv); move the period of "
            "the study."
        )
    return [d.date() for d in days[keep]]


def sample(run: RunFolder, progress: Progress) -> dict[str, Any]:
    """Sample every predictor at every station on the unfrozen days."""
    from smgee.sampling import sample as sample_stations
    from smgee.sampling import write_samples

    study = run.study
    days = active_days(study, read_periods(run))
    daily = read_stations(run)
    daily = daily.sel(time=daily["time"].isin(pd.DatetimeIndex(days).values))
    rows = sample_stations(study, daily, progress=progress)
    write_samples(
        rows, run / "samples.parquet", predictors=study.predictors.names, synthetic=is_synthetic(study)
    )
    complete = int(rows[list(study.predictors.names)].notna().all(axis=1).sum())
    return {"rows": len(rows), "complete_rows": complete, "predictors": len(study.predictors.names)}


def train(run: RunFolder, progress: Progress) -> dict[str, Any]:
    """Score the models by random and leave-station-out cross-validation, and fit each on all rows."""
    from smgee.models import TrainingTable, train_models

    t = run.study.training
    table = TrainingTable.read(run.need("samples.parquet", "sample"))
    result = train_models(
        table,
        models=t.models,
        folds=t.folds,
        seed=t.seed,
        progress=lambda _, done, total: progress(done / max(total, 1)),
    )
    result.save(run.path)
    return {"rows": len(table), "best": result.best, "dropped": dict(table.dropped)}


def deployed(run: RunFolder) -> Any:
    """Load the model that draws the maps."""
    from smgee.models import load_model

    run.need("models", "train")
    return load_model(run / "models", run.study.training.deploy)


def mapped_by(run: RunFolder) -> Any:
    """Load the model that drew the maps of a run, which must still be the one that is deployed."""
    model = deployed(run)
    made = run.fact("predict", "model_hash")
    if made is not None and made != model.ensemble.hash:
        raise InputError(
            f"The maps in {run.path} were drawn by {run.fact('predict', 'model')} ({made:.8}), but "
            f"{model.title} "
            f"({model.ensemble.hash:.8}) was trained since and is deployed now; run `smgee predict --run "
            f"{run.path}` and the steps after it again."
        )
    return model


def explain(run: RunFolder, progress: Progress) -> dict[str, Any]:
    """Explain the deployed model with SHAP."""
    from smgee.explain import explain_run

    run.need("models", "train")
    ranking = explain_run(run.path, model=run.study.training.deploy)
    progress(1.0)
    made = sorted(f"shap/{p.name}" for p in (run / "shap").iterdir())
    return {"most_important": [str(v) for v in ranking["predictor"].head(5)], "files": made}


def predict(
    run: RunFolder, progress: Progress, *, route: str | None = None, again: bool = False
) -> dict[str, Any]:
    """Map soil moisture on every SMAP day (or every day), and prove that both routes agree.

    Days that were mapped before, by this very model on these predictors, are kept unless `again`.
    """
    from smgee.upscale import MapStore, compare_routes, map_season
    from smgee.validation.extract import fetch_smap

    study = run.study
    drawing = deployed(run)
    model = drawing.ensemble
    route = route or study.upscale.route
    if route not in ("xee", "classifier"):
        raise InputError(f"The route {route!r} is not known; choose xee or classifier.")
    days = active_days(study, read_periods(run))
    smap = fetch_smap(study)
    _csv(smap, run / "smap.csv", synthetic=is_synthetic(study))
    if study.upscale.days == "smap":
        seen = set(smap.loc[smap["soil_moisture"].notna(), "date"].dt.date)
        days = [d for d in days if d in seen]
        if not days:
            raise MissingDataError(
                "SMAP has no retrieval on any unfrozen day of the period; set upscale.days to daily, or move "
                "the period."
            )
    if again:
        shutil.rmtree(run / "maps.zarr", ignore_errors=True)
    made_of = identity_of(
        identities(study)["train"],
        model.hash,
        [str(d) for d in days],
        route,
        *[state_of([c]) for c in _catalog(study)],
    )
    store = MapStore(
        run / "maps.zarr", days=days, grid=study.grid, identity=made_of, synthetic=is_synthetic(study)
    )
    todo = len(store.missing)
    written = 0

    def done(_: date) -> None:
        nonlocal written
        written += 1
        progress(0.85 * written / todo)

    map_season(study, model, store, route=route, progress=done)  # type: ignore[arg-type]
    middle = days[len(days) // 2]
    parity, _ = compare_routes(study, model, middle, xee_map=store.read(middle) if route == "xee" else None)
    progress(0.97)
    mean = season_mean(store, days)
    from smgee.publish import write_cog

    card = {
        "title": "Mean soil moisture of the mapped days, m3 m-3",
        "days": len(days),
        "synthetic": int(is_synthetic(study)),
        "model": model.hash,
    }
    write_cog(
        mean, study.grid, run / "maps" / "season_mean.tif", band="soil_moisture", units="m3 m-3", tags=card
    )
    return {
        "days": len(days),
        "mapped_now": todo,
        "route": route,
        "model": drawing.title,
        "model_hash": model.hash,
        "parity": parity.as_dict(),
        "parity_sentence": parity.sentence(),
    }


def season_mean(store: Any, days: list[date]) -> np.ndarray:
    """Return the mean of the daily maps, one map in memory at a time; NaN where no day has a value."""
    total = np.zeros(store.grid.shape)
    number = np.zeros(store.grid.shape, np.int32)
    for day in days:
        values = store.read(day)
        valid = np.isfinite(values)
        total += np.where(valid, values, 0)
        number += valid
    with np.errstate(invalid="ignore"):
        return np.where(number > 0, total / number, np.nan).astype("float32")


def open_maps(run: RunFolder) -> xr.Dataset:
    """Open the daily maps of a run, (time, y, x), lazily."""

    def load(path: Path) -> xr.Dataset:
        ds = xr.open_zarr(path, consolidated=False, decode_coords="all")
        return ds.assign(done=ds["done"].load())

    return run.read("maps.zarr", "predict", load)


def validate(run: RunFolder, progress: Progress) -> dict[str, Any]:
    """Validate SMAP on the exact EASE-Grid cells against the maps and the plain in situ mean."""
    from smgee import insitu
    from smgee.upscale.routes import pull_static
    from smgee.validation import cell_conditions, cell_station_means, cell_weights, relate_errors, zonal_means
    from smgee.validation import validate as validate_smap

    study = run.study
    smap = run.read_table("smap.csv", "predict", dates=["date"])
    mapped_by(run)
    periods = read_periods(run)
    daily = read_stations(run)
    cells = [study.cell, *study.cell.children("M09")]
    weights = cell_weights(study.grid, cells)
    maps = open_maps(run)
    if not bool(maps["done"].all()):
        raise MissingDataError(
            "Some days have no map yet; run `smgee predict` again to finish them before validating."
        )
    zonal = run.read(
        "maps.zarr",
        "predict",
        lambda _: zonal_means(maps["soil_moisture"], weights, min_coverage=study.smap.min_coverage),
    )
    _csv(zonal, run / "zonal.csv", synthetic=is_synthetic(study))
    progress(0.5)
    everywhere = insitu.network_mean(daily).assign(cell=study.cell.name)
    local = cell_station_means(daily, study.cell.children("M09"))
    plain = pd.concat([everywhere, local], ignore_index=True)
    trained = pd.DataFrame(
        {
            "station": daily["station"].values.astype(str),
            "lon": daily["lon"].values,
            "lat": daily["lat"].values,
        }
    )
    table = validate_smap(
        smap, zonal, plain, periods=periods, training_stations=trained, seed=study.training.seed
    )
    synthetic = is_synthetic(study)
    for grid, name in (("M36", "36km"), ("M09", "9km")):
        _csv(table[table["grid"] == grid], run / f"validation_{name}.csv", synthetic=synthetic)
    progress(0.8)
    static = pull_static(study)
    conditions = cell_conditions(weights, static) if static else None
    if conditions is not None:
        _csv(conditions, run / "cells.csv", synthetic=synthetic)
        _csv(relate_errors(table, conditions), run / "heterogeneity.csv", synthetic=synthetic)
    made = [
        "validation_36km.csv",
        "validation_9km.csv",
        "zonal.csv",
        *(["cells.csv", "heterogeneity.csv"] if conditions is not None else []),
    ]
    return {
        "cells": int(table["cell"].nunique()),
        "pairs_36km": int(table.loc[table["grid"] == "M36", "n"].max() or 0)
        if (table["grid"] == "M36").any()
        else 0,
        "files": made,
    }

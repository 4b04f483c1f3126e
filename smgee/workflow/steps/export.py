"""Export: the daily maps, made and kept on Earth Engine by tasks; nothing of them comes here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

import pandas as pd

from smgee import schemas
from smgee.errors import InputError
from smgee.late import ee
from smgee.publish import ensure_folder
from smgee.session import current_session
from smgee.upscale import ServerRoute, season_image
from smgee.upscale.exports import Destination, Exported, Order, export_images
from smgee.workflow.artifacts import Artifact, table
from smgee.workflow.connection import EMBEDDED_BUCKET
from smgee.workflow.mapping import SETTINGS, mapped_days, maps_there
from smgee.workflow.preflight import catalog_of, predictor_datasets
from smgee.workflow.step import Option, Step
from smgee.workflow.steps.smap import SMAP
from smgee.workflow.steps.stations import PERIODS, STATIONS
from smgee.workflow.steps.train import MODELS
from smgee.workflow.work import Work

EXPORTS: Artifact[pd.DataFrame] = table("exports.csv", schemas.EXPORTS)
_WHAT = ("days", "mean", "all")


def run(work: Work) -> Mapping[str, Any]:
    """Export what is not exported yet, and wait; tasks go on should this end, and are found again."""
    what = work.option("what", "all")
    if what not in _WHAT:
        raise InputError(f"Nothing called {what!r} is exported; choose {', '.join(_WHAT)}.")
    days, maps = mapped_days(work), maps_there(work)
    destination = _destination(work)
    orders = _orders(work, maps, days, what)
    done = export_images(
        orders,
        destination,
        maps.grid,
        label=f"smgee_{work.study.name}",
        progress=lambda now: work.progress(*standing(now, len(orders))),
    )
    frame = pd.DataFrame(
        {
            "name": [e.name for e in done],
            "place": str(destination),
            "task": [e.task for e in done],
            "state": [str(e.state) for e in done],
            "eecu_s": [e.eecu_s for e in done],
        }
    )
    work.write(EXPORTS, frame)
    return {
        "place": str(destination),
        "images": len(done),
        "started": sum(e.started for e in done),
        "eecu_hours": round(sum(e.eecu_s or 0.0 for e in done) / 3600, 4),
    }


def _destination(work: Work) -> Destination:
    session = current_session()
    if session is None:
        raise InputError("No session is open; connect first with smgee.workflow.connected(run).")
    kind, name = work.option("to", "asset"), work.study.name
    place = work.option("place", None)
    if kind == "asset":
        place = place or f"{session.asset_root}/smgee/{name}/exported"
        ensure_folder(place.rpartition("/")[0])
    elif kind == "bucket":
        place = place or (work.study.publish.bucket and f"{work.study.publish.bucket}/{name}")
        if place is None and session.backend == "embedded":
            place = f"{EMBEDDED_BUCKET}/{name}"
        if place is None:
            raise InputError(
                "No Cloud Storage bucket is named; give one of yours with --place BUCKET/FOLDER or as "
                "publish.bucket in the study."
            )
    else:
        place = place or f"smgee_{name}"
    return Destination(kind, place)  # type: ignore[arg-type]


def _orders(work: Work, maps: ServerRoute, days: Sequence[date], what: str) -> list[Order]:
    """Return the images to export, the season's mean last."""
    card = {"study": work.study.name, "units": "m3 m-3", "synthetic": int(work.provenance.synthetic)}
    found = [Order(f"sm_{day:%Y%m%d}", partial(_day, maps, day, card)) for day in days if what != "mean"]
    if what != "days":
        found.append(Order("season_mean", partial(_mean, maps, days, card)))
    return found


def _day(maps: ServerRoute, day: date, card: Mapping[str, Any]) -> ee.Image:
    start = pd.Timestamp(day)
    times = {"system:time_start": _ms(start), "system:time_end": _ms(start + pd.Timedelta(days=1))}
    return maps.images([day])[day].toFloat().set({**card, **times})  # type: ignore[return-value]


def _mean(maps: ServerRoute, days: Sequence[date], card: Mapping[str, Any]) -> ee.Image:
    end = pd.Timestamp(days[-1]) + pd.Timedelta(days=1)
    times = {"system:time_start": _ms(pd.Timestamp(days[0])), "system:time_end": _ms(end)}
    return season_image(maps, days).set({**card, **times})  # type: ignore[return-value]


def _ms(time: pd.Timestamp) -> int:
    return int(time.timestamp() * 1000)


def standing(now: Sequence[Exported], total: int) -> tuple[float, str]:
    """Return the share that has ended, and the tasks counted by state."""
    counts = Counter(str(e.state).lower() for e in now)
    ended = sum(not e.state.is_active for e in now)
    return ended / total, ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))


STEP = Step(
    "export",
    "Export maps",
    run,
    version=2,
    reads=(PERIODS, MODELS),
    may_read=(SMAP, STATIONS),
    writes=(EXPORTS,),
    settings=("name", "area", "publish.bucket", "backend.project", *SETTINGS),
    inputs=catalog_of,
    datasets=predictor_datasets,
    external=True,
    options=(
        Option("to", str, "asset, bucket (Cloud Storage) or drive (Google Drive)."),
        Option("place", str, "Image collection, BUCKET/FOLDER, or folder of the drive."),
        Option("what", str, "days, mean (of the season) or all."),
    ),
)

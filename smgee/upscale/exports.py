"""Images exported by tasks of Earth Engine: into assets, Cloud Storage or Google Drive.

Tasks go on when this process ends. Each carries in its description a mark of what it makes and where; an
export that is begun again finds them in the project's list of tasks, waits for those that run, and starts
what is missing. Assets carry the mark too, since the service forgets a task some days after its end.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Literal, get_args

from smgee.errors import InputError, RemoteError
from smgee.grid import PixelGrid
from smgee.late import ee
from smgee.remote import NotFound, TaskState, TaskStatus, call, known_tasks, wait_for_tasks

MARK = "smgee_mark"
"""Property of an exported asset: what it was made of."""

NODATA = -9999.0
"""What stands in files where a pixel has no value."""

QUEUE = 2_500
"""Tasks waiting at once, below the 3,000 that a project may have (guide "Usage")."""

Kind = Literal["asset", "bucket", "drive"]


@dataclass(frozen=True)
class Destination:
    """Where exports go.

    Parameters
    ----------
    kind : {"asset", "bucket", "drive"}
        Earth Engine assets, a Cloud Storage bucket, or Google Drive.
    place : str
        The image collection ``projects/…/assets/…``; ``bucket/prefix``; the folder of the drive.
    """

    kind: Kind
    place: str

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError(f"Exports to {self.kind!r} are not known; choose {', '.join(get_args(Kind))}.")

    def __str__(self) -> str:
        return {"asset": "", "bucket": "gs://", "drive": "Google Drive, "}[self.kind] + self.place

    def prepare(self) -> None:
        """Create the image collection of assets, unless it is there."""
        if self.kind != "asset":
            return
        try:
            call(lambda: ee.data.getAsset(self.place))
        except NotFound:
            call(lambda: ee.data.createAsset({"type": "IMAGE_COLLECTION"}, self.place))

    def task(self, image: Any, name: str, description: str, grid: PixelGrid) -> ee.batch.Task:
        """Return the task, not started, that writes an image under a name, pixel for pixel on a lattice."""
        left, bottom, right, top = grid.bounds
        # a hair inside, so that rounding adds no row or column of pixels
        hair = 0.01 * grid.transform[0]
        inside = [left + hair, bottom + hair, right - hair, top - hair]
        common: dict[str, Any] = {
            "image": image,
            "description": description,
            "region": ee.Geometry.Rectangle(inside, grid.crs, False),
            "crs": grid.crs,
            "crsTransform": list(grid.transform),
            "maxPixels": max(2 * grid.width * grid.height, 10**8),
        }
        export = ee.batch.Export.image
        if self.kind == "asset":
            return export.toAsset(assetId=f"{self.place}/{name}", overwrite=True, **common)
        # a file has no mask: pixels without a value are told by a number
        common["image"] = image.unmask(NODATA, False)
        files: dict[str, Any] = {
            "fileFormat": "GeoTIFF",
            "formatOptions": {"cloudOptimized": True, "noData": NODATA},
        }
        if self.kind == "drive":
            return export.toDrive(folder=self.place, fileNamePrefix=name, **files, **common)
        bucket, _, prefix = self.place.partition("/")
        path = f"{prefix.rstrip('/')}/{name}" if prefix else name
        return export.toCloudStorage(bucket=bucket, fileNamePrefix=path, **files, **common)


@dataclass(frozen=True, eq=False)
class Order:
    """An image to be exported.

    Parameters
    ----------
    name : str
        Of the asset or file; letters, digits, ``-`` and ``_``.
    image : callable
        Makes it.
    """

    name: str
    image: Callable[[], ee.Image]


@dataclass(frozen=True)
class Exported:
    """What became of an order.

    Attributes
    ----------
    name : str
        Of the order.
    task : str
        Id of its task; empty where the asset was there already.
    state : TaskState
        Its last.
    started : bool
        Whether the task was started by this call.
    eecu_s : float or None
        Compute time, EECU seconds, where the service tells it.
    message : str
        Why it failed.
    """

    name: str
    task: str
    state: TaskState
    started: bool
    eecu_s: float | None = None
    message: str = ""


def export_images(
    orders: Sequence[Order],
    destination: Destination,
    grid: PixelGrid,
    *,
    label: str,
    progress: Callable[[Sequence[Exported]], Any] | None = None,
    stop: threading.Event | None = None,
) -> list[Exported]:
    """Export images, each by a task of its own, and wait for all; what was exported before is kept.

    Parameters
    ----------
    orders : sequence of Order
        What to export; an image is made when its turn comes.
    destination : Destination
        Where to.
    grid : PixelGrid
        The lattice of the images.
    label : str
        Begins the descriptions of the tasks.
    progress : callable, optional
        Told where every order stands that was reached, after each look at the tasks.
    stop : threading.Event, optional
        Ends the waiting when it is set; the tasks go on. So they do after Ctrl-C.

    Returns
    -------
    list of Exported
        In the order of `orders`. Unless `stop` was set all succeeded.

    Raises
    ------
    RemoteError
        When tasks fail; the others are waited for, and kept by the next call.
    """
    destination.prepare()
    known = known_tasks()
    there = _assets(destination)
    ended: list[Exported] = []
    queue = iter(orders)
    while batch := list(islice(queue, QUEUE)):
        begun = list(_begin(batch, destination, grid, label, known, there))

        waiting = [e.task for e in begun if e.state.is_active]
        tell = partial(_tell, progress, list(ended), begun)
        statuses = wait_for_tasks(waiting, progress=tell, stop=stop)
        tell(statuses)
        ended += _joined(begun, statuses)
        if stop is not None and stop.is_set():
            return ended
    failed = [e for e in ended if e.state is not TaskState.SUCCEEDED]
    if failed:
        reasons = "; ".join(f"{e.name} {e.state}: {e.message or 'no reason was given'}" for e in failed[:3])
        raise RemoteError(
            f"{len(failed)} of {len(ended)} exports to {destination} did not succeed "
            f"({reasons.rstrip('.')}); the others are done: run the same command again for the rest."
        )
    return ended


def _begin(
    orders: Sequence[Order],
    destination: Destination,
    grid: PixelGrid,
    label: str,
    known: dict[str, TaskStatus],
    there: dict[str, str],
) -> Iterator[Exported]:
    """Start a task for every order, unless one is under way or what it makes is there."""
    for order in orders:
        image = order.image()
        mark = _mark(image, order, destination, grid)
        description = f"{label[:60]}_{order.name[:24]}_{mark}"
        task = known.get(description)
        if there.get(order.name) == mark:
            yield Exported(order.name, "" if task is None else task.id, TaskState.SUCCEEDED, False)
        elif task is not None and (
            task.state.is_active or (destination.kind != "asset" and task.state is TaskState.SUCCEEDED)
        ):
            yield Exported(order.name, task.id, task.state, False, task.eecu_s)
        else:
            new = destination.task(image.set(MARK, mark), order.name, description, grid)
            call(new.start)
            yield Exported(order.name, str(new.id), TaskState.PENDING, True)


def _tell(
    progress: Callable[[Sequence[Exported]], Any] | None,
    before: Sequence[Exported],
    begun: Sequence[Exported],
    statuses: Sequence[TaskStatus],
) -> None:
    if progress is not None:
        progress([*before, *_joined(begun, statuses)])


def _joined(begun: Sequence[Exported], statuses: Sequence[TaskStatus]) -> list[Exported]:
    """Return the orders as their tasks stand now."""
    now = {s.id: s for s in statuses}
    found = []
    for one in begun:
        status = now.get(one.task)
        if status is not None:
            one = Exported(one.name, one.task, status.state, one.started, status.eecu_s, status.message)
        found.append(one)
    return found


def _mark(image: ee.Image, order: Order, destination: Destination, grid: PixelGrid) -> str:
    """Return a hash of what is exported, and where to."""
    asked = [
        image.serialize(),
        order.name,
        str(destination),
        grid.crs,
        grid.transform,
        grid.width,
        grid.height,
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]


def _assets(destination: Destination) -> dict[str, str]:
    """Return the marks of the assets that are there, by their names."""
    if destination.kind != "asset":
        return {}
    listed = call(lambda: ee.data.listAssets({"parent": destination.place})).get("assets", [])
    found = {}
    for asset in listed:
        content = asset
        if "properties" not in content:  # a listing may hold names only
            content = call(lambda asset=asset: ee.data.getAsset(asset["name"]))  # type: ignore[misc]
        found[str(asset["name"]).rsplit("/", 1)[-1]] = str(content.get("properties", {}).get(MARK, ""))
    return found

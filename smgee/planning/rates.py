"""How long things take: assumed, or probed by one small block."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.late import ee
from smgee.planning.load import samples_of
from smgee.publish import ensure_folder
from smgee.remote import LEDGER, NotFound, call, run_task
from smgee.session import current_session
from smgee.upscale import Block, MapJob, XeeRoute
from smgee.upscale.exports import Destination

_LARGE = 256  # side of the larger window of a probe, pixels; the smaller one is an eighth


@dataclass(frozen=True)
class Rates:
    """What a plan multiplies by.

    Attributes
    ----------
    request_s : float
        A request, whatever it holds, s.
    sample_s : float
        Wall time of a request per sample that is read for it, s.
    eecu_sample_s : float
        EECU seconds per sample.
    eecu_tree_s : float
        EECU seconds per pixel and tree.
    parallel : float
        How many of the service's processors work on one request.
    local_tree_s : float
        Processor seconds here per pixel and tree.
    local_pixel_s : float
        Processor seconds here per pixel-day, for masks, means and files.
    bytes_per_s : float
        Of the line, down.
    task_s : float
        What a task takes beside its computation, s.
    basis : str
        Where they come from, in words.
    """

    request_s: float
    sample_s: float
    eecu_sample_s: float
    eecu_tree_s: float
    parallel: float
    local_tree_s: float
    local_pixel_s: float
    bytes_per_s: float
    task_s: float
    basis: str


# A processor second of smgee's own engine is taken for an EECU second: Earth Engine's guide says of EECU that
# they count processing whatever the processor, and that there is no fixed rate between them and seconds.
_SAMPLE_S = 1.5e-7
_TREE_S = 2.0e-8

ASSUMED = {
    "embedded": Rates(
        request_s=0.05,
        sample_s=_SAMPLE_S,
        eecu_sample_s=_SAMPLE_S,
        eecu_tree_s=1.0e-9,
        parallel=1.0,
        local_tree_s=3.0e-10,
        local_pixel_s=1.0e-7,
        bytes_per_s=1e9,
        task_s=0.2,
        basis="assumed, from runs on two cores of a small server",
    ),
    "earthengine": Rates(
        request_s=1.5,
        sample_s=_SAMPLE_S / 4,
        eecu_sample_s=_SAMPLE_S,
        eecu_tree_s=_TREE_S,
        parallel=4.0,
        local_tree_s=3.0e-10,
        local_pixel_s=1.0e-7,
        bytes_per_s=5e6,
        task_s=90.0,
        basis="assumed: processor seconds of smgee's own engine for EECU seconds, 5 MB/s; `--probe` measures",
    ),
}
"""By backend."""


def probe(route: XeeRoute, days: Sequence[date]) -> Rates:
    """Measure the rates of the connected backend: two small windows pulled, and one exported and deleted.

    Parameters
    ----------
    route : XeeRoute
        Of the study; a fresh one, which has pulled nothing yet.
    days : sequence of date
        Days of the study; the group in the middle is asked for.
    """
    session = current_session()
    if session is None:
        raise InputError("No session is open to be probed; connect first with smgee.connect().")
    groups = route.groups(days)
    group = groups[len(groups) // 2]
    pieces = route.predictors.pieces(group, names=route.model.needs)
    reads = sum(samples_of(piece, route.predictors) for piece in pieces)
    large = _window(route.predictors.site.grid, _LARGE)
    small = _window(route.predictors.site.grid, max(1, min(large.height, large.width) // 8))
    _timed(route, small, group)  # what a first request alone takes: connections, compilers
    short, requests = _timed(_fresh(route), small, group)
    long, _ = _timed(_fresh(route), large, group)
    eecu_s, task_s = _exported(route, large, group, session.asset_root)
    assumed = ASSUMED[session.backend]
    told = long > short  # else the pixels took less than two requests differ by
    sample_s = (long - short) / max(reads * (large.size - small.size), 1.0) if told else assumed.sample_s
    eecu_sample_s = assumed.eecu_sample_s if eecu_s is None else eecu_s / max(reads * large.size, 1.0)
    also = "" if told else " reading,"
    said = f"probed by {large.width} × {large.height} pixels of {group[0]} on {date.today()}"
    return replace(
        assumed,
        request_s=max(short - sample_s * reads * small.size, 0.001) / max(requests, 1),
        sample_s=sample_s,
        eecu_sample_s=eecu_sample_s,
        parallel=max(eecu_sample_s / sample_s, 1.0),
        task_s=max(task_s - sample_s * reads * large.size, 0.0),
        basis=f"{said}, one request at a time;{also} trees, line and work here assumed",
    )


def _fresh(route: XeeRoute) -> XeeRoute:
    return XeeRoute(route.predictors, route.model)


def _window(grid: PixelGrid, side: int) -> Block:
    """Return a window in the middle of a lattice."""
    height, width = min(side, grid.height), min(side, grid.width)
    return Block((grid.height - height) // 2, (grid.width - width) // 2, height, width)


def _timed(route: XeeRoute, block: Block, group: Sequence[date]) -> tuple[float, int]:
    """Return the seconds that pulling and mapping a window takes, and its requests."""
    began = time.perf_counter()
    with LEDGER.measure() as meter:
        route.run(MapJob(block, tuple(group)))
    return time.perf_counter() - began, meter.spent.n_requests


def _exported(route: XeeRoute, block: Block, group: Sequence[date], root: str) -> tuple[float | None, float]:
    """Return the EECU seconds of a task that makes the same predictors, None where they are not told; and how
    long it took.
    """
    pieces = route.predictors.pieces(group, names=route.model.needs)
    fine = [piece for piece in pieces if piece.lattice is None]
    if not fine:
        return None, 0.0
    ensure_folder(f"{root}/smgee")
    asset = f"{root}/smgee/probe"
    renamed = [p.image.rename([f"b{k}_{n}" for n in p.names]) for k, p in enumerate(fine)]
    layers = ee.Image.cat(renamed).toFloat()
    window = block.on(route.predictors.site.grid)
    task = Destination("asset", f"{root}/smgee").task(layers, "probe", "smgee_probe", window)
    began = time.perf_counter()
    try:
        status = run_task(task, "The probe")
    finally:
        with contextlib.suppress(NotFound):
            call(lambda: ee.data.deleteAsset(asset))
    return status.eecu_s, time.perf_counter() - began

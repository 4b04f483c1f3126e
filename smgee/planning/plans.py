"""What a study costs by each route, what would break, and which route to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from smgee.area import Area
from smgee.machine import usable_cores
from smgee.planning.limits import Tier
from smgee.planning.load import load_of, stand_in
from smgee.planning.rates import Rates
from smgee.planning.rows import Asked, RoutePlan
from smgee.predictors import PredictorSet
from smgee.remote import Spent
from smgee.upscale import ClassifierRoute, DailyModel, XeeRoute, default_block
from smgee.upscale.route import RouteName

ASSUMED_TREES = 400
ASSUMED_TREES_BYTES = 2_000_000
"""What a model is taken for before one is trained: trees, and the bytes of their text."""


@dataclass(frozen=True)
class Plan:
    """A study's cost by every way.

    Attributes
    ----------
    backend : str
        Which one it is planned for.
    pixels : int
        Of a day's map.
    days : int
        Mapped.
    tier : str
        Of the noncommercial tiers.
    choice : str
        The route that ``auto`` takes.
    model : str
        What the trees are, in words.
    """

    backend: str
    pixels: int
    days: int
    tier: Tier
    rows: tuple[RoutePlan, ...]
    choice: RouteName
    model: str
    rates: Rates

    def row(self, way: str) -> RoutePlan:
        """Return the row of a way."""
        return next(r for r in self.rows if r.way == way)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    def beside(self, way: str, spent: Spent, seconds: float) -> dict[str, dict[str, float]]:
        """Return what was planned for a way, and what was measured: requests, bytes and minutes."""
        row = self.row(way)
        planned = {
            "requests": row.requests,
            "bytes_up": row.bytes_up,
            "bytes_down": row.bytes_down,
            "minutes": round(row.minutes, 2),
        }
        measured = {
            "requests": spent.n_requests,
            "bytes_up": spent.bytes_up,
            "bytes_down": spent.bytes_down,
            "minutes": round(seconds / 60, 2),
        }
        return {"planned": planned, "measured": measured}


def plan_routes(
    predictors: PredictorSet,
    days: Sequence[date],
    *,
    backend: str,
    rates: Rates,
    model: DailyModel | None = None,
    area: Area | None = None,
    cells: int = 0,
    tier: Tier = "community",
    concurrency: int | None = None,
    disk_free_gb: float | None = None,
    routes: Sequence[RouteName] = ("xee", "classifier"),
) -> Plan:
    """Plan the maps of some days; nothing is sent, though the client must be connected to build requests.

    Parameters
    ----------
    predictors : PredictorSet
        Of the study.
    days : sequence of date
        To be mapped.
    backend : {"embedded", "earthengine"}
        To plan for.
    rates : Rates
        What things take.
    model : DailyModel, optional
        The trees; by default something like them.
    area : Area, optional
        Blocks outside it are not made.
    cells : int
        Over how many cells maps are averaged.
    tier : {"community", "contributor", "partner"}
        Whose allowance counts.
    concurrency : int, optional
        Requests at once; by default what smgee keeps under way on this backend.
    disk_free_gb : float, optional
        Room for maps here.
    routes : sequence of {"xee", "classifier"}
        Which; maps that stay on Earth Engine are planned where both are.
    """
    assumed = model is None
    model = DailyModel.of(stand_in(predictors.names)) if model is None else model
    trees = ASSUMED_TREES if assumed else model.ensemble.n_trees
    extra = ASSUMED_TREES_BYTES if assumed else 0
    at_once = concurrency or (usable_cores() if backend == "embedded" else 8)
    block = default_block(len(model.needs) or 1)
    made: dict[RouteName, XeeRoute | ClassifierRoute] = {
        "xee": XeeRoute(predictors, model),
        "classifier": ClassifierRoute(predictors, model),
    }
    loads = {
        name: load_of(
            made[name], days, block=block, area=area, trees_bytes=extra if name == "classifier" else 0
        )
        for name in routes
    }
    asked = Asked(backend, rates, trees, cells, tier, at_once, len(model.needs), block, disk_free_gb)
    rows = [asked.here(name, loads[name]) for name in routes]
    if len(loads) > 1:
        both = loads["classifier"], loads["xee"]
        grid = predictors.site.grid
        rows += [asked.there(*both), asked.export(*both, grid.width * grid.height)]
    said = f"{model.title}, {trees} trees"
    if assumed:
        said = f"none is trained: taken for {ASSUMED_TREES} trees of {ASSUMED_TREES_BYTES:,} bytes"
    pixels = next(iter(loads.values())).pixels
    return Plan(backend, pixels, len(days), tier, tuple(rows), choose(rows), said, rates)


def choose(rows: Sequence[RoutePlan]) -> RouteName:
    """Return the route for maps here: one that nothing stops, the faster of two; of two alike xee, for whose
    maps no trees travel.
    """
    of = {r.way: r for r in rows}
    if "xee" not in of or "classifier" not in of:
        return "xee" if "xee" in of else "classifier"
    xee, classifier = of["xee"], of["classifier"]
    if xee.stops != classifier.stops:
        return "classifier" if xee.stops else "xee"
    return "classifier" if classifier.minutes < 0.9 * xee.minutes else "xee"

"""The rows of a plan: what each way to the maps costs, and what would break on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from smgee.machine import usable_cores
from smgee.planning.limits import (
    ANSWER_BYTES,
    ASSET_BYTES,
    ASSETS,
    INTERACTIVE_S,
    TASKS_RUNNING,
    TASKS_WAITING,
    TIERS,
    Tier,
)
from smgee.planning.load import Load
from smgee.planning.rates import Rates
from smgee.trees.transports import REQUEST_LIMIT
from smgee.upscale.there import CELLS_PER_REQUEST

Way = Literal["xee", "classifier", "there", "export"]
WAYS: dict[Way, str] = {
    "xee": "xee: predictors pulled, trees here",
    "classifier": "classifier: trees there, maps pulled",
    "there": "classifier: maps stay, cell and season means come",
    "export": "export: every daily map by a task",
}

# Rough sizes of this process: what is loaded, and copies of every band of the blocks under way (blocks.py);
# the embedded engine adds its caches. Measured peaks of predict: 1,060 to 1,130 MB on the embedded backend.
_BASE_MB = {"earthengine": 450, "embedded": 1_000}
_COPIES = 3
_STORED = 0.75  # what packing leaves of a map's float32
_ASSET_STORED = 0.6


@dataclass(frozen=True)
class Trouble:
    """What would break, or go slowly, and what to do.

    Attributes
    ----------
    stops : bool
        Whether it ends the run, or only makes it slower or cut into smaller requests.
    what : str
        A sentence.
    """

    stops: bool
    what: str


@dataclass(frozen=True)
class RoutePlan:
    """What one way costs.

    Attributes
    ----------
    way : str
        One of `WAYS`.
    requests : int
        Those for pixels or tables, and those for what images are.
    bytes_up, bytes_down : int
        Bodies of requests and answers.
    tiles : int
        Blocks of the area.
    tasks : int
        Of the task list.
    concurrency : int
        Requests, or tasks, at once.
    minutes : float
        From start to end.
    eecu_hours : float or None
        Compute time on Earth Engine; None where the embedded one computes.
    months : float or None
        Of the tier's allowance, likewise.
    local_hours : float
        Processor hours here, those of the embedded Earth Engine among them.
    memory_mb, disk_gb, asset_gb : float
        Here, here, and of the project's assets.
    """

    way: Way
    requests: int
    bytes_up: int
    bytes_down: int
    tiles: int
    tasks: int
    concurrency: int
    minutes: float
    eecu_hours: float | None
    months: float | None
    local_hours: float
    memory_mb: float
    disk_gb: float
    asset_gb: float
    troubles: tuple[Trouble, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether something ends it."""
        return any(t.stops for t in self.troubles)


@dataclass(frozen=True)
class Asked:
    """What all rows of a plan share."""

    backend: str
    rates: Rates
    trees: int
    cells: int
    tier: Tier
    at_once: int
    bands: int
    block: int
    disk_free_gb: float | None

    def here(self, way: Way, load: Load) -> RoutePlan:
        """Maps come here, or are made here."""
        r = self.rates
        made_here = way == "xee"
        eecu_s = load.samples * r.eecu_sample_s + load.tree_pixels * self.trees * r.eecu_tree_s
        pixel_days = load.pixels * load.days
        local_s = pixel_days * (r.local_pixel_s + (self.trees * r.local_tree_s if made_here else 0.0))
        requests = load.requests
        disk = 4 * pixel_days * _STORED / 1e9
        memory = _BASE_MB[self.backend] + self.at_once * self._block_mb(load)
        longest = self._longest(load)
        troubles = [*self._of_requests(load, longest), *self._of_quota(eecu_s)]
        if self.disk_free_gb is not None and disk > self.disk_free_gb:
            troubles.append(
                Trouble(
                    True,
                    f"maps.zarr needs {disk:,.0f} GB and {self.disk_free_gb:,.0f} GB are free: map less, or "
                    "leave the maps on Earth Engine.",
                )
            )
        return self._row(
            way, load, requests, load.bytes_up, load.bytes_down, eecu_s, local_s, memory, disk, troubles
        )

    def there(self, load: Load, once: Load) -> RoutePlan:
        """Maps stay; means over cells come, and the season's mean."""
        r = self.rates
        batches = max(1, -(-self.cells // CELLS_PER_REQUEST))
        tables = load.groups * batches
        means = load.blocks + 1
        mean_size = load.bytes_up / max(load.requests, 1)
        up = round((tables + means) * mean_size)
        down = round(self.cells * load.days * 80 + load.pixels * 4)
        samples = load.samples + once.samples
        eecu_s = samples * r.eecu_sample_s + 2 * load.tree_pixels * self.trees * r.eecu_tree_s
        # a table's request covers all its cells: the whole area for few cells
        share = 1.0 / batches
        table_s = load.samples / load.groups * share * r.sample_s + (
            load.tree_pixels / load.groups * share * self.trees * r.eecu_tree_s / r.parallel
        )
        season_s = once.samples / load.blocks * r.sample_s
        troubles = list(self._of_quota(eecu_s))
        if self.backend == "earthengine" and table_s > INTERACTIVE_S:
            parts = math.ceil(table_s / INTERACTIVE_S)
            fits = table_s * batches / max(self.cells, 1) / max(load.days / load.groups, 1) < INTERACTIVE_S
            troubles.append(
                Trouble(
                    not fits,
                    f"a table of means computes for {table_s / 60:,.0f} min, {INTERACTIVE_S / 60:.0f} are "
                    f"allowed: it is cut into about {parts:,} smaller ones.",
                )
            )
        if self.backend == "earthengine" and season_s > INTERACTIVE_S:
            troubles.append(
                Trouble(
                    False,
                    f"the season's mean computes for {season_s / 60:,.0f} min a block: it is cut smaller; "
                    "`smgee export --what mean` makes it by a task.",
                )
            )
        memory = _BASE_MB[self.backend] + self.at_once * 8.0
        return self._row(
            "there", load, tables + means, up, down, eecu_s, 0.0, memory, 4 * load.pixels / 1e9, troubles
        )

    def export(self, load: Load, once: Load, map_pixels: int) -> RoutePlan:
        """Every daily map is written by a task."""
        r = self.rates
        tasks = load.days + 1
        per_day = load.samples / load.groups  # nothing is shared between tasks
        samples = per_day * load.days + once.samples
        eecu_s = samples * r.eecu_sample_s + 2 * load.tree_pixels * self.trees * r.eecu_tree_s
        polls = math.ceil(tasks * r.task_s / TASKS_RUNNING / 10)
        up = round(tasks * load.largest_request)
        asset_gb = 4 * tasks * map_pixels * _ASSET_STORED / 1e9
        troubles = list(self._of_quota(eecu_s))
        if tasks > TASKS_WAITING:
            troubles.append(
                Trouble(False, f"{tasks:,} tasks, {TASKS_WAITING:,} may wait: the rest is started later.")
            )
        if tasks > ASSETS:
            troubles.append(Trouble(True, f"{tasks:,} assets, a project may have {ASSETS:,}: use a bucket."))
        if asset_gb * 1e9 > ASSET_BYTES:
            troubles.append(
                Trouble(
                    True,
                    f"{asset_gb:,.0f} GB of assets, a project may have {ASSET_BYTES / 1e9:,.0f}: export to a "
                    "bucket (`--to bucket`).",
                )
            )
        per_task = eecu_s / tasks / (r.parallel * 10 if self.backend == "earthengine" else 1.0)
        minutes = tasks * (r.task_s + per_task) / TASKS_RUNNING / 60
        return RoutePlan(
            "export",
            tasks + polls,
            up,
            polls * 2_000 + tasks * 1_000,
            load.blocks,
            tasks,
            TASKS_RUNNING,
            minutes,
            *self._hours(eecu_s, 0.0),
            float(_BASE_MB[self.backend]),
            0.0,
            asset_gb,
            tuple(troubles),
        )

    def _row(
        self,
        way: Way,
        load: Load,
        requests: int,
        up: int,
        down: int,
        eecu_s: float,
        local_s: float,
        memory: float,
        disk: float,
        troubles: Sequence[Trouble],
    ) -> RoutePlan:
        r = self.rates
        computed_s = eecu_s / r.parallel if self.backend == "earthengine" else eecu_s
        wall_s = (
            (requests * r.request_s + computed_s) / self.at_once
            + (down + up) / r.bytes_per_s
            + local_s / usable_cores()
        )
        return RoutePlan(
            way,
            requests,
            up,
            down,
            load.blocks,
            0,
            self.at_once,
            wall_s / 60,
            *self._hours(eecu_s, local_s),
            memory,
            disk,
            0.0,
            tuple(troubles),
        )

    def _hours(self, engine_s: float, local_s: float) -> tuple[float | None, float | None, float]:
        """Return EECU-hours, the months of the tier that they are, and processor hours here."""
        if self.backend != "earthengine":
            return None, None, (engine_s + local_s) / 3600
        hours = engine_s / 3600
        return hours, hours / TIERS[self.tier], local_s / 3600

    def _block_mb(self, load: Load) -> float:
        return _COPIES * 4 * max(self.bands, load.days / max(load.groups, 1)) * self.block**2 / 1e6

    def _longest(self, load: Load) -> float:
        """Return the seconds of the heaviest request."""
        r = self.rates
        trees = load.tree_pixels / max(load.requests, 1) * self.trees * r.eecu_tree_s / r.parallel
        return load.worst_samples * r.sample_s + trees

    def _of_requests(self, load: Load, longest: float) -> list[Trouble]:
        found = []
        if load.largest_request > REQUEST_LIMIT:
            found.append(
                Trouble(
                    False,
                    f"a request would be {load.largest_request / 1e6:,.1f} MB, {REQUEST_LIMIT / 1e6:,.1f} "
                    "are allowed: the trees travel by an asset instead.",
                )
            )
        if load.largest_answer > ANSWER_BYTES:
            found.append(
                Trouble(
                    False,
                    f"an answer would be {load.largest_answer / 1e6:,.0f} MB as Earth Engine counts it, "
                    f"{ANSWER_BYTES / 1e6:,.0f} are allowed: it is asked for in parts.",
                )
            )
        if self.backend == "earthengine" and longest > INTERACTIVE_S:
            found.append(
                Trouble(
                    False,
                    f"the heaviest request computes for {longest / 60:,.0f} min, {INTERACTIVE_S / 60:.0f} "
                    f"are allowed: it is cut into about {math.ceil(longest / INTERACTIVE_S):,}.",
                )
            )
        return found

    def _of_quota(self, eecu_s: float) -> list[Trouble]:
        if self.backend != "earthengine" or eecu_s / 3600 <= TIERS[self.tier]:
            return []
        hours = eecu_s / 3600
        fits = next((t for t, most in TIERS.items() if hours <= most), None)
        advice = f"the tier {fits} holds it" if fits else "no tier holds it in a month"
        return [
            Trouble(
                False,
                f"{hours:,.0f} EECU-hours are {hours / TIERS[self.tier]:,.1f} months of the tier {self.tier} "
                f"({TIERS[self.tier]:,}): beyond it Earth Engine goes on slowly; {advice}.",
            )
        ]

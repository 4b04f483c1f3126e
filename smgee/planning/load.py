"""What a route asks of Earth Engine for some days of an area: counted from the requests themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from smgee.area import Area
from smgee.datasets import DATASETS, HLS, SENTINEL1
from smgee.planning.limits import SAMPLE_BYTES
from smgee.predictors import Piece, PredictorSet
from smgee.trees import TreeEnsemble
from smgee.trees.transports import REQUEST_LIMIT, RESERVE, request_bytes
from smgee.upscale import Block, ClassifierRoute, DailyModel, MapJob, XeeRoute, tiling

# What xee's request carries beside the image: the selection of each band, and the steps that stack bands.
# Measured by the ledger; tests/planning compares.
_BYTES_OF_BAND = 700
_BYTES_OF_REQUEST = 2_200
_HEADER = 128  # of an answer of pixels
_GROUPS_MEASURED = 3

_REVISIT_DAYS = {HLS["L30"].id: 6.0, HLS["S30"].id: 3.5, SENTINEL1.id: 6.0}
"""Mean days between two scenes of a place at middle latitudes, overlaps of orbits counted in."""


@dataclass(frozen=True)
class Load:
    """What a route asks for.

    Attributes
    ----------
    days, groups, blocks : int
        Days mapped, groups of them that are asked for together, blocks of the area.
    pixels : int
        Of all blocks.
    requests : int
        Requests for pixels.
    bytes_up, bytes_down : int
        Bodies of requests and answers.
    largest_request, largest_answer : int
        Bytes; those of an answer as its limit counts them.
    samples : float
        Pixels of source images that Earth Engine reads, each band counted; by the revisit of each product.
    worst_samples : float
        Of the heaviest request.
    tree_pixels : float
        Pixel-days to which Earth Engine applies the trees.
    """

    days: int
    groups: int
    blocks: int
    pixels: int
    requests: int
    bytes_up: int
    bytes_down: int
    largest_request: int
    largest_answer: int
    samples: float
    worst_samples: float
    tree_pixels: float


def stand_in(names: Sequence[str]) -> TreeEnsemble:
    """Return trees that ask for all of some predictors, before any are trained."""
    node, nothing = np.array([-1]), np.array([0.0])
    return TreeEnsemble(
        feature=node,
        threshold=nothing,
        left=node,
        right=node,
        value=nothing,
        missing_left=np.array([False]),
        roots=np.array([0]),
        feature_names=tuple(names),
        comparison="lt",
    )


def load_of(
    route: XeeRoute | ClassifierRoute,
    days: Sequence[date],
    *,
    block: int,
    area: Area | None = None,
    trees_bytes: int = 0,
) -> Load:
    """Count what a route asks for; nothing is sent, though the client must be connected to build requests.

    Every whole block asks for the same, so one is counted and multiplied.

    Parameters
    ----------
    route : XeeRoute or ClassifierRoute
        On the lattice of the maps.
    days : sequence of date
        To be mapped.
    block : int
        Side of the blocks, pixels.
    area : Area, optional
        Blocks that it does not touch are left out.
    trees_bytes : int
        What trees that are not known yet are taken for, bytes of request.
    """
    grid = route.predictors.site.grid
    blocks = tiling(grid, block, area=area)
    pixels = sum(b.size for b in blocks)
    one = Block(0, 0, min(block, grid.height), min(block, grid.width))
    groups = route.groups(days)
    of_block, once = _pulls(route, groups, one)
    sizes = _sizes(route, groups)
    trees = _trees(route, groups) + trees_bytes
    by_asset = trees > REQUEST_LIMIT - RESERVE
    reads = _reads(route, groups)
    requests = len(of_block) * len(blocks) + len(once)
    each = sum(sizes) / len(sizes) + (0 if by_asset else trees)
    answers = [*(per_pixel * one.size for per_pixel in of_block.values()), *once.values()]
    on_service = isinstance(route, ClassifierRoute)
    return Load(
        days=len(days),
        groups=len(groups),
        blocks=len(blocks),
        pixels=pixels,
        requests=requests,
        bytes_up=round(requests * each + (trees if by_asset else 0)),
        bytes_down=round(sum(of_block.values()) * pixels + sum(once.values()) + _HEADER * requests),
        largest_request=round(max(sizes) + trees),
        largest_answer=round(max(answers, default=0) / 4 * SAMPLE_BYTES),
        samples=sum(reads) * pixels,
        worst_samples=max(reads) * one.size,
        tree_pixels=float(pixels * len(days)) if on_service else 0.0,
    )


def _pulls(
    route: XeeRoute | ClassifierRoute, groups: Sequence[tuple[date, ...]], one: Block
) -> tuple[dict[str, float], dict[tuple[str, Block], int]]:
    """Return what each block pulls, bytes per pixel, and what is pulled once for all blocks, bytes."""
    of_block: dict[str, float] = {}
    once: dict[tuple[str, Block], int] = {}
    for group in groups:
        for (what, where), number in route.cost(MapJob(one, group)).pulls.items():
            if where == one:
                of_block[what] = number / one.size
            else:
                once[what, where] = number
    return of_block, once


def _sizes(route: XeeRoute | ClassifierRoute, groups: Sequence[tuple[date, ...]]) -> list[int]:
    """Return the bytes of requests without trees: of every piece, or of some groups of days."""
    if isinstance(route, ClassifierRoute):
        trees = stand_in(route.model.ensemble.feature_names)
        bare = ClassifierRoute(route.predictors, DailyModel(trees, route.model.series))
        return [
            request_bytes(bare.stack(group)) + _BYTES_OF_REQUEST + _BYTES_OF_BAND * len(group)
            for group in _some(groups)
        ]
    days = [day for group in groups for day in group]
    pieces = route.predictors.pieces(days, names=route.model.needs)
    images = [(part.build(part.bands), len(part.bands)) for piece in pieces for part in piece.integers]
    images += [(piece.image, len(piece.bands)) for piece in pieces if piece.others]
    return [request_bytes(image) + _BYTES_OF_REQUEST + _BYTES_OF_BAND * bands for image, bands in images] or [
        _BYTES_OF_REQUEST
    ]


def _trees(route: XeeRoute | ClassifierRoute, groups: Sequence[tuple[date, ...]]) -> float:
    """Return the bytes that trees add to a request of several days, on average, were they inline."""
    if not isinstance(route, ClassifierRoute) or not route.model.needs:
        return 0.0
    found = []
    for group in _some(groups):
        travelling = {id(trees): trees for trees in route.trees_of(group).values()}
        found.append(sum(route.bytes_of(trees) for trees in travelling.values()))
    return sum(found) / len(found)


def _some(groups: Sequence[tuple[date, ...]]) -> Sequence[tuple[date, ...]]:
    return groups[:: max(1, -(-len(groups) // _GROUPS_MEASURED))]


def _reads(route: XeeRoute | ClassifierRoute, groups: Sequence[tuple[date, ...]]) -> list[float]:
    """Return the samples per pixel that each group of days makes Earth Engine read."""
    seen: set[object] = set()
    found = []
    for group in groups:
        total = 0.0
        for piece in route.predictors.pieces(group, names=route.model.needs):
            key = piece.names, piece.when
            if key in seen and isinstance(route, XeeRoute):
                continue  # kept from the group before
            seen.add(key)
            total += samples_of(piece, route.predictors)
        found.append(total)
    return found


def samples_of(piece: Piece, predictors: PredictorSet) -> float:
    """Estimate how many samples of source images Earth Engine reads for a pixel of a piece.

    The scenes of a window are estimated by the revisit of the product; coarse pixels count nothing.
    """
    if piece.lattice is not None:
        return 0.0
    found: dict[tuple[str, date, date], float] = {}
    for family in predictors.families:
        if not any(p.name in piece.names for p in family.predictors()):
            continue
        start, end = family.period(piece.when.start, piece.when.end)
        days = [start + timedelta(days=k) for k in range((end - start).days)]
        months = getattr(family, "months", ())
        counted = sum(not months or day.month in months for day in days)
        for dataset in family.datasets(piece.when.start, piece.when.end):
            known = DATASETS.get(dataset)
            once = (known is not None and known.single) or dataset not in _REVISIT_DAYS
            images = 1.0 if once else max(1.0, counted / _REVISIT_DAYS[dataset])
            reads = images * max(1, len(family.bands_of(dataset)))
            # families that share a composite read it once
            found[dataset, start, end] = max(found.get((dataset, start, end), 0.0), reads)
    return sum(found.values())

"""Collections of features or images, produced on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from smgee.eelocal.errors import EEError

# Collections that wait for others that wait … are produced by recursion; from this depth on the source is
# produced at once.
DEEPEST = 50


class Collection:
    """A lazily produced sequence of elements (features or images) with properties.

    Parameters
    ----------
    produce : callable
        Returns the elements; called at most once, when they are first needed.
    properties : mapping
        The collection's own properties.
    kind : {"ImageCollection", "FeatureCollection"}
        How it presents itself; a collection of images is often typed FeatureCollection by the signatures, so
        results are told apart by their elements where it matters.
    id : str, optional
        The asset's id, for a collection as loaded.
    """

    def __init__(
        self,
        produce: Callable[[], Iterable[Any]],
        properties: Mapping[str, Any] | None = None,
        *,
        kind: str = "FeatureCollection",
        id: str | None = None,
        version: int | None = None,
    ):
        self._produce = produce
        self._elements: list[Any] | None = None
        self.properties = dict(properties or {})
        self.kind = kind
        self.id = id
        self.version = version
        self._waiting = 0
        self.maker: str | None = None  # the algorithm that made it, which errors on the way name

    @property
    def depth(self) -> int:
        """How many collections, this one included, would be produced one inside the other."""
        return 0 if self._elements is not None else self._waiting + 1

    @property
    def elements(self) -> list[Any]:
        """All elements."""
        if self._elements is None:
            try:
                self._elements = list(self._produce())
            except EEError as error:
                if self.maker is None:
                    raise
                raise error.prefixed(self.maker) from error
        return self._elements

    def __iter__(self) -> Iterator[Any]:
        return iter(self.elements)

    def __len__(self) -> int:
        return len(self.elements)

    def derive(
        self,
        produce: Callable[[], Iterable[Any]],
        *others: Collection,
        kind: str | None = None,
        same: bool = False,
    ) -> Collection:
        """Return a collection with other elements and the same properties; `produce` reads this
        collection, and `others`.

        With `same`, it still is the asset's collection, of which it keeps id and version: so after filter,
        limit, sort, map and select on the real service.
        """
        waiting = 0
        for source in (self, *others):
            if source.depth >= DEEPEST:
                _ = source.elements
            waiting = max(waiting, source.depth)
        derived = Collection(produce, self.properties, kind=kind or self.kind)
        if same:
            derived.id, derived.version = self.id, self.version
        derived._waiting = waiting
        return derived

"""Work that is too big for one request, done in smaller parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from smgee.remote.calls import call
from smgee.remote.errors import TooBig

T = TypeVar("T")
Work = TypeVar("Work")
Item = TypeVar("Item")


def run_split(work: Work, split: Callable[[Work], Sequence[Work]], run: Callable[[Work], T]) -> list[T]:
    """Run a piece of work, cut into smaller ones whenever it is too big.

    Parameters
    ----------
    work
        A region, days, or both.
    split : callable
        Returns the parts of a piece of work, in order; fewer than two if it cannot be cut any further.
    run : callable
        Does a piece of work by remote requests. It must be safe to repeat.

    Returns
    -------
    list
        One result for each piece that was done, in order; ``[run(work)]`` if nothing had to be cut.

    Raises
    ------
    TooBig
        When the smallest piece is still too big.
    """
    try:
        return [call(lambda: run(work))]
    except TooBig as error:
        parts = split(work)
        if len(parts) < 2:
            raise TooBig(f"{str(error)[:-1]} (already cut into the smallest parts).") from error
    return [result for part in parts for result in run_split(part, split, run)]


def halves(items: Sequence[Item]) -> list[Sequence[Item]]:
    """Return a sequence in two, or a single item as it is."""
    middle = len(items) // 2
    return [items[:middle], items[middle:]] if middle else [items]


def in_parts(items: Sequence[Item], function: Callable[[Sequence[Item]], list[T]]) -> list[T]:
    """Apply a remote call to a batch, halving the batch whenever it is too big.

    The result does not depend on how often that happened: parts are joined in order.
    """
    if not items:
        return []
    return [row for part in run_split(items, halves, function) for row in part]

"""What the importers share."""

from __future__ import annotations

from collections.abc import Sequence

from smgee.errors import InputError


def choose_names(given: Sequence[str] | None, own: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """Return the predictor names: those given, else the model's own, else f0, f1, ..; `InputError` when their
    number does not fit the model, or when they are the model's own names in another order: predictions would
    be silently wrong.
    """
    if given is None:
        return tuple(own) if own else tuple(f"f{i}" for i in range(count))
    names = tuple(str(n) for n in given)
    if len(names) != count:
        raise InputError(
            f"{len(names)} predictor names were given, but the model has {count} predictors; name each one, "
            "in column order."
        )
    if own and names != tuple(own) and sorted(names) == sorted(own):
        raise InputError(
            f"The predictor names were given in another order ({', '.join(names)}) than the model was "
            "trained with "
            f"({', '.join(own)}); "
            "give them in the order of training, or leave them out."
        )
    return names


def first_rounds(wanted: int | None, available: int) -> int:
    """Return how many rounds to use, refusing more than there are."""
    if wanted is None:
        return available
    if not 1 <= wanted <= available:
        raise InputError(
            f"{wanted} iterations were asked for, but the model has {available}; choose from 1 to "
            f"{available}."
        )
    return wanted

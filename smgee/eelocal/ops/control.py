"""Control functions. `If` is part of the evaluator, which computes only the branch it selects."""

from __future__ import annotations

from typing import Any

from smgee.eelocal.engine.context import Context
from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.formats.values import encode_value
from smgee.eelocal.values.common import same, type_name


@algorithm("ObjectType")
def object_type(value: Any) -> str:
    """Return the type's name."""
    return type_name(value)


@algorithm("IsEqual")
def is_equal(left: Any, right: Any) -> bool:
    """Whether two values are equal."""
    return same(left, right)


@algorithm("Describe")
def describe(context: Context, input: Any) -> Any:
    """Return the `getInfo` form of a value."""
    return encode_value(input, context.limits.elements)

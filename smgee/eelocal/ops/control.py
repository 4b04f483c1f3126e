"""Control functions. `If` is part of the evaluator, which computes only the branch it selects."""

from __future__ import annotations

from smgee.eelocal.engine.registry import algorithms
from smgee.eelocal.formats.values import encode_value
from smgee.eelocal.values.common import same, type_name

algorithms(
    {
        "ObjectType": lambda value: type_name(value),
        "IsEqual": lambda left, right: same(left, right),
        "Describe": lambda context, input: encode_value(input, context.limits.elements),
    }
)

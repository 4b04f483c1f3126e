"""The answers that Earth Engine is documented to give, one test per entry of golden.json, where that
folder is present.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from smgee.eelocal.engine.context import Context
from smgee.eelocal.engine.evaluator import evaluate
from smgee.eelocal.errors import EEError
from smgee.eelocal.formats.values import encode_value


def _folder() -> Path:
    """The folder ``golden`` beside the one of real data."""
    data = Path(os.environ.get("SMGEE_REAL_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
    return data.parent / "golden"


def _entries() -> list[Any]:
    file = _folder() / "golden.json"
    if not file.is_file():
        return [
            pytest.param(
                None,
                marks=pytest.mark.skip(reason="the folder of golden answers is not beside this checkout"),
            )
        ]
    return [pytest.param(e, id=e["id"]) for e in json.loads(file.read_text(encoding="utf-8"))]


def _number(value: Any) -> float | None:
    """A JSON number, or one of the three words that stand for numbers JSON lacks."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        return {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}.get(value)
    return float(value) if isinstance(value, (int, float)) else None


def _close(actual: float, wanted: float, decimals: int | None, relative: float | None) -> bool:
    if not math.isfinite(wanted) or not math.isfinite(actual):
        return (math.isnan(wanted) and math.isnan(actual)) or actual == wanted
    margin = 1e-9 * max(1.0, abs(wanted))
    if decimals is not None:  # digits beyond those stated may have been rounded or cut
        margin = max(margin, 10.0**-decimals)
    if relative is not None:
        margin = max(margin, relative * abs(wanted))
    return abs(actual - wanted) <= margin * (1 + 1e-9)


def _agrees(actual: Any, wanted: Any, entry: Mapping[str, Any]) -> bool:
    if wanted is None:
        return actual is None
    if isinstance(wanted, bool):
        return isinstance(actual, (bool, int)) and bool(actual) is wanted
    if isinstance(wanted, Mapping):
        if not isinstance(actual, Mapping) or (entry["compare"] != "subset" and set(actual) != set(wanted)):
            return False
        return all(k in actual and _agrees(actual[k], v, entry) for k, v in wanted.items())
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return (
            isinstance(actual, list)
            and len(actual) == len(wanted)
            and all(_agrees(a, w, entry) for a, w in zip(actual, wanted, strict=True))
        )
    number = _number(wanted)
    if number is None or (isinstance(wanted, str) and actual == wanted):
        return bool(actual == wanted)
    found = _number(actual)
    return found is not None and _close(found, number, entry.get("tolerance"), entry.get("rel_tolerance"))


def _matches(actual: Any, entry: Mapping[str, Any]) -> bool:
    wanted = entry.get("expected")
    if entry["compare"] == "length":
        return isinstance(actual, list) and len(actual) == wanted
    if entry["compare"] == "eigen_rows":  # an eigenvector is known up to its sign
        return len(actual) == len(wanted) and all(
            _agrees(a[:1], w[:1], entry)
            and any(_agrees([s * v for v in a[1:]], w[1:], entry) for s in (1, -1))
            for a, w in zip(actual, wanted, strict=True)
        )
    return _agrees(actual, wanted, entry)


@pytest.mark.parametrize("entry", _entries())
def test_documented_answer(entry: Mapping[str, Any]) -> None:
    context = Context()
    if entry["compare"] == "error":
        with pytest.raises(EEError) as failure:
            encode_value(evaluate(entry["expression"], context), context.limits.elements)
        assert " ".join(entry["expected"]["error"].split()) in " ".join(str(failure.value).split())
        return
    answer = encode_value(evaluate(entry["expression"], context), context.limits.elements)
    if entry["compare"] == "kernel_weights":
        answer = answer["weights"]
    assert _matches(answer, entry), f"{answer!r} instead of {entry.get('expected')!r}"


def test_comparison_can_fail() -> None:
    entry = {"compare": "value", "tolerance": 3}
    assert _agrees([1.0004, "Infinity"], [1, "Infinity"], entry)
    assert not _agrees([1.002, "Infinity"], [1, "Infinity"], entry)
    assert not _agrees({"a": 1, "b": 2}, {"a": 1}, entry)
    assert _agrees({"a": 1, "b": 2}, {"a": 1}, {"compare": "subset"})
    assert not _matches([[2, 0, 1]], {"compare": "eigen_rows", "expected": [[2, 1, 0]]})
    assert _matches([[2, 0, -1]], {"compare": "eigen_rows", "expected": [[2, 0, 1]]})

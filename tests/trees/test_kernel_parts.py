"""The kernel's parts, each against a plain statement of what it does."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smgee.trees.kernel.cutsets import number_marks
from smgee.trees.kernel.forest import LANE_BITS, LEAF_LANE, cuts_of
from smgee.trees.kernel.keys import Encoder, key_of_number, number_of_key
from smgee.trees.kernel.loading import encode_column
from smgee.trees.kernel.program import add_to_table, group_pieces
from smgee.trees.kernel.tournament import TABLE, aligned

ANY64 = st.floats(allow_nan=False)
ANY32 = st.floats(allow_nan=False, width=32)


def around(number: float, kind: np.dtype) -> np.ndarray:
    """The nearest numbers of a type, and the odd ones."""
    with np.errstate(over="ignore", under="ignore"):
        near = kind.type(number)
        up, down = np.nextafter(near, kind.type(np.inf)), np.nextafter(near, kind.type(-np.inf))
    return np.array(
        [near, up, down, 0.0, -0.0, np.inf, -np.inf, np.finfo(kind).tiny, -np.finfo(kind).smallest_subnormal],
        kind,
    )


@settings(max_examples=500)
@given(
    threshold=ANY64, comparison=st.sampled_from(["lt", "le"]), kind=st.sampled_from([np.float32, np.float64])
)
def test_cuts_say_what_thresholds_say(threshold: float, comparison: str, kind: type) -> None:
    x = around(threshold, np.dtype(kind))
    cut = cuts_of(np.array([threshold]), comparison, np.dtype(np.float64), np.dtype(kind))
    exact = x.astype(np.float64)
    expected = exact < threshold if comparison == "lt" else exact <= threshold
    assert np.array_equal(key_of_number(x) <= cut, expected)


@given(st.lists(ANY64, min_size=2, max_size=20), st.sampled_from([np.float32, np.float64]))
def test_keys_sort_like_numbers(numbers: list[float], kind: type) -> None:
    with np.errstate(over="ignore"):
        x = np.array(numbers).astype(kind)
    keys = key_of_number(x)
    assert np.array_equal(
        np.sign(np.subtract.outer(keys.astype(object), keys.astype(object))).astype(int) > 0,
        np.greater.outer(x, x),
    )
    assert np.array_equal(number_of_key(keys), x)


@settings(max_examples=300, deadline=None)
@given(
    data=st.data(),
    kind=st.sampled_from([np.float32, np.float64]),
    code=st.sampled_from([np.uint8, np.uint16, np.int32]),
)
def test_codes_count_cuts_below(data: Any, kind: type, code: type) -> None:
    base = ANY32 if kind is np.float32 else ANY64
    close = st.integers(-40, 40).map(lambda k: float(kind(0.3) + kind(k) * np.spacing(kind(0.3))))
    cuts = np.unique(key_of_number(np.array(data.draw(st.lists(st.one_of(base, close), max_size=40)), kind)))
    if data.draw(st.booleans()) and len(cuts):
        cuts = np.unique(np.append(cuts, [key_of_number(np.array([-np.inf], kind))[0] - 1, cuts[0] - 1]))
    rng = np.random.default_rng(0)
    pool = [around(n, np.dtype(kind)) for n in number_of_key(cuts) if not np.isnan(n)] + [
        around(0.3, np.dtype(kind)),
        np.array([np.nan], kind),
    ]
    x = rng.choice(np.concatenate(pool), 2500)
    codes = np.empty(len(x), code)
    e = Encoder.of_cuts(cuts)
    gaps = encode_column(x, e.low, e.factor, e.first, e.cuts, e.span, codes)
    assert gaps == np.isnan(x).sum()
    expected = np.searchsorted(cuts, key_of_number(np.nan_to_num(x, nan=0.0, posinf=np.inf, neginf=-np.inf)))
    assert np.array_equal(codes, np.where(np.isnan(x), 0, expected))


@settings(deadline=None)
@given(
    st.lists(st.lists(st.booleans(), max_size=90), min_size=1, max_size=3),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_marks_are_numbered(lanes: list[list[bool]], before: int, after: int) -> None:
    begin = before + np.cumsum([0, *[len(marks) + after + 1 for marks in lanes[:-1]]])
    end = begin + [len(marks) for marks in lanes]
    # Whole words of marks, all set around those of the lanes.
    mark = np.ones(-(-(end[-1] + after) // 8) * 8 + 8, np.uint8)
    for a, marks in enumerate(lanes):
        mark[begin[a] : end[a]] = marks
    renamed = np.full(len(mark), 999, np.uint16)
    count = np.empty(len(lanes), np.int64)
    number_marks(mark, renamed, begin, end, count)
    assert count.tolist() == [sum(marks) for marks in lanes]
    around_lanes, around_renamed = np.ones(len(mark), bool), np.ones(len(mark), bool)
    for a, marks in enumerate(lanes):
        assert renamed[begin[a] : end[a] + 1].tolist() == np.cumsum([0, *marks]).tolist()
        assert not mark[begin[a] : end[a]].any()
        around_lanes[begin[a] : end[a]] = False
        around_renamed[begin[a] : end[a] + 1] = False
    assert mark[around_lanes].all()
    assert (renamed[around_renamed] == 999).all()


@given(st.lists(st.integers(2, TABLE), min_size=1, max_size=200))
def test_groups_hold_every_piece_once_and_fit_a_table(numbers: list[int]) -> None:
    order, starts = group_pieces(np.array(numbers, np.int32))
    assert sorted(order.tolist()) == list(range(len(numbers)))
    products = [np.prod([numbers[p] for p in order[a:b]]) for a, b in itertools.pairwise(starts)]
    assert max(products) <= TABLE
    assert starts[0] == 0
    assert starts[-1] == len(numbers)
    # Two pieces that would fit together are not left alone, save the last.
    alone = [numbers[order[a]] for a, b in itertools.pairwise(starts) if b - a == 1]
    assert sum(n * n <= TABLE for n in alone) <= 1


@pytest.mark.parametrize("elsewhere", [False, True])
def test_tables_hold_the_sums_of_combinations(elsewhere: bool) -> None:
    leaf = np.array([5, 70, 900, 11000], np.int32)
    words = np.array([LEAF_LANE | i << LANE_BITS for i in range(4)])
    table = np.zeros(TABLE, np.int32)
    # In Python: compiled, it is part of others.
    add = add_to_table.py_func
    size = add(table, 1, words, 0, 1, 2, leaf)
    size = add(table, size, words, 2, 3, 3 if elsewhere else 2, leaf)
    second = [0, 900, 11000] if elsewhere else [900, 11000]
    assert table[:size].tolist() == [a + b for b in second for a in (5, 70)]


def test_buffers_begin_on_a_cache_line() -> None:
    for n in (1, 100, 4096):
        buffer = aligned(n)
        assert len(buffer) == n
        assert buffer.ctypes.data % 64 == 0

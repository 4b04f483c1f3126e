"""What is kept in memory stays within its budget, oldest use first out."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from smgee.cache import ByteCache


def test_the_least_recently_used_go_first():
    cache = ByteCache(100)
    for name in "abc":
        cache.put(name, name.upper(), 30)
    assert cache.find("a") == ("A",)
    cache.put("d", None, 30)
    assert [cache.find(name) for name in "abcd"] == [("A",), None, ("C",), (None,)]
    assert cache.used == 90


def test_a_value_put_again_counts_once():
    cache = ByteCache(100)
    cache.put("a", 1, 60)
    cache.put("a", 2, 50)
    assert (cache.find("a"), cache.used) == ((2,), 50)
    cache.put("a", 3, 101)  # larger than the budget: the old one is no longer true, the new one is not kept
    assert (cache.find("a"), cache.used) == (None, 0)


def test_what_is_kept_is_not_made_again():
    cache = ByteCache(1000)
    made = []
    for key in (1, 2, 1, 2):
        value = cache.get(key, lambda key=key: made.append(key) or np.full(10, key), lambda v: v.nbytes)
        assert (value == key).all()
    assert made == [1, 2]
    cache.clear()
    assert cache.used == 0


def test_threads_leave_the_books_in_order():
    cache = ByteCache(5000)

    def use(seed: int) -> None:
        draw = random.Random(seed)
        for _ in range(2000):
            key = draw.randrange(200)
            value = cache.get(key, lambda key=key: np.full(key + 1, key, np.uint8), lambda v: v.nbytes)
            assert value[0] == key
            assert value.size == key + 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    assert cache.used == sum(size for _, size in cache._entries.values()) <= 5000

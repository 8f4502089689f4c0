"""What is remembered is bounded, little beside its keys and values, and forgotten when it should be."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

from todo_core.boundary.latest import Latest, Passing

MANY = 10_000


class Clock:
    """A clock that the test sets."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def taken_by(make: Callable[[], Any]) -> int:
    """Bytes that what is made takes."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        made = make()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made is not None
    return after - before


def filled(latest: Latest[int, int], keys: range) -> Latest[int, int]:
    for key in keys:
        latest[key] = -key
    return latest


def test_what_was_set_last_is_remembered_and_no_more_than_may_be() -> None:
    latest: Latest[int, int] = Latest(16)
    for number in range(100):
        latest[number] = -number
        assert len(latest) <= 16
        assert all(latest[key] == -key for key in range(max(number - 13, 0), number + 1))
    assert 80 not in latest


def test_what_is_set_again_is_the_last() -> None:
    latest = filled(Latest(16), range(16))
    latest[1] = 7

    assert [*latest.items()] == [(key, -key) for key in range(16) if key != 1] + [(1, 7)]


def test_of_a_few_one_goes_for_each_that_comes() -> None:
    assert [*filled(Latest(2), range(5))] == [3, 4]


def test_what_passes_is_remembered_for_its_time_however_often_it_is_read() -> None:
    clock = Clock()
    passing: Passing[str, int] = Passing(10, 60.0, clock)
    passing["a"] = 1
    for clock.now in (1_000.0, 1_030.0, 1_059.9):
        assert passing.get("a") == 1
    passing["b"] = 2
    clock.now = 1_060.0

    assert (passing.get("a"), passing.get("b"), passing.get("c")) == (None, 2, None)
    passing["a"] = 3
    passing.pop("b")
    clock.now = 1_119.9
    assert (passing.get("a"), passing.get("b")) == (3, None)
    assert dict(passing.items()) == {"a": 3}


def test_little_is_taken_beside_keys_and_values() -> None:
    of_integers = 2 * 32
    assert taken_by(lambda: filled(Latest(MANY), range(MANY))) / MANY < of_integers + 70

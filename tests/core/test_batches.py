"""Batches: each item is accepted or refused by itself, and answered in its place."""

from __future__ import annotations

import pytest

from todo_core.boundary.batches import Batch, once_each, same_for_each
from todo_core.boundary.results import Done
from todo_core.errors import Conflict, InvalidInput, NotFound, TodoError

pytestmark = pytest.mark.requirement("MC5")

REFUSED = InvalidInput()


def halved(number: int) -> int:
    if number % 2:
        raise Conflict
    return number // 2


def words(results: list[Done | TodoError]) -> list[str]:
    """The row of each accepted item, the code of each refused one."""
    return [item.row if isinstance(item, Done) else item.code for item in results]


def test_a_step_that_refuses_an_item_leaves_the_others_alone() -> None:
    batch = Batch([8, REFUSED, 3, 4]).each(halved)

    assert batch.accepted == [4, 2]
    assert words(batch.answer(Done(str(number)) for number in batch.accepted)) == [
        "4",
        "invalid_input",
        "conflict",
        "2",
    ]


def test_a_later_step_meets_only_what_is_left() -> None:
    met: list[int] = []

    batch = Batch([8, 3, 6, 4]).each(halved).each(lambda number: met.append(number) or halved(number))

    assert met == [4, 3, 2]
    assert batch.accepted == [2, 1]
    assert words(batch.answer([Done("a"), NotFound()])) == ["a", "conflict", "conflict", "not_found"]


def test_numbers_are_those_of_the_request() -> None:
    assert Batch(["a", REFUSED, "b"]).numbered().accepted == [(0, "a"), (2, "b")]


def test_a_row_that_is_named_again_is_refused_there() -> None:
    named = once_each([{"id": 1, "title": "a"}, REFUSED, {"id": 1, "title": "b"}, {"id": 2}])
    the_same = same_for_each([1, 2, REFUSED, 1], {"skip": True})

    assert named.accepted == [{"id": 1, "title": "a"}, {"id": 2}]
    assert words(named.answer([Done("1"), Done("2")])) == ["1", "invalid_input", "invalid_input", "2"]
    assert the_same.accepted == [{"id": 1, "skip": True}, {"id": 2, "skip": True}]
    assert words(the_same.answer([Done("1"), Done("2")])) == ["1", "2", "invalid_input", "invalid_input"]

"""A test with a table fails for each row that fails, and names it."""

from __future__ import annotations

import inspect

import pytest

from tests.exhaustive import combinations
from tests.tables import each


def test_every_row_that_fails_is_named_and_no_row_is_left_out() -> None:
    seen = []

    @each(("first", "second"), [(1, 1), (1, 2), (3, 4)])
    def equal(first: int, second: int, fixture: str) -> None:
        seen.append((first, second, fixture))
        if first == 3:
            pytest.fail("three")
        assert first == second

    assert [*inspect.signature(equal).parameters] == ["fixture"]
    with pytest.raises(BaseExceptionGroup, match="2 of 3 rows fail: 1-2, 3-4") as failed:
        equal(fixture="f")
    assert [one.__notes__ for one in failed.value.exceptions] == [["in the row 1-2"], ["in the row 3-4"]]
    assert seen == [(1, 1, "f"), (1, 2, "f"), (3, 4, "f")]


async def test_a_coroutine_is_awaited_for_every_row() -> None:
    @each("value", [1, 0], ids=["one", "none"])
    async def is_something(value: int) -> None:
        assert value

    with pytest.raises(BaseExceptionGroup, match="1 of 2 rows fail: none"):
        await is_something()


def test_exhaustive_rows_are_a_case_of_their_own() -> None:
    seen = []

    @each(*combinations(letter=["a", "b"], number=[1, 2]))
    def note(letter: str, number: int) -> None:
        seen.append((letter, number))

    (mark,) = note.pytestmark  # type: ignore[attr-defined]
    usual, further = mark.args[1]
    for case in (usual, further):
        note(**{mark.args[0]: case.values[0]})

    assert seen == [("a", 1), ("b", 2), ("a", 2), ("b", 1)]
    assert [mark.name for mark in further.marks] == ["exhaustive"]

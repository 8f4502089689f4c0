"""Where a series of a subtask ends, and what undo, the trash and opening again make of it."""

from __future__ import annotations

import orjson
import pytest

from tests.core.home import Home
from todo_core.operations import overview, todos

pytestmark = pytest.mark.requirement("TD11", "TD9")


@pytest.mark.parametrize("last", [{"due": "2026-12-05"}, {"due": "2026-11-28", "repeat": "daily, 1 time"}, {}], ids=str)
async def test_a_parent_that_does_not_come_again_ends_the_series_below(home: Home, last: dict[str, str]) -> None:
    parent = await home.add("P", **last)
    tomorrows = await home.next(await home.add("K", repeat="daily", parent_id=parent))
    await home.add("below", parent_id=tomorrows)
    before = await home.everything()

    answer = await home.complete(parent)

    assert (answer["subtasks_changed"], answer["open_subtasks"], answer["next"]) == (2, 0, None)
    assert await home.rows() == []
    assert {row["title"] for row in await home.rows(status="trashed")} == {"K", "below"}
    counts = orjson.loads((await home.me.perform(overview.get)).json)
    assert counts["done"] == 2  # what somebody did: today's, and the parent
    undone = await home.undo(answer["change_id"])
    assert await home.everything() == before
    await home.undo(undone)
    assert await home.rows() == []
    await home.write(todos.restore, tomorrows)
    assert {row["id"] for row in await home.rows()} >= {tomorrows, parent}


async def test_its_first_occurrence_is_done_with_a_parent_that_does_not_come_again(home: Home) -> None:
    parent = await home.add("P", due="2026-12-05")
    await home.add("K", repeat="every monday", due="2026-11-30", parent_id=parent)

    await home.complete(parent)

    assert [row["title"] for row in await home.rows(status="done")] == ["K", "P"]
    assert await home.rows(status="trashed") == []


async def test_a_count_is_of_the_whole_series(home: Home) -> None:
    parent = await home.add("P", repeat="daily")
    child = await home.add("K", repeat="daily, 3 times", parent_id=parent)
    await home.next(child)

    second = await home.next(parent)
    assert await home.open_below(second) == ["K 11-29 Sun"]
    third = await home.next(second)
    assert await home.open_below(third) == ["K 11-30 Mon"]
    fourth = await home.next(third)

    assert await home.open_below(fourth) == []
    assert len([row for row in await home.rows(status="all") if row["title"] == "K"]) == 3


async def test_a_series_that_a_person_trashed_or_moved_away_does_not_come_again(home: Home) -> None:
    parent, other = await home.add("P", repeat="daily"), await home.add("other")
    trashed, moved = [await home.add(title, repeat="daily", parent_id=parent) for title in "KL"]
    await home.write(todos.delete, await home.next(trashed))
    await home.update(await home.next(moved), parent_id=other)

    following = await home.next(parent)

    assert await home.open_below(following) == []
    assert await home.open_below(other) == ["L 11-29 Sun"]


async def test_a_next_parent_that_was_trashed_is_made_again_with_its_series(home: Home) -> None:
    parent = await home.add("P", repeat="daily")
    await home.next(await home.add("K", repeat="daily", parent_id=parent))
    await home.write(todos.delete, await home.next(parent))
    await home.write(todos.reopen, parent)

    again = await home.next(parent)

    assert await home.open_below(again) == ["K 11-29 Sun"]


async def test_a_trashed_subtask_that_is_restored_goes_on(home: Home) -> None:
    parent = await home.add("P", repeat="daily")
    child = await home.add("K", repeat="daily", parent_id=parent)
    await home.write(todos.delete, child)
    assert await home.open_below(await home.next(parent)) == []

    await home.write(todos.restore, child)  # and with it the parent is open again
    tomorrows = await home.next(child)
    await home.complete(parent)  # whose next is there already

    assert tomorrows in [row["id"] for row in await home.rows(status="trashed")]


async def test_an_occurrence_that_was_opened_again_does_not_come_twice(home: Home) -> None:
    parent = await home.add("P", repeat="daily")
    child = await home.add("K", repeat="daily", parent_id=parent)
    await home.next(child)
    await home.write(todos.reopen, child)
    assert await home.open_below(parent) == ["K 11-28 Sat", "K 11-29 Sun"]

    following = await home.next(parent)
    assert await home.open_below(following) == ["K 11-29 Sun"]

    await home.write(todos.reopen, child)  # and with it the parent
    assert await home.next(child) in [row["id"] for row in await home.rows(parent_id=following)]
    assert await home.next(parent) == following
    assert await home.open_below(following) == ["K 11-29 Sun"]


async def test_undo_brings_back_where_it_was_what_went_along(home: Home) -> None:
    parent = await home.add("P", repeat="daily")
    child = await home.add("K", repeat="daily", parent_id=parent)
    ticked = await home.complete(child)
    before = await home.everything()

    answer = await home.complete(parent)
    after = await home.everything()
    undone = await home.undo(answer["change_id"])

    assert [row for row in await home.everything() if not row["deleted_at"]] == before
    await home.undo(undone)
    assert await home.everything() == after
    await home.undo(await home.undo((await home.complete(answer["next"]["id"]))["change_id"]))
    assert len(await home.rows(status="open")) == 2
    with pytest.raises(Exception, match="later change"):
        await home.undo(ticked["change_id"])

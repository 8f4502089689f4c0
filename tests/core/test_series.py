"""Subtasks that repeat below todos that do: one of each is open, whatever is completed in which order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import orjson
import pytest

from tests.core.support import CoreOpener, told
from todo_core.boundary.operation import Caller, Operation
from todo_core.boundary.results import Changed
from todo_core.models.todos import MAX_DEPTH, TodoCreate, TodoFilter
from todo_core.operations import changes, overview, todos, users

pytestmark = pytest.mark.requirement("TD11", "TD9")

SATURDAY = datetime(2026, 11, 28, 13, 15, 4, tzinfo=UTC)
"""14:15:04 in Berlin."""
Json = dict[str, Any]


@dataclass
class Home:
    """Somebody in Berlin, and the moment that they live in."""

    me: Caller
    clock: list[datetime]

    async def add(self, title: str, **fields: Any) -> int:
        (row,) = told(await self.me.perform(todos.add, [TodoCreate(title=title, **fields)]))
        assert "error" not in row, row
        return int(row["id"])

    async def write(self, operation: Operation[..., Any], *ids: int) -> Json:
        """The answer for the last of the todos, with the change in `change_id`."""
        changed: Changed[Any] = await self.me.perform(operation, ids)
        row = told(changed)[-1]
        assert "error" not in row, row
        return {**row, "change_id": changed.change_id}

    async def complete(self, *ids: int) -> Json:
        return await self.write(todos.complete, *ids)

    async def next(self, *ids: int) -> int:
        """The next occurrence of the last of the todos, which are completed."""
        following = (await self.complete(*ids))["next"]
        assert following is not None
        return int(following["id"])

    async def update(self, todo_id: int, **fields: Any) -> None:
        (row,) = told(await self.me.perform(todos.update, [{"id": todo_id, **fields}]))
        assert "error" not in row, row

    async def undo(self, change_id: int) -> int:
        undone: Changed[Any] = await self.me.perform(changes.undo, change_id)
        assert undone.change_id is not None
        return undone.change_id

    async def rows(self, **wanted: Any) -> list[Json]:
        page = await self.me.perform(todos.list_, TodoFilter(**({"status": "open", "limit": 200} | wanted)))
        return sorted(orjson.loads(page.json), key=lambda row: (row["due"] or {}).get("date", ""))

    async def open_below(self, parent_id: int) -> list[str]:
        """`K 11-30 Mon` for each open todo right below a todo."""
        rows = await self.rows(parent_id=parent_id)
        (parent,) = await self.rows(ids=[parent_id], status="all")
        assert parent["open_subtasks"] == len(rows)
        return [f"{row['title']} {row['due']['date'][5:]} {row['due']['weekday'][:3]}" for row in rows]

    async def everything(self) -> list[Json]:
        """All rows as they are, without what every write counts up."""
        rows = await self.rows(status="all") + await self.rows(status="trashed")
        return sorted(({**row, "version": 0, "updated_at": ""} for row in rows), key=lambda row: row["id"])


@pytest.fixture
async def home(ann: Caller, another_core: CoreOpener) -> AsyncIterator[Home]:
    await ann.perform(users.update, {"time_zone": "Europe/Berlin"})
    clock = [SATURDAY]
    async with another_core(clock=lambda: clock[0]) as core:
        yield Home(replace(ann, core=core), clock)


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        (("daily", "2026-11-28"), ("daily", "2026-11-28")),
        (("every 10 days", "2026-11-30"), ("every monday", "2026-11-30")),
        (("daily", "2026-11-28"), ("every monday", "2026-11-28")),
        (("every! 3 days", "2026-11-28"), ("every 2 days at 9am", "2026-11-28")),
    ],
    ids=str,
)
async def test_one_of_a_series_is_open_below_one_parent_in_any_order_and_number(
    home: Home, parent: tuple[str, str], child: tuple[str, str]
) -> None:
    for order in [*product("PK", repeat=3), "KKKKKP", "PPPKPPKKP"]:
        top = await home.add("P", repeat=parent[0], due=parent[1])
        below = await home.add("K", repeat=child[0], due=child[1], parent_id=top)
        days = [(await home.rows(ids=[below]))[0]["due"]["date"]]
        for what in order:
            if what == "P":
                top = await home.next(top)
            else:
                await home.next(below)
            (row,) = await home.rows(parent_id=top)
            below = row["id"]
            days.append(row["due"]["date"])
            assert row["repeat"]["scheduled"].startswith(row["due"]["date"])
            assert "monday" not in child[0] or row["due"]["weekday"] == "Monday"
        assert days == sorted(days), order
        assert len(set(days)) >= order.count("K") if isinstance(order, tuple) else True
        (left,) = await home.rows(ids=[top])
        assert left["open_subtasks"] == 1
        await home.write(todos.delete, top)
        assert await home.rows() == []


async def test_a_subtask_goes_on_by_its_own_rule(home: Home) -> None:
    parent = await home.add("P", repeat="every 10 days", due="2026-11-30")
    await home.add("K", repeat="every monday", due="2026-11-30", parent_id=parent)
    await home.add("plain", due="2026-11-29", parent_id=parent)

    following = await home.next(parent)

    assert await home.open_below(following) == ["K 12-07 Mon", "plain 12-09 Wed"]


async def test_what_is_still_to_come_goes_along_as_it_is(home: Home) -> None:
    parent = await home.add("P", repeat="daily", due="2026-11-28")
    child = await home.add("K", repeat="daily", parent_id=parent)
    ticked = await home.add("ticked", parent_id=child)
    tomorrows = await home.next(child)
    (below,) = await home.rows(parent_id=tomorrows)
    await home.complete(below["id"])
    await home.update(tomorrows, description="written")

    answer = await home.complete(parent)

    assert answer["subtasks_changed"] == 1
    assert answer["open_subtasks"] == 0
    assert answer["next"]["open_subtasks"] == 1
    (moved,) = await home.rows(parent_id=answer["next"]["id"])
    assert (moved["id"], moved["description"], moved["open_subtasks"]) == (tomorrows, "written", 0)
    assert await home.open_below(answer["next"]["id"]) == ["K 11-29 Sun"]
    assert [row["is_completed"] for row in await home.rows(parent_id=tomorrows, status="all")] == [True]
    assert ticked not in [row["id"] for row in await home.rows()]


@pytest.mark.parametrize(
    ("today", "parent", "child", "done", "below"),
    [
        # Which occurrence is done with the parent of Saturday; how often the subtask was done before.
        ("11-28", ("weekly", "11-28"), "daily", 0, "K 11-29 Sun"),
        ("11-28", ("weekly", "11-28"), "daily", 1, "K 11-29 Sun"),
        ("11-24", ("weekly", "11-28"), "daily", 1, "K 11-25 Wed"),  # tomorrow's was not done
        ("11-27", ("daily", "11-28"), "daily", 0, "K 11-29 Sun"),  # the day's were done early
        ("11-30", ("daily", "11-28"), "daily", 0, "K 12-01 Tue"),  # what was missed is passed over
        ("11-30", ("daily", "11-28"), "daily", 1, "K 12-01 Tue"),
        ("11-28", ("daily", "11-28"), "every monday", 0, "K 11-30 Mon"),
        ("11-28", ("daily", "11-28"), "every! 3 days", 1, "K 12-01 Tue"),
    ],
)
async def test_the_round_decides_what_is_done_with_a_parent(  # noqa: PLR0917  # a row of the table
    home: Home, today: str, parent: tuple[str, str], child: str, done: int, below: str
) -> None:
    home.clock[0] = datetime.fromisoformat(f"2026-{today}T13:00:00Z")
    top = await home.add("P", repeat=parent[0], due=f"2026-{parent[1]}")
    due = min(today, parent[1]) if today != "11-27" else parent[1]
    last = await home.add("K", repeat=child, due=f"2026-{due}", parent_id=top)
    for _ in range(done):
        last = await home.next(last)

    assert await home.open_below(await home.next(top)) == [below]


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


async def test_series_go_on_five_deep(home: Home) -> None:
    titles = ["P", *"ABCDE"]
    ids: list[int] = []
    for n, title in enumerate(titles):
        ids.append(await home.add(title, repeat="daily", **({"parent_id": ids[-1]} if n else {})))
    assert len(ids) == MAX_DEPTH + 1

    for _ in range(3):
        answer = await home.complete(ids[0])
        rows = {row["title"]: row for row in await home.rows()}
        assert rows.keys() == set(titles)
        assert len({row["due"]["date"] for row in rows.values()}) == 1
        ids = [rows[title]["id"] for title in titles]
        assert [rows[title]["parent_id"] for title in titles[1:]] == ids[:-1]
        assert answer["next"]["id"] == ids[0]
        middle = await home.next(ids[2])  # with all below it, of the day after
        answer = await home.complete(ids[0])
        (carried,) = [row for row in await home.rows() if row["title"] == "B"]
        assert carried["id"] == middle
        rows = {row["title"]: row for row in await home.rows()}
        ids = [rows[title]["id"] for title in titles]
        assert len(await home.rows()) == len(titles)


async def test_a_plain_subtask_between_takes_the_series_along(home: Home) -> None:
    parent = await home.add("P", repeat="weekly", due="2026-11-28")
    plain = await home.add("plain", parent_id=parent)
    child = await home.add("K", repeat="daily", parent_id=plain)
    await home.next(child)

    following = await home.next(parent)

    (copy,) = await home.rows(parent_id=following)
    assert (copy["title"], await home.open_below(copy["id"])) == ("plain", ["K 11-29 Sun"])
    await home.next((await home.rows(parent_id=copy["id"]))[0]["id"])
    await home.complete(copy["id"])  # ends the series of this round
    assert [row["due"]["date"] for row in await home.rows(status="trashed")] == ["2026-11-30"]
    (again,) = await home.rows(parent_id=await home.next(following))
    assert await home.open_below(again["id"]) == ["K 11-30 Mon"]  # which was not done


async def test_several_series_and_ticked_subtasks_go_on_together(home: Home) -> None:
    parent = await home.add("P", repeat="daily")
    first, second = [await home.add(title, repeat="daily", parent_id=parent) for title in "KL"]
    plain = await home.add("plain", due="2026-11-28", parent_id=parent)
    await home.complete(plain, first)

    following = await home.next(parent)

    assert sorted(await home.open_below(following)) == ["K 11-29 Sun", "L 11-29 Sun", "plain 11-29 Sun"]
    assert second in [row["id"] for row in await home.rows(status="done")]


@pytest.mark.parametrize("how", ["before", "after", "alone"])
async def test_a_parent_and_its_subtask_are_completed_in_one_request(home: Home, how: str) -> None:
    parent = await home.add("P", repeat="daily")
    child = await home.add("K", repeat="daily", parent_id=parent)
    tomorrows = await home.next(child)
    named = {"before": [tomorrows, parent], "after": [parent, tomorrows], "alone": [parent]}[how]

    rows = {row["title"]: row for row in told(await home.me.perform(todos.complete, named))}

    expected = "K 11-29 Sun" if how == "alone" else "K 11-30 Mon"
    assert await home.open_below(rows["P"]["next"]["id"]) == [expected]
    assert how == "alone" or rows["K"]["next"] is None  # it is below the parent's


async def test_what_is_still_to_come_can_be_changed_in_the_same_request(home: Home) -> None:
    parent = await home.add("P", repeat="daily")
    tomorrows = await home.next(await home.add("K", repeat="daily", parent_id=parent))
    patches = [{"id": parent, "is_completed": True}, {"id": tomorrows, "title": "renamed", "tags": ["x"]}]

    done, renamed = told(await home.me.perform(todos.update, patches))

    assert (renamed["title"], renamed["tags"], renamed["version"]) == ("renamed", ["x"], 2)
    assert renamed["parent_id"] == done["next"]["id"]
    assert done["subtasks_changed"] == 0


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


async def test_skipping_opens_what_is_ticked_of_a_checklist(home: Home) -> None:
    parent = await home.add("P", repeat="weekly", due="2026-11-28")
    ticked = await home.add("ticked", due="2026-11-27", parent_id=parent)
    deeper = await home.add("deeper", parent_id=ticked)
    child = await home.add("K", repeat="daily", parent_id=parent)
    await home.complete(await home.add("of K", parent_id=child))
    trashed = await home.add("trashed", parent_id=parent)
    await home.complete(ticked, trashed)
    await home.complete(child)
    await home.write(todos.delete, trashed)
    before = await home.everything()

    answer = await home.write(todos.skip, parent)

    assert (answer["due"]["date"], answer["subtasks_changed"], answer["open_subtasks"]) == ("2026-12-05", 2, 2)
    assert {ticked, deeper} < {row["id"] for row in await home.rows()}
    assert await home.open_below(parent) == ["ticked 11-27 Fri", "K 11-29 Sun"]
    assert child in [row["id"] for row in await home.rows(status="done")]
    await home.undo(answer["change_id"])
    assert await home.everything() == before


async def test_a_skipped_subtask_is_still_to_come(home: Home) -> None:
    parent = await home.add("P", repeat="daily")
    child = await home.add("K", repeat="daily", parent_id=parent)
    await home.write(todos.skip, child)

    following = await home.next(parent)

    assert await home.open_below(following) == ["K 11-29 Sun"]
    assert [row["id"] for row in await home.rows(parent_id=following)] == [child]


async def test_a_year_of_ticking_stays_one_open_subtask(home: Home) -> None:
    parent = await home.add("P", repeat="weekly", due="2026-11-28")
    child = await home.add("K", repeat="daily", due="2026-11-28", parent_id=parent)
    for number in range(28):
        home.clock[0] = SATURDAY + timedelta(days=number)
        child = await home.next(child)
        if number % 7 == 0:
            parent = await home.next(parent)
        (row,) = await home.rows(parent_id=parent)
        assert (row["id"], row["due"]["date"]) == (child, (date(2026, 11, 29) + timedelta(days=number)).isoformat())

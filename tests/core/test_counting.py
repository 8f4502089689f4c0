"""What was counted of a person with many todos is remembered, and it is the truth whatever happens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from tests.core.support import CoreOpener, add, on_the_wire, told
from tests.core.test_list_mandates import new_list, new_todo
from tests.core.test_mandates import bounded
from todo_core.boundary.caller import Caller
from todo_core.models.changes import ChangeFilter
from todo_core.models.lists import ListCreate
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import analytics, changes, lists, overview, tags, todos, users
from todo_core.queries.standing import STANDING
from todo_core.rules import counting, totals

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def all_have_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "LEAST", 0)
    monkeypatch.setattr(totals, "LEAST", 1)


async def counts(me: Caller) -> list[Json]:
    """The overview, this week and the last one, without the present moment."""
    answers = [await me.perform(overview.get)]
    answers += [await me.perform(analytics.weekly_report, week) for week in ("this week", "last week", "next week")]
    return [{name: value for name, value in orjson.loads(one.json).items() if name != "now"} for one in answers]


async def counted_anew(me: Caller) -> list[Json]:
    """The same by a process that remembers nothing."""
    me.core.counted.clear()
    return await counts(me)


async def test_nothing_is_counted_while_nothing_changes(ann: Caller) -> None:
    await add(ann, "first", "second")
    before = await counts(ann)

    with on_the_wire() as wire:
        assert await counts(ann) == before
    assert [sql for sql in wire.sent if "count(*)" in sql] == [STANDING.autocommit_sql] * 4


async def test_after_whatever_is_written_by_whichever_process_the_counts_are_true(
    ann: Caller, another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    async with another_core() as core:
        other = replace(ann, core=core)
        work = await new_list(ann, "Work")
        made = [TodoCreate(title=title, list_id=work, tags=["home"], due="today 23:59") for title in ("a", "b", "c")]
        one, two, three = [row["id"] for row in told(await ann.perform(todos.add, made))]
        tag = orjson.loads((await ann.perform(overview.get)).json)["tags"][0]["id"]

        async def undo() -> None:
            newest = (await other.perform(changes.list_, ChangeFilter())).since
            await other.perform(changes.undo, newest)

        async def purge() -> None:
            await admin.execute("UPDATE todos SET deleted_at = now() - interval '40 days' WHERE id = $1", three)
            await core.purges.purge()

        writes: list[Callable[[], Awaitable[Any]]] = [
            lambda: other.perform(todos.add, [TodoCreate(title="d", due="yesterday", priority="high")]),
            lambda: other.perform(todos.complete, [one]),
            lambda: other.perform(todos.complete, [three]),
            lambda: other.perform(todos.delete, [three]),
            purge,
            lambda: other.perform(todos.update, [{"id": two, "due": None, "start": "tomorrow"}]),
            lambda: other.perform(lists.update, [{"id": work, "name": "Office"}]),
            lambda: other.perform(lists.update, [{"id": work, "is_archived": True}]),
            undo,
            lambda: other.perform(tags.rename, tag, "house"),
            lambda: other.perform(lists.add, [ListCreate(name="Home")]),
            lambda: other.perform(users.update, {"time_zone": "Pacific/Auckland", "week_start": "sunday"}),
            undo,
        ]
        for number, write in enumerate(writes):
            before = await counts(ann)
            await write()
            mine = await counts(ann)
            assert mine == await counted_anew(other), number
            assert mine != before, number


async def test_the_time_counts_on_by_itself(ann: Caller, another_core: CoreOpener) -> None:
    clock = [datetime(2094, 1, 9, 12, tzinfo=UTC)]  # after all that PostgreSQL says of what is written
    async with another_core(clock=lambda: clock[0]) as core, another_core(clock=lambda: clock[0]) as forgetful:
        me, other = replace(ann, core=core), replace(ann, core=forgetful)
        await me.perform(users.update, {"time_zone": "Pacific/Auckland"})  # 13 hours ahead
        due = [TodoCreate(title="at 3", due="2094-01-10 03:00"), TodoCreate(title="all day", due="2094-01-10")]
        starting = [TodoCreate(title=f"from {day}", start=day) for day in ("2094-01-11", "2094-01-14")]
        await me.perform(todos.add, [*due, *starting])
        seen = []
        for hours in (0, 1.9, 0.2, -1, 22, -1, 49, 24):
            clock[0] += timedelta(hours=hours)
            seen.append(await counts(me))
            assert seen[-1] == await counted_anew(other)

    assert [(one[0]["open"], one[0]["overdue"], one[1]["overdue"]) for one in seen] == [
        *[(2, 0, 0), (2, 0, 0), (2, 1, 1), (2, 0, 0)],
        *[(3, 2, 2), (2, 1, 1), (3, 2, 2), (4, 2, 2)],
    ]


async def test_a_database_that_was_restored_to_an_earlier_moment_is_counted_anew(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    """The ids of changes come again there, with other changes."""
    await add(ann, "first")
    (two,) = await add(ann, "second")
    before, pages = await counts(ann), [(await ann.perform(todos.list_, TodoFilter())).total for _ in range(3)]
    assert (before[0]["open"], pages) == (2, [2, 2, 2])

    last = before[0]["last_change_id"]
    await admin.execute("DELETE FROM todos WHERE id = $1", two)
    await admin.execute("UPDATE changes SET at = at + interval '1 second' WHERE id = $1", last)

    assert (await counts(ann))[0]["open"] == 1
    assert (await ann.perform(todos.list_, TodoFilter())).total == 1


async def test_who_sees_a_part_is_told_of_it_alone(ann: Caller) -> None:
    work = await new_list(ann, "Work")
    agent = await bounded(ann, lists=[work])
    await new_todo(ann, "hidden")
    await new_todo(ann, "shown", work)  # the newest change of both

    assert [(await counts(who))[0]["open"] for who in (ann, agent, ann, agent)] == [2, 1, 2, 1]


async def test_an_account_that_is_deleted_leaves_nothing_behind(ann: Caller) -> None:
    await add(ann, "first")
    await counts(ann)
    mine = [key for key in ann.core.counted if key[0] == ann.principal.user_id]
    assert len(mine) == 4

    ann.core.forget(ann.principal.user_id)

    assert not ann.core.counted.keys() & set(mine)


async def test_what_was_written_by_a_clock_that_is_ahead_is_counted_again(
    ann: Caller, another_core: CoreOpener
) -> None:
    """A todo that was completed a moment ahead of the process's clock was overdue until then."""
    clock = [datetime.now(UTC) - timedelta(minutes=1)]
    async with another_core(clock=lambda: clock[0]) as core, another_core(clock=lambda: clock[0]) as forgetful:
        me, other = replace(ann, core=core), replace(ann, core=forgetful)
        late = [TodoCreate(title=title, due="yesterday") for title in ("done", "overdue")]
        await ann.perform(todos.complete, [told(await ann.perform(todos.add, late))[0]["id"]])

        early = await counts(me)
        clock[0] = datetime.now(UTC) + timedelta(seconds=1)

        assert await counts(me) == await counted_anew(other) != early

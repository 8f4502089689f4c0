"""What is asked for again, a page or a todo, is remembered, and it is the true one whatever happens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from tests.core.attempts import ATTEMPTS, Own, Rows
from tests.core.support import CoreOpener, add, on_the_wire, told
from tests.core.test_list_mandates import new_list, new_todo
from tests.core.test_mandates import bounded
from todo_core.boundary.agents import AgentKey
from todo_core.boundary.caller import Caller
from todo_core.boundary.latest import Latest
from todo_core.boundary.operation import OPERATIONS
from todo_core.boundary.results import Page
from todo_core.core import REMEMBERED_BYTES, Core
from todo_core.errors import Suspended, TodoError
from todo_core.models.changes import ChangeFilter
from todo_core.models.lists import ListRemoval
from todo_core.models.todos import TodoCreate, TodoFilter, TodoRead
from todo_core.operations import agents, changes, lists, notes, search, tags, todos, users
from todo_core.queries.standing import DELETED, LATEST
from todo_core.rules import remembering, totals


class WithNotes(TodoFilter):
    """A filter whose rows have their newest notes."""

    @property
    def shows_notes(self) -> bool:
        return True


FILTERS: tuple[dict[str, Any], ...] = (
    *({}, {"status": "done"}, {"status": "all", "kind": WithNotes}, {"priority": ["high"]}, {"tags": ["home"]}),
    *({"text": "first", "sort": "created"}, {"text": "first"}, {"limit": 2, "sort": "manual"}, {"sort": "pressing"}),
    *({"due_before": "next week", "sort": "due"}, {"status": "trashed"}, {"overdue": True}, {"archived": "only"}),
)


async def page(me: Caller, kind: type[TodoFilter] = TodoFilter, **wanted: Any) -> Page[TodoRead]:
    operation = search.find if "text" in wanted else todos.list_
    return await me.perform(operation, kind(**wanted))


async def one(me: Caller, todo_id: int) -> str:
    """A todo as it is read, or the name of what its read is refused with."""
    try:
        return (await me.perform(todos.get, todo_id)).json
    except TodoError as refused:
        return type(refused).__name__


async def everything(me: Caller, ids: Sequence[int]) -> list[Page[TodoRead] | str]:
    """The pages of all filters, and these todos."""
    return [await page(me, **wanted) for wanted in FILTERS] + [await one(me, todo_id) for todo_id in ids]


async def looks(me: Caller, **wanted: Any) -> list[list[str]]:
    """What each of four looks sends to PostgreSQL."""
    sent = []
    for _ in range(4):
        with on_the_wire() as wire:
            await page(me, **wanted)
        sent.append(wire.sent)
    return sent


def forgetting(core: Core) -> Core:
    """The core of a process that remembers nothing."""
    for remembered in (core.remembered, core.totals, core.matches, core.customs):
        remembered.clear()
    return core


@pytest.mark.parametrize("wanted", [{}, {"text": "first"}, {"sort": "pressing"}, {"due_before": "tomorrow"}], ids=str)
@pytest.mark.usefixtures("noon")
async def test_the_third_look_reads_only_whether_anything_has_changed(ann: Caller, wanted: dict[str, Any]) -> None:
    await add(ann, "first", "second")
    await page(ann, due_before="today")  # the calendar is known

    first, second, third, fourth = await looks(ann, **wanted)

    assert third == fourth == [LATEST.autocommit_sql]
    assert LATEST.autocommit_sql not in first + second


async def test_after_a_change_a_page_is_remembered_once_two_looks_found_the_same(ann: Caller) -> None:
    """Whoever changes something before each look pays for no look that is in vain."""
    await add(ann, "first")
    await looks(ann)
    await add(ann, "second")

    assert [LATEST.autocommit_sql in sent for sent in await looks(ann)] == [True, False, True, True]
    for title in ("third", "fourth", "fifth"):
        await add(ann, title)
        with on_the_wire() as wire:
            await page(ann)
    assert LATEST.autocommit_sql not in wire.sent


async def test_after_whatever_is_written_by_whichever_process_pages_and_todos_are_true(
    ann: Caller, another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    async with (
        another_core(rate_limit="off") as knowing,
        another_core() as core,
        another_core(rate_limit="off") as forgetful,
    ):
        me, other, third = (replace(ann, core=process) for process in (knowing, core, forgetful))
        work = await new_list(ann, "Work")
        made = [TodoCreate(title=title, list_id=work, tags=["home", "x"], due="today 23:59") for title in ("a", "b")]
        first, two = [row["id"] for row in told(await ann.perform(todos.add, made))]
        four, five = await add(ann, "first of all", "the first")
        home, x = (row["id"] for row in orjson.loads((await ann.perform(tags.list_)).json))

        async def undo() -> None:
            newest = (await other.perform(changes.list_, ChangeFilter())).since
            await other.perform(changes.undo, newest)

        async def rename_agent() -> None:
            key = AgentKey.of_program(other.principal.issuer, "Claude")
            agent = await core.agents.find(other.principal.user_id, key, None)
            assert agent is not None
            await other.perform(agents.update, agent.id, {"name": "Clyde"})

        async def purge() -> None:
            await admin.execute("UPDATE todos SET deleted_at = now() - interval '40 days' WHERE id = $1", five)
            await core.purges.purge()

        writes: list[Callable[[], Awaitable[Any]]] = [
            lambda: other.perform(todos.update, [{"id": first, "title": "first"}]),
            lambda: other.perform(todos.add, [TodoCreate(title="below", parent_id=four, priority="high")]),
            lambda: other.perform(todos.complete, [two]),
            lambda: other.perform(notes.add, four, "said"),
            lambda: replace(other, via="mcp", client="Claude").perform(notes.add, four, "heard"),
            rename_agent,
            lambda: other.perform(todos.update, [{"id": four, "place": "last", "start": "tomorrow"}]),
            undo,
            lambda: other.perform(tags.rename, home, "house"),
            undo,
            lambda: other.perform(tags.merge, x, home),
            lambda: other.perform(users.update, {"time_zone": "Pacific/Auckland", "locale": "de"}),
            undo,
            lambda: other.perform(lists.update, [{"id": work, "is_archived": True}]),
            lambda: other.perform(lists.update, [{"id": work, "is_archived": False}]),
            lambda: other.perform(todos.delete, [five]),
            purge,
            lambda: other.perform(lists.delete, [work], ListRemoval(todos="trash")),
            lambda: other.once("key").perform(todos.add, [TodoCreate(title="once")]),
            lambda: other.once("key").perform(todos.add, [TodoCreate(title="once")]),
            lambda: other.once(None, dry_run=True).perform(todos.complete, [four]),
        ]
        ids = [first, two, four, five]
        for number, write in enumerate(writes):
            for _ in range(3):
                await everything(me, ids)
            await write()
            forgetting(third.core)
            assert await everything(me, ids) == await everything(third, ids), number
        kinds = {key[1] for key, known in me.core.remembered.items() if known.shown is not None}
        assert kinds == {"todo", "open", "done", "all"}


@pytest.mark.parametrize(
    "module", sorted({name.partition(".")[0] for name in ATTEMPTS if OPERATIONS[name].effect == "changes"})
)
async def test_after_each_operation_there_is_pages_and_todos_are_true(
    ann: Caller, another_core: CoreOpener, module: str
) -> None:
    async with another_core(rate_limit="off") as knowing, another_core(rate_limit="off") as core:
        me, forgetful = replace(ann, core=knowing), replace(ann, core=core)
        its, own = await Rows.of(ann), await Own.of(ann)
        attempts = [(name, attempt) for name, several in ATTEMPTS.items() for attempt in several]
        for name, attempt in attempts:
            if OPERATIONS[name].effect == "reads" or name.partition(".")[0] != module:
                continue
            for _ in range(3):
                await everything(me, its.todos)
            with suppress(TodoError):
                await attempt(forgetful, its, own)
            forgetting(core)
            assert await everything(me, its.todos) == await everything(forgetful, its.todos), name


async def test_a_page_leads_on_as_it_did(ann: Caller) -> None:
    await add(ann, *"abcdef")
    for _ in range(4):
        first = await page(ann, limit=2)
        second = await page(ann, limit=2, cursor=first.next_cursor)
        assert [row["title"] for row in orjson.loads(first.json) + orjson.loads(second.json)] == [*"fedc"]
        assert (await page(ann, limit=3)).page_size == 3


async def test_each_way_to_ask_for_a_page_leads_on_by_its_own_cursor(ann: Caller) -> None:
    """A cursor belongs to the words of a filter, and several find the same rows."""
    await ann.perform(todos.add, [TodoCreate(title=title, priority="high") for title in "abcd"])
    words: tuple[dict[str, Any], ...] = (
        *({"priority": ["high", "low"]}, {"priority": ["high", "low"], "sort": "created"}),
        *({"priority": ["high", "low"], "archived": "exclude"}, {"priority": ["high", "low"], "direction": "desc"}),
    )
    for wanted in words * 3:
        first = await page(ann, limit=2, **wanted)
        second = await page(ann, limit=2, cursor=first.next_cursor, **wanted)
        assert [row["title"] for row in orjson.loads(second.json)] == ["b", "a"], wanted


async def test_whoever_may_not_act_any_more_is_told_nothing(ann: Caller, admin: asyncpg.Connection) -> None:
    await add(ann, "first")
    await looks(ann)
    await admin.execute("UPDATE users SET suspended_at = now() WHERE id = $1", ann.principal.user_id)

    with pytest.raises(Suspended):
        await page(ann)


async def test_what_starts_tomorrow_is_there_from_midnight_where_the_person_is(
    ann: Caller, another_core: CoreOpener
) -> None:
    clock = [datetime(2026, 11, 28, 12, tzinfo=UTC)]
    async with another_core(clock=lambda: clock[0]) as core:
        me = replace(ann, core=core)
        await me.perform(users.update, {"time_zone": "Pacific/Auckland"})  # 13 hours ahead
        await me.perform(todos.add, [TodoCreate(title="now"), TodoCreate(title="later", start="2026-11-30")])
        seen = []
        for hours in (0, 22, 0, 0, 1, -1, 24):  # midnight there is at 11 in UTC
            clock[0] += timedelta(hours=hours)
            seen.append(len(orjson.loads((await page(me)).json)))

    assert seen == [1, 1, 1, 1, 2, 1, 2]


async def test_a_database_that_was_restored_to_an_earlier_moment_is_read_anew(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    """The ids of changes come again there, with other changes."""
    _, two = await add(ann, "first", "second")
    await looks(ann)
    await admin.execute("DELETE FROM todos WHERE id = $1", two)
    await admin.execute(
        "UPDATE changes SET at = at + interval '1 second' WHERE id = (SELECT max(id) FROM changes WHERE user_id = $1)",
        ann.principal.user_id,
    )

    assert (await page(ann)).total == 1


async def test_a_page_is_remembered_of_a_person_whose_changes_are_all_deleted(
    ann: Caller, another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    async with another_core(history_days=1) as core:
        me = replace(ann, core=core)
        await add(me, "first", "second")
        for title in ("third", "fourth"):
            await admin.execute("UPDATE changes SET at = at - interval '3 days'")
            await core.purges.purge()

            *_, third, fourth = await looks(me)
            assert third == fourth == [LATEST.autocommit_sql, DELETED.autocommit_sql]

            await add(me, title)
            assert orjson.loads((await page(me)).json)[0]["title"] == title


async def test_everybody_is_shown_their_own(ann: Caller, bob: Caller) -> None:
    await add(ann, "of Ann")
    await add(bob, "of Bob")
    for _ in range(4):
        shown = [orjson.loads((await page(who)).json) for who in (ann, bob)]
        assert [[row["title"] for row in rows] for rows in shown] == [["of Ann"], ["of Bob"]]


async def test_who_sees_a_part_is_shown_it_alone(ann: Caller) -> None:
    work = await new_list(ann, "Work")
    agent = await bounded(ann, lists=[work])
    await new_todo(ann, "hidden")
    await new_todo(ann, "shown", work)  # the newest change of both

    assert [(await page(who)).total for who in (ann, agent) * 4] == [2, 1] * 4


async def test_what_is_in_the_trash_or_overdue_is_read_each_time(ann: Caller) -> None:
    for wanted in ({"status": "trashed"}, {"overdue": True}):
        await looks(ann, **wanted)
    assert not [key for key in ann.core.remembered if key[0] == ann.principal.user_id]


async def test_large_pages_and_many_take_no_more_than_they_may(ann: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    await ann.perform(todos.add, [TodoCreate(title="first", description="x" * 1_000)] * 8)
    monkeypatch.setattr(remembering, "_MOST", 5_000)
    for limit in (2, 8):
        await looks(ann, limit=limit)
    mine = [known for key, known in ann.core.remembered.items() if key[0] == ann.principal.user_id]

    assert [known.shown and len(orjson.loads(known.shown.json)) for known in mine] == [2, None]
    assert ann.core.remembered.currsize == sum(known.size for known in ann.core.remembered.values())
    assert ann.core.remembered.maxsize == REMEMBERED_BYTES


async def test_what_a_caller_writes_into_a_filter_counts(ann: Caller) -> None:
    before = ann.core.remembered.currsize
    for _ in range(2):
        await page(ann, ids=[2**62 + n for n in range(100)])
    assert ann.core.remembered.currsize - before > 100 * 19


async def test_who_reads_a_long_list_to_its_end_leaves_numbers_behind(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the newest change is read with each page, for its total is known."""
    monkeypatch.setattr(totals, "LEAST", 1)
    me = replace(ann, core=replace(ann.core, asked=Latest(3)))
    await add(me, *"abcdefgh")
    me.core.remembered.clear()
    walked, last = await page(me, limit=1), ""
    while walked.next_cursor is not None:
        last = walked.next_cursor
        walked = await page(me, limit=1, cursor=last)

    assert (len(me.core.remembered), len(me.core.asked)) == (0, 3)
    await page(me, limit=1)  # of which it was forgotten that it was asked for
    assert len(me.core.remembered) == 0
    await page(me, limit=1, cursor=last)
    assert len(me.core.remembered) == 1


async def test_pages_of_whoever_is_gone_are_forgotten(ann: Caller) -> None:
    await add(ann, "first")
    await looks(ann)
    ann.core.forget(ann.principal.user_id)
    assert not [key for key in ann.core.remembered if key[0] == ann.principal.user_id]

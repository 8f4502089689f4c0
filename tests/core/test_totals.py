"""The total of a long list is remembered, and it is the true one whatever happens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from tests.core.support import CoreOpener, add, proposing, told
from todo_core.boundary.caller import Caller
from todo_core.models.lists import ListCreate, ListRemoval
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import changes, lists, notes, todos, users
from todo_core.queries.found import KEPT
from todo_core.rules import remembering, totals

FILTERS: tuple[dict[str, Any], ...] = (
    *({}, {"status": "done"}, {"status": "all"}, {"priority": ["high"]}, {"tags": ["home"]}),
    *({"text": "first", "sort": "created"}, {"text": "first"}, {"text": "first", "status": "all", "direction": "asc"}),
)


@pytest.fixture(autouse=True)
def all_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "LEAST", 1)
    monkeypatch.setattr(totals, "LEAST_FOUND", 1)
    monkeypatch.setattr(remembering, "_MOST", 0)  # none is kept


async def total(me: Caller, **wanted: Any) -> int:
    return (await me.perform(todos.list_, TodoFilter(limit=1, **wanted))).total


async def told_of(me: Caller, **wanted: Any) -> tuple[int, list[int]]:
    """The total, and the ids of a page."""
    page = await me.perform(todos.list_, TodoFilter(limit=10, **wanted))
    return page.total, [row["id"] for row in orjson.loads(page.json)]


async def read_anew(me: Caller, **wanted: Any) -> tuple[int, list[int]]:
    """The same by a process that remembers nothing."""
    me.core.totals.clear()
    me.core.matches.clear()
    return await told_of(me, **wanted)


async def test_nothing_is_counted_while_nothing_changes_and_anything_that_changes_is(ann: Caller) -> None:
    await add(ann, "first", "second")
    assert [await total(ann), await total(ann)] == [2, 2]  # it is a long one; its newest change is this
    (key,) = (key for key in ann.core.totals if key[0] == ann.principal.user_id)
    ann.core.totals[key] = replace(ann.core.totals[key], number=77)

    assert [await total(ann), await total(ann, sort="title")] == [77, 77]
    await add(ann, "third")
    assert await total(ann) == 3


async def test_after_every_kind_of_write_by_whichever_process_totals_and_matches_are_true(
    ann: Caller, another_core: CoreOpener
) -> None:
    async with another_core() as core:
        other = replace(ann, core=core)
        one, two, three = await add(ann, "first", "second", "third")
        work = (await ann.perform(lists.add, [ListCreate(name="Work")])).one().as_dict()["id"]
        high = TodoCreate(title="high", priority="high", tags=["home"], list_id=work)
        writes: list[Callable[[], Awaitable[Any]]] = [
            lambda: other.perform(todos.add, [high]),
            lambda: other.perform(todos.complete, [one]),
            lambda: other.perform(todos.update, [{"id": two, "priority": "high", "tags": ["home"]}]),
            lambda: other.perform(todos.update, [{"id": two, "title": "The first of two that come first"}]),
            lambda: other.perform(todos.add, [TodoCreate(title="third", description="not the first")]),
            lambda: other.perform(notes.add, three, "before the first"),
            lambda: other.perform(users.update, {"locale": "de"}),
            lambda: other.perform(todos.delete, [three]),
            lambda: other.perform(todos.restore, [three]),
            lambda: other.perform(lists.update, [{"id": work, "is_archived": True}]),
            lambda: other.perform(lists.update, [{"id": work, "is_archived": False}]),
            lambda: other.perform(lists.delete, [work], ListRemoval(todos="trash")),
            lambda: undo(other),
            lambda: other.once("key").perform(todos.add, [TodoCreate(title="once")]),
            lambda: other.once("key").perform(todos.add, [TodoCreate(title="once")]),
        ]
        for write in writes:
            before = [await told_of(ann, **wanted) for wanted in FILTERS * 3]
            await write()
            mine = [await told_of(ann, **wanted) for wanted in FILTERS]
            assert mine == [await read_anew(other, **wanted) for wanted in FILTERS], before
        assert [key for key in ann.core.matches if key[0] == ann.principal.user_id]


async def walked(me: Caller, **wanted: Any) -> list[Any]:
    """The ids and the total of each page of a search."""
    pages, cursor = [], None
    while cursor is not None or not pages:
        page = await me.perform(todos.list_, TodoFilter(**{"text": "milk", "limit": 4, "cursor": cursor} | wanted))
        pages.append(([row["id"] for row in orjson.loads(page.json)], page.total))
        cursor = page.next_cursor
    return pages


@pytest.mark.parametrize("wanted", [{}, {"status": "all", "direction": "asc"}, {"priority": ["high"]}], ids=str)
async def test_a_search_has_the_same_pages_whether_its_total_is_known_or_not(
    ann: Caller, wanted: dict[str, Any]
) -> None:
    """It stops reading when the page is full, so what does not match must not count."""
    words = ("Milk", "milk and milk", "More of the milky way", "A glass of milk, half a glass of milk")
    new = [TodoCreate(title=title, priority=priority) for title in words for priority in ("low", "high", "high")]
    ids = [row["id"] for row in told(await ann.perform(todos.add, new))]
    await ann.perform(todos.complete, ids[::5])

    unknown, asked, known = [await walked(ann, **wanted) for _ in range(3)]

    assert unknown == asked == known
    assert len({one for page, _ in known for one in page}) == known[0][1] > 4


async def test_the_best_matches_are_not_looked_for_while_nothing_changes_and_are_after_a_change(ann: Caller) -> None:
    ids = await add(ann, "milk", "milk and honey", "milk for the cat")
    expected = [await told_of(ann, text="milk") for _ in range(3)][-1]
    (key,) = (key for key in ann.core.matches if key[0] == ann.principal.user_id)
    best = ann.core.matches[key]
    ann.core.matches[key] = replace(best, ids=best.ids[1:], ranks=best.ranks[1:])

    assert await told_of(ann, text="milk") == (3, expected[1][1:])
    assert await told_of(ann, text="milk", direction="asc") == (3, expected[1][::-1])
    await ann.perform(todos.update, [{"id": ids[0], "title": "honey"}])
    assert await told_of(ann, text="milk") == (2, [one for one in expected[1] if one != ids[0]])


async def test_behind_the_last_match_that_is_known_others_are_looked_for(ann: Caller) -> None:
    for _ in range(3):
        await ann.perform(todos.add, [TodoCreate(title="milk")] * 170)
    number = 3 * 170
    assert number > KEPT

    unknown, asked, known = [await walked(ann, limit=200) for _ in range(3)]

    (best,) = (best for key, best in ann.core.matches.items() if key[0] == ann.principal.user_id)
    assert len(best.ids) == KEPT
    assert unknown == asked == known
    assert [len(ids) for ids, _ in known] == [200, 200, number - 400]
    assert (await ann.perform(todos.list_, TodoFilter(text="milk", limit=5), number - 3)).total == number


async def test_a_page_after_a_row_that_is_no_match_any_more_is_the_one_that_it_is(ann: Caller) -> None:
    ids = await add(ann, *["milk"] * 6)
    cursor = (await ann.perform(todos.list_, TodoFilter(text="milk", limit=2))).next_cursor
    await ann.perform(todos.complete, [ids[4]])  # the last of that page

    pages = [await told_of(ann, text="milk", cursor=cursor) for _ in range(4)]

    assert pages == [(5, ids[3::-1])] * 4


async def undo(me: Caller) -> None:
    newest = (await me.perform(changes.list_, changes.ChangeFilter())).since
    await me.perform(changes.undo, newest)


async def test_a_change_that_comes_again_with_another_content_is_not_the_one_that_is_known(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    """As after the database was restored to a moment of the past, while programs serve."""
    (first,) = await add(ann, "first")
    (lost,) = await add(ann, "lost")
    assert [await total(ann), await total(ann)] == [2, 2]
    newest = await admin.fetchval("SELECT max(id) FROM changes WHERE user_id = $1", ann.principal.user_id)
    await admin.execute("DELETE FROM todos WHERE id = $1", lost)
    await admin.execute("DELETE FROM changes WHERE user_id = $1 AND id = $2", ann.principal.user_id, newest)
    await admin.execute("SELECT setval('changes_id_seq', $1, false)", newest)

    assert (await ann.perform(todos.complete, [first])).change_id == newest
    assert await total(ann) == 0


async def test_what_starts_tomorrow_counts_from_midnight_where_the_person_is(
    ann: Caller, another_core: CoreOpener
) -> None:
    clock = [datetime(2026, 11, 28, 12, tzinfo=UTC)]
    async with another_core(clock=lambda: clock[0]) as core:
        me = replace(ann, core=core)
        await me.perform(users.update, {"time_zone": "Pacific/Auckland"})  # 13 hours ahead
        await me.perform(todos.add, [TodoCreate(title="now"), TodoCreate(title="later", start="2026-11-30")])
        told = []
        for hours in (0, 22, 1, -1, 24):  # midnight there is at 11 in UTC
            clock[0] += timedelta(hours=hours)
            told.append(await total(me))

    assert told == [1, 1, 2, 1, 2]


async def test_who_sees_a_part_is_never_told_the_total_of_all(ann: Caller) -> None:
    await add(ann, "first", "second")
    await total(ann)
    agent = await proposing(ann)
    agent = replace(agent, core=ann.core)
    ann.core.totals.clear()

    assert await total(agent) == 2
    assert not [key for key in ann.core.totals if key[0] == ann.principal.user_id]


async def test_the_trash_and_what_is_overdue_are_counted_each_time(ann: Caller) -> None:
    (one,) = await add(ann, "first")
    await ann.perform(todos.delete, [one])
    ann.core.totals.clear()

    assert await total(ann, status="trashed") == 1
    assert await total(ann, overdue=True) == 0
    assert await total(ann, status="all", text="first") == 0
    assert not ann.core.totals


async def test_a_page_after_a_row_that_has_another_rank_since_is_the_one_that_it_is(ann: Caller) -> None:
    """It begins where the row was when the page before was read, not where it is now."""
    ids = await add(ann, *["milk"] * 6)
    cursor = (await ann.perform(todos.list_, TodoFilter(text="milk", limit=2))).next_cursor
    for better_or_worse in ({"title": "milk and milk"}, {"title": "honey", "description": "milk"}):
        await ann.perform(todos.update, [{"id": ids[4], **better_or_worse}])  # the last of that page
        for _ in range(3):
            await told_of(ann, text="milk")  # the best are known now

        page = await ann.perform(todos.list_, TodoFilter(text="milk", limit=2, cursor=cursor))

        assert [row["id"] for row in orjson.loads(page.json)] == ids[3:1:-1]
        assert page.next_cursor is not None


async def test_what_starts_tomorrow_is_found_from_midnight_whoever_counted_it_since(
    ann: Caller, another_core: CoreOpener
) -> None:
    """The total is that of every order, and the best matches are those of one."""
    clock = [datetime(2026, 11, 28, 12, tzinfo=UTC)]
    async with another_core(clock=lambda: clock[0]) as core:
        me = replace(ann, core=core)
        later = [TodoCreate(title="milk and milk", start="2026-11-29") for _ in range(2)]  # the best of all
        await me.perform(todos.add, [*(TodoCreate(title="milk now") for _ in range(12)), *later])
        wanted = {"text": "milk", "started": True}
        today = [await told_of(me, **wanted) for _ in range(3)]
        clock[0] += timedelta(days=1)
        tomorrow = [await told_of(me, **wanted, sort="created") for _ in range(3)]

        assert await told_of(me, **wanted) == (anew := await read_anew(me, **wanted))
        assert [await told_of(me, **wanted) for _ in range(3)] == [anew] * 3
        clock[0] -= timedelta(days=1)  # the clock was ahead, and is put right
        assert [(await told_of(me, **wanted, sort="created"))[0] for _ in range(3)] == [12, 12, 12]
        assert await told_of(me, **wanted) == await read_anew(me, **wanted)
    assert [number for number, _ in today + tomorrow] == [12, 12, 12, 14, 14, 14]

"""Families of todos: what one request loads and writes, and that two at once cannot break them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import anyio
import asyncpg
import orjson
import pytest

from tests.core.support import CoreOpener, add, codes, connected, everything_of, on_the_wire, row_of, told, until
from todo_core.boundary.caller import Caller
from todo_core.models.lists import ListCreate, ListQuery, ListRemoval
from todo_core.models.todos import MAX_DEPTH, TodoCreate, TodoFilter
from todo_core.operations import changes, lists, todos

pytestmark = pytest.mark.requirement("TD9")


@pytest.fixture
async def holder(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody who holds locks."""
    async with connected(database_url) as connection:
        yield connection


def waiting(count: int) -> str:
    """Whether so many wait for an advisory lock."""
    return (
        f"SELECT count(*) = {count:d} FROM pg_stat_activity"  # noqa: S608  # a number
        " WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'"
    )


async def line(caller: Caller, depth: int) -> list[int]:
    """Todos, each a subtask of the one before."""
    new = [TodoCreate(title=str(n), parent_index=n - 1 if n else None) for n in range(depth + 1)]
    return [row["id"] for row in told(await caller.perform(todos.add, new))]


@pytest.mark.parametrize("keys", [(None, None), ("one", "other"), (None, "key")], ids=str)
async def test_two_moves_at_the_same_time_cannot_make_a_cycle(
    keys: tuple[str | None, str | None], ann: Caller, admin: asyncpg.Connection, holder: asyncpg.Connection
) -> None:
    first, second = await add(ann, "first", "second")
    moves = {first: second, second: first}
    outcome: dict[int, list[str]] = {}

    async def move(todo_id: int, key: str | None) -> None:
        patch = {"id": todo_id, "parent_id": moves[todo_id]}
        outcome[todo_id] = codes(await ann.once(key).perform(todos.update, [patch]))

    await holder.execute("SELECT pg_advisory_lock($1)", ann.principal.user_id)
    async with anyio.create_task_group() as group:
        for todo_id, key in zip(moves, keys, strict=True):
            group.start_soon(move, todo_id, key)
        await until(admin, waiting(2))
        await holder.execute("SELECT pg_advisory_unlock($1)", ann.principal.user_id)

    assert sorted(outcome.values()) == [["changed"], ["invalid_input"]]
    parents = await admin.fetch("SELECT parent_id FROM todos WHERE id = ANY ($1)", [first, second])
    assert sum(row["parent_id"] is None for row in parents) == 1


async def test_a_parent_that_is_completed_at_the_same_time_gets_no_open_subtask(
    ann: Caller, admin: asyncpg.Connection, holder: asyncpg.Connection
) -> None:
    """Whoever comes first: no open todo is below one that is done."""
    (parent,) = await add(ann, "parent")

    async def attempt(operation: object, *args: object) -> None:
        await ann.perform(operation, *args)  # type: ignore[arg-type]

    await holder.execute("SELECT pg_advisory_lock($1)", ann.principal.user_id)
    async with anyio.create_task_group() as group:
        group.start_soon(attempt, todos.complete, [parent])
        await until(admin, waiting(1))
        group.start_soon(attempt, todos.add, [TodoCreate(title="below", parent_id=parent)])
        await until(admin, waiting(2))
        await holder.execute("SELECT pg_advisory_unlock($1)", ann.principal.user_id)

    odd = await admin.fetchval(
        "SELECT count(*) FROM todos AS child JOIN todos AS parent ON parent.id = child.parent_id"
        " WHERE parent.id = $1 AND parent.completed_at IS NOT NULL AND child.completed_at IS NULL",
        parent,
    )
    assert odd == 0


@pytest.mark.requirement("DB4")
async def test_a_family_costs_a_constant_number_of_statements_however_large_it_is(
    ann: Caller, another_core: CoreOpener
) -> None:
    async with another_core(database_pool_size=1) as core:
        me = replace(ann, core=core)
        small, (large, *_) = await line(me, 1), await line(me, MAX_DEPTH)
        for _ in range(2):
            await me.perform(todos.add, [TodoCreate(title="x", parent_id=large) for _ in range(50)])
        await me.perform(todos.complete, [small[0]])  # the connection prepares its statement once
        await me.perform(todos.reopen, [small[-1]])
        counts = []

        for todo_id in (small[0], large):
            for operation in (todos.complete, todos.delete):
                with on_the_wire() as wire:
                    await me.perform(operation, [todo_id])
                counts.append(len(wire.sent))

    assert counts[:2] == counts[2:]


@pytest.mark.requirement("DB4", "TD11")
async def test_repeating_todos_cost_a_constant_number_of_statements(ann: Caller) -> None:
    counts = []

    for many in (2, 20):  # with one by itself it is tried whether nothing follows
        new = [TodoCreate(title="x", repeat="daily", tags=[f"tag {n}"]) for n in range(many)]
        ids = [row["id"] for row in told(await ann.perform(todos.add, new))]
        with on_the_wire() as wire:
            await ann.perform(todos.complete, ids)
        counts.append(len(wire.sent))

    assert counts[0] == counts[1]


@pytest.mark.requirement("TD7", "SA3")
async def test_the_database_keeps_every_promise_about_families_whatever_is_done(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    """A walk over the writes; each state must hold together, and undo and redo lead there and back."""
    top, below, deeper = await line(ann, 2)
    (other,) = await add(ann, "other")
    steps = [
        lambda: ann.perform(todos.complete, [below]),
        lambda: ann.perform(todos.delete, [deeper]),
        lambda: ann.perform(todos.complete, [top]),
        lambda: ann.perform(todos.restore, [deeper]),
        lambda: ann.perform(todos.reopen, [deeper]),
        lambda: ann.perform(todos.update, [{"id": below, "parent_id": other}]),
        lambda: ann.perform(todos.delete, [other]),
        lambda: ann.perform(todos.restore, [deeper]),
        lambda: ann.perform(todos.complete, [other]),
        lambda: ann.perform(todos.delete, [top]),
        lambda: ann.perform(todos.restore, [top]),
    ]

    for step in steps:
        before = await shape(admin, ann)
        changed = await step()
        assert await odd_ones(admin, ann) == []
        after = await shape(admin, ann)
        assert changed.change_id is not None
        undone = await ann.perform(changes.undo, changed.change_id)
        assert await shape(admin, ann) == before
        assert undone.change_id is not None
        await ann.perform(changes.undo, undone.change_id)
        assert await shape(admin, ann) == after


async def shape(admin: asyncpg.Connection, caller: Caller) -> list[tuple[object, ...]]:
    """Where each todo is, and how it stands."""
    rows = (await everything_of(admin, caller.principal.user_id))["todos"]
    return [(row["id"], row["parent_id"], row["list_id"], row["completed_at"], row["deleted_at"]) for row in rows]


async def odd_ones(admin: asyncpg.Connection, caller: Caller) -> list[int]:
    """Todos that do not fit with their parent."""
    rows = {row["id"]: row for row in (await everything_of(admin, caller.principal.user_id))["todos"]}
    return [
        row["id"]
        for row in rows.values()
        if (parent := rows.get(row["parent_id"])) is not None
        and (
            row["list_id"] != parent["list_id"]
            or (row["deleted_at"] is None and parent["deleted_at"] is not None)
            or (row["deleted_at"] is row["completed_at"] is None and parent["completed_at"] is not None)
        )
    ]


@pytest.mark.requirement("TD9", "TD8")
async def test_a_subtask_that_comes_or_goes_leaves_its_parents_version_alone(ann: Caller) -> None:
    (parent,) = await add(ann, "parent")

    made = await ann.perform(todos.add, [TodoCreate(title="below", parent_id=parent)])
    await ann.perform(todos.complete, [row_of(made)["id"]])

    row = row_of(await ann.perform(todos.update, [{"id": parent, "title": "still", "if_version": 1}]))
    assert (row["version"], row["open_subtasks"]) == (2, 0)


@pytest.mark.requirement("TD9")
async def test_an_item_below_a_refused_item_of_the_same_request_is_refused_too(ann: Caller) -> None:
    new = [
        TodoCreate(title="a", list_id=2**62),
        TodoCreate(title="b", parent_index=0),
        TodoCreate(title="c", parent_index=1),
        TodoCreate(title="d", parent_index=3),
        TodoCreate(title="e", parent_index=5),
        TodoCreate(title="f"),
    ]

    added = await ann.perform(todos.add, new)

    assert codes(added) == ["not_found", *["invalid_input"] * 4, "changed"]


async def test_a_new_todo_names_its_parent_in_one_way(ann: Caller) -> None:
    (parent,) = await add(ann, "parent")
    new = [TodoCreate(title="a"), TodoCreate(title="b", parent_id=parent, parent_index=0)]

    assert codes(await ann.perform(todos.add, new)) == ["changed", "invalid_input"]


async def test_a_family_is_restored_in_any_order(ann: Caller) -> None:
    parent, child = await line(ann, 1)
    (sibling,) = (row["id"] for row in told(await ann.perform(todos.add, [TodoCreate(title="x", parent_id=parent)])))
    await ann.perform(todos.delete, [parent])

    restored = await ann.perform(todos.restore, [child, parent])

    assert codes(restored) == ["changed", "changed"]
    assert (await ann.perform(todos.get, sibling)).json


@pytest.mark.requirement("SA1")
async def test_a_trashed_subtask_left_in_another_list_does_not_stop_an_undo(ann: Caller) -> None:
    left, kept = told(await ann.perform(lists.add, [ListCreate(name="left"), ListCreate(name="kept")]))
    parent, child = await line(ann, 1)
    await ann.perform(todos.update, [{"id": parent, "list_id": left["id"]}])
    await ann.perform(todos.delete, [child])
    await ann.perform(lists.delete, [left["id"]], ListRemoval(todos="move", move_to=kept["id"]))
    completed = await ann.perform(todos.complete, [parent])

    undone = await ann.perform(changes.undo, completed.change_id)

    assert row_of(undone)["is_completed"] is False


@pytest.mark.requirement("TD10")
async def test_the_next_occurrence_copies_subtasks_as_the_request_leaves_them(ann: Caller) -> None:
    parent, child = await line(ann, 1)
    await ann.perform(todos.update, [{"id": parent, "due": "2027-01-01", "repeat": "daily"}])

    await ann.perform(todos.update, [{"id": child, "title": "new"}, {"id": parent, "is_completed": True}])

    (copy,) = orjson.loads((await ann.perform(todos.list_, TodoFilter(text="new"))).json)
    assert copy["parent_id"] not in (parent, None)


async def test_the_parents_that_a_subtask_restores_leave_their_deleted_list_with_it(ann: Caller) -> None:
    made = row_of(await ann.perform(lists.add, [ListCreate(name="gone")]))["id"]
    new = [TodoCreate(title=title, list_id=made, parent_index=n) for title, n in [("a", None), ("b", 0), ("c", 0)]]
    parent, child, sibling = (row["id"] for row in told(await ann.perform(todos.add, new)))
    await ann.perform(lists.delete, [made], ListRemoval(todos="trash"))

    restored = row_of(await ann.perform(todos.restore, [child]))

    (inbox,) = {row["id"] for row in orjson.loads((await ann.perform(lists.list_, ListQuery())).json)}
    rows = {}
    for status in ("open", "trashed"):
        page = await ann.perform(todos.list_, TodoFilter(status=status))
        rows |= {row["id"]: (row["list_id"], row["deleted_at"] is None) for row in orjson.loads(page.json)}
    assert rows == {parent: (inbox, True), child: (inbox, True), sibling: (made, False)}
    assert restored["subtasks_changed"] == 1


async def test_an_open_parent_that_a_done_subtask_restores_reopens_what_is_above_it(ann: Caller) -> None:
    top, middle, bottom = await line(ann, 2)
    await ann.perform(todos.complete, [bottom])
    await ann.perform(todos.delete, [middle])
    await ann.perform(todos.complete, [top])

    await ann.perform(todos.restore, [bottom])

    page = await ann.perform(todos.list_, TodoFilter(status="all"))
    done = {row["id"]: row["is_completed"] for row in orjson.loads(page.json)}
    assert done == {top: False, middle: False, bottom: True}


async def test_a_repeating_subtask_comes_again_below_its_parent_only(ann: Caller) -> None:
    weekly = {"due": "tomorrow", "repeat": "weekly"}
    new = [TodoCreate(title="parent", **weekly), TodoCreate(title="subtask", parent_index=0, **weekly)]
    parent, subtask = (row["id"] for row in told(await ann.perform(todos.add, new)))

    first, second = told(await ann.perform(todos.complete, [parent, subtask]))

    assert (first["next"]["title"], second["next"]) == ("parent", None)
    page = await ann.perform(todos.list_, TodoFilter())
    rows = {row["title"]: row for row in orjson.loads(page.json)}
    assert page.total == 2
    assert rows["subtask"]["parent_id"] == rows["parent"]["id"] == first["next"]["id"]

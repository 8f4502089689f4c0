"""The record of changes, written with the change, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import orjson
import pytest

from tests.core.support import add, codes, row_of, titles_of, told
from tests.support import token_of
from todo_core.boundary.operation import Caller
from todo_core.errors import NotFound, NotOwner, UndoRefused
from todo_core.models.changes import ChangeFilter
from todo_core.models.todos import TodoCreate, TodoRead
from todo_core.operations import changes, todos, tokens


async def change_of(caller: Caller, change_id: int | None) -> dict[str, Any]:
    assert change_id is not None
    change: dict[str, Any] = orjson.loads((await caller.perform(changes.get, change_id)).json)
    return change


async def todos_of(caller: Caller) -> list[dict[str, Any]]:
    """All todos without what every change changes."""
    rows = []
    for status in ("all", "trashed"):
        found = await caller.perform(todos.list_, todos.TodoFilter(status=status, direction="asc"))
        rows += orjson.loads(found.json)
    return sorted(
        ({name: row[name] for name in row.keys() - {"version", "updated_at"}} for row in rows),
        key=lambda row: row["id"],
    )


def row_itself(written: Mapping[str, Any]) -> dict[str, Any]:
    """A todo without what is told of the write."""
    return {name: written[name] for name in TodoRead.model_fields}


# --- the record --------------------------------------------------------------------------------


@pytest.mark.requirement("SA2", "SA3")
async def test_a_change_is_recorded_with_who_when_how_before_and_after(ann: Caller) -> None:
    token = await token_of(ann)
    principal = await ann.core.identity.authenticate(token)
    agent = Caller(ann.core, principal, "mcp:update_todos", "claude-code/2.1")
    first, second = map(
        row_itself, told(await agent.perform(todos.add, [TodoCreate(title="one"), TodoCreate(title="two")]))
    )

    changed = await agent.perform(todos.update, [{"id": second["id"], "title": "2"}, {"id": first["id"]}])

    change = await change_of(ann, changed.change_id)
    at = datetime.fromisoformat(change.pop("at"))
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=1)
    assert change == {
        "id": changed.change_id,
        "operation": "todos.update",
        "via": "mcp:update_todos",
        "client": "claude-code/2.1",
        "token_id": principal.token_id,
        "undoes": None,
        "undone_by": None,
        "entries": [{"entity": "todo", "id": second["id"], "before": second, "after": row_itself(told(changed)[0])}],
    }


@pytest.mark.requirement("SA2")
async def test_what_changed_nothing_is_not_recorded(ann: Caller) -> None:
    (one,) = await add(ann, "one")

    unchanged = await ann.perform(todos.reopen, [one])
    refused = await ann.perform(todos.complete, [2**62])

    assert (unchanged.change_id, refused.change_id) == (None, None)
    assert (await ann.perform(changes.list_, ChangeFilter())).total == 1


@pytest.mark.requirement("SA4")
async def test_changes_since_a_change_come_in_order_and_page_by_page(ann: Caller, bob: Caller) -> None:
    made = [(await ann.perform(todos.add, [TodoCreate(title=str(n))])).change_id for n in range(5)]
    await add(bob, "bob's")

    async def since(cursor: str | int) -> tuple[list[int], str | None]:
        page = await ann.perform(changes.list_, ChangeFilter(since=int(cursor), limit=2))
        return [change["id"] for change in orjson.loads(page.json)], page.next_cursor

    first, cursor = await since(0)
    assert (first, cursor) == (made[:2], str(made[1]))
    assert cursor is not None
    assert await since(cursor) == (made[2:4], str(made[3]))
    assert await since(str(made[4])) == ([], str(made[4]))
    latest = await ann.perform(changes.list_, ChangeFilter(limit=2))
    assert [change["id"] for change in orjson.loads(latest.json)] == [made[4], made[3]]
    assert latest.total == 5


@pytest.mark.requirement("OW4", "SA4")
async def test_another_users_change_is_refused_as_such_and_a_missing_one_as_missing(ann: Caller, bob: Caller) -> None:
    made = await ann.perform(todos.add, [TodoCreate(title="private")])
    assert made.change_id is not None

    for which in (changes.get, changes.undo):
        with pytest.raises(NotOwner):
            await bob.perform(which, made.change_id)
        with pytest.raises(NotFound):
            await bob.perform(which, 2**62)


# --- the way back ------------------------------------------------------------------------------


@pytest.mark.requirement("SA3")
@pytest.mark.parametrize(
    "change",
    [
        lambda me, _: me.perform(todos.add, [TodoCreate(title="a"), TodoCreate(title="b")]),
        lambda me, ids: me.perform(
            todos.update,
            [
                {"id": ids[0], "title": "new", "description": "new", "priority": "urgent", "is_completed": True},
                {"id": ids[1], "description": None},
            ],
        ),
        lambda me, ids: me.perform(todos.complete, ids),
        lambda me, ids: me.perform(todos.reopen, ids),
        lambda me, ids: me.perform(todos.delete, ids),
        lambda me, ids: me.perform(todos.restore, ids),
    ],
    ids=["add", "update", "complete", "reopen", "delete", "restore"],
)
async def test_undo_puts_everything_back_and_can_itself_be_undone(change: Any, ann: Caller) -> None:
    made = [TodoCreate(title="open", description="text"), TodoCreate(title="done"), TodoCreate(title="trashed")]
    ids = [row["id"] for row in told(await ann.perform(todos.add, made))]
    await ann.perform(todos.complete, ids[1:])
    await ann.perform(todos.delete, ids[2:])
    before = await todos_of(ann)
    changed = await change(ann, ids)
    after = await todos_of(ann)
    assert after != before

    undone = await ann.perform(changes.undo, changed.change_id)

    added = [row for row in await todos_of(ann) if row["id"] not in ids]
    assert [row for row in await todos_of(ann) if row["id"] in ids] == before
    assert all(row["deleted_at"] is not None for row in added)
    assert (await change_of(ann, undone.change_id))["undoes"] == changed.change_id
    assert (await change_of(ann, changed.change_id))["undone_by"] == undone.change_id

    await ann.perform(changes.undo, undone.change_id)
    assert await todos_of(ann) == after


@pytest.mark.requirement("SA3")
async def test_undo_is_refused_as_a_whole_when_a_later_change_is_in_the_way(ann: Caller) -> None:
    first, second = await add(ann, "first", "second")
    changed = await ann.perform(todos.complete, [first, second])
    await ann.perform(todos.update, [{"id": second, "title": "later"}])
    before = await todos_of(ann)

    with pytest.raises(UndoRefused) as refused:
        await ann.perform(changes.undo, changed.change_id)

    assert refused.value.as_dict()["id"] == second
    assert await todos_of(ann) == before


@pytest.mark.requirement("SA3")
async def test_a_change_is_undone_once(ann: Caller) -> None:
    made = await ann.perform(todos.add, [TodoCreate(title="one")])
    undone = await ann.perform(changes.undo, made.change_id)

    with pytest.raises(UndoRefused) as refused:
        await ann.perform(changes.undo, made.change_id)

    assert refused.value.as_dict()["undone_by"] == undone.change_id


@pytest.mark.requirement("SA3")
async def test_two_undos_at_once_make_one(ann: Caller) -> None:
    made = await ann.perform(todos.add, [TodoCreate(title="one")])
    ends: list[str] = []

    async def undo() -> None:
        try:
            ends.extend(codes(await ann.perform(changes.undo, made.change_id)))
        except UndoRefused as refused:
            ends.append(refused.code)

    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(undo)

    assert sorted(ends) == ["changed", "undo_refused"]
    assert await titles_of(ann, status="trashed") == ["one"]


@pytest.mark.requirement("SA3", "ID4")
async def test_undo_needs_the_scope_to_write(ann: Caller) -> None:
    made = await ann.perform(todos.add, [TodoCreate(title="one")])
    reader = replace(ann, principal=replace(ann.principal, scopes=frozenset({"todos:read"})))

    with pytest.raises(Exception, match="lacks the scope"):
        await reader.perform(changes.undo, made.change_id)


@pytest.mark.requirement("SA3", "ID3")
async def test_a_tokens_making_cannot_be_undone(ann: Caller) -> None:
    made = await ann.perform(tokens.create, tokens.TokenCreate(name="token"))

    with pytest.raises(UndoRefused, match="API token"):
        await ann.perform(changes.undo, made.change_id)

    assert row_of(await ann.perform(tokens.revoke, row_of(made)["id"]))["revoked_at"] is not None

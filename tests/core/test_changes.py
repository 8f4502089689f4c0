"""The record of changes, written with the change, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import asyncpg
import orjson
import pytest

from tests.core.support import add, codes, row_of, titles_of, told
from tests.support import token_of
from todo_core.boundary.caller import Caller
from todo_core.boundary.chunks import CHUNK
from todo_core.errors import NotFound, NotOwner, UndoRefused
from todo_core.models.changes import ChangeFilter
from todo_core.models.lists import ListCreate, ListRemoval
from todo_core.models.todos import TodoCreate, TodoRead
from todo_core.operations import changes, lists, todos, tokens


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
    assert isinstance(change.pop("agent_id"), int)
    assert change == {
        "id": changed.change_id,
        "operation": "todos.update",
        "via": "mcp:update_todos",
        "client": "claude-code/2.1",
        "token_id": principal.token_id,
        "request_id": None,
        "proposal_id": None,
        "approved_by": None,
        "undoes": None,
        "undoes_also": [],
        "undone_by": None,
        "entries": [
            {
                "entity": "todo",
                "id": second["id"],
                "title": "2",
                "number": 1,
                "is_new": False,
                "before": second,
                "after": row_itself(told(changed)[0]),
            }
        ],
        "more_entries": 0,
        "next_entry": None,
    }


@pytest.mark.requirement("SA4", "OW1")
async def test_a_page_ends_where_its_changes_touched_many_rows_and_nothing_is_missed(ann: Caller) -> None:
    made = [await ann.perform(todos.add, [TodoCreate(title="a")] * count) for count in (1, 2, *[50] * 11, 3, 1)]
    ids = [change.change_id for change in made]

    pages, since = [], 0
    while page := await ann.perform(changes.list_, ChangeFilter(since=since, limit=200)):
        rows = orjson.loads(page.json)
        pages.append([row["id"] for row in rows])
        assert [row["id"] for row in rows if not row["entries"]] == []
        assert page.since == rows[-1]["id"]
        assert page.next_cursor == (str(page.since) if page.has_more else None)
        if not page.has_more:
            break
        since = rows[-1]["id"]
    latest = await ann.perform(changes.list_, ChangeFilter(limit=200))
    few = await ann.perform(changes.list_, ChangeFilter(limit=2))

    assert [id_ for page in pages for id_ in page] == ids
    assert [len(page) for page in pages] == [12, 3]  # 1 + 2 + 10 * 50 rows are the first page with 500
    assert [row["id"] for row in orjson.loads(latest.json)] == ids[::-1][:12]
    assert (latest.has_more, latest.next_cursor, latest.since) == (True, str(ids[3]), ids[-1])
    earlier = await ann.perform(changes.list_, ChangeFilter(limit=200, before=ids[3]))
    assert [row["id"] for row in orjson.loads(earlier.json)][:3] == ids[2::-1]
    assert (earlier.has_more, earlier.next_cursor, earlier.since) == (False, None, None)
    assert [row["id"] for row in orjson.loads(few.json)] == ids[::-1][:2]


@pytest.mark.requirement("SA4", "OW6")
async def test_of_a_change_of_very_many_rows_a_page_has_the_first_and_by_itself_it_comes_in_parts(ann: Caller) -> None:
    listed = row_of(await ann.perform(lists.add, [ListCreate(name="large")]))["id"]
    for _ in range(12):
        await ann.perform(todos.add, [TodoCreate(title="a", list_id=listed)] * 50)
    before = await ann.perform(changes.list_, ChangeFilter(limit=1))
    deleted = await ann.perform(lists.delete, [listed], ListRemoval(todos="trash"))
    await add(ann, "after")
    assert deleted.change_id is not None

    page = await ann.perform(changes.list_, ChangeFilter(since=before.since))
    parts = [await change_of(ann, deleted.change_id)]
    while (after := parts[-1]["next_entry"]) is not None:
        parts.append(orjson.loads((await ann.perform(changes.get, deleted.change_id, after)).json))
    latest = orjson.loads((await ann.perform(changes.list_, ChangeFilter(limit=5))).json)

    large, _ = orjson.loads(page.json)
    assert (large["id"], page.has_more) == (deleted.change_id, False)
    assert (len(large["entries"]), large["more_entries"], large["next_entry"]) == (100, 501, 100)
    assert [(len(part["entries"]), part["more_entries"]) for part in parts] == [(500, 101), (101, 0)]
    rows = [(entry["entity"], entry["id"]) for part in parts for entry in part["entries"]]
    assert len({*rows}) == len(rows) == 601
    assert large["entries"] == parts[0]["entries"][:100]
    assert len(latest) == 5  # a large one leaves room to others
    for after in (700, 2**31 - 1):
        beyond = orjson.loads((await ann.perform(changes.get, deleted.change_id, after)).json)
        assert (beyond["entries"], beyond["more_entries"], beyond["next_entry"]) == ([], 0, None)


@pytest.mark.requirement("SA2")
async def test_what_changed_nothing_is_not_recorded(ann: Caller) -> None:
    (one,) = await add(ann, "one")

    unchanged = await ann.perform(todos.reopen, [one])
    refused = await ann.perform(todos.complete, [2**62])

    assert (unchanged.change_id, refused.change_id) == (None, None)
    assert len(orjson.loads((await ann.perform(changes.list_, ChangeFilter())).json)) == 1


@pytest.mark.requirement("SA2")
async def test_each_row_of_a_change_is_a_row_of_the_record_with_the_lists_it_was_and_is_in(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    there = row_of(await ann.perform(lists.add, [ListCreate(name="there")]))["id"]
    made = await ann.perform(todos.add, [TodoCreate(title="a", tags=["new"])])
    (todo,) = told(made)
    moved = await ann.perform(todos.update, [{"id": todo["id"], "list_id": there}])
    renamed = await ann.perform(lists.update, [{"id": there, "name": "here"}])

    async def entries(change_id: int | None) -> list[tuple[Any, ...]]:
        rows = await admin.fetch(
            "SELECT number, entity, entity_id, list_before, list_after FROM change_entries"
            " WHERE user_id = $1 AND change_id = $2 ORDER BY number",
            ann.principal.user_id,
            change_id,
        )
        return [tuple(row) for row in rows]

    ((_, tag, _, *tags_lists), *new) = await entries(made.change_id)
    assert (tag, tags_lists) == ("tag", [None, None])
    assert new == [(2, "todo", todo["id"], None, todo["list_id"])]
    assert await entries(moved.change_id) == [(1, "todo", todo["id"], todo["list_id"], there)]
    assert await entries(renamed.change_id) == [(1, "list", there, there, there)]


@pytest.mark.requirement("SA2", "SA3")
async def test_a_change_of_more_rows_than_one_statement_takes_is_recorded_in_order_and_undone(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    listed = row_of(await ann.perform(lists.add, [ListCreate(name="long")]))["id"]
    await admin.execute(
        "INSERT INTO todos (user_id, list_id, title) SELECT $1, $2, n::text FROM generate_series(1, $3::int) n",
        ann.principal.user_id,
        listed,
        2 * CHUNK + 1,
    )

    deleted = await ann.perform(lists.delete, [listed], ListRemoval(todos="trash"))

    assert deleted.change_id is not None
    parts = [await change_of(ann, deleted.change_id)]
    while (after := parts[-1]["next_entry"]) is not None:
        parts.append(orjson.loads((await ann.perform(changes.get, deleted.change_id, after)).json))
    entries = [entry for part in parts for entry in part["entries"]]
    assert [entry["entity"] for entry in entries].count("todo") == 2 * CHUNK + 1
    assert len({entry["id"] for entry in entries if entry["entity"] == "todo"}) == 2 * CHUNK + 1
    numbers = await admin.fetchval(
        "SELECT array_agg(number ORDER BY number) FROM change_entries WHERE user_id = $1 AND change_id = $2",
        ann.principal.user_id,
        deleted.change_id,
    )
    assert numbers == [*range(1, len(entries) + 1)]
    await ann.perform(changes.undo, deleted.change_id)
    assert len(await titles_of(ann, list_id=listed, limit=200)) == 200


@pytest.mark.requirement("SA4")
async def test_changes_since_a_change_come_in_order_and_page_by_page(ann: Caller, bob: Caller) -> None:
    made = [(await ann.perform(todos.add, [TodoCreate(title=str(n))])).change_id for n in range(5)]
    await add(bob, "bob's")

    async def page(**wanted: Any) -> tuple[list[int], str | None, int | None]:
        page = await ann.perform(changes.list_, ChangeFilter(**wanted, limit=2))
        assert page.has_more is (page.next_cursor is not None)
        return [change["id"] for change in orjson.loads(page.json)], page.next_cursor, page.since

    assert await page(since=0) == (made[:2], str(made[1]), made[1])
    assert await page(since=made[1]) == (made[2:4], str(made[3]), made[3])
    assert await page(since=made[2]) == (made[3:], None, made[4])
    assert await page(since=made[4]) == ([], None, made[4])
    assert await page() == ([made[4], made[3]], str(made[3]), made[4])
    assert await page(before=made[3]) == ([made[2], made[1]], str(made[1]), None)
    assert await page(before=made[1]) == ([made[0]], None, None)
    assert await page(before=made[0]) == ([], None, None)


@pytest.mark.requirement("SA4")
async def test_without_rows_an_entry_says_what_it_is_called_and_whether_it_is_new(ann: Caller) -> None:
    made = row_of(await ann.perform(todos.add, [TodoCreate(title="called so", tags=["a tag"])]))
    listed = row_of(await ann.perform(lists.add, [ListCreate(name="a list")]))["id"]
    noted = await ann.perform(todos.update, [{"id": made["id"], "title": "called otherwise", "add_note": "a note"}])

    whole = orjson.loads((await ann.perform(changes.list_, ChangeFilter(since=0))).json)
    brief = orjson.loads((await ann.perform(changes.list_, ChangeFilter(since=0), form="titles")).json)
    latest = orjson.loads((await ann.perform(changes.list_, ChangeFilter(), form="titles")).json)
    one = await ann.perform(changes.get, noted.change_id or 0, form="titles")

    entries = [entry for change in brief for entry in change["entries"]]
    told = [(entry["entity"], entry["title"], entry["is_new"]) for entry in entries]
    assert told[-5:] == [
        ("tag", "a tag", True),
        ("todo", "called so", True),
        ("list", "a list", True),
        ("todo", "called otherwise", False),
        ("note", "called otherwise", True),
    ]
    assert [entry["id"] for entry in entries][-4:-1] == [made["id"], listed, made["id"]]
    assert {(entry["before"], entry["after"]) for entry in entries} == {(None, None)}
    for change, same in zip(brief, whole, strict=True):
        rows = [entry | {"before": None, "after": None} for entry in same["entries"]]
        assert change == same | {"entries": rows}
    assert latest == brief[::-1]
    assert orjson.loads(one.json) == brief[-1]


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
async def test_what_is_in_the_way_is_the_latest_change_that_still_stands(ann: Caller) -> None:
    (todo,) = await add(ann, "one")
    changed = await ann.perform(todos.update, [{"id": todo, "title": "two"}])
    await ann.perform(todos.update, [{"id": todo, "title": "three"}])
    described = await ann.perform(todos.update, [{"id": todo, "description": "stands, too"}])
    undone = await ann.perform(todos.complete, [todo])
    await ann.perform(changes.undo, undone.change_id)
    await ann.perform(todos.update, [{"id": (await add(ann, "another"))[0], "title": "later"}])

    with pytest.raises(UndoRefused) as refused:
        await ann.perform(changes.undo, changed.change_id)

    assert refused.value.as_dict()["blocked_by"] == described.change_id


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

"""Statements for some fields, and those that record too, do what the ones for all fields and for records do."""

from __future__ import annotations

from typing import Any, Final

import asyncpg
import orjson
import pytest

from tests.core.support import add, statements_run, told
from tests.tables import each
from todo_core.boundary.caller import Caller
from todo_core.boundary.recording import Origin
from todo_core.models.mixed import MixedAdd
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos
from todo_core.queries import changes as change_queries
from todo_core.queries import revising
from todo_core.queries.families import RELATIVES
from todo_core.queries.small_revisions import FLAGS_ONLY, FLAGS_RECORDED, LONE_FLAGS_RECORDED, TEXTS, TEXTS_RECORDED
from todo_core.storage.statements import Statement
from todo_core.storage.transactions import Transaction
from todo_core.text.json_text import json_text

MOMENTS = ("updated_at", "completed_at", "deleted_at")
_ENTRIES: Final = """
SELECT number, entity, entity_id, list_before, list_after, before::text AS before, after::text AS after
FROM change_entries WHERE change_id = $1 ORDER BY number
"""


async def _rehearsed(transaction: Transaction, statement: Statement, patches: list[dict[str, Any]]) -> list[Any]:
    """The rows of a statement, with whether there is a moment in place of each: statements have their own."""
    async with transaction.rehearsal():
        ids = [patch["id"] for patch in patches]
        rows = await transaction.rows(statement, items=json_text(patches), ids=ids, trash_too=True)
    told = []
    for row in rows:
        shown = [orjson.loads(row[name] or "null") for name in ("before", "after")]
        told.append(
            [row["id"], row["version"], *(one and one | {m: one[m] is not None for m in MOMENTS} for one in shown)]
        )
    return told


@pytest.mark.requirement("TD8")
async def test_a_statement_for_some_fields_gives_what_that_for_all_gives(ann: Caller) -> None:
    (parent,) = await add(ann, "parent")
    tagged = {"tags": ["home"], "due": "2026-12-24", "priority": "high"}
    family = [TodoCreate(title=f"subtask {n}", parent_id=parent, **tagged) for n in range(3)]
    made = await ann.perform(todos.add, family)
    first, second, third = [orjson.loads(result.json)["id"] for result in made.results]  # type: ignore[union-attr]
    await ann.perform(todos.complete, [third])
    everybody = (parent, first, second, third)
    cases: list[tuple[Statement, list[dict[str, Any]]]] = [
        *(
            (FLAGS_ONLY, [{"id": one, flag: value} for one in some])
            for flag in ("is_completed", "is_deleted")
            for value in (True, False)
            for some in (everybody, (parent,), (third, first))
        ),
        (FLAGS_ONLY, [{"id": parent, "completed_at": "2026-11-20T10:00:00Z"}, {"id": 2**62}]),
        (FLAGS_ONLY, [{"id": first, "is_deleted": True, "if_version": [7]}]),
        (TEXTS, [{"id": one, "title": "new", "description": None} for one in everybody]),
        (TEXTS, [{"id": parent, "priority": 4, "if_version": 1}, {"id": first, "source": "mail"}]),
        (TEXTS, [{"id": parent, "title": "parent"}, {"id": first, "title": "x", "if_version": [9]}]),
    ]
    async with ann.core.database.begin(user_id=ann.principal.user_id) as transaction:
        for statement, patches in cases:
            least = await _rehearsed(transaction, statement, patches)
            assert least == await _rehearsed(transaction, revising.REVISE, patches), patches
            assert {row[0] for row in least} == {patch["id"] for patch in patches} & {*everybody}


def _named(found: Any, names: dict[int, str]) -> Any:
    """The same with names in place of the ids of todos and lists, and with whether there is a moment."""
    if isinstance(found, list):
        return [_named(part, names) for part in found]
    if not isinstance(found, dict):
        return found
    named = {name: _named(value, names) for name, value in found.items()}
    ids = {name: names.get(named[name], named[name]) for name in ("id", "parent_id") if name in named}
    moments = {name: named[name] is not None for name in MOMENTS if name in named}
    return {name: value for name, value in named.items() if name not in ("list_id", "created_at")} | ids | moments


async def _changed(caller: Caller, admin: asyncpg.Connection, action: str, marked: str, *, alone: bool) -> Any:
    """What a change of some of a family tells and records, by itself or as the items of a mixed batch."""
    (parent,) = await add(caller, "parent")
    made = await caller.perform(
        todos.add,
        [TodoCreate(title=f"subtask {n}", parent_id=parent, tags=["home"], due="2026-12-24") for n in range(3)],
    )
    subtasks = [row["id"] for row in told(made)]
    lone = told(await caller.perform(todos.add, [TodoCreate(title="lone", tags=["home"], due="2026-12-24")]))[0]["id"]
    names = dict(zip([parent, *subtasks, lone], ["parent", "first", "second", "third", "lone"], strict=True))
    await caller.perform(todos.complete, [subtasks[2]])
    if action in ("restore", "reopen"):
        await caller.perform(todos.delete if action == "restore" else todos.complete, [parent])
        await caller.perform(todos.delete if action == "restore" else todos.complete, [lone])
    ids = {"parent": [parent], "subtasks": subtasks[::-1], "absent": [parent, 2**62], "lone": [lone]}[marked]
    patch = {"title": "new", "priority": "urgent"} if action == "update" else {}
    if alone and action == "update":
        changed = await caller.perform(todos.update, [{"id": one, **patch} for one in ids])  # type: ignore[typeddict-item]
    elif alone:
        changed = await caller.perform(getattr(todos, action), ids)
    else:
        changed = await caller.perform(todos.mix, [{"action": action, "id": one, **patch} for one in ids])  # type: ignore[misc]
    answer = [_named(row, names) for row in told(changed)]
    rows = [dict(row) for row in await admin.fetch(_ENTRIES, changed.change_id)]
    for row in rows:
        assert row.pop("list_before") == row.pop("list_after") == orjson.loads(row["after"])["list_id"]
        row["entity_id"] = names[row["entity_id"]]
        row |= {name: _named(orjson.loads(row[name]), names) for name in ("before", "after")}
    touched = [(names[one.id], _named(orjson.loads(one.after), names)) for one in changed.touched]
    return answer, rows, touched


@pytest.mark.requirement("SA2", "TD8")
@each(
    ("action", "marked"),
    [
        *(("complete", marked) for marked in ("parent", "subtasks", "absent", "lone")),
        *(("reopen", marked) for marked in ("parent", "subtasks", "lone")),
        *(("delete", marked) for marked in ("parent", "subtasks", "absent", "lone")),
        *(("restore", marked) for marked in ("parent", "subtasks", "lone")),
        *(("update", marked) for marked in ("parent", "subtasks", "absent", "lone")),
    ],
)
async def test_what_is_changed_alone_is_told_and_recorded_as_what_is_changed_among_others(
    ann: Caller, bob: Caller, admin: asyncpg.Connection, action: str, marked: str
) -> None:
    alone = await _changed(ann, admin, action, marked, alone=True)

    assert alone == await _changed(bob, admin, action, marked, alone=False)
    assert alone[1]


@pytest.mark.requirement("SA2")
async def test_what_is_changed_alone_is_written_and_recorded_by_one_statement(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    todo, other = await add(ann, "one", "other")
    of_flags = (RELATIVES, FLAGS_ONLY, FLAGS_RECORDED, LONE_FLAGS_RECORDED)
    of_texts = (TEXTS, TEXTS_RECORDED, revising.REVISE)
    ran = statements_run(monkeypatch, *of_flags, *of_texts, change_queries.RECORD)
    await ann.perform(todos.complete, [todo])
    await ann.perform(todos.update, [{"id": todo, "title": "two"}])
    of_one = [*ran]
    ran.clear()
    await ann.perform(todos.complete, [todo, other])

    assert of_one == [LONE_FLAGS_RECORDED, TEXTS_RECORDED]
    assert ran == [RELATIVES, FLAGS_RECORDED]


@pytest.mark.requirement("TD8", "TD10")
async def test_flags_of_a_todo_for_which_something_follows_are_not_set_by_the_statement_for_others(
    ann: Caller, bob: Caller
) -> None:
    top, above, lone, gone = await add(ann, "top", "above", "lone", "gone")
    subtasks = [TodoCreate(title="below", parent_id=top), TodoCreate(title="in the trash", parent_id=above)]
    below, trashed = [row["id"] for row in told(await ann.perform(todos.add, subtasks))]
    await ann.perform(todos.delete, [trashed, gone])
    repeating = TodoCreate(title="repeats", due="2026-12-24", repeat="daily")
    (repeats,) = [row["id"] for row in told(await ann.perform(todos.add, [repeating]))]
    (of_bob,) = await add(bob, "of bob")
    origin = Origin("todos.complete", "rest", None, None, None, None).parameters()

    set_by_it = []
    async with ann.core.database.begin(user_id=ann.principal.user_id) as transaction:
        for one in (top, above, below, trashed, gone, repeats, of_bob, lone):
            items = json_text([{"id": one, "is_completed": True}])
            rows = await transaction.rows(
                LONE_FLAGS_RECORDED, items=items, ids=[one], trash_too=False, now=None, **origin
            )
            set_by_it += [row["id"] for row in rows]

    assert set_by_it == [lone]


@pytest.mark.requirement("SA2", "TD8")
@each(
    "items",
    [
        [{"action": "complete"}],
        [{"action": "complete"}, {"action": "update", "title": "new"}],
        [{"action": "delete"}, {"action": "restore"}],
        [{"action": "update", "title": "new"}, {"action": "add", "title": "other"}],
    ],
)
async def test_a_mixed_batch_is_one_change(ann: Caller, admin: asyncpg.Connection, items: list[dict[str, Any]]) -> None:
    (todo,) = await add(ann, "one")
    before = await admin.fetchval("SELECT max(id) FROM changes WHERE user_id = $1", ann.principal.user_id)
    named = [MixedAdd(**item) if item["action"] == "add" else {**item, "id": todo} for item in items]

    changed = await ann.perform(todos.mix, named)

    made = await admin.fetch("SELECT id FROM changes WHERE user_id = $1 AND id > $2", ann.principal.user_id, before)
    assert [row["id"] for row in made] == [changed.change_id]


@pytest.mark.requirement("SA2", "SA4")
async def test_what_changes_nothing_and_a_dry_run_record_nothing(ann: Caller, admin: asyncpg.Connection) -> None:
    (todo,) = await add(ann, "one")
    await ann.perform(todos.complete, [todo])

    again = await ann.perform(todos.complete, [todo])
    same = await ann.perform(todos.update, [{"id": todo, "title": "one"}])
    rehearsed = await ann.once(None, dry_run=True).perform(todos.reopen, [todo])

    count = await admin.fetchval("SELECT count(*) FROM changes WHERE user_id = $1", ann.principal.user_id)
    assert [one.change_id for one in (again, same, rehearsed)] == [None, None, None]
    assert count == 2

"""Notes in the core: who wrote them, how many a todo takes, and what PostgreSQL itself refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import asyncpg
import orjson
import pytest

from tests.core.support import acting_as, add, row_of, told
from todo_core.boundary.caller import Caller
from todo_core.boundary.results import Changed
from todo_core.errors import InvalidInput, NotFound, UndoRefused
from todo_core.models.notes import NoteQuery
from todo_core.models.todos import TodoCreate
from todo_core.models.tokens import TokenCreate
from todo_core.operations import changes, notes, todos, tokens

pytestmark = pytest.mark.requirement("TD16")


async def texts(owner: Caller, todo: int) -> list[str]:
    page = await owner.perform(notes.list_, todo, NoteQuery())
    return [note["text"] for note in orjson.loads(page.json)]


async def counted(admin: asyncpg.Connection, todo: int) -> tuple[int, int]:
    """The notes that a todo says it has, and those that are there."""
    row = await admin.fetchrow(
        "SELECT note_count, (SELECT count(*) FROM notes WHERE todo_id = todos.id) FROM todos WHERE id = $1", todo
    )
    assert row is not None
    return row[0], row[1]


async def test_a_note_says_which_agent_wrote_it_or_that_the_person_did(ann: Caller) -> None:
    (todo,) = await add(ann, "a")
    made = await ann.perform(tokens.create, TokenCreate(name="laptop"))
    token, app = (
        replace(ann.principal, token_id=made.touched[0].id),
        replace(ann.principal, is_delegated=True),
    )
    person = ann.principal
    callers: dict[str, tuple[Any, str, str | None, str | None]] = {
        "a browser": (person, "rest", "Mozilla/5.0", None),
        "the command line": (person, "cli", None, None),
        "a script": (token, "rest", "curl/8", "laptop"),
        "an app": (app, "rest", "planner/2", "planner/2"),
        "an app without a name": (app, "rest", None, "an agent"),
        "an assistant": (token, "mcp:update_todos", "Claude Code", "Claude Code"),
        "an assistant without a name": (token, "mcp:update_todos", None, "laptop"),
        "a local one": (person, "mcp:update_todos", "Claude Desktop", "Claude Desktop"),
        "a local one without a name": (person, "mcp:update_todos", None, "an agent"),
    }
    for who, (principal, via, client, author) in callers.items():
        caller = replace(ann, principal=principal, via=via, client=client)
        assert row_of(await caller.perform(notes.add, todo, who))["author"] == author, who

    await ann.perform(tokens.revoke, made.touched[0].id)
    page = orjson.loads((await ann.perform(notes.list_, todo, NoteQuery())).json)
    assert [note["author"] for note in reversed(page)] == [author for *_, author in callers.values()]


async def test_a_todo_takes_a_thousand_notes_and_no_more(ann: Caller, admin: asyncpg.Connection) -> None:
    todo, other = await add(ann, "a", "b")
    undone = await undo(ann, await ann.perform(notes.add, todo, "first"))
    await admin.execute(
        "INSERT INTO notes (user_id, todo_id, text)"
        " SELECT user_id, id, n::text FROM todos, generate_series(1, 999) AS n WHERE id = $1",
        todo,
    )
    await admin.execute("UPDATE todos SET note_count = 999 WHERE id = $1", todo)

    answers: list[object] = []

    async def one(n: int) -> None:
        try:
            answers.append(await ann.perform(notes.add, todo, f"at once {n}"))
        except InvalidInput as refused:
            answers.append([error.field for error in refused.errors])

    async with anyio.create_task_group() as tasks:
        for n in range(4):
            tasks.start_soon(one, n)

    assert sorted(str(answer) for answer in answers if isinstance(answer, list)) == ["['text']"] * 3
    assert await counted(admin, todo) == (1000, 1000)
    both = await ann.perform(
        todos.update, [{"id": todo, "title": "c", "add_note": "x"}, {"id": other, "add_note": "x"}]
    )
    assert [row.get("error", {}).get("code") for row in told(both)] == ["invalid_input", None]
    assert row_of(await ann.perform(todos.update, [{"id": todo, "priority": "low"}]))["title"] == "a"
    with pytest.raises(UndoRefused) as refused:
        await undo(ann, undone)
    assert refused.value.extra["entity"] == "note"
    assert await counted(admin, todo) == (1000, 1000)


async def undo(caller: Caller, changed: Changed[Any]) -> Changed[Any]:
    assert changed.change_id is not None
    return await caller.perform(changes.undo, changed.change_id)


async def test_the_number_of_notes_is_right_whatever_comes_and_goes(ann: Caller, admin: asyncpg.Connection) -> None:
    todo, other = await add(ann, "a", "b")
    single = await ann.perform(notes.add, todo, "1")
    both = await ann.perform(todos.update, [{"id": one, "add_note": "2"} for one in (todo, other)])

    first = await undo(ann, both)
    assert [await counted(admin, one) for one in (todo, other)] == [(1, 1), (0, 0)]
    await undo(ann, first)
    await undo(ann, single)
    assert [await counted(admin, one) for one in (todo, other)] == [(1, 1), (1, 1)]
    assert await texts(ann, todo) == ["2"]


async def test_the_purge_takes_notes_with_their_todo(ann: Caller, admin: asyncpg.Connection) -> None:
    todo, kept = await add(ann, "a", "b")
    added = [await ann.perform(notes.add, one, "x") for one in (todo, kept)]
    await ann.perform(todos.delete, [todo])
    await admin.execute("UPDATE todos SET deleted_at = now() - $2::interval WHERE id = $1", todo, timedelta(days=31))

    await ann.core.purges.purge()

    assert await admin.fetchval("SELECT array_agg(todo_id) FROM notes WHERE user_id = $1", ann.principal.user_id) == [
        kept
    ]
    with pytest.raises(UndoRefused):
        await undo(ann, added[0])
    with pytest.raises(NotFound):
        await ann.perform(notes.list_, todo, NoteQuery())


async def test_a_key_is_free_once_its_todo_is_purged(ann: Caller, admin: asyncpg.Connection) -> None:
    made = row_of(await ann.perform(todos.add, [TodoCreate(title="a", key="k")]))["id"]
    await ann.perform(todos.delete, [made])
    assert row_of(await ann.perform(todos.add, [TodoCreate(title="b", key="k")]))["existing"] is True
    await admin.execute("UPDATE todos SET deleted_at = now() - $2::interval WHERE id = $1", made, timedelta(days=31))

    await ann.core.purges.purge()

    row = row_of(await ann.perform(todos.add, [TodoCreate(title="b", key="k")]))
    assert (row["existing"], row["title"]) == (False, "b")


@pytest.mark.requirement("OW2")
async def test_postgresql_lets_nobody_edit_a_note_or_add_one_to_anothers_todo(
    ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    (todo,) = await add(ann, "a")
    await ann.perform(notes.add, todo, "hers")
    owner, stranger = ann.principal.user_id, bob.principal.user_id

    async def refused(user: int, sql: str, *arguments: Any) -> str:
        with pytest.raises(asyncpg.PostgresError) as error:
            async with acting_as(admin, "todo_app", user):
                await admin.execute(sql, *arguments)
        return error.value.sqlstate or ""

    assert await refused(owner, "UPDATE notes SET text = 'x'") == "42501"
    insert = "INSERT INTO notes (user_id, todo_id, text) VALUES ($1, $2, 'x')"
    assert await refused(stranger, insert, owner, todo) == "42501"
    assert await refused(stranger, insert, stranger, todo) == "23503"
    async with acting_as(admin, "todo_app", stranger):
        seen: Sequence[Any] = await admin.fetch("SELECT * FROM notes WHERE todo_id = $1", todo)
        assert await admin.execute("DELETE FROM notes WHERE todo_id = $1", todo) == "DELETE 0"
    assert seen == []
    assert await texts(ann, todo) == ["hers"]

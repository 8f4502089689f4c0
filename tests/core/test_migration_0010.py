"""Schema 0010, by which todos have a key, a source and notes: the version before serves on it; nothing else is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import pytest

from tests.core.support import CoreOpener, acting_as, connected, row_of
from tests.databases import migrate_empty
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos
from todo_core.schema.losses import losses
from todo_core.schema.migrate import migrate

pytestmark = [pytest.mark.requirement("DB3", "TD15", "TD16"), pytest.mark.slow]

BEFORE, FIRST, ROLLED, FINISHED = "0009_finish", "0010", "0010_backfill", "0010_finish"
MANY: Final = 50

# What the version before does, as `todo_app`.
_OLD_ADD = "INSERT INTO todos (user_id, list_id, title) SELECT user_id, id, $1 FROM lists WHERE is_inbox"
_OLD_UPDATE = "UPDATE todos SET title = title || '!', version = version + 1 WHERE title = $1"

_NEW_ADD = (
    "INSERT INTO todos (user_id, list_id, title, key, source)"
    " SELECT user_id, id, 'new', $1, $2 FROM lists WHERE is_inbox RETURNING id"
)
_NOTE = "INSERT INTO notes (user_id, todo_id, text) SELECT user_id, id, $2 FROM todos WHERE id = $1"


async def populated(url: str, before: str = BEFORE) -> int:
    """A database of the version before: the id of its person, who has todos."""
    await migrate_empty(url, before)
    async with connected(url) as admin:
        user_id: int = await admin.fetchval(
            "INSERT INTO users (issuer, subject) VALUES ('urn:todo-mcp:local', 'ann') RETURNING id"
        )
        await admin.execute(
            "INSERT INTO todos (user_id, list_id, title) SELECT $1, id, n FROM lists, generate_series(1, $2::int) n",
            user_id,
            MANY,
        )
    return user_id


async def kept(admin: asyncpg.Connection[Any]) -> list[Any]:
    """What no step may change."""
    found: list[Any] = await admin.fetch("SELECT id, title, version, updated_at, place FROM todos ORDER BY id")
    return found


async def run(admin: asyncpg.Connection[Any], user_id: int, statement: str, *arguments: Any) -> Any:
    """Run a statement as `todo_app`; the first value that it returns."""
    async with acting_as(admin, "todo_app", user_id):
        return await admin.fetchval(statement, *arguments)


async def refused(admin: asyncpg.Connection[Any], user_id: int, statements: Sequence[tuple[str, Any, Any]]) -> None:
    for statement, *arguments in statements:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await run(admin, user_id, statement, *arguments)


async def test_both_versions_write_all_the_way_and_the_checks_hold_from_the_first_step(empty_database_url: str) -> None:
    url = empty_database_url
    me = await populated(url)
    async with connected(url) as admin:
        before = await kept(admin)
        for number, revision in enumerate((FIRST, ROLLED, FINISHED)):
            await migrate(url, revision)
            assert (await kept(admin))[:MANY] == before
            await run(admin, me, _OLD_ADD, f"old {number}")
            await run(admin, me, _OLD_UPDATE, f"old {number}")
            made = await run(admin, me, _NEW_ADD, f"key {number}", "https://a.test")
            await run(admin, me, _NOTE, made, "seen")
            await refused(
                admin,
                me,
                [
                    (_NEW_ADD, f"key {number}", None),
                    (_NEW_ADD, "", None),
                    (_NEW_ADD, "k" * 201, None),
                    (_NEW_ADD, f"other {number}", "s" * 2001),
                    (_NOTE, made, ""),
                    (_NOTE, made, "n" * 4001),
                ],
            )
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run(admin, me, "UPDATE notes SET text = 'another'")
        assert await admin.fetchval("SELECT count(*) FROM todos WHERE title LIKE 'old%!' AND key IS NULL") == 3
        assert await admin.fetchval("SELECT count(*) FROM notes") == 3


async def test_a_way_down_tells_what_it_deletes_and_deletes_nothing_else(empty_database_url: str) -> None:
    url = empty_database_url
    me = await populated(url)
    await migrate(url, FINISHED)
    async with connected(url) as admin:
        for key, source in (("a", None), ("b", "https://b.test"), (None, "https://c.test")):
            made = await run(admin, me, _NEW_ADD, key, source)
            await run(admin, me, _NOTE, made, "seen")
        before = await kept(admin)

        told = await losses(url, BEFORE, FINISHED)

        assert told == ["keys of todos (2)", "sources of todos (2)", "notes on todos (3)"]
        await migrate(url, BEFORE)
        assert await kept(admin) == before
        await migrate(url, FINISHED)
        assert await kept(admin) == before
        assert await admin.fetchval("SELECT count(*) FROM todos WHERE key IS NOT NULL OR note_count <> 0") == 0


async def test_a_key_from_before_the_finish_is_known_afterwards(
    empty_database_url: str, another_core: CoreOpener
) -> None:
    url = empty_database_url
    me = await populated(url)
    await migrate(url, FIRST)
    async with connected(url) as admin:
        made = await run(admin, me, _NEW_ADD, "mail 1", None)
    await migrate(url, finish=True)
    async with another_core(url) as core:
        caller = Caller(core, await core.identity.local("ann"), "test")
        added = row_of(await caller.perform(todos.add, [TodoCreate(title="again", key="mail 1")]))
    assert (added["id"], added["title"]) == (made, "new")

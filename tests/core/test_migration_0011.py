"""Schema 0011, by which todos have a start: the version before serves on it; starts alone are lost on the way down."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any, Final

import asyncpg
import orjson
import pytest

from tests.core import test_migration_0010
from tests.core.support import CoreOpener, acting_as, connected, row_of, titles_of
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoFilter, TodoUpdate
from todo_core.operations import changes, todos
from todo_core.schema.losses import losses
from todo_core.schema.migrate import migrate

pytestmark = [pytest.mark.requirement("DB3", "TD13"), pytest.mark.slow]

BEFORE, FIRST, FINISHED = "0010_finish", "0011", "0011_finish"
LATER: Final = date(2199, 1, 1)

# What the version before does, as `todo_app`: it names all columns that it knows. And what its own version does.
_OLD_ADD = "INSERT INTO todos (user_id, list_id, title) SELECT user_id, id, $1 FROM lists WHERE is_inbox"
_NEW_ADD = """
INSERT INTO todos (user_id, list_id, title, start, due_date, due_at)
SELECT user_id, id, $1, $2::date, $3::date, $3::date + 1 FROM lists WHERE is_inbox
"""
_OLD_UPDATE = """
UPDATE todos SET title = title || '!', due_date = $2::date, due_at = $2::date + 1, version = version + 1
WHERE title = $1
"""
_OLD_LIST = "SELECT array_agg(title ORDER BY id) FROM todos WHERE deleted_at IS NULL AND completed_at IS NULL"


populated = partial(test_migration_0010.populated, before=BEFORE)


async def kept(admin: asyncpg.Connection[Any]) -> list[Any]:
    """What no step may change."""
    found: list[Any] = await admin.fetch("SELECT id, title, due_at, version, updated_at FROM todos ORDER BY id")
    return found


async def old(admin: asyncpg.Connection[Any], user_id: int, statement: str, *arguments: Any) -> Any:
    async with acting_as(admin, "todo_app", user_id):
        return await admin.fetchval(statement, *arguments)


async def test_both_versions_write_all_the_way(empty_database_url: str, another_core: CoreOpener) -> None:
    url = empty_database_url
    user_id = await populated(url)
    there = [str(n) for n in range(1, test_migration_0010.MANY + 1)]
    async with connected(url) as admin:
        before = await kept(admin)
        for revision in (FIRST, FINISHED):
            await migrate(url, revision)
            assert (await kept(admin))[: len(before)] == before
            await old(admin, user_id, _NEW_ADD, f"new {revision}", LATER, date(2199, 6, 1))
            await old(admin, user_id, _OLD_ADD, f"old {revision}")
            there += [f"new {revision}", f"old {revision}"]
            assert await old(admin, user_id, _OLD_LIST) == there  # to that version all are todos like any other
            await old(admin, user_id, _OLD_UPDATE, f"new {revision}", date(2030, 1, 1))  # before its start
            there[-2] += "!"

    await migrate(url, finish=True)
    async with another_core(url) as core:
        me = Caller(core, await core.identity.local("ann"), "test")
        assert me.principal.user_id == user_id
        assert await titles_of(me, limit=200) == [title for title in there if not title.startswith("new")]
        assert await titles_of(me, started=False) == [title for title in there if title.startswith("new")]
        listed = await me.perform(todos.list_, TodoFilter(started=False, limit=1))
        (first,) = orjson.loads(listed.json)
        row = row_of(await me.perform(todos.update, [TodoUpdate(id=first["id"], priority="high")]))
        assert (row["due"]["date"], row["start"]) == ("2030-01-01", "2199-01-01")
        changed = await me.perform(todos.update, [TodoUpdate(id=first["id"], start="2029-12-24")])
        assert changed.change_id is not None
        await me.perform(changes.undo, changed.change_id)
        assert len(await titles_of(me, started=False)) == 2


async def test_a_way_down_tells_of_starts_and_deletes_nothing_else(empty_database_url: str) -> None:
    url = empty_database_url
    await populated(url)
    await migrate(url, FINISHED)
    async with connected(url) as admin:
        await admin.execute("UPDATE todos SET start = $1 WHERE title IN ('1', '2')", LATER)
        before = await kept(admin)

        assert await losses(url, BEFORE, FINISHED) == ["starts of todos (2)"]
        await migrate(url, BEFORE)
        assert await kept(admin) == before
        await migrate(url, FINISHED)
        assert await kept(admin) == before
        assert await admin.fetchval("SELECT count(*) FROM todos WHERE start IS NOT NULL") == 0

"""Schema 0013, by which one change can undo several: the version before undoes one, and a trigger writes that down."""

from __future__ import annotations

from typing import Any, Final

import asyncpg
import orjson
import pytest

from tests.core.support import CoreOpener, acting_as, connected
from tests.core.test_migration_0010 import populated
from todo_core.boundary.operation import Caller
from todo_core.errors import UndoRefused
from todo_core.models.changes import ChangeFilter
from todo_core.models.todos import TodoCreate
from todo_core.operations import changes, todos
from todo_core.schema.losses import losses
from todo_core.schema.migrate import migrate

pytestmark = pytest.mark.requirement("DB3", "SA3", "SA7")

BEFORE, FIRST, BACKFILLED, FINISHED = "0012_finish", "0013", "0013_backfill", "0013_finish"
# What the version before does, as `todo_app`.
_OLD_CHANGE: Final = """
INSERT INTO changes (user_id, operation, via, undoes) VALUES ($1, 'changes.undo', 'test', $2) RETURNING id
"""
_UNDONE: Final = "SELECT array_agg((change_id, undone_by) ORDER BY change_id) FROM undone_changes"


async def old(admin: asyncpg.Connection[Any], user_id: int, undoes: int | None = None) -> int:
    """A change as the version before records it; its id."""
    async with acting_as(admin, "todo_app", user_id):
        found: int = await admin.fetchval(_OLD_CHANGE, user_id, undoes)
        return found


async def test_what_was_undone_before_and_what_is_undone_meanwhile_is_known(empty_database_url: str) -> None:
    url = empty_database_url
    user_id = await populated(url, BEFORE)
    async with connected(url) as admin:
        made = [await old(admin, user_id) for _ in range(5)]
        undone = [(made[0], await old(admin, user_id, made[0]))]
        await migrate(url, FIRST)
        undone.append((made[1], await old(admin, user_id, made[1])))
        assert await admin.fetchval(_UNDONE) == undone[1:]
        await migrate(url, BACKFILLED)
        undone.append((made[2], await old(admin, user_id, made[2])))
        assert await admin.fetchval(_UNDONE) == undone

        with pytest.raises(asyncpg.UniqueViolationError):  # the version before, of one that is undone
            await old(admin, user_id, made[1])
        await migrate(url, FINISHED)
        assert await admin.fetchval(_UNDONE) == undone
        await migrate(url, FIRST)
        await migrate(url, FINISHED)
        assert await admin.fetchval(_UNDONE) == undone


async def test_old_and_new_code_do_not_undo_a_change_twice(empty_database_url: str, another_core: CoreOpener) -> None:
    url = empty_database_url
    await populated(url, BEFORE)
    await migrate(url, BACKFILLED)
    async with another_core(url) as core, connected(url) as admin:
        me = Caller(core, await core.identity.local("ann"), "test")
        made = [(await me.perform(todos.add, [TodoCreate(title=title)])).change_id or 0 for title in "abc"]
        undone = await me.perform(changes.undo_several, made[:2])

        assert await admin.fetchval("SELECT undoes FROM changes WHERE id = $1", undone.change_id) == made[1]
        for change_id in made[:2]:
            with pytest.raises(asyncpg.UniqueViolationError):
                await old(admin, me.principal.user_id, change_id)
        by_old = await old(admin, me.principal.user_id, made[2])
        with pytest.raises(UndoRefused) as refused:
            await me.perform(changes.undo, made[2])
        assert refused.value.extra["undone_by"] == by_old

        await migrate(url, FINISHED)
        await me.perform(changes.undo, undone.change_id)
        (listed,) = orjson.loads((await me.perform(changes.list_, ChangeFilter(limit=1))).json)
        assert (listed["undoes"], listed["undoes_also"]) == (undone.change_id, [])


async def test_a_way_down_tells_what_it_forgets(empty_database_url: str, another_core: CoreOpener) -> None:
    url = empty_database_url
    await populated(url, BEFORE)
    await migrate(url, FINISHED)
    async with another_core(url) as core:
        me = Caller(core, await core.identity.local("ann"), "test")
        made = [(await me.perform(todos.add, [TodoCreate(title=title)])).change_id or 0 for title in "abc"]
        undone = await me.perform(changes.undo_several, made)

    assert await losses(url, BEFORE, FINISHED) == ["changes that were undone together with others (2)"]
    await migrate(url, BEFORE)
    await migrate(url, FINISHED)
    async with connected(url) as admin:
        assert await admin.fetchval(_UNDONE) == [(made[2], undone.change_id)]

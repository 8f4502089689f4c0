"""Schema 0013, by which one change can undo several: the version before undoes one, and a trigger writes that down."""

from __future__ import annotations

from typing import Any, Final

import asyncpg
import pytest

from tests.core.support import acting_as, connected
from tests.core.test_migration_0010 import populated
from todo_core.schema.losses import losses
from todo_core.schema.migrate import migrate

pytestmark = [pytest.mark.requirement("DB3", "SA3", "SA7"), pytest.mark.slow]

BEFORE, FIRST, BACKFILLED, FINISHED = "0012_finish", "0013", "0013_backfill", "0013_finish"
# What the version before does, as `todo_app`.
_OLD_CHANGE: Final = """
INSERT INTO changes (user_id, operation, via, undoes) VALUES ($1, 'changes.undo', 'test', $2) RETURNING id
"""
# And what its own version does.
_NEW_UNDO: Final = """
WITH recorded AS (
    INSERT INTO changes (user_id, operation, via, undoes) VALUES ($1, 'changes.undo_several', 'test', $2) RETURNING id
), undone AS (
    INSERT INTO undone_changes (user_id, change_id, undone_by)
    SELECT $1, change_id, recorded.id FROM recorded, unnest($3::bigint[]) AS change_id
)
SELECT id FROM recorded
"""
_UNDONE: Final = "SELECT array_agg((change_id, undone_by) ORDER BY change_id) FROM undone_changes"


async def old(admin: asyncpg.Connection[Any], user_id: int, undoes: int | None = None) -> int:
    """A change as the version before records it; its id."""
    async with acting_as(admin, "todo_app", user_id):
        found: int = await admin.fetchval(_OLD_CHANGE, user_id, undoes)
        return found


async def new_undo(admin: asyncpg.Connection[Any], user_id: int, undone: list[int]) -> int:
    """An undo of several as this version records it; its id."""
    async with acting_as(admin, "todo_app", user_id):
        found: int = await admin.fetchval(_NEW_UNDO, user_id, undone[-1], undone)
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


async def test_old_and_new_code_do_not_undo_a_change_twice(empty_database_url: str) -> None:
    url = empty_database_url
    user_id = await populated(url, BEFORE)
    await migrate(url, BACKFILLED)
    async with connected(url) as admin:
        made = [await old(admin, user_id) for _ in range(3)]
        await new_undo(admin, user_id, made[:2])

        for change_id in made[:2]:
            with pytest.raises(asyncpg.UniqueViolationError):
                await old(admin, user_id, change_id)
        by_old = await old(admin, user_id, made[2])
        with pytest.raises(asyncpg.UniqueViolationError):
            await new_undo(admin, user_id, made[2:])
        assert (made[2], by_old) in await admin.fetchval(_UNDONE)


async def test_a_way_down_tells_what_it_forgets(empty_database_url: str) -> None:
    url = empty_database_url
    user_id = await populated(url, BEFORE)
    await migrate(url, FINISHED)
    async with connected(url) as admin:
        made = [await old(admin, user_id) for _ in range(3)]
        undone_by = await new_undo(admin, user_id, made)

    assert await losses(url, BEFORE, FINISHED) == ["changes that were undone together with others (2)"]
    await migrate(url, BEFORE)
    await migrate(url, FINISHED)
    async with connected(url) as admin:
        assert await admin.fetchval(_UNDONE) == [(made[2], undone_by)]

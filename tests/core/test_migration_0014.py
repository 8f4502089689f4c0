"""Schema 0014, by which agents are known: the version before serves on it, and knows none."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import asyncpg
import orjson
import pytest

from tests.core.support import CoreOpener, acting_as, add, connected
from tests.core.test_migration_0010 import populated
from tests.support import token_of
from todo_core.boundary.caller import Caller
from todo_core.models.changes import ChangeFilter
from todo_core.models.todos import TodoCreate
from todo_core.operations import agents, changes, todos
from todo_core.schema.losses import losses
from todo_core.schema.migrate import migrate

pytestmark = [pytest.mark.requirement("DB3", "ID8"), pytest.mark.slow]

BEFORE, FIRST, FINISHED = "0013_finish", "0014", "0014_finish"
# What the version before does, as `todo_app`.
_OLD_CHANGE: Final = "INSERT INTO changes (user_id, operation, via) VALUES ($1, 'todos.add', 'test') RETURNING id"
_OLD_KEEP: Final = """
INSERT INTO idempotency_keys (user_id, key, fingerprint, reply)
VALUES ($1, 'old', '\\x00', '{"change_id": 1, "results": []}')
ON CONFLICT (user_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, reply = excluded.reply, created_at = now()
"""
_OF_TWO: Final = "SELECT count(*) FROM pg_proc WHERE proname IN ('require_active', 'latest_change') AND pronargs = 2"
NARROWED: Final = (
    ("blocked_at", "now()", "NULL"),
    ("verbs", "'{read}'", "NULL"),
    ("mode", "'propose'", "'act'"),
    ("rows_per_day", "5", "NULL"),
    ("until", "now()", "NULL"),
)
"""By column, what is less than everything, and what is not."""
_OLD_FIND: Final = "SELECT count(*) FROM idempotency_keys WHERE user_id = $1 AND key = $2"


async def test_the_version_before_serves_beside_this_one(empty_database_url: str, another_core: CoreOpener) -> None:
    url = empty_database_url
    await populated(url, BEFORE)
    await migrate(url, finish=True)
    async with another_core(url) as core:
        ann = Caller(core, await core.identity.local("ann"), "test")
        script = await Caller.authenticated(core, "rest", token=await token_of(ann))
        user_id, token_id = script.principal.user_id, script.principal.token_id
        await script.once("new").perform(todos.add, [TodoCreate(title="a")])
        (latest, *_) = orjson.loads((await ann.perform(changes.list_, ChangeFilter())).json)
        (agent,) = orjson.loads((await ann.perform(agents.list_)).json)
        assert (latest["agent_id"], agent["changes"]) == (agent["id"], 1)

    await migrate(url, FIRST)
    async with connected(url) as admin:
        async with acting_as(admin, "todo_app", user_id):
            assert await admin.fetchval("SELECT require_active($1, $2)", user_id, token_id) == user_id
            made = await admin.fetchval(_OLD_CHANGE, user_id)
            assert await admin.fetchval("SELECT latest_change($1, $2)", user_id, token_id) == made
            await admin.execute(_OLD_KEEP, user_id)
            assert await admin.fetchval(_OLD_FIND, user_id, "new") == 1
        for column, narrowed, free in NARROWED:
            await admin.execute(f"UPDATE agents SET {column} = {narrowed}")  # noqa: S608  # of the list above
            async with acting_as(admin, "todo_app", user_id):
                with pytest.raises(asyncpg.PostgresError, match="token was revoked"):
                    async with admin.transaction():
                        await admin.fetchval("SELECT require_active($1, $2)", user_id, token_id)
            await admin.execute(f"UPDATE agents SET {column} = {free}")  # noqa: S608  # of the list above

        await migrate(url, FINISHED)
        assert await admin.fetchval(_OF_TWO) == 0
        await migrate(url, FIRST)
        assert await admin.fetchval(_OF_TWO) == 2
        async with acting_as(admin, "todo_app", user_id):
            assert await admin.fetchval("SELECT require_active($1, $2)", user_id, token_id) == user_id


async def test_a_way_down_tells_what_it_forgets(empty_database_url: str, another_core: CoreOpener) -> None:
    url = empty_database_url
    await populated(url, BEFORE)
    await migrate(url, finish=True)
    async with another_core(url) as core:
        ann = Caller(core, await core.identity.local("ann"), "test")
        await add(replace(ann, via="mcp:add_todos", client="x"), "a")
    await migrate(url, FIRST)

    assert await losses(url, BEFORE, FIRST) == [
        "agents, and what each may do (1)",
        "which agent made changes, and in which request (1)",
    ]
    await migrate(url, BEFORE)
    await migrate(url, FIRST)
    async with connected(url) as admin:
        assert await admin.fetchval("SELECT count(*) FROM agents") == 0

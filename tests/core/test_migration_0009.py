"""Schema 0009, by which todos have an order by hand: what was there and what the version before does have a place."""

from __future__ import annotations

from typing import Any, Final

import asyncpg
import pytest

from tests.core.support import CoreOpener, acting_as, add, connected, titles_of
from tests.databases import migrate_empty
from todo_core.boundary.caller import Caller
from todo_core.models.lists import ListUpdate
from todo_core.models.todos import TodoUpdate
from todo_core.operations import changes, lists, todos
from todo_core.schema.migrate import migrate

pytestmark = [pytest.mark.requirement("DB3", "TD14"), pytest.mark.slow]

BEFORE, FIRST, ROLLED, FINISHED = "0008_finish", "0009", "0009_backfill", "0009_finish"
MANY: Final = 2_500
"""Todos that are there before: more than two chunks of the backfill."""

# What the version before does, as `todo_app`.
_OLD_ADD = (
    "INSERT INTO todos (id, user_id, list_id, title) SELECT nextval('todos_id_seq'), user_id, id, $1"
    " FROM lists WHERE is_inbox"
)
_OLD_UPDATE = "UPDATE todos SET title = title, version = version + 1 WHERE title = $1"
_OLD_MOVE = "UPDATE lists SET position = $2, version = version + 1 WHERE name = $1"


async def populated(url: str) -> int:
    """A database of the version before: the id of its person, who has todos and three lists with fractions."""
    await migrate_empty(url, BEFORE)
    async with connected(url) as admin:
        user_id: int = await admin.fetchval(
            "INSERT INTO users (issuer, subject) VALUES ('urn:todo-mcp:local', 'ann') RETURNING id"
        )
        await admin.execute(
            "INSERT INTO lists (user_id, name, name_key, position) SELECT $1, n, n, p"
            " FROM (VALUES ('a', 0.5), ('b', 0.75), ('c', 0.8125)) AS l (n, p)",
            user_id,
        )
        await admin.execute(
            "INSERT INTO todos (user_id, list_id, title) SELECT $1, id, n FROM lists, generate_series(1, $2::int) n"
            " WHERE is_inbox",
            user_id,
            MANY,
        )
    return user_id


async def old(admin: asyncpg.Connection, user_id: int, statement: str, *arguments: Any) -> None:
    async with acting_as(admin, "todo_app", user_id):
        assert not (await admin.execute(statement, *arguments)).endswith(" 0")


async def kept(admin: asyncpg.Connection) -> list[Any]:
    """What no step may change."""
    of_lists = await admin.fetch("SELECT id, name, position, version FROM lists ORDER BY id")
    of_todos = await admin.fetch("SELECT id, title, version, updated_at FROM todos ORDER BY id")
    return [tuple(row) for row in (*of_lists, *of_todos)]


async def test_todos_from_before_stand_in_the_order_in_which_they_were_made(empty_database_url: str) -> None:
    url = empty_database_url
    user_id = await populated(url)
    async with connected(url) as admin:
        before = await kept(admin)
        await migrate(url, FIRST)
        assert await kept(admin) == before
        await old(admin, user_id, _OLD_ADD, "new at the first step")
        await old(admin, user_id, _OLD_UPDATE, "7")  # one that has no place yet
        await migrate(url, ROLLED)
        await old(admin, user_id, _OLD_ADD, "new at the backfill")
        for finished in (False, True):
            if finished:
                await migrate(url, finish=True)
            ids = [row[0] for row in await admin.fetch("SELECT id FROM todos ORDER BY place")]
            assert ids == sorted(ids)
            assert len(ids) == MANY + 2


async def test_a_list_that_the_version_before_moves_has_no_chosen_place_any_more(empty_database_url: str) -> None:
    url = empty_database_url
    user_id = await populated(url)
    await migrate(url, ROLLED)
    async with connected(url) as admin:
        async with acting_as(admin, "todo_app", user_id):
            await admin.execute("UPDATE lists SET position = position + 7, chosen_position = position WHERE name = 'b'")
        assert await admin.fetchval("SELECT chosen_position FROM lists WHERE name = 'b'") is not None
        await old(admin, user_id, _OLD_MOVE, "b", -1)
        assert await admin.fetchval("SELECT chosen_position FROM lists WHERE name = 'b'") is None


async def test_the_order_goes_on_after_what_was_there(empty_database_url: str, another_core: CoreOpener) -> None:
    url = empty_database_url
    user_id = await populated(url)
    await migrate(url, ROLLED)
    async with connected(url) as admin:
        await old(admin, user_id, _OLD_ADD, "old")
    await migrate(url, finish=True)
    async with another_core(url) as core, connected(url) as admin:
        me = Caller(core, await core.identity.local("ann"), "test")
        assert me.principal.user_id == user_id
        (mine,) = await add(me, "mine")
        assert await titles_of(me, sort="manual", limit=3) == ["1", "2", "3"]
        await me.perform(todos.update, [TodoUpdate(id=mine, place="last")])

        ids = {row["name"]: row["id"] for row in await admin.fetch("SELECT id, name FROM lists")}
        made_room = await me.perform(lists.update, [ListUpdate(id=ids["c"], position=3)])  # between a and b
        assert made_room.change_id is not None
        await me.perform(changes.undo, made_room.change_id)
        names = [row[0] for row in await admin.fetch("SELECT name FROM lists ORDER BY position")]
        assert names == ["Inbox", "a", "b", "c"]

"""Schema 0018, by which PostgreSQL holds agents to lists: links of tags know their list, whoever wrote them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.support import CoreOpener, acting_as, connected, told
from tests.core.test_migrations import catalogue, walls
from tests.core.test_rolling_steps import killed_before
from tests.databases import migrate_empty
from todo_core.boundary.caller import Caller
from todo_core.errors import Unavailable
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos
from todo_core.schema.migrate import migrate
from todo_core.schema.state import current

pytestmark = pytest.mark.requirement("DB3", "ID9")

BEFORE, FIRST, ROLLED, FINISHED = "0017", "0018", "0018_backfill", "0018_finish"

# What the version before does, as `todo_app`: one statement makes a todo and its link, or moves a todo that gets one.
_OLD_ADD = """
WITH tag AS (
    INSERT INTO tags (user_id, name, name_key) SELECT user_id, $1, $1 FROM lists WHERE is_inbox RETURNING id, user_id
), item AS MATERIALIZED (SELECT nextval('todos_id_seq') AS id),
added AS (
    INSERT INTO todos (id, user_id, title, list_id, language)
    SELECT item.id, user_id, $1, lists.id, 'english' FROM item, lists WHERE is_inbox RETURNING *
), linked AS (
    INSERT INTO todo_tags (user_id, todo_id, tag_id) SELECT tag.user_id, item.id, tag.id FROM item, tag
)
SELECT added.id FROM added JOIN item ON item.id = added.id
"""
_OLD_MOVE = """
WITH moved AS (
    UPDATE todos SET list_id = (SELECT id FROM lists WHERE NOT is_inbox), version = version + 1 WHERE title = $1
    RETURNING id, user_id
), linked AS (
    INSERT INTO todo_tags (user_id, todo_id, tag_id) SELECT moved.user_id, moved.id, tags.id FROM moved, tags
    ON CONFLICT DO NOTHING
)
SELECT id FROM moved
"""
_LIES = """
SELECT count(*) FROM todo_tags JOIN todos ON todos.id = todo_id WHERE todo_tags.list_id IS DISTINCT FROM todos.list_id
"""


async def populated(url: str) -> int:
    await migrate_empty(url, BEFORE)
    async with connected(url) as admin:
        me: int = await admin.fetchval(
            "INSERT INTO users (issuer, subject, locale) VALUES ('urn:todo-mcp:local', 'ann', 'en') RETURNING id"
        )
        await admin.execute("INSERT INTO lists (user_id, name, name_key, position) VALUES ($1, 'Work', 'work', 1)", me)
    for title in ("one", "two"):
        await old(url, me, _OLD_ADD, title)
    return me


async def old(url: str, me: int, sql: str, title: str) -> None:
    async with connected(url) as admin, acting_as(admin, "todo_app", me):
        await admin.execute(sql, title)


async def test_both_versions_keep_the_list_of_a_link_all_the_way(
    empty_database_url: str, another_core: CoreOpener, ann: Caller
) -> None:
    url = empty_database_url
    me = await populated(url)
    for revision in (FIRST, ROLLED, FINISHED):
        await migrate(url, revision)
        await old(url, me, _OLD_ADD, f"{revision} a")
        await old(url, me, _OLD_ADD, f"{revision} b")
        await old(url, me, _OLD_MOVE, f"{revision} b")
        async with connected(url) as admin:
            lies = await admin.fetchval(_LIES)
            assert lies == (2 if revision == FIRST else 0)
            assert await admin.fetchval("SELECT count(*) FROM todo_tags WHERE list_id IS NULL") == lies
    await old(url, me, _OLD_MOVE, "one")
    await migrate(url)
    async with another_core(url) as core:
        new = replace(ann, core=core, principal=await core.identity.local("ann"))
        (row,) = told(await new.perform(todos.add, [TodoCreate(title="new", tags=["one"])]))
        await new.perform(todos.update, [{"id": row["id"], "add_tags": ["two"]}])
    async with connected(url) as admin:
        assert await admin.fetchval(_LIES) == 0


async def test_the_way_back_blocks_whom_the_version_before_would_not_hold(empty_database_url: str) -> None:
    url = empty_database_url
    me = await populated(url)
    await migrate(url, FINISHED)
    async with connected(url) as admin:
        await admin.execute(
            "INSERT INTO agents (user_id, kind, known_as, name, lists) VALUES ($1, 'token', '1', 'a', '{1}'),"
            " ($1, 'token', '2', 'b', NULL)",
            me,
        )
    await migrate(url, BEFORE)
    async with connected(url) as admin:
        blocked = await admin.fetch("SELECT name, blocked_at IS NOT NULL AS is_blocked FROM agents ORDER BY id")
    assert [tuple(row) for row in blocked] == [("a", True), ("b", False)]


async def test_the_new_version_does_not_serve_before_all_links_have_their_list(
    empty_database_url: str, another_core: CoreOpener
) -> None:
    await populated(empty_database_url)
    await migrate(empty_database_url, FIRST)
    async with another_core(empty_database_url) as core:
        with pytest.raises(Unavailable):
            await core.readiness.require()


@pytest.mark.slow
@pytest.mark.parametrize("every", [24, pytest.param(1, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("way", ["up", "down"])
async def test_after_a_kill_at_any_statement_the_next_run_goes_on(
    way: str, every: int, empty_database_url: str
) -> None:
    url = empty_database_url
    here, there = (BEFORE, FINISHED) if way == "up" else (FINISHED, BEFORE)
    await populated(url)
    await migrate(url, there)
    whole = await catalogue(url) | await walls(url)
    kills = 0
    while True:
        await migrate(url, here)
        with killed_before(1 + kills * every) as killer:
            try:
                await migrate(url, there)
            except Exception:
                assert killer.has_struck
        if not killer.has_struck:
            break
        kills += 1

        await migrate(url, there)

        assert await current(url) == there
        assert await catalogue(url) | await walls(url) == whole
        if way == "up":
            async with connected(url) as admin:
                assert await admin.fetchval(_LIES) == 0
    assert kills * every > 20

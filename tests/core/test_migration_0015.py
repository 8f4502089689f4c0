"""Schema 0015, by which todos are found that look the same: both versions write what the new one looks for."""

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

pytestmark = pytest.mark.requirement("DB3", "TD17")

BEFORE, FIRST, ROLLED, FINISHED = "0013_finish", "0015", "0015_backfill", "0015_finish"

# What the version before does, as `todo_app`.
_OLD_ADD = """
INSERT INTO todos (user_id, title, list_id, language) SELECT user_id, $1, id, 'english' FROM lists WHERE is_inbox
"""
_OLD_RENAME = "UPDATE todos SET title = title || ' now', version = version + 1 WHERE title = $1"
_UNLIKE = """
SELECT count(*) FROM todos, likeness_keys(title) AS keys
WHERE (alike_key, same_key) IS DISTINCT FROM (keys.alike, keys.same)
"""
_LACKING = "SELECT count(*) FROM todos WHERE alike_key IS NULL OR same_key IS NULL"


async def populated(url: str, copies: int = 1) -> int:
    """A database of the version before, with somebody's todos in it; the id of that person."""
    await migrate_empty(url, BEFORE)
    async with connected(url) as admin:
        me: int = await admin.fetchval(
            "INSERT INTO users (issuer, subject, locale) VALUES ('urn:todo-mcp:local', 'ann', 'en') RETURNING id"
        )
    await old_todos(url, me, *["Buy milk", "Cr\u00e8me br\u00fbl\u00e9e"] * copies)
    return me


async def old_todos(url: str, me: int, *titles: str) -> None:
    async with connected(url) as admin, acting_as(admin, "todo_app", me):
        for title in titles:
            await admin.execute(_OLD_ADD, title)


async def test_both_versions_write_the_keys_all_the_way(
    empty_database_url: str, another_core: CoreOpener, ann: Caller
) -> None:
    url = empty_database_url
    me = await populated(url)
    for revision in (FIRST, ROLLED, FINISHED):
        await migrate(url, revision)
        await old_todos(url, me, f"Call {revision}", f"Ask {revision}")
        async with connected(url) as admin:
            async with acting_as(admin, "todo_app", me):
                await admin.execute(_OLD_RENAME, f"Ask {revision}")
            assert await admin.fetchval(_LACKING) == (2 if revision == FIRST else 0)
            assert await admin.fetchval(f"{_UNLIKE} AND alike_key IS NOT NULL") == 0
    await migrate(url)
    async with another_core(url) as core:
        new = replace(ann, core=core, principal=await core.identity.local("ann"))
        again = ["milk: buy", "creme brulee", f"call {FIRST}", f"ask {ROLLED}"]
        rows = told(await new.perform(todos.add, [TodoCreate(title=title) for title in again]))
    assert [hit["title"] for row in rows for hit in row["similar"]] == [
        *("Buy milk", "Cr\u00e8me br\u00fbl\u00e9e"),
        *(f"Call {FIRST}", f"Ask {ROLLED} now"),
    ]

    await migrate(url, BEFORE)
    await old_todos(url, me, "after the way back")


async def test_the_new_version_does_not_serve_before_all_keys_are_there(
    empty_database_url: str, another_core: CoreOpener
) -> None:
    await populated(empty_database_url)
    await migrate(empty_database_url, FIRST)
    async with another_core(empty_database_url) as core:
        with pytest.raises(Unavailable):
            await core.readiness.require()


@pytest.mark.exhaustive
@pytest.mark.parametrize("way", ["up", "down"])
async def test_after_a_kill_at_any_statement_the_next_run_goes_on(way: str, empty_database_url: str) -> None:
    url = empty_database_url
    here, there = (BEFORE, FINISHED) if way == "up" else (FINISHED, BEFORE)
    await populated(url, copies=20)
    await migrate(url, there)
    whole = await catalogue(url) | await walls(url)
    kills = 0
    while True:
        await migrate(url, here)
        with killed_before(1 + kills) as killer:
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
                assert await admin.fetchval(_UNLIKE) == 0
    assert kills > 20

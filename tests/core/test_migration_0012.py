"""Schema 0012, by which todos are found by the words of their notes: both versions are right all the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from tests.core.support import CoreOpener, acting_as, connected
from tests.core.test_migration_0008 import new_finds
from tests.core.test_migrations import catalogue, walls
from tests.core.test_rolling_steps import killed_before
from tests.databases import migrate_empty
from todo_core.boundary.caller import Caller
from todo_core.errors import Unavailable
from todo_core.schema.migrate import migrate
from todo_core.schema.state import current

pytestmark = [pytest.mark.requirement("DB3", "TD12", "TD16"), pytest.mark.slow]

BEFORE, FIRST, ROLLED, FINISHED = "0011_finish", "0012", "0012_backfill", "0012_finish"
NOTES: Final = ("Crème brûlée", "PROJ-1234 fix", "Running shoes", "支持中文吗")
ASKED: Final = {"creme": 1, "1234": 1, "run": 1, "中文": 1, "noted creme": 1, "user": 0}
"""What a todo with each of these notes is found by, and how many there are."""

# What the version before does, as `todo_app`.
_OLD_ADD = """
WITH made AS (
    INSERT INTO todos (user_id, title, list_id, language, note_count)
    SELECT user_id, 'noted', id, 'english', 1 FROM lists WHERE is_inbox RETURNING user_id, id
)
INSERT INTO notes (user_id, todo_id, text) SELECT user_id, id, $1 FROM made
"""
_OLD_SEARCH = "SELECT count(*) FROM todos_with_words($1, 'english')"
_UNLIKE = """
SELECT count(*) FROM notes WHERE words IS DISTINCT FROM
    search_lexemes(text, 'english', 'B', 'D') || array_to_tsvector(ARRAY['@' || user_id])
"""


async def populated(url: str, copies: int = 1) -> int:
    """A database of the version before, with somebody's notes in it; the id of that person."""
    await migrate_empty(url, BEFORE)
    async with connected(url) as admin:
        me: int = await admin.fetchval(
            "INSERT INTO users (issuer, subject, locale) VALUES ('urn:todo-mcp:local', 'ann', 'en') RETURNING id"
        )
    for _ in range(copies):
        await old_notes(url, me)
    return me


async def old_notes(url: str, me: int) -> None:
    async with connected(url) as admin, acting_as(admin, "todo_app", me):
        for text in NOTES:
            await admin.execute(_OLD_ADD, text)


async def old_finds(url: str, me: int, text: str) -> int:
    async with connected(url) as admin, acting_as(admin, "todo_app", me):
        number: int = await admin.fetchval(_OLD_SEARCH, text)
        return number


async def test_both_versions_find_and_write_all_the_way(
    empty_database_url: str, another_core: CoreOpener, ann: Caller
) -> None:
    url = empty_database_url
    me = await populated(url)
    for copies, revision in enumerate((FIRST, ROLLED, FINISHED), 2):
        await migrate(url, revision)
        await old_notes(url, me)
        assert await old_finds(url, me, "noted") == 4 * copies
        if revision != FIRST:
            assert await old_finds(url, me, "noted running") == copies
        async with connected(url) as admin:
            assert await admin.fetchval(_UNLIKE) == (4 if revision == FIRST else 0)
    await migrate(url, finish=True)
    async with another_core(url) as core:
        new = replace(ann, core=core, principal=await core.identity.local("ann"))
        assert {text: await new_finds(new, text) for text in ASKED} == {
            text: 4 * number for text, number in ASKED.items()
        }

    await migrate(url, BEFORE)
    await old_notes(url, me)
    assert (await old_finds(url, me, "noted"), await old_finds(url, me, "running")) == (20, 0)


async def test_the_new_version_does_not_serve_before_all_words_are_there(
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

"""Schema 0008, by which todos are found by the normal forms of their words: both versions are right all the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import asyncpg
import orjson
import pytest

from tests.core.support import CoreOpener, acting_as, connected
from tests.core.test_migrations import catalogue, walls
from tests.core.test_rolling_steps import killed_before
from tests.databases import migrate_empty
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoFilter
from todo_core.operations import search
from todo_core.schema.migrate import migrate
from todo_core.schema.state import current

pytestmark = [pytest.mark.requirement("DB3", "TD12"), pytest.mark.slow]

BEFORE, FIRST, ROLLED, FINISHED = "0007_finish", "0008", "0008_backfill", "0008_finish"
TITLES: Final = ("Crème brûlée", "PROJ-1234 fix", "Running shoes", "支持中文吗")
ASKED: Final = {"creme": 1, "1234": 1, "run": 1, "中文": 1, "user": 0}
"""What a todo of each title is found by, and how many there are."""

# What the version before does, as `todo_app`.
_OLD_ADD = (
    "INSERT INTO todos (user_id, title, list_id, language)"
    " SELECT user_id, $1, id, 'english' FROM lists WHERE is_inbox RETURNING id"
)
_OLD_RETITLE = "UPDATE todos SET title = $2, language = 'english', version = version + 1 WHERE id = $1"
_OLD_COMPLETE = "UPDATE todos SET title = title, completed_at = now(), version = version + 1 WHERE id = $1"
_OLD_SEARCH = "SELECT count(*) FROM search_todos($1, 'english')"
_UNLIKE = """
SELECT count(*) FROM todos WHERE title_key IS DISTINCT FROM left(without_accents(normal_form(title)), 80)
    OR words IS DISTINCT FROM search_document(user_id, language, title, description)
"""


async def populated(url: str, copies: int = 1) -> int:
    """A database of the version before, with somebody's todos in it; the id of that person."""
    await migrate_empty(url, BEFORE)
    async with connected(url) as admin:
        me: int = await admin.fetchval(
            "INSERT INTO users (issuer, subject) VALUES ('urn:todo-mcp:local', 'ann') RETURNING id"
        )
        await old_writes(admin, me, TITLES * copies)
    return me


async def old_writes(admin: asyncpg.Connection, me: int, titles: Sequence[str]) -> list[int]:
    async with acting_as(admin, "todo_app", me):
        return [await admin.fetchval(_OLD_ADD, title) for title in titles]


async def old_finds(admin: asyncpg.Connection, me: int, text: str) -> int:
    async with acting_as(admin, "todo_app", me):
        number: int = await admin.fetchval(_OLD_SEARCH, text)
        return number


async def new_finds(caller: Caller, text: str) -> int:
    page = await caller.perform(search.find, TodoFilter(text=text, status="all"))
    assert len(orjson.loads(page.json)) == page.total
    return page.total


async def test_both_versions_find_and_write_all_the_way(
    empty_database_url: str, another_core: CoreOpener, ann: Caller
) -> None:
    url = empty_database_url
    me = await populated(url)
    async with connected(url) as admin:
        for copies, revision in enumerate((FIRST, ROLLED), 2):
            await migrate(url, revision)
            first, second, *_ = await old_writes(admin, me, TITLES)
            async with acting_as(admin, "todo_app", me):
                await admin.execute(_OLD_RETITLE, first, "another")
                await admin.execute(_OLD_RETITLE, first, TITLES[0])
                await admin.execute(_OLD_COMPLETE, second)
                await admin.execute(_OLD_COMPLETE, 2)  # one that is not filled yet
            assert await old_finds(admin, me, "running") == await old_finds(admin, me, "brûl") == copies
            assert await admin.fetchval(_UNLIKE) == (0 if revision == ROLLED else len(TITLES) - 1)

        for revision in (ROLLED, FINISHED):
            await migrate(url, revision)
            assert await admin.fetchval(_UNLIKE) == 0
        await migrate(url, finish=True)
        assert await admin.fetchval(_UNLIKE) == 0
        async with another_core(url) as core:
            new = replace(ann, core=core, principal=await core.identity.local("ann"))
            assert {text: await new_finds(new, text) for text in ASKED} == {
                text: 3 * number for text, number in ASKED.items()
            }

        await migrate(url, BEFORE)
        assert await old_finds(admin, me, "running") == 3
        await old_writes(admin, me, TITLES)
        assert await old_finds(admin, me, "running") == 4


async def test_the_new_version_does_not_serve_before_all_words_are_there(
    empty_database_url: str, another_core: CoreOpener
) -> None:
    from todo_core.errors import Unavailable

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
    await populated(url, copies=300)
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

"""Schema 0020, by which todos are found by signs: nothing that was found before is lost on the way."""

from __future__ import annotations

from typing import Any, Final

import asyncpg
import pytest

from tests.core.support import acting_as, connected
from tests.core.test_migrations import catalogue, walls
from tests.core.test_rolling_steps import killed_before
from todo_core.schema.migrate import migrate
from todo_core.schema.state import current

pytestmark = pytest.mark.requirement("DB3", "TD12")

BEFORE, FIRST, ROLLED = "0019", "0020", "0020_backfill"
TEXTS: Final = (
    "→ running late",
    "© 2026 Acme™",
    "‼\ufe0f rent",
    "1\ufe0f\u20e32\ufe0f\u20e3 noon",
    "#\ufe0f\u20e3 channel",
    "ⓗⓔⓛⓛⓞ world",
    "Crème brûlée",
    "plain milk",
)
WITH_SIGNS: Final = 6
FOUND_BEFORE: Final = (
    *("run", "→ running late", "© 2026", "™ ©", "‼\ufe0f rent", "12 noon", "1\ufe0f\u20e32\ufe0f\u20e3", "channel"),
    *("#\ufe0f\u20e3 channel", "ⓗⓔⓛⓛⓞ world", "ⓗⓔⓛⓛⓞ", "creme", "milk"),
)
"""Questions that found one todo and one note each, signs or not."""
FOUND_BY_SIGNS: Final = ("→", "©", "‼", "#\ufe0f\u20e3", "hello")
"""Questions that found none."""

_ADD: Final = """
WITH made AS (
    INSERT INTO todos (user_id, title, list_id, language, note_count)
    SELECT user_id, CASE WHEN is_note THEN 'noted' ELSE text END, id, 'english', is_note::int
    FROM lists, unnest($1::text[]) AS text, unnest('{false,true}'::boolean[]) AS is_note
    WHERE lists.is_inbox ORDER BY is_note, text RETURNING user_id, id, title
), numbered AS (SELECT *, row_number() OVER (ORDER BY id) AS n FROM made WHERE title = 'noted')
INSERT INTO notes (user_id, todo_id, text)
SELECT user_id, id, text FROM numbered JOIN unnest($1::text[]) WITH ORDINALITY AS texts (text, n) USING (n)
"""
_FIND: Final = "SELECT count(*) FROM todos_with_words($1, 'english')"
_WRONG: Final = """
SELECT title FROM todos WHERE strip(words) <> strip(search_document(user_id, language, title, description))
UNION ALL
SELECT text FROM notes WHERE strip(words)
    <> strip(search_lexemes(text, 'english', 'B', 'D') || array_to_tsvector(ARRAY['@' || user_id]))
"""
_VERSIONS: Final = """
SELECT (SELECT array_agg(title || xmin ORDER BY id) FROM todos WHERE title !~ $1)
    || (SELECT array_agg(text || xmin ORDER BY id) FROM notes WHERE text !~ $1)
"""


async def populated(url: str, copies: int = 1) -> int:
    """A database of the version before, with somebody's todos and notes in it; the id of that person."""
    await migrate(url, BEFORE)
    async with connected(url) as admin:
        me: int = await admin.fetchval(
            "INSERT INTO users (issuer, subject, locale) VALUES ('urn:todo-mcp:local', 'ann', 'en') RETURNING id"
        )
    for _ in range(copies):
        await written(url, me)
    return me


async def written(url: str, me: int) -> None:
    """Write each text as a todo and as a note, as either version does."""
    async with connected(url) as admin, acting_as(admin, "todo_app", me):
        await admin.execute(_ADD, TEXTS)


async def found(url: str, me: int, questions: tuple[str, ...]) -> dict[str, int]:
    async with connected(url) as admin, acting_as(admin, "todo_app", me):
        return {question: await admin.fetchval(_FIND, question) for question in questions}


async def wrong(admin: asyncpg.Connection) -> list[Any]:
    """The texts of todos and notes with other words than their functions make of them."""
    return [row[0] for row in await admin.fetch(_WRONG)]


@pytest.mark.parametrize("many", [1, pytest.param(140, marks=pytest.mark.slow)], ids=["of a few", "of many"])
async def test_what_was_found_is_found_all_the_way_and_signs_once_all_texts_have_them(
    many: int, empty_database_url: str
) -> None:
    url = empty_database_url
    me = await populated(url, many)
    nothing = dict.fromkeys(FOUND_BY_SIGNS, 0)
    assert await found(url, me, FOUND_BY_SIGNS) == nothing
    for copies, revision in enumerate((BEFORE, FIRST, ROLLED, BEFORE), many):
        await migrate(url, revision)
        assert await found(url, me, FOUND_BEFORE) == dict.fromkeys(FOUND_BEFORE, 2 * copies), revision
        if revision == ROLLED:
            assert await found(url, me, FOUND_BY_SIGNS) == dict.fromkeys(FOUND_BY_SIGNS, 2 * copies)
            async with connected(url) as admin:
                assert await wrong(admin) == []
        else:
            # A word of letters in circles is in what was written since.
            assert {**await found(url, me, FOUND_BY_SIGNS), "hello": 0} == nothing
        await written(url, me)


async def test_a_note_keeps_its_stems_and_what_has_no_sign_is_not_written(empty_database_url: str) -> None:
    url = empty_database_url
    me = await populated(url)
    signs = "[→©‼ⓗ\u20e3]"
    async with connected(url) as admin:
        await admin.execute("UPDATE users SET locale = 'de'")
        before = await admin.fetchval(_VERSIONS, signs)

        await migrate(url, ROLLED)

        assert await admin.fetchval(_VERSIONS, signs) == before
        assert await wrong(admin) == []
    assert await found(url, me, ("run",)) == {"run": 2}


async def test_the_way_back_is_whole(empty_database_url: str) -> None:
    url = empty_database_url
    await migrate(url, BEFORE)
    whole = await catalogue(url) | await walls(url)
    await migrate(url, ROLLED)
    await migrate(url, BEFORE)
    assert await catalogue(url) | await walls(url) == whole


@pytest.mark.slow
@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("way", ["up", "down"])
async def test_after_a_kill_at_any_statement_the_next_run_goes_on(
    way: str, every: int, empty_database_url: str
) -> None:
    url = empty_database_url
    here, there = (BEFORE, ROLLED) if way == "up" else (ROLLED, BEFORE)
    await populated(url, copies=20)
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
                assert await wrong(admin) == []
    assert kills * every > 10

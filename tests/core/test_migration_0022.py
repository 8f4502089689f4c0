"""Schema 0022: what is found in todos and their notes is the same in the same order, all the way up and down."""

from __future__ import annotations

from typing import Final

import pytest

from tests.core.support import acting_as, connected
from tests.core.test_migrations import catalogue, walls
from tests.databases import migrate_empty
from todo_core.schema.migrate import migrate

pytestmark = pytest.mark.requirement("DB3", "TD12")

BEFORE, FIRST = "0021", "0022"

_TEXTS: Final = ("Buy milk", "Milk money for the school", "Crème brûlée", "支持中文吗", "→ Running late", "user@1")
_NOTES: Final = ("Running milk", "the late bus", "brûlée and milk", "milk", "中文 → school", "@1 @2", "Buy nothing")
_QUESTIONS: Final = (
    *("milk", "mil", "milk milk", "milk mil", "buy late", "late buy milk", "buy running milk", "running milk"),
    *(
        "running bus",
        "school late",
        "school 2",
        "school milk",
        "school running",
        "school nothing",
        "the",
        "the milk of",
    ),
    *("creme", "crème brûlée milk", "支持中", "中文", "中文 running", "→", "→ bus", "→ school late", "running"),
    *("run milk", "user", "@1", "user @2", "nothing", "nothing milk", "absent", "milk absent", "", " "),
)
"""Questions that a title answers, a note, both together, or neither."""

_ADDED: Final = """
INSERT INTO todos (user_id, title, list_id, language)
SELECT user_id, text || CASE WHEN n > 1 THEN ' ' || n ELSE '' END, id, 'english'
FROM lists, unnest($1::text[]) AS text, generate_series(1, $2) AS n
"""
_NOTED: Final = """
WITH noted AS (
    UPDATE todos SET note_count = $2 WHERE title = ANY ($3) RETURNING user_id, id, title
)
INSERT INTO notes (user_id, todo_id, text)
SELECT user_id, id, ($1::text[])[1 + (length(title) + n) % cardinality($1::text[])]
FROM noted, generate_series(1, $2) AS n
"""
"""Each of these todos has `$2` notes. One has some words of a question, and its todo has others."""

Found = dict[tuple[str, str], list[tuple[int, float]]]
"""By role and question: the ids of the todos in order, with how well each matches."""


async def found(url: str) -> Found:
    """What each question finds for a person, and for an agent that sees one of the person's two lists."""
    rows: Found = {}
    async with connected(url) as admin:
        for role in ("todo_app", "todo_agent"):
            async with acting_as(admin, role, 1):
                await admin.execute("SELECT set_config('app.lists', '{1}', true)")
                for question in _QUESTIONS:
                    answer = await admin.fetch("SELECT * FROM todos_with_words($1, 'english') ORDER BY id", question)
                    rows[role, question] = [(row["id"], row["rank"]) for row in answer]
    return rows


@pytest.mark.parametrize("copies", [1, 170], ids=["few todos", "many todos"])
@pytest.mark.parametrize("notes", [0, 3, 210], ids=["no notes", "few notes", "many notes"])
async def test_a_search_finds_the_same_in_the_same_order(notes: int, copies: int, empty_database_url: str) -> None:
    url = empty_database_url
    await migrate_empty(url, BEFORE)
    async with connected(url) as admin:
        await admin.execute("INSERT INTO users (issuer, subject) VALUES ('i', 'ann'), ('i', 'bob')")
        await admin.execute("INSERT INTO lists (user_id, name, name_key, position) SELECT id, 'b', 'b', 1 FROM users")
        await admin.execute(_ADDED, _TEXTS, copies)
        await admin.execute(_NOTED, _NOTES, notes, [text for text in _TEXTS if text != "user@1"])
    before = await found(url)

    for revision in (FIRST, BEFORE):
        await migrate(url, revision)
        assert await found(url) == before, revision

    for question in _QUESTIONS:
        assert len(before["todo_app", question]) == 2 * len(before["todo_agent", question]), question
    assert len(before["todo_app", "milk"]) >= 4 * copies
    assert bool(before["todo_app", "buy running milk"]) == (notes > 0)


async def test_the_way_back_is_whole(empty_database_url: str) -> None:
    url = empty_database_url
    await migrate_empty(url, BEFORE)
    whole = await catalogue(url) | await walls(url)
    await migrate(url, FIRST)
    assert await catalogue(url) | await walls(url) != whole
    await migrate(url, BEFORE)
    assert await catalogue(url) | await walls(url) == whole

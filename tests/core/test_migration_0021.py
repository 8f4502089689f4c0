"""Schema 0021: what a question looks for is what it was before, all the way up and down."""

from __future__ import annotations

from typing import Final

import pytest

from tests.core.found_words import MARKS
from tests.core.support import connected
from tests.core.test_migrations import catalogue, walls
from tests.databases import migrate_empty
from todo_core.schema.migrate import migrate

pytestmark = pytest.mark.requirement("DB3", "TD12")

BEFORE, FIRST = "0020_backfill", "0021"

_PLAIN: Final = (
    *("milk", "Milk", "MILK", "running late", "the", "not the", "the milk of the", "a", "s", "I do", "buy buy"),
    *("quarterly report", "electricity b", "ponies generously", "lo" * 200 + " milk"),
    *("o" * 255, "o" * 256, "o" * 254 + " o"),
)
_OTHERS: Final = (
    *("", " ", "-", "milk ", " milk", "milk  money", "milk\n", "milk\nmoney", "milk\tmoney", "milk-money", "v2"),
    *("2 milk", "1e5x", "o'clock", "user@1", "@1", "crème", "cre\u0301me", "\u212aelvin", "mil\u212a", "ﬁsh", "straße"),
    *("milk\u200b", "mi\u00adlk", "→ milk", "milk →", "🎉", "milk 🎉", "中文", "milk中文", "ⓗⓔⓛⓛⓞ", "молоко", "दूध"),
)
_ASK: Final = """
SELECT cfgname, question, question_terms(question, cfgname)::text
FROM pg_ts_config, unnest($1::text[]) AS question
WHERE cfgname = ANY (ARRAY(SELECT DISTINCT language_of(l || n) FROM unnest($2::text[]) AS l, unnest($2::text[]) AS n))
"""


async def terms(url: str) -> set[tuple[str, str, str]]:
    """What each question looks for in each language, as text."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    async with connected(url) as admin:
        questions = [*_PLAIN, *_OTHERS, *dict.fromkeys(question for _, question, _ in MARKS)]
        return {tuple(row) for row in await admin.fetch(_ASK, questions, letters)}


async def test_a_question_looks_for_the_same_in_every_language(empty_database_url: str) -> None:
    url = empty_database_url
    await migrate_empty(url, BEFORE)
    before = await terms(url)

    await migrate(url, FIRST)

    assert await terms(url) == before
    assert len({language for language, _, _ in before}) >= 29
    assert len({found for _, _, found in before}) > len(_PLAIN)


async def test_the_way_back_is_whole(empty_database_url: str) -> None:
    url = empty_database_url
    await migrate_empty(url, BEFORE)
    whole = await catalogue(url) | await walls(url)
    await migrate(url, FIRST)
    await migrate(url, BEFORE)
    assert await catalogue(url) | await walls(url) == whole

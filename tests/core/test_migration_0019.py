"""Schema 0019: who may act and what a search finds is what it was before, all the way up and down."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Final

import asyncpg
import pytest

from tests.core.support import acting_as, connected
from tests.core.test_migrations import catalogue, walls
from tests.databases import migrate_empty
from todo_core.schema.migrate import migrate

pytestmark = pytest.mark.requirement("DB3", "ID8", "ID9", "TD12")

BEFORE, FIRST = "0018_finish", "0019"

_FURNISHED: Final = """
INSERT INTO users (issuer, subject, locale, role, suspended_at) VALUES
    ('urn:todo-mcp:local', 'ann', 'en', 'user', NULL), ('urn:todo-mcp:local', 'suspended', 'en', 'user', now()),
    ('urn:todo-mcp:local', 'admin', 'en', 'admin', NULL);
INSERT INTO api_tokens (user_id, name, hash, hint, scopes, revoked_at, expires_at)
    SELECT users.id, state, sha256((state || users.id)::bytea), 'hint', '{todos:read}', revoked_at, expires_at
    FROM users,
        (VALUES ('live', NULL::timestamptz, NULL::timestamptz), ('revoked', now(), NULL), ('old', NULL, now()),
            ('new', NULL, now() + interval '1 day')) AS states (state, revoked_at, expires_at);
INSERT INTO agents (user_id, kind, known_as, name, version, blocked_at, until, lists)
    SELECT users.id, 'client', state, state, 2, blocked_at, until, lists FROM users,
        (VALUES ('free', NULL::timestamptz, NULL::timestamptz, NULL::bigint[]), ('blocked', now(), NULL, NULL),
            ('ended', NULL, now(), NULL), ('ends', NULL, now() + interval '1 day', NULL),
            ('bounded', NULL, NULL, '{1}')) AS states (state, blocked_at, until, lists);
INSERT INTO agents (user_id, kind, known_as, name, version)
    SELECT user_id, 'token', id::text, 'of a token', 1 FROM api_tokens WHERE name = 'new';
"""
_OF_A_PERSON: Final = "SELECT id FROM {} WHERE user_id = $1 ORDER BY id"
_ROLES: Final = ("todo_app", "todo_admin", "todo_agent")
_NOBODY: Final = 1_000_000

Verdict = tuple[object, ...]
"""Who asked for whom with what, and the id or the SQLSTATE that was told."""


async def verdicts(url: str) -> list[Verdict]:
    """What `require_active` tells each role of each person, with every token, agent and version of a mandate."""
    told: list[Verdict] = []
    async with connected(url) as admin:
        people: list[int] = [row["id"] for row in await admin.fetch("SELECT id FROM users ORDER BY id")]
        of_others = await ids_of(admin, people[0])
        for person in (*people, _NOBODY):
            tokens, agents = await ids_of(admin, person)
            tokens, agents = [None, *tokens, of_others[0][0]], [None, *agents, of_others[1][0], _NOBODY]
            for role, *rest in product(_ROLES, tokens, agents, (None, 1, 2)):
                told.append((role, person, *rest, await verdict(admin, role, person, rest)))
    return told


async def ids_of(admin: asyncpg.Connection, person: int) -> tuple[list[Any], list[Any]]:
    """The ids of a person's tokens and agents."""
    tokens, agents = [await admin.fetch(_OF_A_PERSON.format(table), person) for table in ("api_tokens", "agents")]
    return [row["id"] for row in tokens], [row["id"] for row in agents]


async def verdict(admin: asyncpg.Connection, role: str, person: int, rest: Sequence[Any]) -> object:
    try:
        async with acting_as(admin, role, person):
            return await admin.fetchval("SELECT require_active($1, $2, $3, $4)", person, *rest)
    except asyncpg.PostgresError as error:
        return error.sqlstate


async def test_who_may_act_is_told_as_before(empty_database_url: str) -> None:
    await migrate_empty(empty_database_url, BEFORE)
    async with connected(empty_database_url) as admin:
        await admin.execute(_FURNISHED)
    before = await verdicts(empty_database_url)

    await migrate(empty_database_url, FIRST)

    assert await verdicts(empty_database_url) == before
    assert {row[-1] for row in before} >= {1, "TD401", "TD403", "TD4AG", "TD4MA", "TD4AD"}


_WORDS: Final = (
    "milk",
    "milk money",
    "the milk of",
    "mil",
    "creme",
    "crème brûlée",
    "中文",
    "running late",
    "user",
    "@1",
)
_TEXTS: Final = ("Buy milk", "Milk money for the school", "Crème brûlée", "支持中文吗", "Running late", "user@1")
_ADDED: Final = """
INSERT INTO todos (user_id, title, list_id, language)
SELECT user_id, text || CASE WHEN n > 1 THEN ' ' || n ELSE '' END, id, 'english'
FROM lists, unnest($1::text[]) AS text, generate_series(1, $2) AS n WHERE is_inbox
"""
_NOTED: Final = """
WITH noted AS (
    UPDATE todos SET note_count = 1 WHERE title IN ('Buy milk', 'Running late') RETURNING user_id, id
)
INSERT INTO notes (user_id, todo_id, text) SELECT user_id, id, text FROM noted, unnest($1::text[]) AS text
"""


async def found(url: str) -> list[list[tuple[int, float]]]:
    """What each question finds, in the order of the ids, with how well it matches."""
    rows = []
    async with connected(url) as admin, acting_as(admin, "todo_app", 1):
        for question in _WORDS:
            query = "SELECT * FROM todos_with_words($1, 'english') ORDER BY id"
            rows.append([tuple(row) for row in await admin.fetch(query, question)])
    return rows


@pytest.mark.parametrize("many", [1, 400], ids=["of a few", "of many"])
@pytest.mark.parametrize("has_notes", [False, True], ids=["without notes", "with notes"])
async def test_a_search_finds_the_same_in_the_same_order(has_notes: bool, many: int, empty_database_url: str) -> None:
    url = empty_database_url
    await migrate_empty(url, BEFORE)
    async with connected(url) as admin:
        await admin.execute(
            "INSERT INTO users (issuer, subject, locale) VALUES ('urn:todo-mcp:local', 'ann', 'en'), ('i', 'bob', 'en')"
        )
        await admin.execute(_ADDED, _TEXTS, many)
        if has_notes:
            await admin.execute(_NOTED, _TEXTS)
    before = await found(url)

    await migrate(url, FIRST)

    assert await found(url) == before
    assert sum(map(len, before)) > len(_WORDS)


async def test_the_way_back_is_whole(empty_database_url: str) -> None:
    url = empty_database_url
    await migrate_empty(url, BEFORE)
    whole = await catalogue(url) | await walls(url)
    await migrate(url, FIRST)
    await migrate(url, BEFORE)
    assert await catalogue(url) | await walls(url) == whole

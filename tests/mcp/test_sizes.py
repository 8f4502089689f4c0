"""What each reading tool answers, and how long it takes, of a person who has very much, in the longest texts there are.

The table is printed with `-s`.
"""

from __future__ import annotations

import time
from typing import Any, Final

import asyncpg
import orjson
import pytest

from tests.core.support import connected
from tests.faces import Json, McpFace
from todo_core.boundary.caller import Caller

pytestmark = [pytest.mark.requirement("MC1", "SA8"), pytest.mark.exhaustive]

MOST: Final = 20_000
"""Bytes of the JSON of an answer."""
SLOWEST: Final = 3.0
"""Seconds that a page of the history may take on a busy machine."""
_SEED: Final = (
    """INSERT INTO lists (user_id, name, name_key, position)
    SELECT $1, repeat(chr(128204), 70) || n, 'l' || n, 1024 * n FROM generate_series(1, 500) n""",
    """INSERT INTO tags (user_id, name, name_key)
    SELECT $1, repeat(chr(128204), 40) || n, 't' || n FROM generate_series(1, 1000) n""",
    """INSERT INTO todos (user_id, list_id, title, description, language, source, due_date, due_at)
    SELECT $1, list.id, repeat(chr(128204), CASE WHEN is_long THEN 180 ELSE 1 END) || ' milk ' || n,
        CASE WHEN is_long THEN repeat(chr(128204), 1000) END, 'english',
        'https://example.com/' || repeat('x', CASE WHEN is_long THEN 1900 ELSE 1 END), CURRENT_DATE, CURRENT_DATE + 1
    FROM generate_series(1, 100000) n, LATERAL (SELECT n % 100 = 0 AS is_long) AS long,
        (SELECT id FROM lists WHERE user_id = $1 AND is_inbox) AS list""",
    """INSERT INTO todo_tags (user_id, todo_id, tag_id)
    SELECT $1, todo.id, tag.id FROM (SELECT id FROM todos WHERE user_id = $1 ORDER BY id DESC LIMIT 2000) todo,
        LATERAL (SELECT id FROM tags WHERE user_id = $1 AND (id + todo.id) % 50 = 0) tag""",
    """INSERT INTO changes (user_id, operation, via, client, at)
    SELECT $1, 'todos.update', 'mcp:update_todos', repeat('c', 90) || n % 7, now() - interval '1 s' * (300000 - n)
    FROM generate_series(1, 300000) n""",
    """INSERT INTO change_entries (user_id, change_id, number, entity, entity_id, before, after)
    SELECT $1, c.id, 1, 'todo', first.id + c.id % 1000,
        json_build_object('title', 'a', 'description', repeat('"', longest)),
        json_build_object('title', repeat(chr(128204), 20), 'description', repeat(chr(128204), longest))
    FROM changes c, (SELECT min(id) AS id FROM todos WHERE user_id = $1) AS first,
        (SELECT max(id) AS id FROM changes WHERE user_id = $1) AS last,
        LATERAL (SELECT CASE WHEN c.id > last.id - 2000 THEN 1000 ELSE 1 END AS longest) AS texts
    WHERE user_id = $1 AND via = 'mcp:update_todos'""",
    """INSERT INTO change_entries (user_id, change_id, number, entity, entity_id, before, after)
    SELECT $1, (SELECT max(id) FROM changes WHERE user_id = $1), 1 + n, 'todo', t.id,
        json_build_object('deleted_at', NULL), json_build_object('deleted_at', now())
    FROM (SELECT id, row_number() OVER (ORDER BY id) n FROM todos WHERE user_id = $1 LIMIT 5000) t""",
)
"""100,000 todos, 1,000 tags, 500 lists, 300,000 changes, the last of which touched 5,000 todos; all of `$1`."""
_NOTES: Final = """
WITH longest AS (SELECT max(id) AS id FROM todos WHERE user_id = $1 AND description IS NOT NULL), noted AS (
    UPDATE todos SET note_count = 3 WHERE user_id = $1 AND id = (SELECT id FROM longest)
)
INSERT INTO notes (user_id, todo_id, text, author)
SELECT $1, longest.id, repeat(chr(128204), 4000), repeat('a', 100) FROM longest, generate_series(1, 3)
"""
"""The longest notes, on the longest todo."""


async def test_every_reading_tool_has_a_bound_whatever_the_person_has(
    me: McpFace, ann: Caller, database_url: str
) -> None:
    user_id = ann.principal.user_id
    async with connected(database_url) as admin:
        await _fill(admin, user_id)
        first, last = await admin.fetchrow("SELECT min(id), max(id) FROM changes WHERE user_id = $1", user_id)
        todo: int = await admin.fetchval("SELECT min(id) FROM todos WHERE user_id = $1", user_id)
        await admin.execute(_NOTES, user_id)
        long: int = await admin.fetchval(
            "SELECT max(id) FROM todos WHERE user_id = $1 AND description IS NOT NULL", user_id
        )
    calls: list[tuple[str, Json]] = [
        ("list_todos", {}),
        ("list_todos", {"limit": 200, "detail": "full"}),
        ("list_todos", {"limit": 200, "text": "milk"}),
        ("list_todos", {"text": "mlik"}),
        ("search", {"query": "milk"}),
        ("fetch", {"id": str(long)}),
        ("list_todos", {"ids": [long], "detail": "full"}),
        ("get_overview", {}),
        ("get_overview", {"all": "lists"}),
        ("get_overview", {"all": "tags"}),
        ("get_report", {}),
        *(
            ("list_changes", wanted | {"detail": detail})
            for detail in ("concise", "full")
            for wanted in _wanted(first, last, todo)
        ),
    ]
    too_long: list[str] = []
    for tool, arguments in calls:
        began = time.perf_counter()
        told = await me.call(tool, **arguments)
        seconds = time.perf_counter() - began
        size = len(orjson.dumps(told))
        row = f"{tool} {orjson.dumps(arguments).decode()}: {size} bytes, {seconds * 1000:.0f} ms"
        print(row)
        if size > MOST or (tool == "list_changes" and seconds > SLOWEST):
            too_long.append(row)
    assert too_long == []


def _wanted(first: int, last: int, todo: int) -> list[Json]:
    return [
        {"limit": 200},
        {"limit": 200, "since": 0},
        {"limit": 200, "before": first + 5},
        {"limit": 200, "id": todo},
        {"limit": 200, "id": todo, "since": 0},
        {"limit": 200, "entity": "list"},
        {"limit": 200, "entity": "todo"},
        {"limit": 200, "when": "last hour"},
        {"limit": 200, "when": "until 2 days ago"},
        {"limit": 200, "client": "C3"},
        {"limit": 200, "client": "nobody"},
        {"rows_cursor": f"{last}.0"},
        {"rows_cursor": f"{last}.4000"},
    ]


async def _fill(admin: asyncpg.Connection[Any], user_id: int) -> None:
    for statement in _SEED:
        await admin.execute(statement, user_id, timeout=600)
    await admin.execute("ANALYZE")

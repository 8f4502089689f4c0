"""Which titles look the same, and what it costs to find out."""

from __future__ import annotations

import re
from typing import Final

import asyncpg
import orjson
import pytest

from tests.core.likeness_pairs import OTHERS, SAME
from tests.core.support import acting_as, connected, on_the_wire, told
from tests.tables import each
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos
from todo_core.queries.likeness import ALIKE, LOOKS

pytestmark = pytest.mark.requirement("TD17")


@each("one, other, is_same", [(*pair, pair in SAME) for pair in (*SAME, *OTHERS)])
async def test_titles_look_the_same_if_they_are_about_the_same(
    ann: Caller, one: str, other: str, is_same: bool
) -> None:
    rehearsing = ann.once(None, dry_run=True)

    there = told(await rehearsing.perform(todos.add, [TodoCreate(title=one), TodoCreate(title=other)]))
    back = told(await rehearsing.perform(todos.add, [TodoCreate(title=other), TodoCreate(title=one)]))

    for first, second in (there, back):
        assert first["similar"] == []
        assert [hit["id"] for hit in second["similar"]] == ([first["id"]] if is_same else [])


async def test_of_many_equal_titles_the_newest_alone_are_read(ann: Caller) -> None:
    again = [TodoCreate(title=f"Write the report number {number}") for number in range(50)]
    for _ in range(8):
        await ann.perform(todos.add, again)

    with on_the_wire() as wire:
        await ann.perform(todos.add, again)

    assert wire.sent.count(LOOKS.sql) == 1  # of 450 todos it would be three


async def test_older_todos_are_shown_where_the_newest_look_less_the_same_or_are_subtasks_elsewhere(ann: Caller) -> None:
    async def ids(*new: TodoCreate) -> list[int]:
        return [row["id"] for row in told(await ann.perform(todos.add, new))]

    async def similar(title: str, parent: int | None = None) -> list[int]:
        (row,) = told(
            await ann.once(None, dry_run=True).perform(todos.add, [TodoCreate(title=title, parent_id=parent)])
        )
        return [hit["id"] for hit in row["similar"]]

    equal, *soon = await ids(TodoCreate(title="Feed the cats"), *[TodoCreate(title="Feed the cats today")] * 4)
    here, there = await ids(TodoCreate(title="Spring"), TodoCreate(title="Autumn"))
    above, *_ = await ids(TodoCreate(title="Wash the car"), *[TodoCreate(title="Wash the car", parent_id=there)] * 4)

    assert await similar("feed the cats!") == [equal, *soon[:1:-1]]
    assert await similar("wash my car", here) == [above]


MANY: Final = 6_000
_SEED: Final = """
INSERT INTO todos (user_id, list_id, title, language)
SELECT $1, lists.id, CASE n % 3
    WHEN 0 THEN 'Call customer ' || translate(md5(n::text), '0123456789', 'ghijklmnop')
    WHEN 1 THEN 'Buy ' || n || ' of milk' ELSE 'Water the plants' END, 'english'
FROM generate_series(1, $2::int) AS n, lists WHERE lists.user_id = $1 AND is_inbox
"""
_NEW: Final = ("call the customer Smith", "buy 7 of milk", "plants: water", "never seen anywhere")


@pytest.mark.parametrize("is_analyzed", [False, True], ids=["never analyzed", "analyzed"])
async def test_looking_reads_the_same_few_pages_however_many_open_todos_there_are(
    fresh_database_url: str, is_analyzed: bool
) -> None:
    """As the role of requests, by one plan for whatever title."""
    pages: list[dict[str, int]] = []
    async with connected(fresh_database_url) as admin:
        await admin.execute("ALTER TABLE todos SET (autovacuum_enabled = off)")
        people: list[int] = []
        for number in (60, MANY):
            made = "INSERT INTO users (issuer, subject) VALUES ('x', $1) RETURNING id"
            people.append(await admin.fetchval(made, str(number)))
            await admin.execute(_SEED, people[-1], number)
        if is_analyzed:
            await admin.execute("VACUUM ANALYZE todos")
        for me in people:
            async with acting_as(admin, "todo_app", me):
                await admin.execute("SET LOCAL plan_cache_mode = force_generic_plan")
                pages.append({title: await _pages(admin, me, title) for title in _NEW})

    few, many = pages
    assert {title: (few[title], many[title]) for title in _NEW if many[title] > few[title] + 20} == {}


async def _pages(connection: asyncpg.Connection, me: int, title: str) -> int:
    """How many pages PostgreSQL reads to look for what is like a title: none but by the index of likeness."""
    arguments = {"user_id": me, "titles": [title]}
    text = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {ALIKE.sql}"
    plan = orjson.loads(await connection.fetchval(text, *ALIKE.arguments(arguments)))[0]["Plan"]
    assert set(re.findall(r'"Index Name":"(\w+)"', orjson.dumps(plan).decode())) == {"ix_todos_open_alike"}
    assert "Seq Scan" not in str(plan)
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])

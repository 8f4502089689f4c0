"""Run what a migration asks for beside readers and writers.

The only module of ours that `migrations/versions/` may import: it is about how a step runs, never about what it does.
All of it can be repeated: a run may be killed at any statement, and the next one begins the step anew.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, NoReturn

import asyncpg
from alembic import op
from sqlalchemy.exc import DBAPIError

from todo_core.schema import SchemaError
from todo_core.schema.runs import STATEMENT_TIMEOUT, Run
from todo_core.schema.seeing import seeing_all_rows
from todo_core.schema.state import PARTLY_UNDONE

CHUNK: Final = 1_000
"""The most rows of a chunk, unless a step says otherwise."""
_FIRST_CHUNK: Final = 50
"""Rows of the first chunk, before it is known how long one takes."""
_CHUNK_SECONDS: Final = 0.1
"""How long a chunk is to take: so long are its rows locked, and whoever writes one waits. A row may take many times as
long on a machine that has much else to do as on another, so no number of rows is right for all."""
LARGEST_CHUNK: Final = 5_000
"""The most rows that a step may ask for."""
_MOST_REFUSED: Final = 20
"""How many rows that cannot be changed are named; after so many, the step is to blame and not the rows."""

_IS_VALID: Final = "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass($1::text) AND indisvalid)"

_NO_PRIVILEGE: Final = "42501"
_ROLES: Final = (
    *("todo_app", "todo_janitor", "todo_admin", "todo_sign_in", "todo_calendar", "todo_leaving"),
    *("todo_probe", "todo_search", "todo_tagger"),
)
"""All roles of ours, with which each installation on a server works."""
_OF_A_ROW: Final = ("22", "23", "P0")
"""Classes of SQLSTATEs for which a row is to blame: its data, a constraint, an exception that a trigger raised."""

_MAKE_ROLE: Final = """
DO $$
BEGIN
    -- Another database of the server may have made it already, or makes it in this moment.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        BEGIN
            CREATE ROLE {role} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR NOT pg_has_role(current_user, '{role}',
        CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
    THEN
        GRANT {role} TO CURRENT_USER;
    END IF;
END
$$
"""


def make_role(role: str) -> None:
    """Make a role of ours, unless it is there, and let whoever migrates take it on, unless that is so already.

    Roles belong to the whole server, where another installation may have made them. Since PostgreSQL 16 only who made a
    role, and superusers, may grant it.

    Raises:
        SchemaError: Somebody else has to grant or to make it; the message says what.
    """
    try:
        op.execute(_MAKE_ROLE.format(role=role))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _NO_PRIVILEGE:
            raise
        raise SchemaError(
            f"This login may not make the role {role}, or not take on the one that another installation on this server"
            f" has made. A superuser, or the owner of the other tables, says: GRANT {', '.join(_ROLES)} TO this login"
            " WITH ADMIN OPTION; GRANT todo_agent TO this login WITH ADMIN OPTION, INHERIT FALSE. Where there are no"
            " such roles, the login needs CREATEROLE. Then migrate again."
        ) from None


def create_index(name: str, on: str, *, unique: bool = False) -> None:
    """Create an index while others write.

    Args:
        name: Of the index.
        on: Table, columns and condition, as after ON: `todos (user_id, due_at) WHERE deleted_at IS NULL`.
        unique: Make it a unique one.
    """
    create = f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY {name} ON {on}"

    async def work(connection: asyncpg.Connection[Any]) -> None:
        async with connection.transaction(readonly=True):
            is_there = await connection.fetchval(_IS_VALID, name)
        if not is_there:
            # Of a run that was killed an invalid one is left, which is no use and costs every write.
            await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            await connection.execute(create)

    _outside_of_the_transaction(work)


def drop_index(name: str) -> None:
    """Drop an index while others read and write; nothing happens if it is not there."""

    async def work(connection: asyncpg.Connection[Any]) -> None:
        await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")

    _outside_of_the_transaction(work)


class Pace:
    """How many rows the next chunk has: as many as the last one would have changed in `_CHUNK_SECONDS`."""

    def __init__(self, most: int) -> None:
        """Begin with few rows; a chunk never has more than `most`."""
        self.most = most
        self.rows = min(most, _FIRST_CHUNK)

    def took(self, rows: int, seconds: float) -> None:
        """Learn from a chunk of so many rows. The next one has at most twice as many as this one was allowed."""
        fitting = int(rows * _CHUNK_SECONDS / max(seconds, 1e-6))
        self.rows = max(1, min(fitting, self.rows * 2, self.most))


def backfill(
    table: str, *, lacking: str, change: str, key: str = "id", rows: int = CHUNK, also: Sequence[str] = ()
) -> None:
    """Give rows a new form, in chunks of which each is committed by itself, and takes some 0.1 s.

    Rows are passed once, in the order of `key`. What old code writes meanwhile is not passed again: a trigger of an
    earlier step has to carry it over.

    Args:
        table: The table of the rows.
        lacking: Condition of the rows that lack the new form, in SQL.
        change: Statement that gives it to the rows with the keys `$1::bigint[]`. Some may have it by then.
        key: Column of type bigint that is unique and has an index.
        rows: The most rows of a chunk, up to 5,000. There are fewer where they take longer.
        also: Other tables that `change` reads or writes.

    Raises:
        SchemaError: Some rows cannot be changed; the message names them, and all others are.
    """
    assert 0 < rows <= LARGEST_CHUNK
    run: Run = op.get_context().opts["run"]

    async def work(connection: asyncpg.Connection[Any]) -> None:
        async with seeing_all_rows(connection, (table, *also), run):
            refused: list[tuple[int, str]] = []
            pace = Pace(rows)
            async for keys, share in _chunks(connection, table, lacking, key, pace):
                began = time.monotonic()
                refused += await _changed(connection, change, keys, run)
                pace.took(len(keys), time.monotonic() - began)
                run.changed(table, len(keys), share)
                if len(refused) >= _MOST_REFUSED:
                    break
        if refused:
            named = ", ".join(f"{key} {value} ({error})" for value, error in refused[:_MOST_REFUSED])
            raise SchemaError(
                f"{run.step} cannot change these rows of {table}: {named}. Mend them, then migrate again:"
                " it goes on with what is left."
            )

    _outside_of_the_transaction(work)


def no_way_back(reason: str) -> NoReturn:
    """Refuse a downgrade.

    Raises:
        SchemaError: Always, with the reason.
    """
    raise SchemaError(f"There is no way back: {reason}")


async def _chunks(
    connection: asyncpg.Connection[Any], table: str, lacking: str, key: str, pace: Pace
) -> AsyncIterator[tuple[list[int], float]]:
    """Yield the keys of each chunk, and the share of the table's keys that end with it."""
    pick = f"SELECT {key} FROM {table} WHERE {key} > $1::bigint AND ({lacking}) ORDER BY {key} LIMIT $2::int"  # noqa: S608
    async with connection.transaction(readonly=True):
        last = await connection.fetchval(f"SELECT max({key}) FROM {table}")  # noqa: S608
    after = -(2**63)
    while True:
        async with connection.transaction(readonly=True):
            keys = [row[0] for row in await connection.fetch(pick, after, pace.rows)]
        if not keys:
            return
        after = keys[-1]
        yield keys, min(1.0, after / max(last, 1))


async def _changed(
    connection: asyncpg.Connection[Any], change: str, keys: list[int], run: Run
) -> list[tuple[int, str]]:
    """Change the rows with these keys. Return those that cannot be changed, each with the name of its error."""
    try:
        async with connection.transaction():
            await connection.execute(run.bounds(STATEMENT_TIMEOUT))
            await connection.execute(change, keys)
    except asyncpg.PostgresError as error:
        if (error.sqlstate or "")[:2] not in _OF_A_ROW:
            raise
        if len(keys) == 1:
            return [(keys[0], type(error).__name__)]
        half = len(keys) // 2
        refused = await _changed(connection, change, keys[:half], run)
        if len(refused) < _MOST_REFUSED:
            refused += await _changed(connection, change, keys[half:], run)
        return refused
    return []


def note_whole() -> None:
    """Note, in the transaction of a step, that no part of the revision's step is undone any more."""
    op.execute("COMMENT ON TABLE public.alembic_version IS NULL")


def _outside_of_the_transaction(work: Callable[[asyncpg.Connection[Any]], Awaitable[None]]) -> None:
    """Commit what the step has done, and run `work` on its connection without a transaction.

    A step down notes with it that a part of the step is gone, for the database still has its revision.

    `work` gets asyncpg's own connection: behind a transaction pooler, a statement outside of a transaction must be sent
    in one piece, and SQLAlchemy sends two, to prepare it and to run it.
    """
    run: Run = op.get_context().opts["run"]
    if not run.is_up:
        op.execute(f"COMMENT ON TABLE public.alembic_version IS '{PARTLY_UNDONE}'")
    with op.get_context().autocommit_block():
        driver = op.get_bind().connection.dbapi_connection
        driver.run_async(work)  # type: ignore[union-attr]

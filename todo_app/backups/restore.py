"""`todo-mcp restore`: bring the rows of a backup into a database that has none, all of them or none.

Tables, functions, roles, grants and policies are those of our own migrations, never those of the file.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import anyio
import asyncpg

from todo_app.backups import BackupError, archive, ours
from todo_app.backups.archive import Content, Sequence
from todo_app.backups.programs import restoring
from todo_app.migrating import bring_up
from todo_core.schema.migrate import BASE, migrate, revisions
from todo_core.schema.state import position
from todo_core.schema.turns import connect
from todo_core.schema.versions import is_newer
from todo_core.settings import Settings

_NOT_EMPTY: Final = "The database has {what}. Restore into an empty one: another TODO_DATABASE_URL or TODO_DATA_DIR."
_BOUNDS: Final = (
    "SELECT set_config('lock_timeout', '2s', true), set_config('statement_timeout', '0', true),"
    " set_config('idle_in_transaction_session_timeout', '0', true)"
)
_FOREIGN_KEYS: Final = """
SELECT relname AS of, conname AS name, pg_get_constraintdef(pg_constraint.oid) AS definition
FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
WHERE contype = 'f' AND relnamespace = 'public'::regnamespace AND relname = ANY ($1::text[])
"""
_REFUSED: Final = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.SyntaxOrAccessError,
)
"""What PostgreSQL says of rows that no todo-mcp has written."""
_UNDO_SECONDS: Final = 60


async def restore(settings: Settings, url: str, file: Path, tell: Callable[[str], None]) -> Content:
    """Restore a backup, bring the schema to this version's, and return what the backup has.

    Args:
        settings: The configuration.
        url: The database, as whoever is to own the tables. It is empty, or has our tables and no account.
        file: The backup.
        tell: Takes a line for people: who is waited for.

    Raises:
        BackupError: It cannot be restored. An empty database is empty again then.
        SchemaError: The schema cannot be made; or it can be at the revision of the backup, with all rows, and no newer.
        OSError, asyncpg.PostgresError: PostgreSQL cannot be used.
    """
    program = await restoring()
    content = await archive.inspect(program, file)
    steps = revisions()
    if content.revision not in steps:
        advice = "use a newer todo-mcp" if is_newer(content.revision) else "it is not of this program"
        raise BackupError(f"FILE is of a schema that this version does not know: {advice}.")
    here = await position(url)
    if here.is_others:
        raise BackupError(_NOT_EMPTY.format(what="tables of another program"))
    if here.revision is not None:
        await _require_no_account(url)
        if here.revision not in steps[: steps.index(content.revision) + 1]:
            raise BackupError(_NOT_EMPTY.format(what="tables of a newer schema than FILE"))
    try:
        await migrate(url, content.revision, tell=tell)
        await _load(url, program, file, content)
    except BaseException:
        if here.revision is None:
            with anyio.move_on_after(_UNDO_SECONDS, shield=True), suppress(Exception):
                await migrate(url, BASE)
        raise
    await bring_up(settings, url)
    await _analyze(url)
    return content


async def _require_no_account(url: str) -> None:
    """Refuse a database with accounts, before anything in it is changed.

    Raises:
        BackupError: It has some.
    """
    connection = await connect(url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await _open(connection, ["users"])
        finally:
            await transaction.rollback()
    finally:
        await connection.close()


async def _open(connection: asyncpg.Connection[Any], tables: list[str]) -> None:
    """Let the owner of tables see and write all rows, for the rest of the transaction, if nobody has an account.

    Raises:
        BackupError: Somebody has one, or is about to.
    """
    await connection.execute(_BOUNDS)
    try:
        for table in tables:
            await connection.execute(f"ALTER TABLE public.{table} NO FORCE ROW LEVEL SECURITY")
    except asyncpg.LockNotAvailableError:
        raise BackupError(_NOT_EMPTY.format(what="other users")) from None
    if await connection.fetchval("SELECT EXISTS (SELECT FROM public.users)"):
        raise BackupError(_NOT_EMPTY.format(what="accounts"))


async def _load(url: str, program: Path, file: Path, content: Content) -> None:
    """Bring the rows into the tables, in one transaction.

    Raises:
        BackupError: The file has not all of them, or PostgreSQL refuses one.
    """
    connection = await connect(url)
    try:
        async with connection.transaction():
            tables = await ours.tables(connection)
            sequences = await ours.sequences(connection, tables)
            if {*tables} - content.rows.keys() or {*sequences} - content.sequences:
                raise BackupError("FILE lacks tables, or where their numbers stand. Take a backup of everything.")
            await _open(connection, tables)
            await _copy(connection, tables, sequences, program, file)
    except asyncpg.DiskFullError:
        raise BackupError("The database has no room for the rows of FILE. Nothing was restored.") from None
    except asyncpg.InsufficientPrivilegeError:
        raise
    except _REFUSED as error:
        table = f" in {error.table_name}" if error.table_name else ""
        raise BackupError(
            f"FILE has rows that cannot be{table} ({type(error).__name__}). Nothing was restored."
        ) from None
    finally:
        await connection.close()


async def _copy(
    connection: asyncpg.Connection[Any], tables: list[str], sequences: list[str], program: Path, file: Path
) -> None:
    """Copy the rows as they are: no trigger adds any, and foreign keys are checked at the end, all at once."""
    keys = await connection.fetch(_FOREIGN_KEYS, tables)
    for key in keys:
        await connection.execute(f"ALTER TABLE public.{key['of']} DROP CONSTRAINT {key['name']}")
    for table in tables:
        await connection.execute(f"ALTER TABLE public.{table} DISABLE TRIGGER USER")
    await connection.execute(f"TRUNCATE {', '.join(f'public.{table}' for table in tables)}")  # what migrations put in
    async with archive.read(program, file) as parts:
        async for part in parts:
            if isinstance(part, Sequence):
                if part.name in sequences:
                    await connection.execute(f"ALTER SEQUENCE public.{part.name} RESTART WITH {part.next}")
            elif part.table in tables:
                await connection.copy_to_table(
                    part.table, schema_name="public", columns=part.columns, source=part.pieces
                )
    for key in keys:
        await connection.execute(f"ALTER TABLE public.{key['of']} ADD CONSTRAINT {key['name']} {key['definition']}")
    for table in tables:
        await connection.execute(
            f"ALTER TABLE public.{table} ENABLE TRIGGER USER; ALTER TABLE public.{table} FORCE ROW LEVEL SECURITY"
        )


async def _analyze(url: str) -> None:
    """Have PostgreSQL count what is there: without that, its plans are wrong until autovacuum has come."""
    connection = await connect(url)
    try:
        for table in await ours.tables(connection):
            await connection.execute(f"ANALYZE public.{table}")
    finally:
        await connection.close()

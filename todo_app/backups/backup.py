"""`todo-mcp backup`: write everybody's rows into one file, all of them or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg

from todo_app.backups import BackupError, ours
from todo_app.backups.archive import Content, inspect
from todo_app.backups.programs import NEEDS_OWNER, asks_for_tls, dump, dumping, restoring
from todo_app.doctor import server
from todo_core.schema.migrate import PATIENCE_SECONDS, patiently
from todo_core.schema.runs import Run
from todo_core.schema.seeing import seeing_all_rows
from todo_core.schema.state import position
from todo_core.schema.turns import connect, turn
from todo_core.settings import Settings
from todo_core.storage.dsn import is_behind_pooler

_IS_ENCRYPTED: Final = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
_POOLER: Final = (
    "A pooler stands before the database, and would keep what pg_dump sets there for other clients. Name PostgreSQL"
    " itself in TODO_DATABASE_URL (Neon: the host without -pooler), without TODO_DATABASE_POOLER."
)


async def back_up(settings: Settings, url: str, file: Path, tell: Callable[[str], None]) -> Content:
    """Write a backup, read it back, and return what it has. The file is there when it is whole, for us alone.

    Args:
        settings: The configuration.
        url: The database, as the owner of the tables or a role that bypasses row-level security.
        file: Where to; nothing is there yet.
        tell: Takes a line for people: who is waited for.

    Raises:
        BackupError: It cannot be made.
        SchemaError: Somebody keeps the tables locked.
        OSError, asyncpg.PostgresError: PostgreSQL cannot be used.
    """
    if is_behind_pooler(settings, url) or not (await server.pooler(settings, url)).good:
        raise BackupError(_POOLER)
    here = await position(url)
    if here.revision is None or here.is_others:
        raise BackupError("The database has no tables of todo-mcp, so there is nothing to back up.")
    if here.is_partly_undone:
        raise BackupError("A downgrade has partly undone the schema. Run `todo-mcp migrate`, then back up.")
    with _becoming(file) as part:
        await _write(url, part, tell)
        return await inspect(await restoring(), part)


@contextmanager
def _becoming(file: Path) -> Iterator[Path]:
    """Yield a new file, which gets the name of `file` at the end of the block, and is gone if that fails.

    Raises:
        BackupError: No file can be there.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise BackupError(f"FILE cannot be written where it is to be ({error.strerror}).") from None
    os.close(descriptor)
    part = Path(name)
    try:
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


async def _write(url: str, file: Path, tell: Callable[[str], None]) -> None:
    """Write an archive of all rows. Nobody migrates meanwhile, who could take them from the sight of the owner."""
    run, is_written = Run(tell), False

    async def is_needed() -> bool:
        return True

    async def work() -> None:
        nonlocal is_written
        connection = await connect(url)
        try:
            bound = await _bound(connection)
            async with seeing_all_rows(connection, bound, run, only_read=True):
                if not is_written:  # to end the sight of the rows may take several tries
                    # Behind a proxy that ends TLS, PostgreSQL does not know of it.
                    encrypted = asks_for_tls(url) or bool(await connection.fetchval(_IS_ENCRYPTED))
                    program = await dumping(connection.get_server_version().major, encrypted=encrypted)
                    closed = await ours.closed(connection)
                    await dump(program, url, file, only_seen=bool(bound), without=closed)
                    is_written = True
                    run.rows += 1  # patience begins anew
        finally:
            await connection.close()

    async with turn(url, is_needed=is_needed, tell=tell) as mine:
        assert mine is not None  # it is needed always
        try:
            await patiently("The backup", work, run, mine, PATIENCE_SECONDS)
        except asyncpg.InsufficientPrivilegeError:
            raise BackupError(NEEDS_OWNER) from None


async def _bound(connection: asyncpg.Connection[asyncpg.Record]) -> list[str]:
    """Return those of our tables of which row-level security hides rows from us."""
    tables = await ours.tables(connection)
    return [table for table in tables if await connection.fetchval("SELECT row_security_active($1::text)", table)]

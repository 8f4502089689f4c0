"""Databases of the tests' PostgreSQL server: empty ones, and copies of a migrated one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from todo_core.schema.migrate import migrate

_TEMPLATE = "todo_template"
_AS_FILES = "STRATEGY file_copy"
"""A sixth of the time that PostgreSQL takes to write each page to its log, as it does by default."""
NOT_KEPT = ("fsync", "synchronous_commit", "full_page_writes")
"""Settings by which the shared server takes a commit for done before it is on disk."""


@contextmanager
def new_database(server: str, *, migrated: bool = False) -> Iterator[str]:
    """Make a database of the server at a URL, and drop it at the end; its own URL."""
    name = f"todo_{uuid4().hex[:12]}"
    asyncio.run(_create(server, name, migrated=migrated))
    try:
        yield with_database(server, name)
    finally:
        asyncio.run(drop_database(server, name))


async def _create(server: str, name: str, *, migrated: bool) -> None:
    connection = await asyncpg.connect(server)
    try:
        if not migrated:
            await connection.execute(f"CREATE DATABASE {name} {_AS_FILES}")
            return
        await _copy(connection, server, name)
    finally:
        await connection.close()


async def migrate_empty(url: str, revision: str) -> None:
    """Migrate an empty database to a revision, by a copy of one that was migrated to it before.

    Tests of a step begin where earlier steps end: to take these for each test takes longer than most of what follows.
    """
    connection = await asyncpg.connect(with_database(url, "postgres"))
    name = urlsplit(url).path.removeprefix("/")
    try:
        await connection.execute(f"DROP DATABASE {name}")
        await _copy(connection, url, name, revision)
    finally:
        await connection.close()


async def _copy(connection: asyncpg.Connection, server: str, name: str, revision: str | None = None) -> None:
    """Make a database at a revision; None for the one that a program migrates to by itself."""
    template = _TEMPLATE if revision is None else f"{_TEMPLATE}_{revision}"
    # The first process to come makes the template; PostgreSQL copies it for one at a time.
    await connection.execute("SELECT pg_advisory_lock(1)")
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", template):
        await connection.execute(f"CREATE DATABASE {template} {_AS_FILES}")
        await migrate(with_database(server, template), revision)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} {_AS_FILES}")


async def do_not_wait_for_the_disk(server: str) -> None:
    """Have a server take a commit for done before it is on disk: nothing here outlives a crash of PostgreSQL."""
    connection = await asyncpg.connect(server)
    try:
        for setting in NOT_KEPT:
            await connection.execute(f"ALTER SYSTEM SET {setting} = off")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


def with_database(url: str, database: str) -> str:
    """The URL of the same server's other database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def drop_database(url: str, database: str) -> None:
    """Drop a database, whoever is connected to it."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    finally:
        await connection.close()

"""Read at which revision a database is, without importing Alembic."""

from __future__ import annotations

import asyncpg

from todo_core.storage.dsn import asyncpg_dsn


async def current(url: str) -> str | None:
    """Return the database's revision, read on a new connection; None when it was never migrated.

    Raises:
        OSError: PostgreSQL cannot be reached.
    """
    connection = await asyncpg.connect(asyncpg_dsn(url), statement_cache_size=0, timeout=10)
    try:
        async with connection.transaction(readonly=True):  # a pooler would spread statements over several connections
            if await connection.fetchval("SELECT to_regclass('public.alembic_version')") is None:
                return None
            revision: str | None = await connection.fetchval("SELECT version_num FROM public.alembic_version")
            return revision
    finally:
        await connection.close()

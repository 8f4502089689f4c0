"""Make the schema in an empty database at once, by what all steps send to one, in the order of `migrations/versions/`.

`all_steps.sql` has the statements. A test records them (`pytest tests/contract --update-specs`), holds them to the
migrations, and compares what both make. A start on an empty folder waits neither for Alembic nor for a thousand trips.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from todo_core.schema.turns import connect
from todo_core.storage import locks

FILE: Final = Path(__file__).with_name("all_steps.sql")


async def make(url: str) -> bool:
    """Make the newest schema in a database without one, in one transaction, and return whether that was done.

    It is not where another process migrates the database, or has migrated it by now.

    Args:
        url: A database that nobody but us uses, as a superuser: a step would say what another login lacks.

    Raises:
        OSError: PostgreSQL cannot be reached.
        asyncpg.PostgresError: A statement failed, and nothing was changed.
    """
    connection = await connect(url)
    try:
        async with connection.transaction():
            if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1::int, $2::int)", *locks.MIGRATIONS):
                return False
            if await connection.fetchval("SELECT to_regclass('public.alembic_version') IS NOT NULL"):
                return False
            await connection.execute(FILE.read_text(encoding="utf-8"))
    finally:
        await connection.close()
    return True

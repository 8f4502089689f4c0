"""Read where a database stands, without importing Alembic."""

from __future__ import annotations

from typing import Final, NamedTuple

import asyncpg

from todo_core.schema import SchemaError
from todo_core.storage.dsn import asyncpg_dsn

PARTLY_UNDONE: Final = "todo-mcp has partly undone the step to this revision"
"""The comment on the table `alembic_version` from when a step down commits a part of itself until it is done."""

POLICY_OF_A_RUN: Final = "backfill"
"""The name of the policies that show the owner of the tables all rows, for as long as a run needs that."""

_POSITION: Final = """
SELECT array(SELECT version_num::text FROM public.alembic_version) AS revisions,
       obj_description('public.alembic_version'::regclass, 'pg_class') IS NOT DISTINCT FROM $1::text AS is_partly_undone
"""


class Position(NamedTuple):
    """Where a database stands."""

    revision: str | None
    """The last step that was taken; None if there is none."""
    is_partly_undone: bool
    """Whether a downgrade that runs, or was ended, has undone a part of that step."""


async def position(url: str) -> Position:
    """Return where a database stands, read on a new connection.

    Raises:
        SchemaError: The database claims to be at several revisions.
        OSError: PostgreSQL cannot be reached.
    """
    connection = await asyncpg.connect(asyncpg_dsn(url), statement_cache_size=0, timeout=10)
    try:
        async with connection.transaction(readonly=True):  # a pooler would spread statements over several connections
            if await connection.fetchval("SELECT to_regclass('public.alembic_version')") is None:
                return Position(None, is_partly_undone=False)
            row = await connection.fetchrow(_POSITION, PARTLY_UNDONE)
    finally:
        await connection.close()
    assert row is not None  # it has no FROM
    if len(row["revisions"]) > 1:
        raise SchemaError(
            f"The table alembic_version has {len(row['revisions'])} rows. Leave the one with the revision that the"
            " database is at, then migrate again."
        )
    return Position(next(iter(row["revisions"]), None), row["is_partly_undone"])


async def current(url: str) -> str | None:
    """Return the revision of `position`. Raises as it does."""
    return (await position(url)).revision

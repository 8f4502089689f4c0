"""Read where a database stands, without importing Alembic."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import asyncpg

from todo_core.schema import SchemaError
from todo_core.storage.dsn import connection_options
from todo_core.storage.roles import APP_ROLE

PARTLY_UNDONE: Final = "todo-mcp has partly undone the step to this revision"
"""The comment on the table `alembic_version` from when a step down commits a part of itself until it is done."""

POLICY_OF_A_RUN: Final = "backfill"
"""The name of the policies that show the owner of the tables all rows, for as long as a run needs that."""

_POSITION: Final = """
SELECT array(SELECT version_num::text FROM public.alembic_version) AS revisions,
       obj_description('public.alembic_version'::regclass, 'pg_class') IS NOT DISTINCT FROM $1::text AS is_partly_undone
"""

_IS_OTHERS: Final = """
SELECT NOT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.installation') AND attname = 'cursor_key'
) AND EXISTS (
    SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'f') AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
        AND pg_class.oid IS DISTINCT FROM to_regclass('public.alembic_version')
        AND NOT EXISTS (
            SELECT FROM pg_depend
            WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
        )
)
"""
"""Whether a database has tables other than those of extensions, and lacks our mark: the secret of the installation.

Alembic's table is no mark: another program may use Alembic, too.
"""


class Position(NamedTuple):
    """Where a database stands."""

    revision: str | None
    """The last step that was taken; None if there is none."""
    is_partly_undone: bool
    """Whether a downgrade that runs, or was ended, has undone a part of that step."""
    is_others: bool
    """Whether it has tables, and none of ours; the revision is another program's then."""


async def position(url: str) -> Position:
    """Return where a database stands, read on a new connection.

    Raises:
        SchemaError: The database claims to be at several revisions.
        OSError: PostgreSQL cannot be reached.
    """
    connection = await asyncpg.connect(**connection_options(url), statement_cache_size=0)
    try:
        async with connection.transaction(readonly=True):  # a pooler would spread statements over several connections
            is_others = bool(await connection.fetchval(_IS_OTHERS))
            if await connection.fetchval("SELECT to_regclass('public.alembic_version')") is None:
                return Position(None, is_partly_undone=False, is_others=is_others)
            await may_read_revision(connection)
            row = await connection.fetchrow(_POSITION, PARTLY_UNDONE)
    finally:
        await connection.close()
    assert row is not None  # it has no FROM
    if len(row["revisions"]) > 1 and not is_others:
        raise SchemaError(
            f"The table alembic_version has {len(row['revisions'])} rows. Leave the one with the revision that the"
            " database is at, then migrate again."
        )
    return Position(next(iter(row["revisions"]), None), row["is_partly_undone"], is_others)


async def current(url: str) -> str | None:
    """Return the revision of `position`. Raises as it does."""
    return (await position(url)).revision


async def may_read_revision(connection: asyncpg.Connection[Any]) -> None:
    """Take on `todo_app` for the rest of a transaction, where the login owns nothing and may not read the revision."""
    if not await connection.fetchval("SELECT has_table_privilege('public.alembic_version', 'SELECT')"):
        await connection.execute(f"SET LOCAL ROLE {APP_ROLE}")

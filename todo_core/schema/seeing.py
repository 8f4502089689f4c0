"""Let an owner of tables whom forced row-level security binds see all rows, by policies for the time being."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import anyio
import asyncpg

from todo_core.schema import SchemaError
from todo_core.schema.runs import STATEMENT_TIMEOUT, Run
from todo_core.schema.state import POLICY_OF_A_RUN

_DROP_SECONDS: Final = 5
"""How long to try to drop the policies of a block that failed."""

_POLICIES_LEFT: Final = """
SELECT polrelid::regclass::text FROM pg_policy JOIN pg_class AS tables ON tables.oid = polrelid
WHERE polname = $1 AND relnamespace = 'public'::regnamespace
"""

_IS_AGENT: Final = """
SELECT coalesce((SELECT pg_has_role(current_user, oid, 'USAGE') FROM pg_roles WHERE rolname = 'todo_agent'), false)
"""


@asynccontextmanager
async def seeing_all_rows(
    connection: asyncpg.Connection[Any], tables: Sequence[str], run: Run, *, only_read: bool = False
) -> AsyncIterator[None]:
    """Let the owner of tables see and change all of their rows, where forced row-level security keeps it from that.

    By a policy, which is made and dropped in a moment: to take FORCE away would hold everybody up for the whole block.
    A run that is killed leaves the policy behind (`drop_policies`). Only who has the right to migrate may do this, or
    one process would drop the policy of another.

    Args:
        connection: Of the owner.
        tables: The tables.
        run: Bounds the wait for the lock that a policy needs.
        only_read: Let the owner see the rows, not change them.

    Raises:
        asyncpg.LockNotAvailableError: Somebody has a table; the block may have run.
        asyncpg.UndefinedObjectError: Somebody else has dropped a policy: the block may have seen no rows.
    """

    async def execute(*statements: str) -> None:
        async with connection.transaction():
            await connection.execute(run.bounds(STATEMENT_TIMEOUT))
            for statement in statements:
                await connection.execute(statement)

    async with connection.transaction(readonly=True):
        bound = [table for table in tables if await connection.fetchval("SELECT row_security_active($1::text)", table)]
        if bound and await connection.fetchval(_IS_AGENT):
            raise SchemaError(
                "This login has the rights of todo_agent, whose policies hide all rows from it. REVOKE todo_agent FROM"
                " it, or, since PostgreSQL 16, GRANT it WITH INHERIT FALSE; then migrate again."
            )
    access = (
        "FOR SELECT TO CURRENT_USER USING (true)" if only_read else "TO CURRENT_USER USING (true) WITH CHECK (true)"
    )
    try:
        for table in bound:
            await execute(
                f"DROP POLICY IF EXISTS {POLICY_OF_A_RUN} ON {table}",
                f"CREATE POLICY {POLICY_OF_A_RUN} ON {table} {access}",
            )
        yield
        for table in bound:
            await execute(f"DROP POLICY {POLICY_OF_A_RUN} ON {table}")
    except BaseException:
        with anyio.move_on_after(_DROP_SECONDS, shield=True):
            for table in bound:
                with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await execute(f"DROP POLICY IF EXISTS {POLICY_OF_A_RUN} ON {table}")
        raise


async def drop_policies(connection: asyncpg.Connection[Any], run: Run) -> None:
    """Drop the policies of `seeing_all_rows` that a run left behind that was killed; only who may migrate may do this.

    Raises:
        asyncpg.LockNotAvailableError: Somebody has a table.
    """
    async with connection.transaction(readonly=True):
        tables = [row[0] for row in await connection.fetch(_POLICIES_LEFT, POLICY_OF_A_RUN)]
    for table in tables:
        async with connection.transaction():
            await connection.execute(run.bounds(STATEMENT_TIMEOUT))
            await connection.execute(f"DROP POLICY IF EXISTS {POLICY_OF_A_RUN} ON {table}")

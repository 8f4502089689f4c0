"""`todo-mcp doctor`: check configuration, keys, database, roles and migrations, and say what to do about a fault."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from todo_core.core import utc_now
from todo_core.errors import Unavailable
from todo_core.identity.jwks import RemoteKeys
from todo_core.models import METADATA
from todo_core.schema import SCHEMA_REVISION
from todo_core.schema.state import current
from todo_core.schema.versions import is_newer, serves, standing
from todo_core.settings import Settings
from todo_core.storage.database import ADMIN_ROLE, APP_ROLE, JANITOR_ROLE
from todo_core.storage.dsn import asyncpg_dsn, is_behind_pooler

OLDEST: Final = 150_000
"""PostgreSQL 15, as `server_version_num`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    good: bool
    subject: str
    """What was checked."""
    detail: str
    """What was found, and for a fault what to do."""

    def __str__(self) -> str:
        return f"{'ok  ' if self.good else 'FAIL'}  {self.subject}: {self.detail}"


async def examine(settings: Settings, database_url: str) -> int:
    """Print a line for each check, and return the exit code: 1 if any check failed."""
    good = True
    async for finding in _findings(settings, database_url):
        print(finding, flush=True)
        good = good and finding.good
    return 0 if good else 1


async def _findings(settings: Settings, database_url: str) -> AsyncIterator[Finding]:
    """Yield a finding for each check; end at the first that makes the following ones impossible."""
    kind = "embedded" if settings.database_url is None else "configured"
    limits = "in Redis" if settings.redis_url is not None else "in each process"
    yield Finding(True, "configuration", f"database {kind}, rate limits counted {limits}")
    async for finding in _issuers(settings):
        yield finding
    dsn = asyncpg_dsn(database_url)
    try:
        async with _connected(dsn) as connection:
            version = str(await connection.fetchval("SHOW server_version")).partition(" ")[0]
            number = int(await connection.fetchval("SHOW server_version_num"))
            yield Finding(number >= OLDEST, "database", f"PostgreSQL {version} (15 or newer)")
            pooled = "every setting is made per transaction" if is_behind_pooler(settings, dsn) else "none"
            yield Finding(True, "pooler", pooled)
            revision = await current(database_url)
            if not serves(revision):
                advice = "use a newer todo-mcp" if is_newer(revision) else "run `todo-mcp migrate`"
                yield Finding(False, "migrations", f"{revision or 'nothing'}, not {SCHEMA_REVISION}; {advice}")
                return
            yield Finding(True, "migrations", f"{revision}, {standing(revision)}")
            for role in (APP_ROLE, JANITOR_ROLE, ADMIN_ROLE):
                yield await _role(connection, role)
            yield await _row_level_security(connection)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        yield Finding(False, "database", f"cannot be used ({type(error).__name__}); check TODO_DATABASE_URL")


async def _issuers(settings: Settings) -> AsyncIterator[Finding]:
    """Check each trusted issuer: fetch its key set, if it has one."""
    if not settings.trusted_issuers:
        yield Finding(True, "issuers", "none, so only API tokens are accepted; TODO_BETTER_AUTH_URL or TODO_JWT_ISSUER")
    for issuer in settings.trusted_issuers:
        subject = f"issuer {issuer.issuer}"
        algorithms = ", ".join(sorted(issuer.algorithms))
        if issuer.jwks_url is None:
            yield Finding(True, subject, f"{algorithms} with a secret")
            continue
        keys = RemoteKeys(issuer.jwks_url, utc_now)
        try:
            await keys.require()
        except Unavailable:
            yield Finding(False, subject, "its keys cannot be fetched; is its address right, and is it running?")
        else:
            yield Finding(True, subject, f"{algorithms} with the keys it publishes")
        finally:
            await keys.close()


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(dsn, statement_cache_size=0, timeout=10)
    try:
        yield connection
    finally:
        await connection.close()


async def _role(connection: asyncpg.Connection[Any], role: str) -> Finding:
    """Check that a role is there, owns nothing, cannot bypass row-level security, and can be used."""
    row = await connection.fetchrow(
        """
        SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb AS powerful,
               pg_has_role(current_user, oid, 'USAGE') AS usable,
               EXISTS (SELECT FROM pg_class WHERE relowner = r.oid) AS owns
        FROM pg_roles r WHERE rolname = $1
        """,
        role,
    )
    subject = f"role {role}"
    if row is None:
        return Finding(False, subject, "is missing; run `todo-mcp migrate`")
    if row["powerful"] or row["owns"]:
        return Finding(
            False, subject, "has powers or tables of its own; make it NOSUPERUSER NOBYPASSRLS, owning nothing"
        )
    if not row["usable"]:
        return Finding(False, subject, "cannot be taken on; GRANT it to the user of TODO_DATABASE_URL")
    return Finding(True, subject, "owns nothing and cannot bypass row-level security")


async def _row_level_security(connection: asyncpg.Connection[Any]) -> Finding:
    """Check that row-level security is forced on every table: it then also binds the owner."""
    forced = {
        row["relname"]
        for row in await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relrowsecurity AND relforcerowsecurity"
        )
    }
    open_tables = sorted(METADATA.tables.keys() - forced)
    if open_tables:
        return Finding(False, "row-level security", f"not forced on {', '.join(open_tables)}")
    return Finding(True, "row-level security", f"forced on all {len(METADATA.tables)} tables")

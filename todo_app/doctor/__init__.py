"""`todo-mcp doctor`: check configuration, keys and database, and say what to do about a fault.

What of the database is checked, and against what, is told in `docs/decisions/0024-readiness-and-doctor.md`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg

from todo_app.doctor import roles, schema, server
from todo_app.doctor.findings import Finding
from todo_app.embedded import LOGIN
from todo_app.output import say
from todo_core.core import utc_now
from todo_core.errors import Unavailable
from todo_core.identity.jwks import RemoteKeys
from todo_core.schema.state import position
from todo_core.schema.versions import serves
from todo_core.settings import Settings
from todo_core.storage.dsn import connection_options
from todo_core.storage.faults import cause


async def examine(settings: Settings, database_url: str, *, clock: Callable[[], datetime] = utc_now) -> int:
    """Print a line for each check, and return the exit code: 1 if any check failed."""
    good = True
    async for finding in _findings(settings, database_url, clock):
        say(finding)
        good = good and finding.good
    return 0 if good else 1


async def _findings(settings: Settings, database_url: str, clock: Callable[[], datetime]) -> AsyncIterator[Finding]:
    """Yield a finding for each check; end at the first that makes the following ones impossible."""
    kind = "embedded" if settings.database_url is None else "configured"
    limits = "in Redis" if settings.redis_url is not None else "in each process"
    yield Finding(True, "configuration", f"database {kind}, rate limits counted {limits}")
    async for finding in _issuers(settings, clock):
        yield finding
    try:
        async with _connected(database_url) as connection:
            yield await server.version(connection)
            yield await server.pooler(settings, database_url)
            async for finding in server.settings(connection):
                yield finding
            yield await server.time(connection, clock)
            here = await position(database_url)
            yield schema.migrations(here)
            if here.is_others or not serves(here.revision):
                return
            there = await roles.present(connection)
            async for finding in roles.check(connection, there):
                yield finding
            yield await roles.login(connection, LOGIN if settings.database_url is None else None)
            async for finding in schema.check(connection, there, is_partly_undone=here.is_partly_undone):
                yield finding
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        yield Finding(False, "database", f"cannot be used ({cause(error)}); check TODO_DATABASE_URL")


async def _issuers(settings: Settings, clock: Callable[[], datetime]) -> AsyncIterator[Finding]:
    """Check each trusted issuer: fetch its key set, if it has one."""
    if not settings.trusted_issuers:
        yield Finding(True, "issuers", "none, so only API tokens are accepted; TODO_BETTER_AUTH_URL or TODO_JWT_ISSUER")
    for issuer in settings.trusted_issuers:
        subject = f"issuer {issuer.issuer}"
        algorithms = ", ".join(sorted(issuer.algorithms))
        if issuer.jwks_url is None:
            yield Finding(True, subject, f"{algorithms} with a secret")
            continue
        keys = RemoteKeys(issuer.jwks_url, clock)
        try:
            await keys.require()
        except Unavailable:
            yield Finding(False, subject, "its keys cannot be fetched; is its address right, and is it running?")
        else:
            yield Finding(True, subject, f"{algorithms} with the keys it publishes")
        finally:
            await keys.close()


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(**connection_options(url), statement_cache_size=0)
    try:
        yield connection
    finally:
        await connection.close()

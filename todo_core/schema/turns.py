"""Let one process migrate a database at a time, and look out for whom it waits for.

The right to migrate is an advisory lock of a transaction that stays open on a connection of its own: behind a
transaction pooler, too, that connection then belongs to nobody else. The transaction holds no snapshot between its
statements, or CREATE INDEX CONCURRENTLY would wait for it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeVar

import anyio
import asyncpg

from todo_core.schema import SchemaError
from todo_core.storage import locks
from todo_core.storage.dsn import connection_options

T = TypeVar("T")
"""What the work returns."""

APPLICATION: Final = "todo-mcp migrate"
"""The `application_name` of connections that migrate."""
_LOOK_SECONDS: Final = 0.2
"""How often to look who is in the way; a wait for a lock ends after 0.5 s (`migrate.py`)."""
_SEE_SECONDS: Final = 2.0
"""How long a look may take."""
_TELL_SECONDS: Final = 2.0
"""How long somebody is in the way before people are told: by then it is no wait for a lock that ends after 0.5 s."""
_REPEAT_SECONDS: Final = 10.0
"""How long after that they are told again."""
_KEEP_SECONDS: Final = 10.0
"""How long the connection that has the lock may be silent."""
_WAIT_SECONDS: Final = 0.5
"""How often to ask whether another process has migrated."""

_TAKE: Final = """
SELECT pg_try_advisory_xact_lock($1::int, $2::int) FROM (
    SELECT count(set_config(name, '0', true)) FROM pg_settings
    WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')
) AS unbounded
"""
"""Take the lock, if it is free, for a transaction that no timeout ends. PostgreSQL 15 has only the first of both."""

_KEEP: Final = "SHOW lock_timeout"
"""Tell a proxy and a pooler that the connection is in use. Like every SHOW it takes no snapshot."""

_BLOCKERS: Final = """
SELECT DISTINCT blocking.pid, other.pid IS NOT NULL AND other.usesysid IS NULL AS is_autovacuum,
    coalesce(nullif(other.application_name, ''), other.usename, 'autovacuum') AS name
FROM pg_stat_activity AS waiting
CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocking (pid)
LEFT JOIN pg_stat_activity AS other ON other.pid = blocking.pid
WHERE waiting.datname = current_database() AND waiting.application_name = $1
ORDER BY blocking.pid
"""
"""Read who is in the way of us. Only workers of PostgreSQL's own have no user; all of this is shown to everybody."""


def connect(url: str, **settings: str) -> Awaitable[asyncpg.Connection[Any]]:
    """Connect to a database as a process that migrates; works behind a transaction pooler.

    Args:
        url: The database.
        settings: Of PostgreSQL, for the connection. A transaction pooler knows few, and refuses or ignores the others.
    """
    return asyncpg.connect(
        **connection_options(url),
        statement_cache_size=0,
        server_settings=settings | {"application_name": APPLICATION},
    )


class Turn:
    """The right to migrate a database, as long as the block of `turn` lasts."""

    def __init__(
        self, lock: asyncpg.Connection[Any], looking: asyncpg.Connection[Any], tell: Callable[[str], None]
    ) -> None:
        self._lock = lock
        self._looking = looking
        self._tell = tell
        self.blockers = ""
        """Who was last seen in the way, such as `pid 4711 (pg_dump)`; empty if nobody was."""
        self.is_autovacuum = False
        """Whether that was autovacuum and nobody else."""
        self._tell_at: float | None = None
        """When to tell of who is in the way, on the monotonic clock; None while nobody is."""
        self._lost: Exception | None = None

    async def work(self, work: Callable[[], Awaitable[T]], name: str = "The migration") -> T:
        """Run `work`, look meanwhile for whom it waits, and end it if the right to migrate is lost.

        A statement may wait without end, as CREATE INDEX CONCURRENTLY does for every older transaction. People are told
        for whom.

        Args:
            work: What needs the right.
            name: What people are told that waits.

        Raises:
            SchemaError: The connection that has the right broke.
        """
        failure: Exception | None = None
        done = anyio.Event()
        self._tell_at = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._look, done, tasks.cancel_scope, name)
            try:
                return await work()
            except Exception as error:  # as it is, not in the group of errors that a task group would raise
                failure = error
            finally:
                done.set()
        if failure is not None:
            raise failure
        cause = type(self._lost).__name__
        raise SchemaError(
            f"The connection that keeps others from migrating broke ({cause}). Migrate again."
        ) from self._lost

    async def _look(self, done: anyio.Event, scope: anyio.CancelScope, name: str) -> None:
        """Look until the work is done; end the scope if that cannot be.

        Not cancelled between a statement and its answer: PostgreSQL would end the transaction, and with it the right.
        """
        while True:
            with anyio.move_on_after(_LOOK_SECONDS):
                await done.wait()
            if done.is_set():
                return
            try:
                await self._lock.execute(_KEEP, timeout=_KEEP_SECONDS)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._lost = error
                scope.cancel()
                return
            if not self._looking.is_closed():
                await self._see(name)

    async def _see(self, name: str) -> None:
        """Look who is in the way, and tell of who has been for long.

        To know it is no condition: a pooler may have no connection left for that, or the connection may hang. Then it
        is closed, and nobody looks again.
        """
        try:
            with anyio.fail_after(_SEE_SECONDS):
                async with self._looking.transaction(readonly=True):
                    rows = await self._looking.fetch(_BLOCKERS, APPLICATION)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # a TimeoutError is an OSError
            self._looking.terminate()
            return
        if not rows:
            self._tell_at = None
            return
        self.blockers = ", ".join(f"pid {row['pid']} ({row['name']})" for row in rows)
        self.is_autovacuum = all(row["is_autovacuum"] for row in rows)
        now = time.monotonic()
        if self._tell_at is None:
            self._tell_at = now + _TELL_SECONDS
        elif now >= self._tell_at:
            self._tell_at = now + _REPEAT_SECONDS
            self._tell(f"{name} waits for a transaction of {self.blockers} to end.")


@asynccontextmanager
async def turn(
    url: str, *, is_needed: Callable[[], Awaitable[bool]], tell: Callable[[str], None]
) -> AsyncIterator[Turn | None]:
    """Wait for the right to migrate, and hold it while the block lasts.

    Args:
        url: The database.
        is_needed: Asked while another process migrates; once it is not, None is yielded instead.
        tell: Takes a line for people, when there is somebody to wait for.
    """
    async with AsyncExitStack() as stack:
        lock = await connect(url)
        stack.push_async_callback(_leave, lock)
        is_first = True
        while not await _take(lock):
            if not await is_needed():
                yield None
                return
            if is_first:
                tell("Another process migrates this database; waiting for it.")
                is_first = False
            await anyio.sleep(_WAIT_SECONDS)
        looking = await connect(url)
        stack.push_async_callback(_leave, looking)
        yield Turn(lock, looking, tell)


async def _take(lock: asyncpg.Connection[Any]) -> bool:
    """Begin a transaction that has the lock, or none: a transaction that waits would hold a pooler's connection."""
    transaction = lock.transaction()
    await transaction.start()
    if await lock.fetchval(_TAKE, *locks.MIGRATIONS):
        await lock.execute(_KEEP)  # a result that was fetched keeps its snapshot until the next statement
        return True
    await transaction.rollback()
    return False


async def _leave(connection: asyncpg.Connection[Any]) -> None:
    """Close a connection, which gives back what it holds; it may hang, or be gone."""
    with anyio.CancelScope(shield=True):
        try:
            await connection.close(timeout=2)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()

"""Run statements on PostgreSQL: the connection pool, transactions, and reads without one.

Every transaction acts as one role for one user, and uses only `SET LOCAL`
(`docs/decisions/0003-roles-and-row-level-security.md`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Literal

import anyio
import asyncpg

from todo_core.errors import Unavailable
from todo_core.settings import ConfigurationError, Settings
from todo_core.storage.dsn import is_behind_pooler
from todo_core.storage.statements import Statement

APP_ROLE: Final = "todo_app"
"""Role of every request. It owns nothing and cannot bypass row-level security."""

JANITOR_ROLE: Final = "todo_janitor"
"""Role of the purge. It sees only what is past its time."""

ADMIN_ROLE: Final = "todo_admin"
"""Role of operations on accounts. It sees who they are and counts their rows; it cannot read a todo."""

Role = Literal["todo_app", "todo_janitor", "todo_admin"]

RETRYABLE: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.InvalidCachedStatementError)
"""Rolled back through no fault of the request (the last: by a migration): running it again is right."""

BEHIND_A_POOLER: Final = "TODO_DATABASE_POOLER must be on: a pooler stands before the database"

_UNREACHABLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server took its leave between two messages of one statement
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
)

Row = asyncpg.Record
Connection = asyncpg.pool.PoolConnectionProxy


class Executor(ABC):
    """Runs statements as one user, whose id every statement gets as `user_id`."""

    __slots__ = ()

    @abstractmethod
    async def rows(self, statement: Statement, /, **given: Any) -> list[Row]:
        """Every row."""

    async def row(self, statement: Statement, /, **given: Any) -> Row | None:
        """The first row, if there is one."""
        rows = await self.rows(statement, **given)
        return rows[0] if rows else None

    async def one(self, statement: Statement, /, **given: Any) -> Row:
        """The row of a statement that always gives one, such as an aggregate or an insert."""
        (row,) = await self.rows(statement, **given)
        return row

    async def value(self, statement: Statement, /, **given: Any) -> Any:
        """The first value of the first row, or None."""
        row = await self.row(statement, **given)
        return None if row is None else row[0]


class Transaction(Executor):
    """Runs statements in a transaction that has begun."""

    __slots__ = ("_connection", "user_id")

    def __init__(self, connection: Connection, user_id: int) -> None:
        self._connection = connection
        self.user_id = user_id

    async def rows(self, statement: Statement, /, **given: Any) -> list[Row]:
        return await self._connection.fetch(statement.sql, *statement.arguments(given | {"user_id": self.user_id}))


class Reader(Executor):
    """Runs statements that only read, each by itself: one round trip instead of three."""

    __slots__ = ("_database", "_role", "_token_id", "_user_id")

    def __init__(self, database: Database, user_id: int, token_id: int | None, role: Role) -> None:
        self._database = database
        self._user_id = user_id
        self._token_id = token_id
        self._role: Role = role

    async def rows(self, statement: Statement, /, **given: Any) -> list[Row]:
        if statement.alone is None or self._role != APP_ROLE or self._database.behind_pooler:
            begin = self._database.begin(
                user_id=self._user_id, token_id=self._token_id, role=self._role, read_only=True
            )
            async with begin as transaction:
                return await transaction.rows(statement, **given)
        arguments = statement.arguments(given | {"user_id": self._user_id})
        return await self._database.fetch(statement.alone, *arguments, self._token_id)


class Database:
    """The connection pool, and the only ways to it: `begin` a transaction, or `read` without one."""

    def __init__(self, settings: Settings, dsn: str) -> None:
        self.behind_pooler = is_behind_pooler(settings, dsn)
        session = {
            "role": APP_ROLE,
            "timezone": "UTC",
            "statement_timeout": str(int(settings.database_timeout * 1000)),
            "idle_in_transaction_session_timeout": str(int(settings.database_timeout * 2000)),
        }
        # A connection of our own starts as `todo_app` and never is anybody else. Behind a transaction pooler
        # connections are shared: there each transaction sets what it needs, for itself alone.
        local = session if self.behind_pooler else {}
        self._begin = "".join(f"SET LOCAL {name} = '{value}'; " for name, value in local.items())
        self._timeout = settings.database_timeout
        self._pool = asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=settings.database_pool_size,
            max_inactive_connection_lifetime=300,
            statement_cache_size=0 if self.behind_pooler else 1024,
            command_timeout=settings.database_timeout + 1,
            timeout=settings.database_timeout,
            init=None if self.behind_pooler else _is_nobody_else,
            reset=_keep,
            server_settings={"application_name": "todo-mcp"} | ({} if self.behind_pooler else session),
        )

    async def open(self) -> None:
        """Start the pool. No connection is made before the first one is needed."""
        await self._pool

    async def close(self) -> None:
        """Wait up to five seconds for running transactions, then close every connection."""
        with anyio.move_on_after(5):
            await self._pool.close()
            return
        self._pool.terminate()

    @property
    def _patience(self) -> float | None:
        """Seconds to wait for a connection. One that is idle is there at once, and a timer would cost as much."""
        return None if self._pool.get_idle_size() else self._timeout

    def read(self, *, user_id: int, token_id: int | None, role: Role = APP_ROLE) -> Reader:
        """Read as `role`, seeing only what it may see of `user_id`'s.

        Each statement has its own snapshot, as in any READ COMMITTED transaction.
        """
        return Reader(self, user_id, token_id, role)

    async def fetch(self, sql: str, *arguments: Any) -> list[Row]:
        """Run one statement in a transaction of its own.

        Raises:
            Unavailable: PostgreSQL cannot be reached, or took too long.
        """
        try:
            async with self._pool.acquire(timeout=self._patience) as connection:
                return await connection.fetch(sql, *arguments)
        except _UNREACHABLE as error:
            raise _unavailable(error) from error

    @asynccontextmanager
    async def begin(
        self,
        *,
        user_id: int = 0,
        token_id: int | None = None,
        read_only: bool = False,
        lock: bool = False,
        role: Role = APP_ROLE,
    ) -> AsyncIterator[Transaction]:
        """Run one transaction as `role`, seeing only what belongs to `user_id` (0: nobody).

        It begins in one round trip and uses only `SET LOCAL`, so nothing outlives it. The database refuses a
        user who is suspended or gone, and an API token that was revoked or has expired. With `lock` the
        user's writes are serialized: their order is the commit order.

        Raises:
            Unavailable: PostgreSQL cannot be reached, or took too long.
            asyncpg.PostgresError: Whatever else a statement raised; the transaction is rolled back.
        """
        begin = f"BEGIN{' READ ONLY' if read_only else ''}; {self._begin}SET LOCAL app.user_id = '{int(user_id)}';"
        if role != APP_ROLE:
            begin += f" SET LOCAL ROLE {role};"
        if user_id:
            begin += f" SELECT require_active({int(user_id)}, {'NULL' if token_id is None else int(token_id)});"
        if not read_only:
            # A write finds its rows by id: planning it anew each time costs more than running it.
            begin += " SET LOCAL plan_cache_mode = force_generic_plan;"
        if lock:
            begin += f" SELECT pg_advisory_xact_lock({int(user_id)});"
        try:
            connection = await self._pool.acquire(timeout=self._patience)
            try:
                await connection.execute(begin)
                yield Transaction(connection, user_id)
                await connection.execute("COMMIT")
            except BaseException as error:
                if isinstance(error, TimeoutError):  # the server hangs: a ROLLBACK would hang with it
                    connection.terminate()
                else:
                    await _roll_back(connection)
                raise
            finally:
                with anyio.CancelScope(shield=True):
                    await self._pool.release(connection)
        except _UNREACHABLE as error:
            raise _unavailable(error) from error


def _unavailable(error: Exception) -> Exception:
    """503, unless it is asyncpg's word for a wrong argument, which is our mistake."""
    return error if isinstance(error, ValueError | TypeError) else Unavailable()


async def _roll_back(connection: Connection) -> None:
    """Leave the connection clean for the next transaction, or close it."""
    with anyio.CancelScope(shield=True):
        try:
            await connection.execute("ROLLBACK", timeout=1)
        except Exception:
            with suppress(Exception):
                connection.terminate()


async def _is_nobody_else(connection: asyncpg.Connection[Any]) -> None:
    """A pooler told to ignore start-up parameters would let us serve as the owner.

    Raises:
        ConfigurationError: The connection is not `todo_app`.
    """
    if await connection.fetchval("SELECT current_user") != APP_ROLE:
        raise ConfigurationError(BEHIND_A_POOLER)


async def _keep(connection: asyncpg.Connection[Any]) -> None:
    """Nothing to reset: every setting is `SET LOCAL`."""

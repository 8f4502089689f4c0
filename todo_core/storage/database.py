"""Run statements on PostgreSQL: transactions, and reads without one.

Every transaction acts as one role for one user, and uses only `SET LOCAL`
(`docs/decisions/0003-roles-and-row-level-security.md`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

import anyio
import asyncpg

from todo_core.errors import TodoError, Unavailable
from todo_core.hooks import NONE, Hooks
from todo_core.settings import Settings
from todo_core.storage.beginning import beginning
from todo_core.storage.connection import Connection, connected, settle
from todo_core.storage.dsn import application_name, connection_options, is_behind_pooler
from todo_core.storage.faults import MISSING, NO_WRITES, RAISED, READ_ONLY, is_fault, log_fault
from todo_core.storage.pool import Pool
from todo_core.storage.roles import AGENT_ROLE, APP_ROLE, BY_CONNECTION, Acting, Role, role_of
from todo_core.storage.statements import Statement
from todo_core.storage.transactions import Executor, Row, Transaction
from todo_core.storage.writers import Writers

_OUTDATED: Final = (asyncpg.InvalidCachedStatementError, asyncpg.InvalidSQLStatementNameError)
"""Errors that say that what a connection keeps prepared is not as it was: after a migration, or where something between
us and PostgreSQL threw it away."""

RETRYABLE: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, *_OUTDATED)
"""Errors after which the same transaction may succeed: it met another one, or has a new connection."""

ATTEMPTS: Final = 3
"""How often a transaction is tried that ends with one of these."""

PREPARED: Final = 128
"""Most statements that a connection keeps prepared: each takes PostgreSQL some 0.2 MB of memory of its own."""

FOR_READS: Final = 2
"""Connections of the pool that only reads take, as far as it has so many: writes wait for each other's locks."""

_SPOILT: Final = frozenset({READ_ONLY, asyncpg.InvalidSQLStatementNameError.sqlstate})
"""SQLSTATEs after which a connection is closed: it would meet the same again."""

_OF_A_STATEMENT: Final = 0.5
"""How much of the time of a statement it may wait for one lock (`lock_timeout`)."""

_GRACE: Final = 0.5
"""Seconds to wait for an answer beyond the server's own `statement_timeout`; then the server counts as gone."""

_EXPIRE_EVERY: Final = 1.0
"""Seconds between two times that every connection is made anew for what one of them met."""

Result = TypeVar("Result")


async def retried(transaction: Callable[[], Awaitable[Result]]) -> Result:
    """Run a transaction, again if it ends with one of `RETRYABLE`, and return what it returns.

    Raises:
        Unavailable: It ended so each time.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return await transaction()
        except RETRYABLE as error:
            if attempt == ATTEMPTS:
                log_fault(error)
                raise Unavailable from error
    raise AssertionError("unreachable")  # pragma: no cover


class Reader(Executor):
    """Runs statements that only read, each in a transaction of its own: one round trip instead of three."""

    __slots__ = ("_agent", "_database", "_role", "_token_id", "_user_id")

    def __init__(
        self, database: Database, user_id: int, token_id: int | None, agent: Acting | None, role: Role
    ) -> None:
        self._database = database
        self._user_id = user_id
        self._token_id = token_id
        self._agent = agent
        self._role: Role = role

    async def rows(self, statement: Statement, /, **parameters: Any) -> list[Row]:
        """Run a statement and return its rows; see `Executor.rows`.

        `statement.autocommit_sql` names its user itself. Where that is not possible, a transaction does.
        """
        role = role_of(self._role, self._agent)
        if statement.autocommit_sql is None or role not in BY_CONNECTION or self._database.behind_pooler:
            begin = self._database.begin(
                user_id=self._user_id, token_id=self._token_id, agent=self._agent, role=self._role, read_only=True
            )
            async with begin as transaction:
                return await transaction.rows(statement, **parameters)
        arguments = statement.arguments(parameters | {"user_id": self._user_id})
        agent_id, version, _ = self._agent or (None, None, None)
        sql, who = statement.autocommit_sql, (self._token_id, agent_id, version)
        return await self._database.fetch(sql, *arguments, *who, role=role, keep=statement.use())


class Connections(NamedTuple):
    """The connections of a pool at one moment."""

    in_use: int
    idle: int
    most: int
    """As many as there may be."""
    waiting: int
    """How many requests want one and have none yet."""


class Database:
    """The connection pool, used by `begin` for a transaction and by `read` without one."""

    def __init__(self, settings: Settings, url: str, *, reuse: bool = True, hooks: Hooks = NONE) -> None:
        """Connect to nothing yet.

        Args:
            settings: Pool size, timeout and pooler.
            url: Connection string.
            reuse: Whether a connection serves more than one transaction.
            hooks: What is called around statements.
        """
        self._span = hooks.statement
        self.behind_pooler = is_behind_pooler(settings, url)
        self.doubts: set[str] = set()
        """SQLSTATEs of `NO_WRITES` and `MISSING` that requests have met, until `upkeep.readiness` disproves them.

        A simple look at the database does not show these faults. Those that upkeep meets are left out, and so are
        those of a login that may not act as `todo_agent`: all other callers are served."""
        session = {
            "role": APP_ROLE,
            "timezone": "UTC",
            "statement_timeout": str(int(settings.database_timeout * 1000)),
            "lock_timeout": str(int(settings.database_timeout * 1000 * _OF_A_STATEMENT)),
            "idle_in_transaction_session_timeout": str(int(settings.database_timeout * 2000)),
        }
        # A connection of our own has these settings from its start to its end. Behind a transaction pooler other
        # clients share the connections: there each transaction makes its own settings.
        local = session if self.behind_pooler else {}
        self._local = "".join(f"SET LOCAL {name} = '{value}'; " for name, value in local.items())
        self._timeout = settings.database_timeout
        self._writers = Writers(max(settings.database_pool_size - FOR_READS, 1), settings.database_timeout)
        self._reuse = reuse
        self._expired_at = -_EXPIRE_EVERY
        """When every connection was made anew for what one of them met, by the monotonic clock."""
        taken = connection_options(url)
        options = taken | {
            "timeout": min(taken["timeout"], settings.database_timeout),
            "statement_cache_size": 0 if self.behind_pooler else PREPARED,
        }
        named = {"application_name": application_name(url)}

        async def connect(role: str) -> Connection:
            if self.behind_pooler:
                return await connected(options | {"server_settings": named}, role=None)
            return await connected(options | {"server_settings": named | session | {"role": role}}, role=role)

        self._pool = Pool(
            connect,
            size=settings.database_pool_size,
            patience=settings.database_timeout,
            limit=settings.database_timeout + _GRACE,
        )

    async def close(self) -> None:
        """Wait up to five seconds for running transactions, then close every connection."""
        with anyio.move_on_after(5):
            await self._pool.close()
            return
        self._pool.terminate()

    @property
    def is_connected(self) -> bool:
        """Return whether the pool has a connection, in use or not."""
        return self._pool.idle + self._pool.lent > 0

    @property
    def connections(self) -> Connections:
        """Count the connections of the pool, and the requests that wait for one."""
        pool = self._pool
        return Connections(pool.lent, pool.idle, pool.size, pool.waiting + self._writers.waiting)

    @property
    def has_room_for_writes(self) -> bool:
        """Return whether a transaction that may write would begin without waiting for others that write."""
        return self._writers.are_free

    def read(self, *, user_id: int, token_id: int | None, agent: Acting | None = None, role: Role = APP_ROLE) -> Reader:
        """Return a reader that acts as `role`, on the rows of `user_id` that the role may see.

        Each statement has its own snapshot, as in a READ COMMITTED transaction. The database refuses the same callers
        as in `begin`.
        """
        return Reader(self, user_id, token_id, agent, role)

    async def tell(self, statement: Statement, /, **parameters: Any) -> None:
        """Run a statement that reads no table, for upkeep; in one round trip, unless a pooler is in between.

        Raises:
            Unavailable: PostgreSQL cannot be reached, or took too long.
            asyncpg.PostgresError: PostgreSQL refused the statement.
        """
        await retried(lambda: self._tell(statement, parameters))

    async def _tell(self, statement: Statement, parameters: dict[str, Any]) -> None:
        """Do what `tell` does, once."""
        if self.behind_pooler:
            async with self.begin(read_only=True, upkeep=True) as transaction:
                await transaction.rows(statement, **parameters)
        else:
            await self.fetch(statement.sql, *statement.arguments(parameters), upkeep=True)

    async def fetch(
        self, sql: str, *arguments: Any, role: Role = APP_ROLE, upkeep: bool = False, keep: bool = True
    ) -> list[Row]:
        """Run one statement in a transaction of its own, as one of `BY_CONNECTION`, and return its rows.

        `upkeep`: as in `begin`. `keep`: whether the connection keeps the statement prepared.

        Raises:
            Unavailable: PostgreSQL cannot be reached, or took too long.
            asyncpg.PostgresError: PostgreSQL refused the statement.
        """
        try:
            connection = await self._pool.acquire(role)
            try:
                if self._span is None:
                    return await connection.ask(sql, arguments, keep=keep)
                with self._span(sql):
                    return await connection.ask(sql, arguments, keep=keep)
            except asyncio.CancelledError:
                await settle(connection, "SELECT 1")
                raise
            except asyncpg.InvalidSQLStatementNameError:
                connection.terminate()
                raise
            finally:
                self._pool.release(connection)
        except RAISED as error:
            if isinstance(error, _OUTDATED):
                self._expire()
            if is_fault(error):
                self._met(error, is_request=not upkeep and role != AGENT_ROLE)
                raise Unavailable from error
            raise

    @asynccontextmanager
    async def begin(
        self,
        *,
        user_id: int = 0,
        token_id: int | None = None,
        agent: Acting | None = None,
        read_only: bool = False,
        snapshot: bool = False,
        lock: bool = False,
        at_once: bool = False,
        role: Role = APP_ROLE,
        starting: bool = False,
        upkeep: bool = False,
    ) -> AsyncIterator[Transaction]:
        """Run a transaction, which begins in one round trip; commit it at the end, roll it back on an error.

        The database refuses a user who is suspended or deleted, an API token that was revoked or has expired, and an
        agent that is blocked or has changed since the caller learnt what it may do.
        Only `SET LOCAL` is used, so no setting outlives the transaction.

        Args:
            user_id: Row-level security shows this user's rows; 0 shows nobody's.
            token_id: The API token that the request came with, if it was one.
            agent: The agent that acts for the user, if it is one.
            read_only: Refuse writes.
            snapshot: Let all statements see the database as it is at the begin (REPEATABLE READ).
            lock: Wait for the user's other writes, so that they commit one after another.
            at_once: Begin with the first statement, which may be all that is written, and committed with it
                (`Transaction.rows_at_once`). It takes `lock`, and does nothing behind a pooler.
            role: The role to act as.
            starting: Whether the program is starting: it reports faults of the database itself, so none is logged.
            upkeep: Whether this serves no request: a fault of it then does not make the process unready.

        Raises:
            Unavailable: PostgreSQL cannot be reached, or took too long.
            asyncpg.PostgresError: PostgreSQL refused the caller, or a statement.
        """
        acts_as = role_of(role, agent)
        of_pool = acts_as if acts_as in BY_CONNECTION and not self.behind_pooler else APP_ROLE
        begun = partial(
            beginning,
            self._local,
            user_id,
            token_id,
            agent,
            take_on=None if acts_as == of_pool else acts_as,
            read_only=read_only,
            snapshot=snapshot,
            lock=lock,
        )
        who = None
        if at_once and acts_as == of_pool and not self.behind_pooler:
            who = (user_id, token_id, *((None, None) if agent is None else agent[:2]))
        try:
            async with nullcontext() if read_only else self._writers:
                connection = await self._pool.acquire(of_pool)
                transaction = Transaction(
                    connection, user_id, begun, self._span, who=who, is_bounded=acts_as == AGENT_ROLE
                )
                try:
                    if who is None:
                        await transaction.begin()
                    try:
                        yield transaction
                    except TodoError:
                        await transaction.judge()
                        raise
                    await transaction.commit()
                    if not self._reuse:
                        await connection.close(timeout=self._timeout)
                except BaseException as error:
                    await self._abandon(connection, error, is_open=transaction.is_open)
                    raise
                finally:
                    self._pool.release(connection)
        except RAISED as error:
            if isinstance(error, _OUTDATED):
                self._expire()
            if is_fault(error, read_only=read_only):
                if not starting:
                    self._met(error, is_request=not upkeep and acts_as != AGENT_ROLE)
                raise Unavailable from error
            raise

    def _met(self, error: BaseException, *, is_request: bool) -> None:
        """Log a fault, and remember it if a request met it and a look at the database does not show it.

        A connection refuses writes if its server has become a standby, or if it was opened while the database was
        read-only. So the one that refused is closed, and the others are replaced when they are next needed.
        """
        log_fault(error)
        state = getattr(error, "sqlstate", None)
        if is_request and state in NO_WRITES | MISSING:
            self.doubts.add(state)
        if state == READ_ONLY:
            self._expire()

    def _expire(self) -> None:
        """Have every connection made anew when it is next needed, for what one has met all others are about to meet.

        That happens at most once a second, for a database may stay as it is for long.
        """
        if (now := time.monotonic()) - self._expired_at > _EXPIRE_EVERY:
            self._expired_at = now
            self._pool.expire()

    async def _abandon(self, connection: Connection, error: BaseException, *, is_open: bool) -> None:
        """End a transaction that failed, by a ROLLBACK only if it has begun and the connection is needed again."""
        if not self._reuse or getattr(error, "sqlstate", None) in _SPOILT:
            connection.terminate()
        elif is_open:
            await settle(connection, "ROLLBACK")
        elif isinstance(error, asyncio.CancelledError):
            await settle(connection, "SELECT 1")

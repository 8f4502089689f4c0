"""Run statements on PostgreSQL: transactions, and reads without one.

Every transaction acts as one role for one user, and uses only `SET LOCAL`
(`docs/decisions/0003-roles-and-row-level-security.md`).
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any, Final, Literal, NamedTuple, TypeVar

import anyio
import asyncpg

from todo_core.errors import OutsideMandate, TodoError, Unavailable
from todo_core.hooks import NONE, Hooks, Span
from todo_core.settings import ConfigurationError, Settings
from todo_core.storage import locks
from todo_core.storage.dsn import application_name, connection_options, is_behind_pooler
from todo_core.storage.faults import MISSING, NO_WRITES, RAISED, READ_ONLY, is_fault, is_outside_lists, log_fault
from todo_core.storage.pool import Connection, Pool
from todo_core.storage.statements import Statement

APP_ROLE: Final = "todo_app"
"""Role of every request. It owns nothing and cannot bypass row-level security."""

AGENT_ROLE: Final = "todo_agent"
"""Role of requests of an agent whose mandate names lists: `todo_app` with further policies, which show these alone."""

JANITOR_ROLE: Final = "todo_janitor"
"""Role of the purge. It sees only the trash, deleted lists and tags, expired answers, and changes older than a day."""

ADMIN_ROLE: Final = "todo_admin"
"""Role of operations on accounts. It reads accounts and counts their rows; it cannot read a todo."""

SIGN_IN_ROLE: Final = "todo_sign_in"
"""Role of signing in. It alone makes users and writes their roles, each time those of the one that a token names."""

CALENDAR_ROLE: Final = "todo_calendar"
"""Role of calendar addresses. It sees what the one address shows whose hash it names, and can write no todo."""

LEAVING_ROLE: Final = "todo_leaving"
"""Role in which a person's own account is deleted, within a transaction that begins as `todo_app`."""

Role = Literal["todo_app", "todo_agent", "todo_janitor", "todo_admin", "todo_sign_in", "todo_calendar"]

RETRYABLE: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.InvalidCachedStatementError)
"""Errors after which the same transaction may succeed: it met another one, or (the last) a migration."""

ATTEMPTS: Final = 3
"""How often a transaction is tried that ends with one of these."""

BEHIND_A_POOLER: Final = "TODO_DATABASE_POOLER must be on: a pooler stands before the database"
"""Message of the ConfigurationError for a pooler that was not declared."""

PREPARED: Final = 128
"""Most statements that a connection keeps prepared: each takes PostgreSQL some 0.2 MB of memory of its own."""

FOR_READS: Final = 2
"""Connections of the pool that only reads take, as far as it has so many: writes wait for each other's locks."""

_OF_A_STATEMENT: Final = 0.5
"""How much of the time of a statement it may wait for one lock (`lock_timeout`)."""

_GRACE: Final = 0.5
"""Seconds that an answer may come later than the server's own limit allows; then the server counts as gone."""

_EXPIRE_EVERY: Final = 1.0
"""Seconds between two times that a refused write has every connection made anew."""

Result = TypeVar("Result")
Row = asyncpg.Record


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
                raise Unavailable from error
    raise AssertionError("unreachable")  # pragma: no cover


class Acting(NamedTuple):
    """An agent, as a process knows it: PostgreSQL refuses one that has changed since."""

    agent_id: int
    version: int
    has_lists: bool = False
    """Whether its mandate names lists: then it acts as `todo_agent`, and PostgreSQL refuses it in any other role."""


class Executor(ABC):
    """Runs statements as one user; the parameter `user_id` of every statement is that user's id."""

    __slots__ = ()

    @abstractmethod
    async def rows(self, statement: Statement, /, **parameters: Any) -> list[Row]:
        """Run a statement and return its rows.

        Args:
            statement: What to run.
            **parameters: Values of the statement's parameters, by name, without `user_id`.

        Raises:
            KeyError: A parameter has no value.
            Unavailable: PostgreSQL cannot be reached, or took too long. In a transaction the same is raised as
                asyncpg has it, and `Database.begin` translates it.
            asyncpg.PostgresError: PostgreSQL refused the statement.
        """

    async def row(self, statement: Statement, /, **parameters: Any) -> Row | None:
        """Run a statement and return its first row; None if there is none. Raises as `rows` does."""
        rows = await self.rows(statement, **parameters)
        return rows[0] if rows else None

    async def one(self, statement: Statement, /, **parameters: Any) -> Row:
        """Run a statement that always gives one row, such as an aggregate or an insert, and return that row.

        Raises:
            ValueError: There was no row, or there were several. Otherwise as `rows` does.
        """
        (row,) = await self.rows(statement, **parameters)
        return row

    async def value(self, statement: Statement, /, **parameters: Any) -> Any:
        """Run a statement and return the first column of its first row; None if there is no row."""
        row = await self.row(statement, **parameters)
        return None if row is None else row[0]


class Transaction(Executor):
    """Runs statements in a transaction that has begun."""

    __slots__ = ("_connection", "_is_bounded", "_seconds", "_span", "user_id")

    def __init__(
        self, connection: Connection, user_id: int, span: Span | None = None, *, is_bounded: bool = False
    ) -> None:
        self._connection = connection
        self._span = span
        self._seconds: float | None = None
        """How long the client waits for a statement; None: as for all."""
        self._is_bounded = is_bounded
        """Whether it acts as `todo_agent`."""
        self.user_id = user_id

    async def allow(self, seconds: int) -> None:
        """Let each further statement take so long, whatever the settings say."""
        await self._connection.execute(f"SET LOCAL statement_timeout = '{seconds}s'")
        self._seconds = seconds + 1

    async def rows(self, statement: Statement, /, **parameters: Any) -> list[Row]:
        """Run a statement and return its rows; see `Executor.rows`.

        Raises:
            OutsideMandate: It would write what is outside of the lists of the agent that acts.
        """
        arguments = statement.arguments(parameters | {"user_id": self.user_id})
        try:
            with self._spanned(statement.sql):
                return await self._connection.fetch(statement.sql, *arguments, timeout=self._seconds)
        except asyncpg.PostgresError as error:
            if self._is_bounded and is_outside_lists(error):
                raise OutsideMandate("lists", "This is outside of the lists of this agent.") from error
            raise

    @asynccontextmanager
    async def acting_as(self, agent: Acting) -> AsyncIterator[None]:
        """Run a part of the transaction as an agent, under its mandate: that of a call that a person has approved.

        What fails within is to be rolled back, at least to a savepoint before it: so are the role and the settings.
        """
        await self._connection.execute(f"SET LOCAL app.agent = '{int(agent.agent_id)}'")
        if agent.has_lists:
            who = f"{int(self.user_id)}, NULL, {int(agent.agent_id)}, {int(agent.version)}"
            await self._connection.execute(f"SET LOCAL ROLE {AGENT_ROLE}; SELECT require_active({who})")
        self._is_bounded = agent.has_lists
        try:
            yield
        finally:
            self._is_bounded = False
        await self._connection.execute(f"SET LOCAL ROLE {APP_ROLE}; SET LOCAL app.agent = ''; SET LOCAL app.lists = ''")

    async def stream(self, statement: Statement, /, *, size: int, **parameters: Any) -> AsyncIterator[list[str]]:
        """Run a statement with one column of JSON, and yield its rows a chunk at a time, by a cursor of the server.

        DECLARE, not a cursor of asyncpg: that needs a prepared statement with a name, which clients behind a
        transaction pooler would take from each other. One cursor at a time is open.

        Args:
            statement: What to run.
            size: Most rows of a chunk.
            **parameters: Values of the statement's parameters, by name, without `user_id`.
        """
        arguments = statement.arguments(parameters | {"user_id": self.user_id})
        with self._spanned(statement.sql):
            await self._connection.execute(f"DECLARE streamed NO SCROLL CURSOR FOR {statement.sql}", *arguments)
        rows = [""] * size
        while len(rows) == size:
            with self._spanned(statement.sql):
                rows = [row[0] for row in await self._connection.fetch(f"FETCH {int(size)} FROM streamed")]
            yield rows
        await self._connection.execute("CLOSE streamed")

    @asynccontextmanager
    async def part(self) -> AsyncIterator[None]:
        """Run a part of the transaction; if it is refused (`TodoError`), what it has written is gone, and no more."""
        await self._connection.execute("SAVEPOINT part")
        try:
            yield
        except TodoError:
            await self._connection.execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
            raise
        await self._connection.execute("RELEASE SAVEPOINT part")

    @asynccontextmanager
    async def rehearsal(self) -> AsyncIterator[None]:
        """Run a part of the transaction for what it returns alone: what it has written is gone at its end."""
        await self._connection.execute("SAVEPOINT rehearsal")
        yield
        await self._connection.execute("ROLLBACK TO SAVEPOINT rehearsal; RELEASE SAVEPOINT rehearsal")

    def _spanned(self, sql: str) -> AbstractContextManager[object]:
        """Return the block around a statement, for whoever traces (`Hooks.statement`)."""
        return nullcontext() if self._span is None else self._span(sql)

    async def fetch(self, sql: str) -> list[Row]:
        """Run SQL about the database itself, such as `schema.catalogue` has it; nothing in it comes from a caller."""
        return await self._connection.fetch(sql)


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
        role = _role_of(self._role, self._agent)
        if statement.autocommit_sql is None or role not in _BY_CONNECTION or self._database.behind_pooler:
            begin = self._database.begin(
                user_id=self._user_id, token_id=self._token_id, agent=self._agent, role=self._role, read_only=True
            )
            async with begin as transaction:
                return await transaction.rows(statement, **parameters)
        arguments = statement.arguments(parameters | {"user_id": self._user_id})
        agent_id, version, _ = self._agent or (None, None, None)
        sql, who = statement.autocommit_sql, (self._token_id, agent_id, version)
        return await self._database.fetch(sql, *arguments, *who, role=role)


_BY_CONNECTION: Final = frozenset({APP_ROLE, AGENT_ROLE})
"""Roles as which connections begin. For any other, a transaction changes its role."""


def _role_of(role: Role, agent: Acting | None) -> Role:
    """Return the role in which somebody acts: an agent whose mandate names lists does so as `todo_agent`."""
    return AGENT_ROLE if role == APP_ROLE and agent is not None and agent.has_lists else role


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
        """SQLSTATEs, of `NO_WRITES` and `MISSING`, that requests have met and nothing has disproved since: faults that
        a look at the database does not show (`upkeep.readiness`). What upkeep meets is not among them,
        nor what a login lacks that may not act as `todo_agent`: others are served."""
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
        self._begin = "".join(f"SET LOCAL {name} = '{value}'; " for name, value in local.items())
        self._timeout = settings.database_timeout
        self._writers = _Writers(max(settings.database_pool_size - FOR_READS, 1), settings.database_timeout)
        self._reuse = reuse
        self._expired_at = -_EXPIRE_EVERY
        """When a refused write had every connection made anew, by the monotonic clock."""
        taken = connection_options(url)
        options = taken | {
            "timeout": min(taken["timeout"], settings.database_timeout),
            "statement_cache_size": 0 if self.behind_pooler else PREPARED,
        }
        named = {"application_name": application_name(url)}

        async def connect(role: str) -> Connection:
            if self.behind_pooler:
                return await _connected(options | {"server_settings": named}, role=None)
            return await _connected(options | {"server_settings": named | session | {"role": role}}, role=role)

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
        """Count the connections of the pool, and who waits for one."""
        pool = self._pool
        return Connections(pool.lent, pool.idle, pool.size, pool.waiting + self._writers.waiting)

    @property
    def has_room_for_writes(self) -> bool:
        """Return whether a transaction that may write would begin without waiting for others that write."""
        return self._writers.are_free

    def read(self, *, user_id: int, token_id: int | None, agent: Acting | None = None, role: Role = APP_ROLE) -> Reader:
        """Return what runs reads as `role`, on the rows of `user_id` that the role may see.

        Each statement has its own snapshot, as in a READ COMMITTED transaction. The database refuses the same callers
        as in `begin`.
        """
        return Reader(self, user_id, token_id, agent, role)

    async def fetch(self, sql: str, *arguments: Any, role: Role = APP_ROLE) -> list[Row]:
        """Run one statement in a transaction of its own, as one of `_BY_CONNECTION`, and return its rows.

        Raises:
            Unavailable: PostgreSQL cannot be reached, or took too long.
            asyncpg.PostgresError: PostgreSQL refused the statement.
        """
        try:
            connection = await self._pool.acquire(role)
            try:
                if self._span is None:
                    return await connection.fetch(sql, *arguments)
                with self._span(sql):
                    return await connection.fetch(sql, *arguments)
            except asyncio.CancelledError:
                await _settle(connection, "SELECT 1")
                raise
            finally:
                self._pool.release(connection)
        except RAISED as error:
            if is_fault(error):
                self._met(error, is_request=role != AGENT_ROLE)
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
            role: The role to act as.
            starting: Whether the program starts: it tells itself what is wrong with the database, so no log does.
            upkeep: Whether no request needs this: what fails then says nothing of whether requests are served.

        Raises:
            Unavailable: PostgreSQL cannot be reached, or took too long.
            asyncpg.PostgresError: PostgreSQL refused the caller, or a statement.
        """
        modes = f"{' ISOLATION LEVEL REPEATABLE READ' if snapshot else ''}{' READ ONLY' if read_only else ''}"
        begin = f"BEGIN{modes}; {self._begin}SET LOCAL app.user_id = '{int(user_id)}';"
        role = _role_of(role, agent)
        of_pool = role if role in _BY_CONNECTION and not self.behind_pooler else APP_ROLE
        if role != of_pool:
            begin += f" SET LOCAL ROLE {role};"
        if user_id:
            who = (user_id, token_id, *(agent or (None, None))[:2])
            begin += f" SELECT require_active({', '.join('NULL' if one is None else str(int(one)) for one in who)});"
        if not read_only:
            begin += "" if agent is None else f" SET LOCAL app.agent = '{int(agent.agent_id)}';"
            # A write finds its rows by id: planning it anew each time costs more than running it.
            begin += " SET LOCAL plan_cache_mode = force_generic_plan;"
        if lock:
            begin += f" SELECT pg_advisory_xact_lock({locks.of_writes(user_id)});"
        try:
            async with nullcontext() if read_only else self._writers:
                connection = await self._pool.acquire(of_pool)
                try:
                    await self._send(connection, "BEGIN", begin)
                    yield Transaction(connection, user_id, self._span, is_bounded=role == AGENT_ROLE)
                    await self._send(connection, "COMMIT", "COMMIT")
                    if not self._reuse:
                        await connection.close(timeout=self._timeout)
                except BaseException as error:
                    await self._abandon(connection, error)
                    raise
                finally:
                    self._pool.release(connection)
        except RAISED as error:
            if is_fault(error, read_only=read_only):
                if not starting:
                    self._met(error, is_request=not upkeep and role != AGENT_ROLE)
                raise Unavailable from error
            raise

    async def _send(self, connection: Connection, name: str, sql: str) -> None:
        """Run SQL that begins or ends a transaction, for whoever traces by a name."""
        with nullcontext() if self._span is None else self._span(name):
            await connection.execute(sql)

    def _met(self, error: BaseException, *, is_request: bool) -> None:
        """Log a fault, and remember it if a request met it and a look at the database does not show it.

        A connection that takes no writes may have stayed with a server that is a standby by now, or may have begun
        while the database took none. So the one that refused is closed, and the others are made anew when they are next
        needed, at most once a second: the database may take no writes for long.
        """
        log_fault(error)
        state = getattr(error, "sqlstate", None)
        if is_request and state in NO_WRITES | MISSING:
            self.doubts.add(state)
        if state == READ_ONLY and (now := time.monotonic()) - self._expired_at > _EXPIRE_EVERY:
            self._expired_at = now
            self._pool.expire()

    async def _abandon(self, connection: Connection, error: BaseException) -> None:
        """End a transaction that failed, by a ROLLBACK only if the connection is needed again."""
        if self._reuse and getattr(error, "sqlstate", None) != READ_ONLY:
            await _settle(connection, "ROLLBACK")
        else:
            connection.terminate()


class _Writers:
    """The connections that transactions that may write can take, one for each `async with`."""

    def __init__(self, count: int, timeout: float) -> None:
        self._free = anyio.Semaphore(count)
        self._timeout = timeout

    @property
    def are_free(self) -> bool:
        """Return whether one is left."""
        return self._free.value > 0

    @property
    def waiting(self) -> int:
        """Return how many wait for one."""
        return self._free.statistics().tasks_waiting

    async def __aenter__(self) -> None:
        """Take one.

        Raises:
            TimeoutError: None became free in time.
        """
        try:
            self._free.acquire_nowait()
        except anyio.WouldBlock:
            with anyio.fail_after(self._timeout):
                await self._free.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._free.release()


async def _settle(connection: Connection, sql: str) -> None:
    """Let a connection come to rest for whoever uses it next; close it if that takes more than a second.

    Args:
        connection: The connection. A statement may run on it that nobody waits for: asyncpg has told the server so, and
            waits for its word before anything else is sent.
        sql: What is sent then.
    """
    if connection.is_closed():
        return
    with anyio.CancelScope(shield=True):
        try:
            await connection.execute(sql, timeout=1)
        except asyncpg.QueryCanceledError:
            pass  # the word to cancel came late, and met this; the pool looks whether a transaction is open
        except Exception:
            connection.terminate()


async def _connected(options: Mapping[str, Any], role: str | None) -> Connection:
    """Open a connection.

    A pooler that is configured to ignore start-up parameters would let us serve as the owner of the tables.

    Args:
        options: How, as asyncpg takes it.
        role: What its settings make it act as; None where each transaction chooses.

    Raises:
        ConfigurationError: It acts as another role.
        Exception: Whatever asyncpg raises.
    """
    connection: Connection = await asyncpg.connect(**options, connection_class=Connection)
    try:
        acting = None if role is None else await connection.fetchval("SELECT current_user")
    except BaseException:
        connection.terminate()
        raise
    if acting != role:
        connection.terminate()
        raise ConfigurationError(BEHIND_A_POOLER)
    return connection

"""Run statements in a transaction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any

import asyncpg

from todo_core.errors import TAKEN, Conflict, OutsideMandate, TodoError, Unavailable
from todo_core.hooks import Span
from todo_core.storage.connection import Connection
from todo_core.storage.faults import READ_ONLY, MisuseError, is_fault, is_outside_lists, is_taken
from todo_core.storage.roles import AGENT_ROLE, APP_ROLE, Acting
from todo_core.storage.statements import Statement

Row = asyncpg.Record


class GoneError(Exception):
    """What a part of a transaction has written is to be gone, and nothing is refused."""


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
    """Runs statements in a transaction, which is begun before the first of them."""

    __slots__ = ("_begin", "_connection", "_is_bounded", "_span", "_who", "committed", "is_open", "user_id")

    def __init__(
        self,
        connection: Connection,
        user_id: int,
        begin: Callable[..., str],
        span: Span | None = None,
        *,
        who: Sequence[int | None] | None = None,
        is_bounded: bool = False,
    ) -> None:
        """Send nothing yet.

        Args:
            connection: Where it runs.
            user_id: Whose rows it sees.
            begin: Returns the SQL that begins it. `is_written`: whether all that it writes is committed already.
            span: See `Hooks.statement`.
            who: The caller, as `Connection.write_at_once` takes it, if a first statement may run so.
            is_bounded: Whether it acts as `todo_agent`.
        """
        self._connection = connection
        self._begin = begin
        self._span = span
        self._who = who
        self._is_bounded = is_bounded
        self.user_id = user_id
        self.is_open = False
        """Whether it has begun, and not ended."""
        self.committed: list[Row] = []
        """What `rows_at_once` returned for what it has written and committed: what comes after it may only read."""

    async def begin(self) -> None:
        """Begin, if that has not been done. Raises as `rows` does."""
        if not self.is_open:
            sql = self._begin(is_written=bool(self.committed))
            self.is_open = True
            self._who = None
            try:
                await self._send("BEGIN", sql)
            except asyncpg.PostgresError as error:
                self._refuse(error)
                raise

    async def judge(self) -> None:
        """Let PostgreSQL refuse the caller, if nothing was asked of it yet. Raises as `rows` does."""
        if self._who is not None:
            await self.begin()

    async def commit(self) -> None:
        """Commit. Raises as `rows` does."""
        await self.judge()
        if self.is_open:
            await self._send("COMMIT", "COMMIT")
            self.is_open = False

    async def allow(self, seconds: int) -> None:
        """Let each further statement take so long, whatever the settings say."""
        await self._execute(f"SET LOCAL statement_timeout = '{seconds}s'")
        self._connection.allowed = seconds + 1.0

    async def rows(self, statement: Statement, /, **parameters: Any) -> list[Row]:
        """Run a statement and return its rows; see `Executor.rows`.

        Raises:
            OutsideMandate: It would write what is outside of the lists of the agent that acts.
            Conflict: It would write a name or a key that is taken outside of them.
            MisuseError: It writes, after `rows_at_once` did.
        """
        arguments = statement.arguments(parameters | {"user_id": self.user_id})
        await self.begin()
        try:
            with self._spanned(statement.sql):
                return await self._connection.ask(statement.sql, arguments, keep=statement.use())
        except asyncpg.PostgresError as error:
            if self.committed and isinstance(error, asyncpg.InvalidCachedStatementError):
                # What is committed cannot be tried again; what comes after it only reads, on its own snapshot, and can.
                await self._send("ROLLBACK", "ROLLBACK")
                self.is_open = False
                return await self.rows(statement, **parameters)
            self._refuse(error)
            raise

    async def rows_at_once(self, statement: Statement, /, **parameters: Any) -> list[Row]:
        """Run a statement that is all that the transaction writes if it returns a row, and return its rows.

        If it is the first one, it begins, runs and is committed in one round trip; so nothing may refuse what it has
        written. Else it runs as others do. Raises as `rows` does.

        Args:
            statement: What to run. Its parameter `now` is the moment to set, None for that of the statement.
            **parameters: As `rows` takes them; what `Kept.call` takes.
        """
        if self._who is None:
            return await self.rows(statement, **parameters)
        arguments = statement.arguments(parameters | {"user_id": self.user_id})
        who, self._who = self._who, None
        try:
            with self._spanned(statement.sql):
                rows = await self._connection.write_at_once(statement.sql, statement.parameters, arguments, who)
        except asyncpg.PostgresError as error:
            self._refuse(error)
            raise
        self.committed = rows
        return rows

    def _refuse(self, error: asyncpg.PostgresError) -> None:
        """Raise what an error means, if it is none of the database."""
        if self.committed and error.sqlstate == READ_ONLY:
            raise MisuseError("a statement writes after the one that was all") from error
        if self.committed and not is_fault(error):
            # What is committed is neither refused nor tried again, as for a caller who has changed since.
            raise Unavailable from error
        if self._is_bounded and is_outside_lists(error):
            raise OutsideMandate("lists", "This is outside of the lists of this agent.") from error
        if self._is_bounded and is_taken(error):
            raise Conflict(TAKEN) from error

    async def _send(self, name: str, sql: str) -> None:
        """Run the SQL that begins or ends the transaction; traces show it under `name`."""
        with self._spanned(name):
            await self._connection.execute(sql)

    async def _execute(self, sql: str, *arguments: Any) -> None:
        await self.begin()
        await self._connection.execute(sql, *arguments)

    @asynccontextmanager
    async def acting_as(self, agent: Acting) -> AsyncIterator[None]:
        """Run a part of the transaction as an agent, under its mandate: that of a call that a person has approved.

        What fails within is to be rolled back, at least to a savepoint before it: so are the role and the settings.
        """
        await self._execute(f"SET LOCAL app.agent = '{int(agent.agent_id)}'")
        if agent.has_lists:
            who = f"{int(self.user_id)}, NULL, {int(agent.agent_id)}, {int(agent.version)}"
            await self._execute(f"SET LOCAL ROLE {AGENT_ROLE}; SELECT require_active({who})")
        self._is_bounded = agent.has_lists
        try:
            yield
        finally:
            self._is_bounded = False
        await self._execute(f"SET LOCAL ROLE {APP_ROLE}; SET LOCAL app.agent = ''; SET LOCAL app.lists = ''")

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
            await self._execute(f"DECLARE streamed NO SCROLL CURSOR FOR {statement.sql}", *arguments)
        rows = [""] * size
        while len(rows) == size:
            with self._spanned(statement.sql):
                rows = [row[0] for row in await self._connection.fetch(f"FETCH {int(size)} FROM streamed")]
            yield rows
        await self._execute("CLOSE streamed")

    @asynccontextmanager
    async def part(self) -> AsyncIterator[None]:
        """Run a part of the transaction; if it is refused or `GoneError`, what it has written is gone."""
        await self._execute("SAVEPOINT part")
        try:
            yield
        except (TodoError, GoneError):
            await self._execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
            raise
        await self._execute("RELEASE SAVEPOINT part")

    @asynccontextmanager
    async def rehearsal(self) -> AsyncIterator[None]:
        """Run a part of the transaction for what it returns alone: what it has written is gone at its end."""
        await self._execute("SAVEPOINT rehearsal")
        yield
        await self._execute("ROLLBACK TO SAVEPOINT rehearsal; RELEASE SAVEPOINT rehearsal")

    def _spanned(self, sql: str) -> AbstractContextManager[object]:
        """Return the block around a statement, for whoever traces (`Hooks.statement`)."""
        return nullcontext() if self._span is None else self._span(sql)

    async def fetch(self, sql: str) -> list[Row]:
        """Run SQL about the database itself, such as `schema.catalogue` has it; nothing in it comes from a caller."""
        await self.begin()
        return await self._connection.fetch(sql)

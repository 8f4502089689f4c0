"""A connection to PostgreSQL: what it adds to asyncpg's, how it is opened, and how it becomes idle again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from time import monotonic
from typing import Any, Final

import anyio
import asyncpg

from todo_core.settings import ConfigurationError
from todo_core.storage.at_once import Kept
from todo_core.storage.faults import MisuseError

BEHIND_A_POOLER: Final = "TODO_DATABASE_POOLER must be on: a pooler stands before the database"
"""Message of the ConfigurationError for a pooler that was not declared."""


class Connection(asyncpg.Connection):
    """A connection of a pool. It knows since when it waits for the server."""

    since: float = 0.0
    """When its latest statement was sent, or when it was given back, by the monotonic clock."""
    waits: bool = False
    """Whether a statement was sent that the server has not answered; also if nobody wants the answer any more."""
    allowed: float | None = None
    """Seconds that an answer may take while it is lent for long work; None for the pool's `limit`."""
    role: str = ""
    """The role that it was opened for."""
    generation: int = 0
    """The pool's generation when it was opened; an older one than the pool's is closed (`Pool.expire`)."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._kept: dict[str, Kept] = {}
        """Statements that run at once, by their SQL."""
        self._names = count()

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:  # noqa: ASYNC109  # theirs
        """Run SQL as asyncpg does.

        Raises:
            MisuseError: asyncpg refuses to send it.
        """
        with _Question(self):
            return await super().execute(query, *args, timeout=timeout)

    async def fetch(self, query: str, *args: object, **options: Any) -> list[asyncpg.Record]:  # type: ignore[override]
        """Run a statement as asyncpg does, and return its rows. Raises as `execute` does."""
        with _Question(self):
            return await super().fetch(query, *args, **options)

    async def ask(self, query: str, arguments: Sequence[object], *, keep: bool) -> list[asyncpg.Record]:
        """Run a statement as `fetch` does; unless it is to be kept, PostgreSQL forgets its plan with the next one."""
        with _Question(self):
            if keep:
                return await super().fetch(query, *arguments)
            # The statement without a name (PostgreSQL's protocol, "Extended Query"), which the next one replaces.
            statement = await self.prepare(query, name="")
            return await statement.fetch(*arguments)

    async def write_at_once(
        self, query: str, names: Sequence[str], arguments: Sequence[object], who: Sequence[int | None]
    ) -> list[asyncpg.Record]:
        """Run a statement for a caller, with the transaction around it, and return its rows. Raises as `execute` does.

        Args:
            query: The statement.
            names: The names of its parameters.
            arguments: Their values; see `Kept.call`.
            who: The ids of the user, of the API token and of the agent, and the version of what that may do.
        """
        kept = self._kept.get(query)
        if kept is None:
            with _Question(self):
                kept = Kept.of(await self.prepare(query, name=f"at_once_{next(self._names)}"))
            self._kept[query] = kept
        try:
            return await self.fetch(kept.sql, *who, *kept.call(names, arguments))
        except asyncpg.InvalidCachedStatementError:
            del self._kept[query]
            raise


class _Question:
    """Keeps what a connection knows of a statement while it runs."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.since, self._connection.waits = monotonic(), True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None or isinstance(error, asyncpg.PostgresError):
            self._connection.waits = False
        elif isinstance(error, asyncpg.InterfaceError) and not self._connection.is_closed():
            self._connection.waits = False  # nothing was sent
            if not isinstance(error, ValueError):
                raise MisuseError(str(error)) from error


async def connected(options: Mapping[str, Any], role: str | None) -> Connection:
    """Open a connection.

    A pooler that ignores start-up parameters, among them the role, would let us serve as the owner of the tables.

    Args:
        options: Keywords of `asyncpg.connect`.
        role: The role that these make it act as; None where each transaction sets its own.

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


async def settle(connection: Connection, sql: str) -> None:
    """Make a connection idle again, so that the next transaction can use it; close it if that takes over a second.

    Args:
        connection: The connection. A cancelled statement may still run on it: asyncpg has asked the server to cancel,
            and sends nothing else before the server has answered.
        sql: The statement to run once the connection is free, such as `ROLLBACK`.
    """
    if connection.is_closed():
        return
    with anyio.CancelScope(shield=True):
        try:
            await connection.execute(sql, timeout=1)
        except asyncpg.QueryCanceledError:
            pass  # the cancellation came late and hit this statement; the pool checks for an open transaction
        except Exception:
            connection.terminate()

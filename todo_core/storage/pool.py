"""Keep connections to PostgreSQL, and lend each to one after another.

asyncpg has a pool of its own. For each use it makes a proxy, a future and two timers, and gives the connection back
within a task: a sixth of what a look-up costs (decision 19). Here an idle connection comes from a list and goes back to
it, and one timer looks after all of them.

A connection begins as a role of PostgreSQL and stays it: each statement is planned anew when a connection changes its
role, for other policies hold. All roles share one number of connections: where one is to be opened and there is no
room, an idle one of another role is closed.

A connection comes back, or it is closed: it is never lent while it is in a transaction, while it waits for a server
that may be gone, or while a statement that nobody waits for runs on it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, Final, NamedTuple

import asyncpg

from todo_core.storage.faults import MisuseError

IDLE_SECONDS: Final = 300.0
"""How long a connection stays open that nobody uses: a database that sleeps when nobody asks can fall asleep."""
_LOOKS: Final = 0.5
"""Most seconds between two looks at those who wait and at the connections; there are at least four in a patience."""
_GOOD_BYE: Final = 1.0
"""Seconds that a server may take to answer that a connection ends."""
_CLOSED: Final = "the pool is closed"


class Connection(asyncpg.Connection):
    """A connection of a pool. It knows since when it waits for the server."""

    since: float = 0.0
    """When its latest statement was sent, or when it was given back, by the monotonic clock."""
    waits: bool = False
    """Whether a statement was sent that the server has not answered; also if nobody wants the answer any more."""
    allowed: float | None = None
    """Seconds that an answer may take while whoever has it now does what takes long; None: as for all."""
    role: str = ""
    """The role that it was opened for."""
    generation: int = 0
    """That of the pool when it was opened."""

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
        if keep:
            return await self.fetch(query, *arguments)
        with _Question(self):
            # The statement without a name (PostgreSQL's protocol, "Extended Query"), which the next one replaces.
            statement = await self.prepare(query, name="")
            return await statement.fetch(*arguments)


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


class _Turn(NamedTuple):
    """Somebody who waits for a connection."""

    role: str
    """Of the connection that is wanted."""
    given: asyncio.Future[Connection | None]
    """Gets a connection, or None: then there is room for another one, which nobody else can take."""
    until: float
    """How long it waits, by the monotonic clock."""


class Pool:
    """Connections, opened when they are needed. Of a role, the one used last is lent first."""

    def __init__(
        self,
        connect: Callable[[str], Awaitable[Connection]],
        *,
        size: int,
        patience: float,
        limit: float,
    ) -> None:
        """Open nothing yet.

        Args:
            connect: Opens a connection that acts as a role.
            size: Most connections, of all roles together.
            patience: Seconds that somebody waits for one at most, until it is open.
            limit: Seconds that an answer of the server may take; then it counts as gone.
        """
        self._connect = connect
        self._patience = patience
        self._pause = min(_LOOKS, patience / 4)
        self._limit = limit
        self.size: Final = size
        self._idle: list[Connection] = []
        self._lent: set[Connection] = set()
        self._opening = 0
        self._queue: deque[_Turn] = deque()
        """Those who wait, who came first first."""
        self._generation = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_closing = False
        self._all_back = asyncio.Event()

    @property
    def lent(self) -> int:
        """Return how many connections are used."""
        return len(self._lent)

    @property
    def idle(self) -> int:
        """Return how many connections are open that nobody uses."""
        return sum(not connection.is_closed() for connection in self._idle)

    @property
    def waiting(self) -> int:
        """Return how many want a connection and have none yet."""
        return self._opening + sum(not turn.given.done() for turn in self._queue)

    async def acquire(self, role: str) -> Connection:
        """Return a connection that acts as a role, which `release` gives back.

        Raises:
            TimeoutError: None was free, or open, in time.
            ConnectionError: The pool is closed, or is about to be.
            Exception: Whatever `connect` raises.
        """
        self._require_open()
        connection = self._take(role)
        return await self._wait(role) if connection is None else connection

    def release(self, connection: Connection) -> None:
        """Take a connection back; close it where it cannot be lent again."""
        self._lent.discard(connection)
        connection.allowed = None
        if not self._is_good(connection) or connection.waits or connection.is_in_transaction():
            connection.terminate()
            self._tell_of_room()
        elif (turn := self._next_for(connection.role)) is None:
            connection.since = monotonic()
            self._idle.append(connection)
        elif turn.role == connection.role:
            self._lent.add(connection)
            turn.given.set_result(connection)
        else:
            connection.terminate()
            self._give_room(turn)
        self._see_whether_all_are_back()

    def expire(self) -> None:
        """Close every connection that is open now, once nobody uses it."""
        self._generation += 1
        while self._idle:
            self._idle.pop().terminate()

    async def close(self) -> None:
        """Lend nothing more; once every connection is back, close them all."""
        self._is_closing = True
        self._see_whether_all_are_back()
        await self._all_back.wait()
        self._stop_looking()
        while self._idle:
            connection = self._idle.pop()
            try:
                await connection.close(timeout=_GOOD_BYE)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()

    def terminate(self) -> None:
        """Lend nothing more, and close all connections at once, also those that are used."""
        self._is_closing = True
        self._stop_looking()
        self.expire()  # also what is being opened now
        for connection in self._lent:
            connection.terminate()

    # --- who waits

    def _require_open(self) -> None:
        if self._is_closing:
            raise ConnectionError(_CLOSED)

    def _take(self, role: str) -> Connection | None:
        """Lend an idle connection of a role, if there is one."""
        for place in range(len(self._idle) - 1, -1, -1):
            if self._idle[place].role != role:
                continue
            connection = self._idle.pop(place)
            if self._is_good(connection):
                self._lent.add(connection)
                return connection
            connection.terminate()
        return None

    def _is_good(self, connection: Connection) -> bool:
        return connection.generation == self._generation and not connection.is_closed()

    async def _wait(self, role: str) -> Connection:
        """Lend a connection of a role as soon as there is one, or room for one."""
        until = monotonic() + self._patience
        used = len(self._lent) + self._opening
        if used < self.size:
            if used + len(self._idle) >= self.size:
                self._idle.pop(0).terminate()
            self._opening += 1
            return await self._open(role, until)
        turn = _Turn(role, asyncio.get_running_loop().create_future(), until)
        self._queue.append(turn)
        try:
            given = await turn.given
        except asyncio.CancelledError:
            self._give_up(turn)
            raise
        return await self._open(role, until) if given is None else given

    async def _open(self, role: str, until: float) -> Connection:
        """Open a connection of a role and lend it, if it is open by a moment of the monotonic clock.

        Its room was counted as `_opening` before.
        """
        try:
            self._require_open()
            if self._timer is None:
                self._look()
            generation = self._generation
            async with asyncio.timeout(until - monotonic()):
                connection = await self._connect(role)
        except BaseException:
            self._opening -= 1
            self._tell_of_room()
            self._see_whether_all_are_back()
            raise
        self._opening -= 1
        connection.role, connection.generation = role, generation
        self._lent.add(connection)
        return connection

    def _give_up(self, turn: _Turn) -> None:
        """Wait no longer. What was given in the same moment goes on to the next."""
        if turn in self._queue:
            self._queue.remove(turn)
        elif not turn.given.cancelled() and turn.given.exception() is None:
            if (connection := turn.given.result()) is None:
                self._opening -= 1
                self._tell_of_room()
                self._see_whether_all_are_back()
            else:
                self.release(connection)

    def _next(self) -> _Turn | None:
        """Return who has waited longest; None if nobody waits."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.given.done():
                return turn
        return None

    def _next_for(self, role: str) -> _Turn | None:
        """Return who is to have a connection of a role: of those who want this role who has waited longest.

        Else each would close it and open another, wherever people of two roles wait in turns. Whoever has waited for
        long, of whatever role, comes first all the same.
        """
        long_ago = monotonic() + self._patience - self._pause
        for turn in self._queue:
            if turn.given.done():
                continue
            if turn.until < long_ago:
                break
            if turn.role == role:
                self._queue.remove(turn)
                return turn
        return self._next()

    def _tell_of_room(self) -> None:
        """Let whoever has waited longest open a connection."""
        if (turn := self._next()) is not None:
            self._give_room(turn)

    def _give_room(self, turn: _Turn) -> None:
        """Let somebody open a connection. The room is theirs at once: who comes in this moment is behind them."""
        self._opening += 1
        turn.given.set_result(None)

    def _see_whether_all_are_back(self) -> None:
        """Once a pool that closes has every connection back, end its closing, and refuse who still waits."""
        if self._is_closing and not self._lent and not self._opening:
            while (turn := self._next()) is not None:
                turn.given.set_exception(ConnectionError(_CLOSED))
            self._all_back.set()

    # --- time

    def _look(self) -> None:
        """Refuse who has waited too long; close what was not used for long, and what waits for a server that is silent.

        What silenced it (a failed-over server, a proxy or a NAT that forgot it) has often silenced the others, so each
        idle one is opened anew when it is next needed, instead of costing another request its time.
        """
        now = monotonic()
        while self._queue and self._queue[0].until < now:
            given = self._queue.popleft().given
            if not given.done():
                given.set_exception(TimeoutError())
        silent = [
            connection
            for connection in self._lent
            if connection.waits and now - connection.since > (connection.allowed or self._limit)
        ]
        for connection in silent:
            connection.terminate()
        if silent:
            self.expire()
        while self._idle and (self._idle[0].is_closed() or now - self._idle[0].since > IDLE_SECONDS):
            self._idle.pop(0).terminate()
        if self._idle or self._lent or self._opening:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self._look)
        else:
            self._timer = None

    def _stop_looking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

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
from bisect import insort
from collections import deque
from collections.abc import Awaitable, Callable
from operator import attrgetter
from time import monotonic
from typing import Final, NamedTuple

import asyncpg

from todo_core.log import structlog
from todo_core.storage.connection import Connection
from todo_core.storage.faults import cause, refuses_connections

IDLE_SECONDS: Final = 300.0
"""How long a connection stays open that nobody uses: a database that sleeps when nobody asks can fall asleep."""
_LOOKS: Final = 0.5
"""Most seconds between two rounds of the timer, which checks who waits for too long; `patience` has at least four."""
_GOOD_BYE: Final = 1.0
"""Seconds that a server may take to close a connection properly, or to notice that it was closed."""
_NOTICED: Final = 0.01
"""Seconds after which a server usually has noticed it."""
_REFUSED_FOR: Final = 1.0
"""Seconds for which a server that accepted no further connection is not asked for one, while others are used."""
_CLOSED: Final = "the pool is closed"

_log = structlog.get_logger()


class _Turn(NamedTuple):
    """Somebody who waits for a connection."""

    role: str
    """Of the connection that is wanted."""
    given: asyncio.Future[Connection | None]
    """Resolves to a connection; or to None, once room for a new one is reserved for this request."""
    until: float
    """When it is refused, by the monotonic clock."""


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
            patience: Most seconds that a request waits for a connection, including the time to open one.
            limit: Seconds that the server may take for an answer; then it counts as gone.
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
        """The requests that wait for their turn, in the order in which they came."""
        self._generation = 0
        self._refused_at = -_REFUSED_FOR
        """When the server accepted no further connection, by the monotonic clock."""
        self._noticed_by = monotonic()
        """When the server has noticed at the latest which connections were closed, by the same clock."""
        self._timer: asyncio.TimerHandle | None = None
        self._is_closing = False
        self._all_back = asyncio.Event()

    @property
    def lent(self) -> int:
        """Return how many connections are in use."""
        return len(self._lent)

    @property
    def idle(self) -> int:
        """Return how many connections are open and not in use."""
        return sum(not connection.is_closed() for connection in self._idle)

    @property
    def waiting(self) -> int:
        """Return how many requests want a connection and have none yet."""
        return self._opening + sum(not turn.given.done() for turn in self._queue)

    @property
    def _is_queued_for(self) -> bool:
        """Return whether a request waits for its turn."""
        return any(not turn.given.done() for turn in self._queue)

    async def acquire(self, role: str) -> Connection:
        """Lend a connection that acts as a role, until `release` takes it back.

        Raises:
            TimeoutError: None became free, or could be opened, in time.
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
            self._close(connection)
            self._tell_of_room()
        elif (turn := self._next_for(connection.role)) is None:
            connection.since = monotonic()
            self._idle.append(connection)
        elif turn.role == connection.role:
            self._lent.add(connection)
            turn.given.set_result(connection)
        else:
            self._close(connection)
            self._give_room(turn)
        self._see_whether_all_are_back()

    def expire(self) -> None:
        """Close every connection that is open now; those in use, once they come back."""
        self._generation += 1
        while self._idle:
            self._close(self._idle.pop())

    async def close(self) -> None:
        """Lend nothing more, wait until every connection is back, and close them all."""
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
        """Lend nothing more, and close all connections at once, those in use too."""
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
            self._close(connection)
        return None

    def _is_good(self, connection: Connection) -> bool:
        return connection.generation == self._generation and not connection.is_closed()

    def _close(self, connection: Connection) -> None:
        """Close a connection at once; until the server has noticed, it counts among those that it accepts."""
        connection.terminate()
        self._noticed_by = monotonic() + _GOOD_BYE

    async def _wait(self, role: str) -> Connection:
        """Lend a connection of a role once one is free or there is room to open one."""
        until = monotonic() + self._patience
        connection = None
        if self._is_queued_for or not self._make_room():
            connection = await self._turn(role, until)
        else:
            self._opening += 1
        while connection is None:
            connection = await self._open(role, until) or await self._turn(role, until)
        return connection

    def _make_room(self) -> bool:
        """Return whether a connection may be opened. An idle one gives way if there is no room beside it."""
        used = len(self._lent) + self._opening
        if used >= self.size:
            return False
        is_refused = used > 0 and monotonic() - self._refused_at < _REFUSED_FOR
        if not is_refused and used + len(self._idle) < self.size:
            return True
        if self._idle:
            self._close(self._idle.pop(0))
            return True
        return False

    async def _turn(self, role: str, until: float) -> Connection | None:
        """Wait for a connection of a role; None once room for a new one is reserved.

        Args:
            role: The role.
            until: When this request is refused, by the monotonic clock. Who came first is refused first.
        """
        turn = _Turn(role, asyncio.get_running_loop().create_future(), until)
        insort(self._queue, turn, key=attrgetter("until"))
        try:
            return await turn.given
        except asyncio.CancelledError:
            self._give_up(turn)
            raise

    async def _open(self, role: str, until: float) -> Connection | None:
        """Open a connection of a role and lend it; None if the server accepts no further one, but there are others.

        Args:
            role: The role.
            until: When it must be open at the latest, by the monotonic clock.

        Its room is counted in `_opening` already.

        Raises:
            TimeoutError: It was not open in time.
        """
        try:
            self._require_open()
            if self._timer is None:
                self._look()
            generation = self._generation
            async with asyncio.timeout(until - monotonic()):
                connection = await self._made(role)
        except BaseException as error:
            self._opening -= 1
            if refuses_connections(error) and (self._lent or self._opening):
                self._refused_at = monotonic()
                _log.warning("connections_refused", cause=cause(error), used=len(self._lent), size=self.size)
                return None
            self._tell_of_room()
            self._see_whether_all_are_back()
            raise
        self._opening -= 1
        connection.role, connection.generation = role, generation
        self._lent.add(connection)
        return connection

    async def _made(self, role: str) -> Connection:
        """Open a connection. Where the server accepts no further one, take an idle one, or let one of another role
        give way. Raises as `connect` does.
        """
        closes_at, noticed_by = 0.0, self._noticed_by
        while True:
            try:
                return await self._connect(role)
            except asyncpg.PostgresError as error:
                if not refuses_connections(error):
                    raise
                if (idle := self._take(role)) is not None:
                    return idle
                now = monotonic()
                if self._idle and now >= closes_at:
                    self._close(self._idle.pop(0))
                    closes_at = noticed_by = self._noticed_by
                elif now >= noticed_by:
                    raise
            await asyncio.sleep(_NOTICED)

    def _give_up(self, turn: _Turn) -> None:
        """Wait no longer. A connection, or the room for one, that was given in this moment goes to the next request."""
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
        """Take the request that has waited longest out of the queue and return it; None if none waits."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.given.done():
                return turn
        return None

    def _next_for(self, role: str) -> _Turn | None:
        """Take the request that is to have a returned connection of a role out of the queue; None if none waits.

        That is the oldest request of the same role, so that the connection need not be closed for another role's. But
        requests of any role that have waited for more than one pause of the timer come first.
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
        """Let the request that has waited longest open a connection."""
        if (turn := self._next()) is not None:
            self._give_room(turn)

    def _give_room(self, turn: _Turn) -> None:
        """Let a request open a connection. Its room is reserved at once, so that no later request takes it."""
        self._opening += 1
        turn.given.set_result(None)

    def _see_whether_all_are_back(self) -> None:
        """Let `close` go on if every connection is back, and refuse the requests that still wait."""
        if self._is_closing and not self._lent and not self._opening:
            while (turn := self._next()) is not None:
                turn.given.set_exception(ConnectionError(_CLOSED))
            self._all_back.set()

    # --- time

    def _look(self) -> None:
        """Run one round of the timer, and set the next if a connection is open.

        It refuses requests that have waited for too long, and closes connections that were not used for
        `IDLE_SECONDS` or wait for a silent server. What silenced that one (a failover, a proxy or a NAT that forgot it)
        has often silenced the others, too: so all idle ones are closed, before they cost another request its time.
        Where the server accepted no further connection a while ago, who has waited longest asks it again.
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
            self._close(connection)
        if silent:
            self.expire()
        while self._idle and (self._idle[0].is_closed() or now - self._idle[0].since > IDLE_SECONDS):
            self._close(self._idle.pop(0))
        if self._is_queued_for and self._make_room():
            self._tell_of_room()
        if self._idle or self._lent or self._opening:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self._look)
        else:
            self._timer = None

    def _stop_looking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

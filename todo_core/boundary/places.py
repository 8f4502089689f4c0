"""Give each person a few places inside the core, so that nobody fills the pool or keeps others waiting (OW6).

A request has its place before it asks for a connection, and waits for it outside of the pool
(`docs/decisions/0028-fair-shares.md`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Final

from todo_core.errors import TooManyRequests

AT_ONCE: Final = 4
"""Requests of a person that are inside at the same time: half of the connections of a pool of the usual size."""
WRITING: Final = 2
"""Writes of a person that are inside at the same time. They commit one after another, so more would only keep
connections from others; the second is there to be told at once that another process runs its idempotency key."""
WAITING: Final = 32
"""Requests of a person that wait for a place. A page that sends 8 at once is far from it."""
PATIENCE: Final = 5.0
"""Seconds that a request waits for a place: half of what a statement may take."""

_CROWDED: Final = "You have more requests at once than are served at once."
_RETRY_AFTER: Final = 1
"""Seconds after which to try again: whoever is inside leaves within them, unless the database is slow."""


class Places:
    """The places of every person in one process. Nothing is kept of a person who has no request inside.

    A person is named by an id; what else is to be kept from crowding, such as an address, by a text.
    """

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        """Begin with nobody inside.

        Args:
            at_once: How many requests of a person can be inside.
            waiting: How many of a person can wait.
        """
        self._at_once = at_once
        self._waiting = waiting
        self._inside: dict[int | str, int] = {}
        """By user id, how many requests are inside."""
        self._queues: dict[int | str, deque[asyncio.Future[None]]] = {}
        """By user id, the requests that wait, the first come first. Where one waits, every place is taken."""

    def __len__(self) -> int:
        """Return how many people have a request inside."""
        return len(self._inside)

    def one_of(self, user_id: int | str) -> Place:
        """Return a place of a person, which `async with` takes and gives up.

        Raises:
            TooManyRequests: On entering: too many requests wait already, or this one has waited for too long.
        """
        return Place(self, user_id)

    def take(self, user_id: int | str) -> bool:
        """Take a place that is free, and return True; False where there is none."""
        inside = self._inside.get(user_id, 0)
        if inside >= self._at_once:
            return False
        self._inside[user_id] = inside + 1
        return True

    async def wait(self, user_id: int | str) -> None:
        """Wait until somebody gives up a place, which is then this request's.

        Raises:
            TooManyRequests: Too many wait already, or it takes too long.
        """
        queue = self._queues.setdefault(user_id, deque())
        if len(queue) >= self._waiting:
            raise TooManyRequests(_RETRY_AFTER, _CROWDED)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            async with asyncio.timeout(PATIENCE):
                await turn
        except BaseException as error:
            self._give_up(user_id, turn)
            if isinstance(error, TimeoutError):
                raise TooManyRequests(_RETRY_AFTER, _CROWDED) from None
            raise

    def leave(self, user_id: int | str) -> None:
        """Give up a place: to whoever of the same person has waited longest, if anybody waits."""
        if (turn := self._next(user_id)) is not None:
            turn.set_result(None)
            return
        inside = self._inside[user_id] - 1
        if inside:
            self._inside[user_id] = inside
        else:
            del self._inside[user_id]

    def _give_up(self, user_id: int | str, turn: asyncio.Future[None]) -> None:
        """Wait no longer. A place that was given in the same moment goes on to the next."""
        if turn.done() and not turn.cancelled():
            self.leave(user_id)
        elif (queue := self._queues.get(user_id)) is not None:
            with suppress(ValueError):
                queue.remove(turn)
            if not queue:
                del self._queues[user_id]

    def _next(self, user_id: int | str) -> asyncio.Future[None] | None:
        """Return the turn of the request that has waited longest and still waits; None where nobody does."""
        queue = self._queues.get(user_id)
        while queue:
            turn = queue.popleft()
            if not queue:
                del self._queues[user_id]
            if not turn.done():
                return turn
        return None


class Place:
    """One place of a person, for the time of an `async with`."""

    __slots__ = ("_places", "_user_id")

    def __init__(self, places: Places, user_id: int | str) -> None:
        self._places = places
        self._user_id = user_id

    async def __aenter__(self) -> None:
        if not self._places.take(self._user_id):
            await self._places.wait(self._user_id)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._places.leave(self._user_id)

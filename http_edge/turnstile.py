"""Let requests pass one at a time, with a pause after each, and each address or person in turn."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple

PAUSE: Final = 0.004
"""Seconds between two requests that pass: refusing one takes about a tenth of that."""
WAITING: Final = 64
"""Most requests of one address or person that wait: no browser sends so many at once."""
WAITING_IN_ALL: Final = 1024
"""Most requests that wait at one turnstile: with the usual pause, the last of them passes after four seconds."""


class _Turn(NamedTuple):
    """One that waits."""

    comes: asyncio.Future[None]
    pause: float


class Turnstile:
    """Lets requests pass with a pause after each. One that comes alone, after the pause, need not wait.

    A client that waits for each answer before its next request is slowed down to that pace. Addresses and people take
    turns, so that nobody waits longer because another sends many. Nothing is kept of those who have no request here.

    An address is a text, a person a user id.
    """

    def __init__(self) -> None:
        """Stand open."""
        self._opens_at = 0.0
        """When the next request may pass, by the clock of the event loop."""
        self._queues: dict[str | int, deque[_Turn]] = {}
        """The waiting requests of each address or person, oldest first; the keys are in the order of their turns."""
        self._count = 0
        """How many wait."""
        self._timer: asyncio.TimerHandle | None = None

    async def pass_through(self, whose: str | int, pause: float = PAUSE) -> bool:
        """Wait until it is one's turn, and return True; return False at once where too many wait already.

        Args:
            whose: The address or the person that the request is from.
            pause: Seconds for which no other request passes afterwards: twice as long as this one works.
        """
        loop = asyncio.get_running_loop()
        if not self._count and loop.time() >= self._opens_at:
            self._opens_at = loop.time() + pause
            return True
        queue = self._queues.get(whose)
        if self._count >= WAITING_IN_ALL or (queue is not None and len(queue) >= WAITING):
            return False
        if queue is None:
            queue = self._queues[whose] = deque()
        turn = _Turn(loop.create_future(), pause)
        queue.append(turn)
        self._count += 1
        if self._timer is None:
            self._timer = loop.call_at(self._opens_at, self._open)
        try:
            await turn.comes
        except asyncio.CancelledError:
            self._give_up(whose, turn)
            raise
        return True

    def _give_up(self, whose: str | int, turn: _Turn) -> None:
        """Take a cancelled request out of its queue, unless it passed in the same moment."""
        queue = self._queues.get(whose)
        if queue is None or turn not in queue:
            return
        queue.remove(turn)
        self._count -= 1
        if not queue:
            del self._queues[whose]

    def _open(self) -> None:
        """Let the next one pass, and come back for the one after."""
        loop, self._timer = asyncio.get_running_loop(), None
        if (turn := self._next()) is None:
            return
        turn.comes.set_result(None)
        self._opens_at = loop.time() + turn.pause
        if self._count:
            self._timer = loop.call_at(self._opens_at, self._open)

    def _next(self) -> _Turn | None:
        """Take the next request that still waits out of the queues, and return its turn; None if none waits."""
        while self._queues:
            whose = next(iter(self._queues))
            queue = self._queues.pop(whose)
            turn = queue.popleft()
            self._count -= 1
            if queue:  # its next turn comes after everybody else's
                self._queues[whose] = queue
            if not turn.comes.done():
                return turn
        return None

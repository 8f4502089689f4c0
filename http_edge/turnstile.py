"""Let pass one at a time, a moment apart, and each in turn, however many come with them."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple

PAUSE: Final = 0.004
"""Seconds between two that pass: to refuse a request takes about a tenth of that."""
WAITING: Final = 64
"""Who may wait of one address or one person: no browser has so many requests at once."""
WAITING_IN_ALL: Final = 1024
"""Who may wait at one turnstile: unless they have long work to do, the last of them passes after four seconds."""


class _Turn(NamedTuple):
    """One that waits."""

    comes: asyncio.Future[None]
    pause: float


class Turnstile:
    """Lets whoever passes do so a moment after whoever passed before. Nobody waits who comes alone.

    A client that sends its next request once it was answered sends no more than are let through. Addresses and people
    have turns, so none of them waits longer because another comes with many. Nothing is kept of whoever has none there.

    An address is a text, a person a user id.
    """

    def __init__(self) -> None:
        """Stand open."""
        self._opens_at = 0.0
        """When the next may pass, by the clock of the event loop."""
        self._queues: dict[str | int, deque[_Turn]] = {}
        """By address or person, those who wait, the first come first; in the order in which they have turns."""
        self._count = 0
        """How many wait."""
        self._timer: asyncio.TimerHandle | None = None

    async def pass_through(self, whose: str | int, pause: float = PAUSE) -> bool:
        """Wait until it is one's turn, and return True; return False at once where too many wait already.

        Args:
            whose: The address or the person.
            pause: Seconds for which nobody passes afterwards: twice what there is to do takes.
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
        """Wait no longer, if it was not one's turn in the same moment."""
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
        """Return the turn of whoever still waits and is next; None where nobody does."""
        while self._queues:
            whose = next(iter(self._queues))
            queue = self._queues.pop(whose)
            turn = queue.popleft()
            self._count -= 1
            if queue:  # after everybody else
                self._queues[whose] = queue
            if not turn.comes.done():
                return turn
        return None

"""Keep a part of the connections for reads: writes of all persons together take the others."""

from __future__ import annotations

import asyncio
from collections import deque


class Writers:
    """The connections that transactions that may write can take, one for each `async with`, in the order of arrival.

    A semaphore within a timeout does the same; while many wait, that costs a write twenty times as much as this.
    """

    def __init__(self, count: int, timeout: float) -> None:
        self._free = count
        self._timeout = timeout
        self._queue: deque[asyncio.Future[None]] = deque()
        """Those who wait: resolved once they have one."""

    @property
    def are_free(self) -> bool:
        """Return whether one is left."""
        return self._free > 0

    @property
    def waiting(self) -> int:
        """Return how many wait for one."""
        return sum(not turn.done() for turn in self._queue)

    async def __aenter__(self) -> None:
        """Take one.

        Raises:
            TimeoutError: None became free in time.
        """
        if self._free:
            self._free -= 1
            return
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._queue.append(turn)
        timer = loop.call_later(self._timeout, _refuse, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:  # given in the same moment
                self._pass_on()
            raise
        finally:
            timer.cancel()

    async def __aexit__(self, *_: object) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        """Give one to whoever has waited longest."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def _refuse(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())

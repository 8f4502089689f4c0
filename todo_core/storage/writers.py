"""Keep a part of the connections for reads: writes of all persons together take the others."""

from __future__ import annotations

import asyncio


class Writers:
    """The connections that transactions that may write can take, one for each `async with`, in the order of arrival.

    asyncio's semaphore and timeout: anyio's cost those who wait twice as much.
    """

    def __init__(self, count: int, timeout: float) -> None:
        self._free = asyncio.Semaphore(count)
        self._timeout = timeout
        self.waiting = 0
        """How many wait for one."""

    @property
    def are_free(self) -> bool:
        """Return whether one is left."""
        return not self._free.locked()

    async def __aenter__(self) -> None:
        """Take one.

        Raises:
            TimeoutError: None became free in time.
        """
        if self.are_free:
            await self._free.acquire()  # at once
            return
        self.waiting += 1
        try:
            async with asyncio.timeout(self._timeout):
                await self._free.acquire()
        finally:
            self.waiting -= 1

    async def __aexit__(self, *_: object) -> None:
        self._free.release()

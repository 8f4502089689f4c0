"""Keep a part of the connections for reads: writes of all persons together take the others."""

from __future__ import annotations

import anyio


class Writers:
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

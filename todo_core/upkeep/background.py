"""Do the writes of many requests in one task of the process, after their answers."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Background(ABC):
    """Collects writes in memory, and does them in one task, which `_wake` starts."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()

    @abstractmethod
    async def _flush(self) -> None:
        """Do the collected writes. Log an error instead of raising it."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the task as long as the block; at its end, do the writes that are left."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self._flush()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._flush()

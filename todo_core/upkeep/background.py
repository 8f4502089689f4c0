"""Work that requests leave behind for one task of the process."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Background(ABC):
    """Collects in memory what is to be written, and writes it when it is woken."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()

    @abstractmethod
    async def _flush(self) -> None:
        """Write what has been collected; whatever goes wrong is logged, not raised."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write as long as this lasts, and what is left at its end."""
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

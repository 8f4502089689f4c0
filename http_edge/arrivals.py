"""Bound how many requests of a person wait for their bodies, which a client may send slowly, or never."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

MOST: Final = 64
"""Requests of a person whose bodies are on their way, each of at most 256 KiB. A file, of at most 5 MiB, counts for
more than one (`bodies.py`)."""


class Arrivals:
    """The requests of every person whose bodies are on their way. Nothing is kept of whoever has none.

    Of too many, the one that has waited longest is given up, and not the newest: clients that never send their bodies
    would otherwise keep everybody else of the person from sending any.
    """

    def __init__(self) -> None:
        """Begin with nobody's."""
        self._clocks: dict[int, dict[asyncio.Timeout, int]] = {}
        """By user id, what ends the wait of each, the first come first, with the share of each."""

    def __len__(self) -> int:
        """Return how many people have a request whose body is on its way."""
        return len(self._clocks)

    def of(self, user_id: int, share: int = 1) -> Arrival:
        """Return the arrival of a body, which lasts as long as an `async with`.

        Args:
            user_id: Whose request it is.
            share: For how many requests it counts, at most `MOST`.

        Raises:
            TimeoutError: On leaving: it was given up.
        """
        return Arrival(self, user_id, share)

    def begin(self, user_id: int, clock: asyncio.Timeout, share: int) -> None:
        """Keep what ends the wait for a body; end those of the oldest, if there are too many."""
        clocks = self._clocks.setdefault(user_id, {})
        while clocks and sum(clocks.values()) + share > MOST:
            oldest = next(iter(clocks))
            del clocks[oldest]
            oldest.reschedule(asyncio.get_running_loop().time())
        clocks[clock] = share

    def end(self, user_id: int, clock: asyncio.Timeout) -> None:
        """Keep it no longer; it may have been given up, and others with it."""
        clocks = self._clocks.get(user_id, {})
        clocks.pop(clock, None)
        if not clocks:
            self._clocks.pop(user_id, None)


class Arrival:
    """The arrival of one body."""

    __slots__ = ("_arrivals", "_clock", "_share", "_user_id")

    def __init__(self, arrivals: Arrivals, user_id: int, share: int) -> None:
        self._arrivals, self._user_id, self._share = arrivals, user_id, share
        self._clock = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        await self._clock.__aenter__()
        self._arrivals.begin(self._user_id, self._clock, self._share)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._arrivals.end(self._user_id, self._clock)
        await self._clock.__aexit__(kind, error, traceback)

"""Go through many items without keeping other requests waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter
from typing import Final, TypeVar

Item = TypeVar("Item")

SLICE: Final = 0.002
"""Seconds of work after which the other requests of the process have a turn."""

_pausing = 0
"""How many requests of the process pause at this moment."""


@dataclass(frozen=True, slots=True)
class _Slice:
    """A stretch of work of one request, during which no other request has run."""

    began: float
    others: asyncio.Future[None]
    """Is done once the event loop has completed a round, in which other requests ran."""

    @classmethod
    def begun(cls) -> _Slice:
        """Return a slice that begins now."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        loop.call_soon(_had, turn)
        return cls(perf_counter(), turn)


_slice: Final[ContextVar[_Slice | None]] = ContextVar("slice", default=None)
"""The present slice of this request. It begins anew whenever the request has waited for something."""


async def in_turns(items: Iterable[Item]) -> AsyncIterator[Item]:
    """Yield the items in their order, and pause for other requests whenever the work on them has taken `SLICE`.

    Every loop whose length a caller decides uses it: over the items of a batch, or the rows of a change. Work that
    awaits something, such as the database, gives way by itself, and begins a new slice.
    """
    is_first = True  # most requests have one item, which needs no slice
    for item in items:
        present = _slice.get()
        if present is None or present.others.done():
            if not is_first:
                _slice.set(_Slice.begun())
        elif perf_counter() - present.began > SLICE:
            await _pause()
            _slice.set(_Slice.begun())
        is_first = False
        yield item


def _had(turn: asyncio.Future[None]) -> None:
    """Mark that other requests had a turn."""
    if not turn.done():
        turn.set_result(None)


async def _pause() -> None:
    """Sleep for one slice for each request that pauses now, this one included.

    So requests with long work, however many there are, leave time for others, and mostly one of them works at a time.
    A short request needs several rounds of the event loop; without this, each round would take a slice of every long
    one.
    """
    global _pausing  # noqa: PLW0603
    _pausing += 1
    try:
        await asyncio.sleep(SLICE * _pausing)
    finally:
        _pausing -= 1
